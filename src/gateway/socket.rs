//! The WebSocket protocol over a client's byte stream, for the one task that reads and writes it.
//!
//! A `WebSocketStream` of tokio-tungstenite can be split between two tasks, and for that wakes them
//! through wakers of its own. They would cost each message about as much as its frame does, and
//! each idle connection two more allocations.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::error::{Error, Result};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Message as Frame, protocol::CloseFrame};

use super::transport::Transport;

/// A client's socket after the handshake.
pub(super) struct Socket {
    stream: Transport,
    protocol: WebSocketContext,
    /// It was told that there is nothing more to read.
    has_ended: bool,
    /// The stream did not take all that was handed to it.
    is_blocked: bool,
}

impl Socket {
    /// The socket over a stream of which `rest` has been read already.
    pub(super) fn new(stream: Transport, rest: Vec<u8>, config: WebSocketConfig) -> Self {
        Self {
            stream,
            protocol: WebSocketContext::from_partially_read(rest, Role::Server, Some(config)),
            has_ended: false,
            is_blocked: false,
        }
    }

    /// The next frame, or why there is none; nothing once the client has closed in order, or an
    /// error was given.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let read = ready!(self.poll(cx, |protocol, stream| protocol.read(stream)));
        self.has_ended = read.is_err();
        Poll::Ready(match read {
            Err(Error::AlreadyClosed | Error::ConnectionClosed) => None,
            read => Some(read),
        })
    }

    /// Whether the next frame may be handed over: what did not go out before has.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.is_blocked {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(self.poll(cx, |protocol, stream| protocol.flush(stream)));
        self.is_blocked = false;
        Poll::Ready(flushed)
    }

    /// Hands a frame over. It goes out with the next flush, or before.
    pub(super) fn start_send(&mut self, cx: &mut Context<'_>, frame: Frame) -> Result<()> {
        // A frame that the stream does not take now is kept.
        match self.poll(cx, |protocol, stream| protocol.write(stream, frame)) {
            Poll::Pending => {
                self.is_blocked = true;
                Ok(())
            }
            Poll::Ready(written) => written,
        }
    }

    /// Writes all that was handed over, and what the protocol answers on its own.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = ready!(self.poll(cx, |protocol, stream| protocol.flush(stream)));
        self.is_blocked = false;
        Poll::Ready(match flushed {
            // This flush wrote the last frame of all.
            Err(Error::ConnectionClosed) => Ok(()),
            flushed => flushed,
        })
    }

    /// Sends a close frame; if the client has sent one, the answer to it.
    pub(super) async fn close(&mut self, close: Option<CloseFrame>) -> Result<()> {
        let mut close = Some(Frame::Close(close));
        poll_fn(|cx| {
            ready!(self.poll_ready(cx))?;
            if let Some(close) = close.take() {
                // After a close by the client it is refused: the answer is queued already.
                let _ = self.start_send(cx, close);
            }
            self.poll_flush(cx)
        })
        .await
    }

    /// The stream beneath.
    pub(super) fn into_inner(self) -> Transport {
        self.stream
    }

    /// Does something that reads and writes the stream; pending where the stream has nothing or is
    /// full, of which the task will hear.
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        work: impl FnOnce(&mut WebSocketContext, &mut NonBlocking<'_, '_>) -> Result<T>,
    ) -> Poll<Result<T>> {
        let stream = &mut NonBlocking {
            stream: &mut self.stream,
            cx,
        };
        match work(&mut self.protocol, stream) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            done => Poll::Ready(done),
        }
    }
}

/// The stream as the protocol takes it: where it would have to wait, it fails with `WouldBlock`.
struct NonBlocking<'a, 'b> {
    stream: &'a mut Transport,
    cx: &'a mut Context<'b>,
}

/// What has come, or the error for what has not.
fn now<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(done) => done,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Read for NonBlocking<'_, '_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(bytes);
        now(Pin::new(&mut *self.stream).poll_read(self.cx, &mut buffer))?;
        Ok(buffer.filled().len())
    }
}

impl Write for NonBlocking<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        now(Pin::new(&mut *self.stream).poll_write(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        now(Pin::new(&mut *self.stream).poll_flush(self.cx))
    }
}
