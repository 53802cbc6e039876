//! The sandbox's end of a worker's link: bytes in and out, batched.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

use super::wire::{self, FromWorker, WireError};

/// Bytes read at once.
const READ: usize = 64 * 1024;

/// Above this many unwritten bytes the link counts as full, and nothing new is dispatched.
const FULL: usize = 4 << 20;

/// What was read could not be used.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The other side closed it.
    #[error("the worker closed its link")]
    Closed,
    /// The operating system's error.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Broken bytes.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// One worker's link.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
    incoming: Box<[u8]>,
    filled: usize,
    /// Frames to the worker; written at the next flush.
    pub out: Vec<u8>,
    written: usize,
}

impl Link {
    /// A link over a connected socket.
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            incoming: vec![0; READ].into(),
            filled: 0,
            out: Vec::new(),
            written: 0,
        }
    }

    /// Whether so much waits to be written that nothing new should be dispatched.
    pub fn is_full(&self) -> bool {
        self.out.len() - self.written > FULL
    }

    /// Writes what it can; pending while something is left.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            let rest = &self.out[self.written..];
            match Pin::new(&mut self.stream).poll_write(cx, rest)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(written) => self.written += written,
                Poll::Pending => return Poll::Pending,
            }
        }
        self.out.clear();
        self.written = 0;
        // One large burst should not be kept for ever.
        self.out.shrink_to(256 * 1024);
        Poll::Ready(Ok(()))
    }

    /// Reads once, and takes the complete frames out: they are in the returned batch.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Batch, LinkError>> {
        if self.filled == self.incoming.len() {
            let mut larger = vec![0; self.incoming.len() * 2];
            larger[..self.filled].copy_from_slice(&self.incoming);
            self.incoming = larger.into();
        }
        let mut buffer = ReadBuf::new(&mut self.incoming[self.filled..]);
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        if read == 0 {
            return Poll::Ready(Err(LinkError::Closed));
        }
        self.filled += read;
        Poll::Ready(Ok(Batch {
            bytes: std::mem::take(&mut self.incoming),
            filled: std::mem::take(&mut self.filled),
            at: 0,
        }))
    }

    /// Gives a batch's buffer back, with the incomplete frame at its end.
    pub fn put_back(&mut self, mut batch: Batch) {
        batch.bytes.copy_within(batch.at..batch.filled, 0);
        self.filled = batch.filled - batch.at;
        self.incoming = if batch.bytes.len() > 16 * READ && self.filled <= READ {
            batch.bytes[..READ].into()
        } else {
            batch.bytes
        };
    }
}

/// Bytes that were read, and how far they are used. It is apart from its [`Link`] so that frames
/// can be answered through the link while they are borrowed from here.
#[derive(Debug)]
pub struct Batch {
    bytes: Box<[u8]>,
    filled: usize,
    at: usize,
}

impl Batch {
    /// The next complete frame.
    pub fn next_frame(&mut self) -> Result<Option<FromWorker<'_>>, WireError> {
        let Some((frame, length)) = wire::next_frame(&self.bytes[self.at..self.filled])? else {
            return Ok(None);
        };
        self.at += length;
        Ok(Some(frame))
    }
}
