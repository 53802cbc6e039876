//! The byte stream beneath a connection: TCP, or TLS over it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::registry::Connection;

/// First byte of every TLS connection: a handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// A client's byte stream.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(TcpStream),
    /// Boxed: its buffers would make every plain connection larger.
    Tls(Box<TlsStream<TcpStream>>),
    /// A plain one whose writing end lies in the connection's outbox.
    Shared(OwnedReadHalf, Attached),
}

/// A connection whose outbox holds a socket's writing end, as long as this lives.
#[derive(Debug)]
pub(super) struct Attached(Arc<Connection>);

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.outbox.detach();
    }
}

/// Why there is no secure stream.
#[derive(Debug)]
pub(super) enum Insecure {
    /// The client speaks something else; its stream.
    Plain(TcpStream),
    /// It went away, or does not trust the certificate.
    Failed(io::Error),
}

impl Transport {
    /// Shakes hands.
    pub(super) async fn secure(
        stream: TcpStream,
        acceptor: &TlsAcceptor,
    ) -> Result<Self, Insecure> {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1) if first[0] != TLS_HANDSHAKE => return Err(Insecure::Plain(stream)),
            Ok(_) => {}
            Err(error) => return Err(Insecure::Failed(error)),
        }
        let accepted = acceptor.accept(stream).await;
        accepted
            .map(|stream| Self::Tls(Box::new(stream)))
            .map_err(Insecure::Failed)
    }

    /// Lets whoever sends to the connection write on its own, if nothing stands before TCP.
    pub(super) fn share(self, connection: &Arc<Connection>) -> Self {
        match self {
            Self::Plain(stream) => {
                let (reading, writing) = stream.into_split();
                connection.outbox.attach(writing);
                Self::Shared(reading, Attached(connection.clone()))
            }
            other => other,
        }
    }

    /// Reads what the client has sent so far, without waiting; whether there was something. With TLS
    /// nobody can say.
    pub(super) fn read_now(&self, bytes: &mut Vec<u8>) -> bool {
        let Self::Plain(stream) = self else {
            return false;
        };
        let room = bytes.capacity() - bytes.len();
        let read = try_receive(stream, room, || {
            rustix::io::read(stream, rustix::buffer::spare_capacity(bytes))
        });
        read.is_ok_and(|read| read > 0)
    }

    /// Writes what the operating system takes at once; how many bytes that were. The rest, and every
    /// error, is for a write that waits.
    pub(super) fn write_now(&self, bytes: &[u8]) -> usize {
        match self {
            Self::Plain(stream) => rustix::io::write(stream, bytes).unwrap_or(0),
            Self::Tls(_) | Self::Shared(..) => 0,
        }
    }

    /// Says that nothing more comes, and reads for at most a second what the client still sends:
    /// closing with unread input would reset the connection and take our last bytes with it.
    pub(super) async fn drain(&mut self) {
        let _ = self.shutdown().await;
        let mut sink = [0; 1024];
        let mut left = 1 << 20;
        let reading = async {
            while let Ok(read @ 1..) = self.read(&mut sink).await {
                left -= read.min(left);
                if left == 0 {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), reading).await;
    }
}

/// Reads once, up to `room` bytes, if the runtime takes the socket for readable. If that was all
/// there is, the runtime need not look again before the socket says so.
fn try_receive(
    stream: &TcpStream,
    room: usize,
    read: impl FnOnce() -> rustix::io::Result<usize>,
) -> io::Result<usize> {
    let mut received = None;
    let tried = stream.try_io(Interest::READABLE, || {
        let bytes = read()?;
        received = Some(bytes);
        match bytes > 0 && bytes < room {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => Ok(bytes),
        }
    });
    received.map_or(tried, Ok)
}

/// Reads as the runtime would, by a system call that is not also a cancellation point of threads:
/// these cost every message a few atomic operations.
fn poll_receive(
    reading: &OwnedReadHalf,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let stream: &TcpStream = reading.as_ref();
    loop {
        ready!(stream.poll_read_ready(cx))?;
        let room = buf.initialize_unfilled();
        let received = try_receive(stream, room.len(), || {
            let (bytes, _) = rustix::net::recv(stream, &mut *room, RecvFlags::empty())?;
            Ok(bytes)
        });
        match received {
            Ok(bytes) => {
                buf.advance(bytes);
                return Poll::Ready(Ok(()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Shared(reading, _) => poll_receive(reading, cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Shared(_, Attached(connection)) => connection.outbox.poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Shared(_, Attached(connection)) => connection.outbox.poll_drain(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Shared(_, Attached(connection)) => connection.outbox.poll_shutdown(cx),
        }
    }
}

/// A stream whose first bytes were read already.
pub(super) struct Prefixed {
    prefix: Vec<u8>,
    at: usize,
    stream: Transport,
}

impl Prefixed {
    /// The stream with these bytes before what it still brings.
    pub(super) fn new(prefix: Vec<u8>, stream: Transport) -> Self {
        Self {
            prefix,
            at: 0,
            stream,
        }
    }

    /// The stream, and what of the prefix nobody has read.
    pub(super) fn into_parts(self) -> (Transport, Vec<u8>) {
        let rest = self.prefix[self.at..].to_vec();
        (self.stream, rest)
    }
}

impl AsyncRead for Prefixed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.at < this.prefix.len() {
            let rest = &this.prefix[this.at..];
            let taken = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..taken]);
            this.at += taken;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
