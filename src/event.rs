//! The facts that the log, the REPL, `--json`, reporters and the recorder consume.

mod wire;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde::Serialize;

use crate::domain::{Clock, ConnectionId, RateLimits};
use wire::Tap;
pub use wire::{Closer, Recording, Wire};

/// Something that happened in the sandbox, and when.
#[derive(Debug, Clone)]
pub struct Event {
    /// Milliseconds since the epoch, on the sandbox's clock.
    pub at_ms: i64,
    /// What happened.
    pub fact: Fact,
}

/// The text of a message, shortened if it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The text, or its beginning.
    pub text: Arc<str>,
    /// Size of the whole message in bytes.
    pub bytes: usize,
}

impl Payload {
    /// Longest text that an event carries, in bytes.
    pub const SHOWN: usize = 4096;

    /// The event's copy of a message.
    pub fn of(text: &str) -> Self {
        let mut end = text.len().min(Self::SHOWN);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            text: text[..end].into(),
            bytes: text.len(),
        }
    }

    /// Whether only the beginning of the message is there.
    pub fn is_cut(&self) -> bool {
        self.text.len() < self.bytes
    }
}

/// A place in the user's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Place {
    /// File, relative to the app where it is inside.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// Why a handler's work failed, as the worker described it.
#[derive(Debug, Clone, Default, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JsError {
    /// The error's name, for example `TypeError`.
    pub name: String,
    /// Its message.
    pub message: String,
    /// Its stack, source-mapped to the user's files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// File of the first frame in the user's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line of that frame, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column of that frame, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The lines around that place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_frame: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What it says caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<JsError>>,
    /// The errors that it stands for, if it is an `AggregateError`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<JsError>,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// What happened.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the fields are named as in the JSON lines that docs describe"
)]
pub enum Fact {
    /// A client can connect and the app's handlers are registered.
    Ready {
        url: String,
        ws_url: String,
        pid: u32,
        app: String,
        env: &'static str,
        data_dir: String,
        limits: RateLimits,
        /// Events with a registered handler; not in the JSON line.
        handlers: Vec<String>,
    },
    Connected {
        connection_id: ConnectionId,
        query: Vec<(String, String)>,
        remote_address: String,
    },
    /// A message came from a client.
    Message {
        connection_id: ConnectionId,
        data: Payload,
    },
    /// A message went to a client.
    Sent {
        connection_id: ConnectionId,
        data: Payload,
    },
    Disconnected {
        connection_id: ConnectionId,
        code: u16,
        reason: String,
    },
    /// The token bucket was empty: a handshake got 429, or a message the throttle frame.
    Throttled {
        connection_id: Option<ConnectionId>,
        hint: String,
    },
    /// A request or handshake was refused.
    Rejected {
        status: u16,
        reason: String,
        hint: Option<String>,
    },
    /// A handler threw, ran past its timeout, or was lost with its worker.
    HandlerError {
        /// `connected`, `message`, `disconnected`, `data.on`, `load` …
        handler: String,
        connection_id: Option<ConnectionId>,
        request_id: Option<String>,
        error: JsError,
    },
    /// A line from the app, or (`source: "sandbox"`) from us.
    Log {
        level: Level,
        text: String,
        /// Whether the line had not ended when it was told.
        partial: bool,
        source: &'static str,
    },
    /// The worker was replaced, or could not be.
    Reload {
        /// What caused it: changed files, or `reload`.
        cause: String,
        ok: bool,
        /// Whether code that ran before goes on; not in the JSON line.
        kept: bool,
        took_ms: u64,
        error: Option<JsError>,
    },
    Import {
        file: String,
        items: u64,
        overwrite: bool,
        orphaned: Vec<ConnectionId>,
    },
    Stopping {
        cause: String,
    },
}

impl Fact {
    /// Whether it is a message to or from a client.
    fn is_message(&self) -> bool {
        matches!(self, Self::Message { .. } | Self::Sent { .. })
    }
}

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
    notify: tokio::sync::Notify,
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
        let event = Event {
            at_ms: self.clock.now_ms(),
            fact,
        };
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
            notify: tokio::sync::Notify::new(),
        });
        let mut shared = lock(&self.shared);
        shared.subscribers.push(mailbox.clone());
        let history = shared.history.iter().cloned().collect();
        (history, Subscription { mailbox })
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
            queue.waiting = true;
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
                queue.waiting = true;
            }
            self.mailbox.notify.notified().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        lock(&self.mailbox.queue).closed = true;
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
}
