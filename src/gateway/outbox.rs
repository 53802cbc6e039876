//! What waits to be written to one client.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use bytes::Bytes;
use tokio::net::tcp::OwnedWriteHalf;
use tokio_tungstenite::tungstenite::{Message as Frame, Utf8Bytes};

use super::outlet::Outlet;
use crate::domain::CloseReason;

/// Above this many queued bytes the client counts as slow, and sends to it are refused.
pub const SLOW_BYTES: usize = 1 << 20;

/// Above this many queued bytes the connection is closed. The distance to [`SLOW_BYTES`] is
/// room for sends that were on their way when the refusal began. A message for which no other has
/// to wait may be larger: how large messages are is not decided here.
pub const FULL_BYTES: usize = 16 << 20;

/// A message to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// For a text frame.
    Text(Utf8Bytes),
    /// For a binary frame.
    Binary(Bytes),
}

impl Outgoing {
    /// Its size in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// What is told of it: the text; of a binary message its base64, as of those that come in.
    pub(super) fn told(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Binary(bytes) => {
                Cow::Owned(base64::engine::general_purpose::STANDARD.encode(bytes))
            }
        }
    }

    pub(super) fn into_frame(self) -> Frame {
        match self {
            Self::Text(text) => Frame::Text(text),
            Self::Binary(bytes) => Frame::Binary(bytes),
        }
    }
}

impl<T: Into<Utf8Bytes>> From<T> for Outgoing {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

/// What became of a message put into an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It will be written.
    Queued,
    /// It will be written, and the client has just become slow.
    BecameSlow,
    /// The connection closes; the message goes nowhere.
    Closing,
    /// The client is too slow; the message was dropped and the connection closes.
    Full,
}

/// What became of a message that its sender wanted to write itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Staged {
    /// It is laid down, with others before it.
    More,
    /// It is laid down as the first: the sender has to write it.
    First,
    /// It has to go through the queue.
    Refused,
}

/// A connection's bounded queue of outgoing messages. It belongs to the connection's task, which
/// is woken when something is put in.
#[derive(Debug, Default)]
pub struct Outbox {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    messages: VecDeque<Outgoing>,
    /// Where senders may write themselves, while there is such a place.
    outlet: Option<Outlet>,
    /// Bytes queued here and in the socket's write buffer.
    bytes: usize,
    slow: bool,
    close: Option<CloseReason>,
    ended: bool,
    waker: Option<Waker>,
}

/// What the connection's task takes out.
#[derive(Debug)]
pub(super) enum Taken {
    Message(Outgoing),
    Close(CloseReason),
    Nothing,
}

impl Outbox {
    /// Puts a message in.
    pub fn put(&self, message: impl Into<Outgoing>) -> Put {
        let message = message.into();
        let mut inner = self.lock();
        if inner.ended || inner.close.is_some() {
            return Put::Closing;
        }
        let bytes = inner.bytes + message.len();
        if bytes > FULL_BYTES && inner.bytes > 0 {
            inner.messages.clear();
            inner.close = Some(CloseReason::TOO_SLOW);
            inner.wake();
            return Put::Full;
        }
        inner.bytes = bytes;
        inner.messages.push_back(message);
        inner.wake();
        if bytes > SLOW_BYTES && !inner.slow {
            inner.slow = true;
            return Put::BecameSlow;
        }
        Put::Queued
    }

    /// Lets senders write to this socket themselves.
    pub(super) fn attach(&self, half: OwnedWriteHalf) {
        self.lock().outlet = Some(Outlet::new(half));
    }

    /// Takes that back.
    pub(super) fn detach(&self) {
        let outlet = self.lock().outlet.take();
        if let Some(outlet) = outlet {
            outlet.release();
        }
    }

    /// Lays a message down for its sender to write, if nothing has to go before it.
    pub(super) fn stage(&self, text: &str, buffer: impl FnOnce() -> Vec<u8>) -> Staged {
        let mut inner = self.lock();
        let is_idle = inner.messages.is_empty() && inner.close.is_none() && !inner.ended;
        let bytes = inner.bytes + text.len();
        let outlet = inner.outlet.as_mut();
        match outlet.filter(|outlet| is_idle && outlet.is_free() && bytes <= SLOW_BYTES) {
            None => Staged::Refused,
            Some(outlet) => {
                let is_first = outlet.stage(text, buffer);
                inner.bytes = bytes;
                match is_first {
                    true => Staged::First,
                    false => Staged::More,
                }
            }
        }
    }

    /// Writes what was laid down, and gives its buffer back; what the socket does not take at once is
    /// left to the task.
    pub(super) fn write_now(&self) -> Option<Vec<u8>> {
        let mut inner = self.lock();
        let written = inner.outlet.as_mut()?.write_now();
        match written {
            Some(_) => inner.count(),
            None => inner.wake(),
        }
        written
    }

