//! Who is owed what, and whether it was paid.

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

use crate::torture::state::Items;

/// What `disconnected` is told after a kill of the sandbox.
pub const DIED: &str = "The sandbox ended unexpectedly while the connection was open";

/// A connection that has ended.
#[derive(Debug)]
pub struct Gone {
    pub id: String,
    /// Why, as its `disconnected` is to be told.
    pub reason: String,
    /// Whether the log of the running sandbox will tell of its end.
    pub is_told: bool,
    /// What died before its handlers had surely returned.
    pub shaken: Shaken,
}

/// What may have cut a connection's handlers off.
#[derive(Debug, Default, Clone, Copy)]
pub struct Shaken {
    /// A worker died meanwhile.
    pub worker: bool,
    /// So often the sandbox was killed meanwhile.
    pub kills: u64,
    /// All handlers that it was due have returned: nothing cuts them off any more.
    pub is_settled: bool,
    /// Some handler of it has run.
    pub is_admitted: bool,
    /// Its `connected` has run to its end.
    pub has_connected: bool,
}

/// Failures of handlers that the log told of: handler and connection id.
pub type Reported = HashSet<(String, String)>;

/// What all sequences came to.
#[derive(Debug, Default)]
pub struct Tally {
    pub connections: u64,
    /// Handlers of `connected` and of `disconnected` that a worker's death cut off, as the log told.
    pub cut_off: [u64; 2],
    /// Connections whose handler had run, but not surely returned, when the sandbox was killed.
    pub repeated: u64,
    pub worker_deaths: u64,
    pub kills: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connections,
            cut_off: [connected, disconnected],
            repeated,
            worker_deaths,
            kills,
        } = self;
        write!(
            f,
            "{connections} connections, {worker_deaths} worker deaths, {kills} kills; \
             {connected} `connected` and {disconnected} `disconnected` were reported as cut off, \
             {repeated} were begun again after a kill"
        )
    }
}

impl Gone {
    /// Checks what the handlers have counted.
    pub fn check(&self, seen: &Items, reported: &Reported, tally: &mut Tally) {
        let item = seen.get(&format!("seen:{}", self.id));
        let value = item.map_or(Value::Null, |item| item.value.clone());
        let count = |name: &str| value[name].as_u64().unwrap_or(0);
        let counts = (count("connected"), count("disconnected"));
        let is_reported = |handler: &str| reported.contains(&(handler.to_owned(), self.id.clone()));
        let because = |reason: &str| count(&format!("because {reason}"));
        tally.connections += 1;
        let context = || format!("{self:?} had {value}");
        if counts.1 == 0 && (self.shaken.worker && is_reported("disconnected")) {
            tally.cut_off[1] += 1;
            return;
        }
        match counts.0 {
            1 => {}
            0 if self.shaken.worker && is_reported("connected") => tally.cut_off[0] += 1,
            // Its row was not on disk yet: no handler has heard of it, none will.
            0 if self.shaken.kills > 0 && counts.1 == 0 && !self.shaken.is_admitted => return,
            0 if self.shaken.kills > 0 && !self.shaken.has_connected => {}
            _ => panic!("connected {} times: {}", counts.0, context()),
        }
        // Each kill may have come when the handler had run, but had not surely returned.
        let died = because(DIED);
        let told = if self.reason == DIED {
            0
        } else {
            because(&self.reason)
        };
        let is_due = told <= 1 && died <= self.shaken.kills && told + died == counts.1;
        assert!(
            is_due && counts.1 > 0,
            "disconnected {} times: {}",
            counts.1,
            context()
        );
        tally.repeated += counts.1 - 1;
    }
}
