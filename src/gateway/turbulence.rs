//! Seeded disorder between clients and handlers, for fixtures that look for races.
//!
//! Messages from clients are held up by one task for all connections, so that those of different
//! connections overtake each other; messages to a client wait in its own queue, in their order.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use super::Gateway;
use super::inbound::{Message, Presence};
use super::outbox::Outgoing;
use crate::domain::chaos::{Chaos, Way};

/// Something on its way to the handlers.
enum Late {
    Message(Message),
    Presence(Presence),
}

/// The messages from clients that are held up.
pub struct Turbulence {
    /// How much disorder there is.
    pub chaos: Chaos,
    waiting: Mutex<BTreeMap<(Instant, u64), Late>>,
    changed: Notify,
    order: AtomicU64,
}

impl Turbulence {
    /// Nothing on its way yet.
    pub fn new(chaos: Chaos) -> Self {
        Self {
            chaos,
            waiting: Mutex::default(),
            changed: Notify::new(),
            order: AtomicU64::new(0),
        }
    }

    fn put(&self, at: Instant, late: Late) {
        let order = self.order.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert((at, order), late);
        drop(waiting);
        self.changed.notify_one();
    }

    /// What is due, and when the next one is.
    fn due(&self) -> (Vec<Late>, Option<Instant>) {
        let now = Instant::now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let later = waiting.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut *waiting, later);
        let next = waiting.keys().next().map(|(at, _)| *at);
        (due.into_values().collect(), next)
    }
}

/// Lets what is held up go when its time has come.
pub(super) async fn run(gateway: Arc<Gateway>, turbulence: Arc<Turbulence>) {
    loop {
        let (due, next) = turbulence.due();
        for late in due {
            match late {
                Late::Message(message) => gateway.inbound.message(message),
                Late::Presence(presence) => gateway.inbound.presence(presence),
            }
        }
        let sleep = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        // Not until the gateway stops: the last `disconnected` events are on their way then.
        tokio::select! {
            () = sleep => {}
            () = turbulence.changed.notified() => {}
        }
    }
}

/// One connection's part in it.
pub(super) struct Eddy {
    turbulence: Arc<Turbulence>,
    connection: u32,
    received: u64,
    taken: u64,
    /// When the last message from the client goes on.
    last_in: Instant,
    /// Messages to the client, and when they go on.
    outgoing: VecDeque<(Instant, Outgoing)>,
    timer: Pin<Box<Sleep>>,
}

impl Eddy {
    pub(super) fn new(turbulence: Arc<Turbulence>, connection: u32) -> Self {
        let now = Instant::now();
        Self {
            turbulence,
            connection,
            received: 0,
            taken: 0,
            last_in: now,
            outgoing: VecDeque::new(),
            timer: Box::pin(tokio::time::sleep_until(now)),
        }
    }

    /// Counts a message from the client; whether it is throttled.
    pub(super) fn throttles(&mut self) -> bool {
        let message = self.received;
        self.received += 1;
        self.turbulence.chaos.throttles(self.connection, message)
    }

    /// Holds up the message that was counted last.
    pub(super) fn delay_in(&mut self, message: Message) {
        let chaos = &self.turbulence.chaos;
        let number = self.received.saturating_sub(1);
        let mut at = Instant::now() + chaos.delay(Way::In, self.connection, number);
        if !chaos.reorder {
            at = at.max(self.last_in);
        }
        self.last_in = self.last_in.max(at);
        self.turbulence.put(at, Late::Message(message));
    }

    /// Tells of the connection's end once all its messages have gone on.
    pub(super) fn end(&self, presence: Presence) {
        let at = self.last_in.max(Instant::now()) + Duration::from_millis(1);
        self.turbulence.put(at, Late::Presence(presence));
    }

    /// Holds up a message to the client.
    pub(super) fn delay_out(&mut self, message: Outgoing) {
        let delay = self
            .turbulence
            .chaos
            .delay(Way::Out, self.connection, self.taken);
        self.taken += 1;
        let mut at = Instant::now() + delay;
        if let Some((last, _)) = self.outgoing.back() {
            at = at.max(*last);
        }
        self.outgoing.push_back((at, message));
    }

    /// The next message to the client whose time has come; `Pending` while one has to wait.
    pub(super) fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outgoing>> {
        let Some((at, _)) = self.outgoing.front() else {
            return Poll::Ready(None);
        };
        if *at > Instant::now() {
            self.timer.as_mut().reset(*at);
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(self.outgoing.pop_front().map(|(_, message)| message))
    }
}
