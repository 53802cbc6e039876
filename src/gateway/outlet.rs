//! The writing end of a client's socket, which its task shares with whoever sends.
//!
//! Most messages find a socket that takes them at once. To wake the connection's task for each of
//! them costs more than the write prepares; so a frame may be laid down here and written by its
//! sender. What does not fit stays for the task, before everything that the task itself writes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::SendFlags;
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// The writing end of an open connection.
#[derive(Debug)]
pub(super) struct Outlet {
    half: OwnedWriteHalf,
    /// Whole frames, or the rest of some, that stand before what the task writes.
    staged: Vec<u8>,
    /// The socket has not taken all that it was last offered. Until it has, the task is in the midst
    /// of something, and no frame may be put in between.
    is_full: bool,
}

impl Outlet {
    /// An end that nothing was written to yet.
    pub(super) fn new(half: OwnedWriteHalf) -> Self {
        Self {
            half,
            staged: Vec::new(),
            is_full: false,
        }
    }

    /// Whether a frame may be laid down.
    pub(super) fn is_free(&self) -> bool {
        !self.is_full
    }

    /// How many bytes are laid down.
    pub(super) fn staged(&self) -> usize {
        self.staged.len()
    }

    /// Lays down a text frame; in this buffer, if nothing lies there yet. Whether it is the first.
    pub(super) fn stage(&mut self, text: &str, buffer: impl FnOnce() -> Vec<u8>) -> bool {
        let is_first = self.staged.is_empty();
        if is_first {
            self.staged = buffer();
        }
        let header = FrameHeader {
            opcode: OpCode::Data(Data::Text),
            ..FrameHeader::default()
        };
        // Writing to memory does not fail.
        let _ = header.format(text.len() as u64, &mut self.staged);
        self.staged.extend_from_slice(text.as_bytes());
        is_first
    }

    /// Writes what is laid down. Gives its buffer back if the socket took it all; else the rest, and
    /// every error, is for the task.
    pub(super) fn write_now(&mut self) -> Option<Vec<u8>> {
        let sent = rustix::net::send(self.half.as_ref(), &self.staged, SendFlags::NOSIGNAL);
        let written = sent.unwrap_or(0);
        if written == self.staged.len() {
            let mut buffer = std::mem::take(&mut self.staged);
            buffer.clear();
            return Some(buffer);
        }
        self.staged.drain(..written);
        self.is_full = true;
        None
    }

    /// Writes what is laid down, waiting where the socket is full.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.staged.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut written = 0;
        let drained = loop {
            if written == self.staged.len() {
                break Poll::Ready(Ok(()));
            }
            match Pin::new(&mut self.half).poll_write(cx, &self.staged[written..]) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(more)) => written += more,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        self.staged.drain(..written);
        self.is_full = !self.staged.is_empty();
        if !self.is_full {
            self.staged = Vec::new();
        }
        drained
    }

    /// Writes for the task, after what is laid down.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(cx))?;
        let written = Pin::new(&mut self.half).poll_write(cx, bytes);
        self.is_full = !matches!(written, Poll::Ready(Ok(all)) if all == bytes.len());
        written
    }

    /// Says that nothing more comes.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.half).poll_shutdown(cx)
    }

    /// Lets go of the socket, which its other half closes.
    pub(super) fn release(self) {
        self.half.forget();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_stands_before_what_the_task_writes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut client = TcpStream::connect(address).await.expect("a connection");
        let (accepted, _) = listener.accept().await.expect("a connection");
        let (_reading, writing) = accepted.into_split();
        let mut outlet = Outlet::new(writing);
        let text = "x".repeat(60_000);
        let mut frames = 0;
        let mut buffer = Vec::new();
        while outlet.is_free() {
            outlet.stage(&text, || std::mem::take(&mut buffer));
            outlet.stage("y", Vec::new);
            frames += 1;
            buffer = outlet.write_now().unwrap_or_default();
        }
        assert!(outlet.staged() > 0);
        // The task has something to say as well, and must not get a word in.
        let pong = [0x8a, 0];
        let early = poll_fn(|cx| Poll::Ready(outlet.poll_write(cx, &pong).is_pending()));
        assert!(early.await);
        let size = frames * (4 + text.len() + 3);
        let mut received = vec![0; size + pong.len()];
        let reading = client.read_exact(&mut received);
        let writing = poll_fn(|cx| outlet.poll_write(cx, &pong));
        let (read, written) = tokio::join!(reading, writing);
        assert_eq!((read.ok(), written.ok()), (Some(size + 2), Some(2)));
        for frame in received[..size].chunks(size / frames) {
            assert_eq!(frame[..4], [0x81, 126, 0xea, 0x60]);
            assert_eq!(frame[4 + text.len()..], [0x81, 1, b'y']);
        }
        assert_eq!(received[size..], pong);
        assert!(outlet.is_free() && outlet.staged() == 0);
    }
}
