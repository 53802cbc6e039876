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
    /// Handlers of `disconnected` that a kill of the sandbox cut off: of those that the log told of,
    /// how many had left something in the store, and how many had not.
    pub killed: [u64; 2],
    pub worker_deaths: u64,
    pub kills: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connections,
            cut_off: [connected, disconnected],
            killed: [with_trace, without],
            worker_deaths,
            kills,
        } = self;
        write!(
            f,
            "{connections} connections, {worker_deaths} worker deaths, {kills} kills; \
             {connected} `connected` and {disconnected} `disconnected` were reported as cut off, \
             of those that a kill may have cut off {with_trace} had written and {without} had not"
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
        let Shaken { worker, kills, .. } = self.shaken;
        if is_reported("disconnected") {
            assert!(worker || kills > 0, "reported for nothing: {}", context());
            match counts.1 {
                0 if worker => tally.cut_off[1] += 1,
                0 => tally.killed[1] += 1,
                _ if kills > 0 => tally.killed[0] += 1,
                _ => {}
            }
            if counts.1 == 0 {
                return;
            }
        }
        match counts.0 {
            1 => {}
            0 if worker && is_reported("connected") => tally.cut_off[0] += 1,
            // Its row was not on disk yet: no handler has heard of it, none will.
            0 if kills > 0 && counts.1 == 0 && !self.shaken.is_admitted => return,
            0 if kills > 0 && !self.shaken.has_connected => {}
            _ => panic!("connected {} times: {}", counts.0, context()),
        }
        let is_due = because(&self.reason) == 1 || (kills > 0 && because(DIED) == 1);
        let has_finished = count("finished") == 1;
        let was_cut_off = count("finished") == 0 && is_reported("disconnected");
        assert!(
            counts.1 == 1 && is_due && (has_finished || was_cut_off),
            "disconnected {} times: {}",
            counts.1,
            context()
        );
    }
}
