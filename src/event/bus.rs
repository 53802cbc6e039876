//! Where events are told and heard.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;

use super::wire::Tap;
use super::{Event, Fact, Level, Recording, Wire};
use crate::domain::Clock;

/// How many past events `ampt-ws logs` can show.
const HISTORY: usize = 1000;

/// Most events that wait for one subscriber; beyond, messages are skipped and counted.
const QUEUE: usize = 65_536;

/// Beyond this, so is everything else: a subscriber that hears nothing any more must not fill
/// the memory.
const FULL_QUEUE: usize = 2 * QUEUE;

/// Where events are told and heard. Cheap to clone; telling never waits.
#[derive(Clone)]
pub struct EventBus {
    clock: Clock,
    shared: Arc<Mutex<Shared>>,
    tap: Tap,
}

#[derive(Default)]
struct Shared {
    history: VecDeque<Event>,
    subscribers: Vec<Arc<Mailbox>>,
}

/// One subscriber's queue.
struct Mailbox {
    /// Whether it gets messages to and from clients; their number dwarfs everything else's.
    with_messages: bool,
    queue: Mutex<MailQueue>,
    filled: Condvar,
    notify: Notify,
    /// The subscriber waits for more.
    idle: Notify,
}

#[derive(Default)]
struct MailQueue {
    events: VecDeque<Event>,
    skipped: u64,
    waiting: bool,
    closed: bool,
}

/// The hearing end of a subscription; dropping it ends it.
pub struct Subscription {
    mailbox: Arc<Mailbox>,
}

impl EventBus {
    /// A bus without subscribers.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            shared: Arc::default(),
            tap: Tap::default(),
        }
    }

    /// Tells everyone a fact, now.
    pub fn tell(&self, fact: Fact) {
        self.tell_at(self.clock.now_ms(), fact);
    }

    /// The same by somebody who has just asked the clock.
    pub fn tell_at(&self, at_ms: i64, fact: Fact) {
        let event = Event { at_ms, fact };
        let is_message = event.fact.is_message();
        let mut shared = lock(&self.shared);
        shared
            .subscribers
            .retain(|mailbox| (is_message && !mailbox.with_messages) || mailbox.put(event.clone()));
        if shared.history.len() == HISTORY {
            shared.history.pop_front();
        }
        shared.history.push_back(event);
    }

    /// Tells a log line of our own.
    pub fn log(&self, level: Level, text: impl Into<String>) {
        self.tell(Fact::Log {
            level,
            text: text.into(),
            partial: false,
            source: "sandbox",
        });
    }

    /// Whether somebody records what crosses the wire.
    pub fn is_recorded(&self) -> bool {
        self.tap.is_open()
    }

    /// Tells what crosses the wire to whoever records it.
    pub fn wire(&self, fact: impl FnOnce() -> Wire) {
        self.tap.tell(fact);
    }

    /// What crosses the wire from now on; `None` if it is recorded already.
    pub fn record(&self) -> Option<Recording> {
        self.tap.open()
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> Subscription {
        self.subscribe_with_history().1
    }

    /// What happens from now on, except messages to and from clients. Under load these are nearly
    /// everything, so leaving them out here is far cheaper than not looking at them.
    pub fn subscribe_without_messages(&self) -> Subscription {
        self.begin(false).1
    }

    /// The last events, and what happens from now on, without a gap between them.
    pub fn subscribe_with_history(&self) -> (Vec<Event>, Subscription) {
        self.begin(true)
    }

    fn begin(&self, with_messages: bool) -> (Vec<Event>, Subscription) {
        let mailbox = Arc::new(Mailbox {
            with_messages,
            queue: Mutex::default(),
            filled: Condvar::new(),
            notify: Notify::new(),
            idle: Notify::new(),
        });
        let mut shared = lock(&self.shared);
        shared.subscribers.push(mailbox.clone());
        let history = shared.history.iter().cloned().collect();
        (history, Subscription { mailbox })
    }

    /// Waits until every subscriber has dealt with what was told so far and waits for more.
    pub async fn heard(&self) {
        let mailboxes = lock(&self.shared).subscribers.clone();
        for mailbox in mailboxes {
            mailbox.heard().await;
        }
    }

    /// Ends all subscriptions once they have heard what was told so far.
    pub fn close(&self) {
        for mailbox in lock(&self.shared).subscribers.drain(..) {
            lock(&mailbox.queue).closed = true;
            mailbox.filled.notify_all();
            mailbox.notify.notify_one();
        }
    }
}

