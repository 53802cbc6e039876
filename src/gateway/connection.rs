//! One connection's task: frames in, frames out, and its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use tokio::time::{Sleep, sleep};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message as Frame, Utf8Bytes};

use super::Gateway;
use super::inbound::{Message, Presence};
use super::outbox::Taken;
use super::registry::Connection;
use super::socket::Socket;
use super::transport::Transport;
use super::turbulence::Eddy;
use crate::domain::{BinaryMessages, CloseReason};
use crate::event::{Closer, Fact, Payload, Wire};

/// Size of a connection's read buffer. It is held by every idle connection; typical messages
/// are far smaller.
const READ_BUFFER: usize = 2048;

/// Bytes that may wait in a socket's write buffer before it is written to.
const WRITE_BUFFER: usize = 16 * 1024;

/// Messages that one connection may bring before the others get their turn.
const TURN: usize = 64;

/// How long a client may take to read what stands before its close. One that is not heard of any
/// more reads nothing, and would otherwise stay for good.
const LAST_READS: Duration = Duration::from_secs(1);

/// Starts the task of a connection whose handshake is done.
pub(super) fn spawn(
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
    stream: Transport,
    rest: Vec<u8>,
) {
    let limits = &gateway.limits;
    // The write buffer's bound is the outbox's: it never holds more than the outbox let out.
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(usize::MAX)
        .max_message_size(Some(limits.max_message))
        .max_frame_size(Some(limits.max_frame));
    let turbulence = gateway.turbulence.clone();
    // With disorder every message has to pass through the task.
    let stream = match turbulence {
        None => stream.share(&connection),
        Some(_) => stream,
    };
    let socket = Socket::new(stream, rest, config);
    let eddy = turbulence.map(|turbulence| Box::new(Eddy::new(turbulence, connection.handle)));
    let exchange = Exchange {
        gateway: gateway.clone(),
        connection,
        held: None,
        last_reads: None,
        unflushed: false,
        closed_by_client: false,
        eddy,
    };
    gateway.tasks.spawn(ConnectionTask {
        socket: Some(socket),
        exchange,
    });
}

/// The future that owns a socket from its handshake to its end.
struct ConnectionTask {
    /// Taken out when the connection ends, and not before: it is too large to be moved about.
    socket: Option<Socket>,
    exchange: Exchange,
}

/// What came of a frame.
enum Received {
    Fine,
    Throttled,
    End(CloseReason),
}

/// What goes over a connection's socket, both ways.
struct Exchange {
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
    /// A message for which the inbound queue had no room.
    held: Option<Message>,
    /// Runs while a close waits for the client to read.
    last_reads: Option<Pin<Box<Sleep>>>,
    /// Something was handed to the socket since it was last flushed.
    unflushed: bool,
    /// The client has sent a close frame.
    closed_by_client: bool,
    /// Its part in seeded disorder.
    eddy: Option<Box<Eddy>>,
}

impl Future for ConnectionTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(socket) = &mut this.socket else {
            return Poll::Ready(());
        };
        let Some(reason) = this.exchange.advance(socket, cx) else {
            return Poll::Pending;
        };
        if let Some(socket) = this.socket.take() {
            this.exchange.end(socket, reason);
        }
        Poll::Ready(())
    }
}

