//! Further tries: published events whose handlers failed, and when what failed comes again.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Command, Dispatcher};
use crate::event::Level;
use crate::store::published::Published;

/// How long after a failure an event comes again, and how often it comes at most: every six minutes
/// for fourteen days, as Ampt's documentation says of the cloud.
const WAIT_MS: i64 = 6 * 60_000;
const MOST_ATTEMPTS: u32 = 14 * 24 * 10;

/// What stands before the rest of an event that comes again.
const ATTEMPT: &str = "{\"attempt\":";

/// The events that wait for their next try, by their numbers, and which try that is.
pub(super) type FailedEvents = BTreeMap<u64, (u32, Published)>;

/// What is to be known of an event that failed.
#[derive(Deserialize)]
struct Failed {
    name: String,
    #[serde(default = "first")]
    attempt: u32,
}

fn first() -> u32 {
    1
}

impl Dispatcher {
    /// A handler of a published event failed: it comes again later, to all its handlers.
    pub(super) fn event_failed(&mut self, number: u64, json: &str) {
        let Ok(Failed { name, attempt }) = serde_json::from_str(json) else {
            return self.forget(number);
        };
        let name = name.strip_prefix("custom:").unwrap_or(&name);
        if attempt >= MOST_ATTEMPTS {
            let text = format!("the event `{name}` was given up after {attempt} tries");
            self.bus.log(Level::Error, text);
            return self.forget(number);
        }
        let attempt = attempt + 1;
        let again = Published {
            number,
            due_ms: self.clock.now_ms().saturating_add(WAIT_MS),
            json: with_attempt(json, attempt),
        };
        if let Err(error) = self.store.postpone_published(&again) {
            let text = format!("an event that is to come again could not be written: {error}");
            self.bus.log(Level::Error, text);
        }
        self.pending_until_flushed();
        let minutes = WAIT_MS / 60_000;
        let text =
            format!("the event `{name}` is tried again in {minutes} minutes, or by the next code");
        self.bus.log(Level::Warn, text);
        self.try_again(again.due_ms, Command::RetryEvent { number, attempt });
        self.failed_events.insert(number, (attempt, again));
    }

    /// An event may be tried again, unless that has happened meanwhile.
    pub(super) fn retry_event(&mut self, number: u64, attempt: u32) {
        let waits = self.failed_events.get(&number);
        if waits.is_some_and(|(of, _)| *of == attempt)
            && let Some((_, event)) = self.failed_events.remove(&number)
        {
            self.deliver(event);
        }
    }

    /// All events that wait may be tried again: other code is there to take them.
    pub(super) fn retry_events(&mut self) {
        for (_, event) in std::mem::take(&mut self.failed_events).into_values() {
            self.deliver(event);
        }
    }

    /// Has a further try come at a time, in milliseconds since the epoch.
    pub(super) fn try_again(&mut self, at_ms: i64, command: Command) {
        self.unscheduled.push((at_ms, command));
        self.schedule_retries();
    }

    /// Has further tries come at their times; false if some found no room: the timers' task has
    /// much to take in, and makes room soon.
    pub(super) fn schedule_retries(&mut self) -> bool {
        while let Some(timed) = self.unscheduled.pop() {
            if let Err(refused) = self.timers.try_send(timed) {
                self.unscheduled.push(refused.into_inner());
                return false;
            }
        }
        true
    }
}

/// The event as it comes for this try. Its body stays as the app wrote it, to the last digit.
fn with_attempt(json: &str, attempt: u32) -> String {
    let rest = match json.strip_prefix(ATTEMPT) {
        Some(numbered) => numbered.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => json.strip_prefix('{').unwrap_or(json),
    };
    let rest = rest.trim_start_matches(',');
    format!("{ATTEMPT}{attempt},{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_of_the_try_changes() {
        let json = r#"{"id":"1","name":"custom:n","body":{"attempt":9,"x":1.10},"delay":0}"#;
        let second = with_attempt(json, 2);
        let whole =
            r#"{"attempt":2,"id":"1","name":"custom:n","body":{"attempt":9,"x":1.10},"delay":0}"#;
        assert_eq!(second, whole);
        assert_eq!(with_attempt(&second, 11), whole.replacen('2', "11", 1));
        let failed = |json: &str| {
            serde_json::from_str::<Failed>(json)
                .expect("an event")
                .attempt
        };
        assert_eq!((failed(json), failed(&second)), (1, 2));
    }
}