impl Mailbox {
    /// Puts an event in; false if nobody listens any more.
    fn put(&self, event: Event) -> bool {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return false;
        }
        let room = if event.fact.is_message() {
            QUEUE
        } else {
            FULL_QUEUE
        };
        if queue.events.len() >= room {
            queue.skipped += 1;
            return true;
        }
        queue.events.push_back(event);
        if queue.waiting {
            queue.waiting = false;
            self.filled.notify_one();
            self.notify.notify_one();
        }
        true
    }

    async fn heard(&self) {
        loop {
            let idle = self.idle.notified();
            {
                let queue = lock(&self.queue);
                if queue.closed || (queue.waiting && queue.events.is_empty()) {
                    return;
                }
            }
            idle.await;
        }
    }

    fn begin_to_wait(&self, queue: &mut MailQueue) {
        queue.waiting = true;
        self.idle.notify_waiters();
    }
}

/// A batch of events for one subscriber.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order in which they were told.
    pub events: VecDeque<Event>,
    /// Events, nearly always messages, that were not queued because the subscriber was too slow.
    pub skipped: u64,
}

impl Subscription {
    /// Waits on the calling thread for events; `None` at the end, an empty batch after `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<Batch> {
        let mut queue = lock(&self.mailbox.queue);
        if queue.events.is_empty() && !queue.closed {
            self.mailbox.begin_to_wait(&mut queue);
            let waited = self.mailbox.filled.wait_timeout(queue, timeout);
            queue = waited.unwrap_or_else(|e| e.into_inner()).0;
        }
        queue.take()
    }

    /// The asynchronous form of [`Self::wait`], without a timeout.
    pub async fn next(&self) -> Option<Batch> {
        loop {
            {
                let mut queue = lock(&self.mailbox.queue);
                if queue.closed || !queue.events.is_empty() {
                    return queue.take();
                }
                self.mailbox.begin_to_wait(&mut queue);
            }
            self.mailbox.notify.notified().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        lock(&self.mailbox.queue).closed = true;
        self.mailbox.idle.notify_waiters();
    }
}

impl MailQueue {
    fn take(&mut self) -> Option<Batch> {
        self.waiting = false;
        if self.closed && self.events.is_empty() {
            return None;
        }
        Some(Batch {
            events: std::mem::take(&mut self.events),
            skipped: std::mem::take(&mut self.skipped),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ConnectionId;
    use crate::event::Payload;

    fn texts(batch: &Batch) -> Vec<String> {
        let text = |e: &Event| match &e.fact {
            Fact::Log { text, .. } => text.clone(),
            other => format!("{other:?}"),
        };
        batch.events.iter().map(text).collect()
    }

    #[test]
    fn a_subscriber_hears_everything_from_its_start_to_the_close() {
        let bus = EventBus::new(Clock::system());
        bus.log(Level::Info, "before");
        let (history, subscription) = bus.subscribe_with_history();
        assert_eq!(history.len(), 1);
        bus.log(Level::Info, "one");
        bus.log(Level::Info, "two");
        bus.close();
        let batch = subscription.wait(Duration::from_secs(5)).unwrap();
        assert_eq!(texts(&batch), ["one", "two"]);
        assert!(subscription.wait(Duration::from_secs(5)).is_none());
    }

    #[test]
    fn a_slow_subscriber_loses_only_messages_and_is_told_how_many() {
        let bus = EventBus::new(Clock::system());
        let subscription = bus.subscribe();
        let connection_id = ConnectionId::random().unwrap();
        for _ in 0..QUEUE + 7 {
            let data = Payload::of("x");
            bus.tell(Fact::Message {
                connection_id,
                data,
            });
        }
        bus.log(Level::Info, "kept");
        let batch = subscription.wait(Duration::from_secs(5)).unwrap();
        assert_eq!(batch.skipped, 7);
        assert_eq!(batch.events.len(), QUEUE + 1);
    }

    #[test]
    fn a_long_payload_is_cut_between_characters() {
        let text = "é".repeat(Payload::SHOWN);
        let payload = Payload::of(&text);
        assert!(payload.is_cut());
        assert_eq!(payload.bytes, text.len());
        assert!(text.starts_with(&*payload.text));
    }

    #[tokio::test]
    async fn what_was_told_is_heard_when_its_subscriber_waits_for_more() {
        let bus = EventBus::new(Clock::system());
        let subscription = bus.subscribe();
        bus.log(Level::Info, "one");
        let (dealt, is_dealt) = std::sync::mpsc::sync_channel::<()>(1);
        let subscriber = std::thread::spawn(move || {
            while let Some(batch) = subscription.wait(Duration::from_secs(5)) {
                if !batch.events.is_empty() {
                    let _ = dealt.send(());
                }
            }
        });
        bus.heard().await;
        assert_eq!(is_dealt.try_recv(), Ok(()));
        bus.close();
        subscriber.join().unwrap();
        bus.heard().await;
    }
}