impl Exchange {
    /// Does what can be done now; the reason once the connection has ended.
    fn advance(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> Option<CloseReason> {
        let has_work = self.connection.outbox.register(cx);
        if has_work || self.is_writing() {
            let ended = self.write(socket, cx);
            if ended.is_some() {
                return ended;
            }
        }
        match self.read(socket, cx) {
            Poll::Ready(reason) => Some(reason),
            // A throttle frame may have been put into the outbox meanwhile.
            Poll::Pending if self.connection.outbox.has_work() => self.write(socket, cx),
            Poll::Pending => None,
        }
    }

    /// Whether it has something to write beside the outbox.
    fn is_writing(&self) -> bool {
        self.unflushed || self.eddy.is_some()
    }

    /// Hands the outbox to the socket and flushes it once.
    fn write(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> Option<CloseReason> {
        let outbox = &self.connection.outbox;
        if outbox.has_rest() {
            self.unflushed = true;
            match outbox.poll_drain(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Some(CloseReason::VANISHED),
                Poll::Pending => return self.give_up(cx),
            }
        }
        loop {
            match socket.poll_ready(cx) {
                Poll::Ready(Ok(())) => self.last_reads = None,
                Poll::Ready(Err(error)) => return Some(reason_of(&error)),
                Poll::Pending => return self.give_up(cx),
            }
            match self.take(cx) {
                Taken::Message(message) => {
                    let (told, now) = (message.told(), self.gateway.clock.now_ms());
                    self.gateway
                        .note_sent(&self.connection, &told, message.len(), now);
                    self.unflushed = true;
                    if let Err(error) = socket.start_send(cx, message.into_frame()) {
                        return Some(reason_of(&error));
                    }
                }
                Taken::Close(reason) => return Some(reason),
                Taken::Nothing => break,
            }
        }
        if !self.unflushed {
            return None;
        }
        match socket.poll_flush(cx) {
            Poll::Pending => None,
            Poll::Ready(Err(error)) => Some(reason_of(&error)),
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                if self.connection.outbox.flushed() {
                    let drained = Presence::Drained(self.connection.clone());
                    self.gateway.inbound.presence(drained);
                }
                None
            }
        }
    }

    /// The client takes nothing now: if it is to be closed, it gets a moment, and no more.
    fn give_up(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        let reason = self.connection.outbox.close_reason()?;
        let last_reads = self
            .last_reads
            .get_or_insert_with(|| Box::pin(sleep(LAST_READS)));
        last_reads.as_mut().poll(cx).is_ready().then_some(reason)
    }

    /// The next thing to write; with disorder, one whose time has come.
    fn take(&mut self, cx: &mut Context<'_>) -> Taken {
        let outbox = &self.connection.outbox;
        let Some(eddy) = &mut self.eddy else {
            return outbox.take();
        };
        let rest = loop {
            match outbox.take() {
                Taken::Message(message) => eddy.delay_out(message),
                rest => break rest,
            }
        };
        match eddy.poll_out(cx) {
            Poll::Ready(Some(message)) => Taken::Message(message),
            Poll::Ready(None) => rest,
            Poll::Pending => Taken::Nothing,
        }
    }

    /// Reads messages until there is none, the queue is full, or the turn is over.
    fn read(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> Poll<CloseReason> {
        for _ in 0..TURN {
            if self
                .gateway
                .inbound
                .poll_message(cx, &mut self.held)
                .is_pending()
            {
                return Poll::Pending;
            }
            if !self.connection.is_admitted() {
                return Poll::Pending;
            }
            match socket.poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(CloseReason::VANISHED),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(reason_of(&error)),
                Poll::Ready(Some(Ok(frame))) => match self.receive(frame) {
                    Received::Fine => {}
                    // Whoever floods waits for others after each of its messages.
                    Received::Throttled => break,
                    Received::End(reason) => return Poll::Ready(reason),
                },
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes one frame.
    fn receive(&mut self, frame: Frame) -> Received {
        match frame {
            Frame::Text(text) => {
                self.gateway.bus.wire(|| Wire::Received {
                    connection_id: self.connection.id,
                    text: text.to_string(),
                });
                return self.accept(text, false);
            }
            Frame::Binary(bytes) => match self.note_binary(&bytes) {
                BinaryMessages::Close => return Received::End(CloseReason::BINARY),
                BinaryMessages::Allow => {
                    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
                    return self.accept(text.into(), true);
                }
            },
            Frame::Close(None) => {
                self.closed_by_client = true;
                return Received::End(CloseReason::NO_STATUS);
            }
            Frame::Close(Some(close)) => {
                self.closed_by_client = true;
                let reason = CloseReason::by_client(close.code.into(), &close.reason);
                return Received::End(reason);
            }
            // The library answers it.
            Frame::Ping(_) if self.gateway.limits.ping_resets_idle => {
                let now = self.gateway.clock.now_ms();
                self.connection.traffic.active(now);
            }
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
        }
        Received::Fine
    }

    /// Tells of a binary message; gives what is to be done with it.
    fn note_binary(&self, bytes: &[u8]) -> BinaryMessages {
        self.gateway.bus.wire(|| Wire::ReceivedBinary {
            connection_id: self.connection.id,
            bytes: bytes.to_vec(),
        });
        self.gateway.limits.binary
    }

    fn accept(&mut self, text: Utf8Bytes, binary: bool) -> Received {
        let now = self.gateway.clock.now_ms();
        self.connection.traffic.received(text.len(), now);
        self.gateway.bus.tell_at(
            now,
            Fact::Message {
                connection_id: self.connection.id,
                data: Payload::of(&text),
            },
        );
        let is_throttled = self.eddy.as_mut().is_some_and(|eddy| eddy.throttles());
        if !is_throttled && self.gateway.take_token(now) {
            let message = Message {
                connection: self.connection.clone(),
                text,
                binary,
            };
            match &mut self.eddy {
                Some(eddy) => eddy.delay_in(message),
                None => self.held = Some(message),
            }
            return Received::Fine;
        }
        self.gateway.tell_throttled(Some(self.connection.id));
        self.gateway.bus.wire(|| Wire::Throttled {
            connection_id: self.connection.id,
        });
        let request_id = self.gateway.request_id();
        self.gateway
            .send_error(&self.connection, "Too Many Requests", &request_id);
        Received::Throttled
    }

    /// Tells everybody that the connection has ended, and says good-bye to the client.
    fn end(&mut self, socket: Socket, reason: CloseReason) {
        self.connection.outbox.end();
        self.gateway.registry.remove(&self.connection);
        self.gateway.bus.tell(Fact::Disconnected {
            connection_id: self.connection.id,
            code: reason.code,
            reason: reason.reason.to_string(),
        });
        self.gateway.bus.wire(|| Wire::Closed {
            connection_id: self.connection.id,
            code: reason.code,
            reason: reason.reason.to_string(),
            by: match self.closed_by_client {
                true => Closer::Client,
                false if reason == CloseReason::VANISHED => Closer::Nobody,
                false => Closer::Server,
            },
        });
        let closed = Presence::Closed(self.connection.clone(), reason.clone());
        match &self.eddy {
            Some(eddy) => eddy.end(closed),
            None => self.gateway.inbound.presence(closed),
        }
        self.gateway.tasks.spawn(say_goodbye(socket, reason));
    }
}

/// Close frame, FIN, then at most a second for the client's last bytes.
async fn say_goodbye(mut socket: Socket, reason: CloseReason) {
    if reason == CloseReason::VANISHED {
        return;
    }
    let frame = reason.is_sendable().then(|| CloseFrame {
        code: CloseCode::from(reason.code),
        reason: Utf8Bytes::from(reason.reason.as_ref()),
    });
    let closing = tokio::time::timeout(Duration::from_secs(1), socket.close(frame));
    if closing.await.is_ok() {
        socket.into_inner().drain().await;
    }
}

/// What a failed read or write means for the connection.
fn reason_of(error: &Error) -> CloseReason {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => CloseReason::TOO_BIG,
        Error::Utf8(_) => CloseReason::NOT_UTF8,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::VANISHED,
        Error::Protocol(_) => CloseReason::PROTOCOL_ERROR,
        _ => CloseReason::VANISHED,
    }
}
