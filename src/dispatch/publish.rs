//! Published events: on disk before the publish is answered, and until their handlers have finished.

use serde::Deserialize;

use super::invocation::Subject;
use super::replies::Reply;
use super::{Dispatcher, timers};
use crate::event::Level;
use crate::store::published::Published;

/// What the sandbox reads of an event.
#[derive(Deserialize)]
struct Event {
    name: String,
    /// In how many milliseconds it is due. The app names a date by the machine's clock, which the
    /// sandbox's may be ahead of: what counts is how far off it is.
    delay: i64,
}

impl Dispatcher {
    /// Takes an event in. Answered, and due at the earliest, once it is on disk.
    pub(super) fn publish(&mut self, worker: u32, call: u32, payload: &[u8]) {
        let due_ms = match serde_json::from_slice(payload) {
            Ok(Event { delay, .. }) => self.clock.now_ms().saturating_add(delay),
            Err(error) => return self.answer(worker, call, 1, error.to_string().as_bytes()),
        };
        let Ok(place) = self.timers.clone().try_reserve_owned() else {
            let text = "Too many events are being published at once";
            return self.answer(worker, call, 1, text.as_bytes());
        };
        let number = match self.store.keep_published(due_ms, payload) {
            Ok(number) => number,
            Err(error) => return self.answer(worker, call, 1, error.to_string().as_bytes()),
        };
        let json = String::from_utf8_lossy(payload).into_owned();
        let event = Published {
            number,
            due_ms,
            json,
        };
        let replies = self.replies.clone();
        self.store.on_durable(move |flushed| {
            if flushed.is_ok() {
                place.send(timers::published(event));
            }
            replies.put(Reply {
                worker,
                call,
                status: u8::from(flushed.is_err()),
                payload: flushed.err().unwrap_or_default().into(),
            });
        });
    }

    /// An event is due: it goes to its handlers.
    pub(super) fn deliver(&mut self, Published { number, json, .. }: Published) {
        match serde_json::from_str(&json) {
            Ok(Event { name, .. }) => {
                self.queued.push_back(Subject::event(number, &name, json));
            }
            // What is damaged on the disk.
            Err(error) => {
                let text = format!("a published event cannot be read, and is dropped: {error}");
                self.bus.log(Level::Error, text);
                self.forget(number);
            }
        }
    }

    /// The handlers of a published event have finished.
    pub(super) fn forget(&mut self, number: u64) {
        if let Err(error) = self.store.forget_published(number) {
            let text = format!("a delivered event could not be forgotten: {error}");
            self.bus.log(Level::Error, text);
        }
        self.pending_until_flushed();
    }
}
