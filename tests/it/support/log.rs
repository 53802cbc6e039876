//! The event lines of a running `dev --json`, as they come.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::PATIENCE;

/// Standard output and standard error.
const STREAMS: usize = 2;

/// Which events are meant: a JSON document whose fields must all be there (objects are compared
/// field by field, everything else whole), or a closure.
pub trait Pattern {
    /// Whether this event is one of them.
    fn matches(&self, event: &Value) -> bool;

    /// The pattern in words, for a failure.
    fn describe(&self) -> String {
        "matching the closure".to_owned()
    }
}

impl Pattern for Value {
    fn matches(&self, event: &Value) -> bool {
        is_part_of(self, event)
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

impl<F: Fn(&Value) -> bool> Pattern for F {
    fn matches(&self, event: &Value) -> bool {
        self(event)
    }
}

fn is_part_of(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part.iter().all(|(name, value)| {
            let found = whole.get(name);
            found.is_some_and(|found| is_part_of(value, found))
        }),
        _ => part == whole,
    }
}

/// Everything the program has said so far. Cheap to clone.
#[derive(Clone, Default)]
pub struct EventLog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Default)]
struct Said {
    events: Vec<Value>,
    stderr: String,
    /// Ends of the two streams.
    ended: usize,
}

impl EventLog {
    /// Reads event lines on a thread of its own until the stream ends.
    pub fn read_events(&self, from: impl Read + Send + 'static) {
        self.read_some_events(from, |_| true);
    }

    /// The same, keeping only some lines.
    pub fn read_some_events(&self, from: impl Read + Send + 'static, keeps: fn(&str) -> bool) {
        let log = self.clone();
        std::thread::spawn(move || {
            let lines = BufReader::new(from).lines().map_while(Result::ok);
            for line in lines.filter(|line| keeps(line)) {
                let event = serde_json::from_str(&line)
                    .unwrap_or_else(|_| Value::String(format!("not JSON: {line}")));
                log.change(|said| said.events.push(event));
            }
            log.change(|said| said.ended += 1);
        });
    }

    /// The same for standard error.
    pub fn read_stderr(&self, mut from: impl Read + Send + 'static) {
        let log = self.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = from.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                log.change(|said| said.stderr.push_str(&text));
            }
            log.change(|said| said.ended += 1);
        });
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Value> {
        self.lock().events.clone()
    }

    /// Everything on standard error so far.
    pub fn stderr(&self) -> String {
        self.lock().stderr.clone()
    }

    /// Waits until `count` events match, and gives those.
    pub fn wait_for(&self, count: usize, pattern: &dyn Pattern) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        let mut said = self.lock();
        loop {
            let found: Vec<Value> = said
                .events
                .iter()
                .filter(|event| pattern.matches(event))
                .take(count)
                .cloned()
                .collect();
            if found.len() == count {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                said.ended < 2 && !left.is_zero(),
                "{} of {count} events came {}{}",
                found.len(),
                pattern.describe(),
                if said.ended < 2 {
                    ""
                } else {
                    " before the end"
                }
            );
            said = self
                .shared
                .changed
                .wait_timeout(said, left)
                .expect("no poison")
                .0;
        }
    }

    /// Waits until both streams have ended.
    pub fn wait_for_end(&self) {
        let streaming = |said: &mut Said| said.ended < STREAMS;
        let changed = &self.shared.changed;
        let waited = changed.wait_timeout_while(self.lock(), PATIENCE, streaming);
        let timed_out = waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        assert!(!timed_out, "the program does not end");
    }

    fn change(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.lock());
        self.shared.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        let said = self.shared.said.lock();
        said.unwrap_or_else(PoisonError::into_inner)
    }
}