    /// Writes what was laid down and did not fit, for the task.
    pub(super) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.lock().outlet {
            Some(outlet) => outlet.poll_drain(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Writes for the task.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.lock().outlet {
            Some(outlet) => outlet.poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Says to the client that nothing more comes, for the task.
    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.lock().outlet {
            Some(outlet) => outlet.poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Whether the client has so much waiting that further sends should be refused.
    pub fn is_slow(&self) -> bool {
        self.lock().slow
    }

    /// Asks for a close after what is queued; false if it closes already.
    pub(super) fn close(&self, reason: CloseReason) -> bool {
        let mut inner = self.lock();
        if inner.ended || inner.close.is_some() {
            return false;
        }
        inner.close = Some(reason);
        inner.wake();
        true
    }

    /// Whether a close was asked for or has happened.
    pub fn is_closing(&self) -> bool {
        let inner = self.lock();
        inner.ended || inner.close.is_some()
    }

    /// Why a close was asked for, if it was.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        self.lock().close.clone()
    }

    /// The next thing to write.
    pub(super) fn take(&self) -> Taken {
        let mut inner = self.lock();
        if let Some(message) = inner.messages.pop_front() {
            return Taken::Message(message);
        }
        match inner.close.clone() {
            Some(reason) => Taken::Close(reason),
            None => Taken::Nothing,
        }
    }

    /// The socket took everything that was handed to it. True if the client was slow until now.
    pub(super) fn flushed(&self) -> bool {
        let mut inner = self.lock();
        inner.count();
        std::mem::take(&mut inner.slow)
    }

    /// The connection ended: nothing more is accepted.
    pub(super) fn end(&self) {
        let mut inner = self.lock();
        inner.ended = true;
        inner.messages = VecDeque::new();
        inner.waker = None;
    }

    /// Remembers whom to wake; whether there is something to do.
    pub(super) fn register(&self, cx: &Context<'_>) -> bool {
        let mut inner = self.lock();
        match &mut inner.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            slot => *slot = Some(cx.waker().clone()),
        }
        inner.has_work()
    }

    /// Whether the task has something to write, or to close.
    pub(super) fn has_work(&self) -> bool {
        self.lock().has_work()
    }

    /// Whether something that was laid down waits for the task.
    pub(super) fn has_rest(&self) -> bool {
        self.lock().rest() > 0
    }

    pub(super) fn wake(&self) {
        self.lock().wake();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Inner {
    fn rest(&self) -> usize {
        self.outlet.as_ref().map_or(0, Outlet::staged)
    }

    fn has_work(&self) -> bool {
        !self.messages.is_empty() || self.close.is_some() || self.rest() > 0
    }

    /// Counts what still waits.
    fn count(&mut self) {
        let queued = self.messages.iter().map(|m| m.len()).sum::<usize>();
        self.bytes = queued + self.rest();
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_in_order_and_the_close_last() {
        let outbox = Outbox::default();
        assert_eq!(outbox.put("a"), Put::Queued);
        assert_eq!(outbox.put("b"), Put::Queued);
        assert!(outbox.close(CloseReason::CLOSED_BY_SERVER));
        assert!(!outbox.close(CloseReason::GOING_AWAY));
        assert_eq!(outbox.put("c"), Put::Closing);
        assert!(matches!(outbox.take(), Taken::Message(m) if m == "a".into()));
        assert!(matches!(outbox.take(), Taken::Message(m) if m == "b".into()));
        assert!(matches!(outbox.take(), Taken::Close(r) if r == CloseReason::CLOSED_BY_SERVER));
    }

    #[test]
    fn a_message_larger_than_what_may_wait_goes_to_a_client_for_whom_nothing_waits() {
        let outbox = Outbox::default();
        let huge = Outgoing::Binary(vec![0; FULL_BYTES + 1].into());
        assert_eq!(outbox.put(huge.clone()), Put::BecameSlow);
        assert_eq!(outbox.put(huge), Put::Full);
    }

    #[test]
    fn a_client_that_does_not_read_becomes_slow_and_is_then_closed() {
        let outbox = Outbox::default();
        let big: Utf8Bytes = "x".repeat(100_000).into();
        let mut outcomes = Vec::new();
        while outcomes.last() != Some(&Put::Full) {
            outcomes.push(outbox.put(big.clone()));
        }
        assert_eq!(
            outcomes.iter().filter(|o| **o == Put::BecameSlow).count(),
            1
        );
        assert!(outcomes.len() <= FULL_BYTES / big.len() + 1);
        assert!(matches!(outbox.take(), Taken::Close(r) if r == CloseReason::TOO_SLOW));
    }
}
