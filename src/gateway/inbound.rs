//! What the gateway tells the dispatcher: one bounded queue.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::registry::Connection;
use crate::domain::CloseReason;

/// Most messages that wait for a handler; beyond, sockets are not read (TCP holds the clients
/// back), so that nothing is dropped.
const MAX_MESSAGES: usize = 16_384;

/// The same in bytes.
const MAX_BYTES: usize = 32 << 20;

/// A connection opened or ended. Never held back by waiting messages.
#[derive(Debug)]
pub enum Presence {
    /// The handshake is done; the connection reads nothing until it is admitted.
    Opened(Arc<Connection>),
    /// Its task is done with it; all its messages are in the queue.
    Closed(Arc<Connection>, CloseReason),
    /// A slow client can be sent to again.
    Drained(Arc<Connection>),
}

/// A message from a client.
#[derive(Debug, Clone)]
pub struct Message {
    /// From whom.
    pub connection: Arc<Connection>,
    /// The text; of a binary message its base64.
    pub text: Utf8Bytes,
    /// Whether it was a binary message.
    pub binary: bool,
}

/// An event for a handler, in order of dispatch.
#[derive(Debug)]
pub enum Inbound {
    /// A new connection's `connected`.
    Connected(Arc<Connection>),
    /// A message.
    Message(Message),
    /// Its `disconnected`.
    Disconnected(Arc<Connection>, CloseReason),
}

/// The queue between the sockets and the dispatcher.
#[derive(Debug, Default)]
pub struct InboundQueue {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    presence: VecDeque<Presence>,
    events: VecDeque<Inbound>,
    messages: usize,
    bytes: usize,
    dispatcher: Option<Waker>,
    held_back: Vec<Waker>,
}

impl InboundQueue {
    /// Tells that a connection opened or ended.
    pub(super) fn presence(&self, presence: Presence) {
        let mut inner = self.lock();
        inner.presence.push_back(presence);
        inner.wake();
    }

    /// Queues a message, or keeps it and wakes the caller once there is room.
    pub(super) fn poll_message(&self, cx: &Context<'_>, message: &mut Option<Message>) -> Poll<()> {
        let Some(next) = message.as_ref() else {
            return Poll::Ready(());
        };
        let bytes = next.text.len();
        let mut inner = self.lock();
        if inner.messages >= MAX_MESSAGES || inner.bytes >= MAX_BYTES {
            inner.held_back.push(cx.waker().clone());
            return Poll::Pending;
        }
        inner.messages += 1;
        inner.bytes += bytes;
        inner.events.extend(message.take().map(Inbound::Message));
        inner.wake();
        Poll::Ready(())
    }

    /// Queues a message that was let out of the sockets' sight already, whether there is room or
    /// not.
    pub(super) fn message(&self, message: Message) {
        let mut inner = self.lock();
        inner.messages += 1;
        inner.bytes += message.text.len();
        inner.events.push_back(Inbound::Message(message));
        inner.wake();
    }

    /// Queues an event that the dispatcher itself decided on.
    pub fn push(&self, event: Inbound) {
        self.lock().events.push_back(event);
    }

    /// The next opening or ending.
    pub fn next_presence(&self) -> Option<Presence> {
        self.lock().presence.pop_front()
    }

    /// The next event for a handler.
    pub fn next_event(&self) -> Option<Inbound> {
        let mut inner = self.lock();
        let event = inner.events.pop_front()?;
        if let Inbound::Message(message) = &event {
            inner.messages -= 1;
            inner.bytes -= message.text.len();
            let roomy = inner.messages < MAX_MESSAGES / 2 && inner.bytes < MAX_BYTES / 2;
            if roomy && !inner.held_back.is_empty() {
                for waker in std::mem::take(&mut inner.held_back) {
                    waker.wake();
                }
            }
        }
        Some(event)
    }

    /// How many events wait.
    pub fn waiting(&self) -> usize {
        self.lock().events.len()
    }

    /// Remembers the dispatcher's task, to be woken when something comes.
    pub fn register(&self, cx: &Context<'_>) {
        let mut inner = self.lock();
        match &mut inner.dispatcher {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            slot => *slot = Some(cx.waker().clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Inner {
    fn wake(&self) {
        if let Some(waker) = &self.dispatcher {
            waker.wake_by_ref();
        }
    }
}
