//! Delivers changes of data to `data.on` handlers: in order within a namespace, side by side
//! between namespaces, again and again with growing waits when a handler fails.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::invocation::Subject;
use super::seen::ChangesView;
use super::{Command, Dispatcher};
use crate::event::Level;
use crate::store::change::Change;
use crate::store::interest::Registration;
use crate::worker::wire;

/// Most changes that are held in memory; the rest waits on disk.
const HELD: usize = 1024;

/// Waits between tries, in milliseconds; the last one goes on.
const BACKOFF_MS: [i64; 8] = [
    1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 180_000, 360_000,
];

/// After this long a change that no handler takes is given up, as in the cloud.
const PATIENCE_MS: i64 = 24 * 3_600_000;

/// One `data.on` of the app's code: what it wants to hear of, and its timeout.
pub(super) type Listener = (Registration, Duration);

/// The changes that wait, by namespace.
pub(super) struct Changes {
    newest: watch::Receiver<u64>,
    /// The newest change that was taken from the disk.
    taken: u64,
    held: usize,
    lanes: HashMap<Arc<str>, Lane>,
    /// Namespaces whose first change may be given to a handler.
    ready: VecDeque<Arc<str>>,
    /// Namespaces whose first change no handler wants yet.
    pub(super) unclaimed: Vec<Arc<str>>,
}

/// A further try of a namespace's first change.
#[derive(Debug, Clone)]
pub struct Retry {
    namespace: Arc<str>,
    /// After how many failures.
    failures: usize,
}

#[derive(Default)]
struct Lane {
    changes: VecDeque<Change>,
    /// Failures of the first one, and when the first of them was.
    failures: usize,
    since_ms: i64,
    /// Whether the first one waits for its next try.
    waits: bool,
}

impl Changes {
    pub(super) fn new(newest: watch::Receiver<u64>) -> Self {
        Self {
            newest,
            taken: 0,
            held: 0,
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            unclaimed: Vec::new(),
        }
    }

    /// Whether one could be given to a handler.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// What can be seen of them.
    pub(super) fn view(&self) -> ChangesView {
        let failing = self.lanes.values().filter(|lane| lane.failures > 0);
        ChangesView {
            held: self.held,
            taken: self.taken,
            retrying: failing.count(),
        }
    }

    /// Changes that nobody wanted may be looked at again.
    pub(super) fn claim_again(&mut self) {
        self.ready.append(&mut self.unclaimed.drain(..).collect());
    }

    /// A change may be tried again, unless that has happened meanwhile.
    pub(super) fn retry(
        &mut self,
        Retry {
            namespace,
            failures,
        }: Retry,
    ) {
        let lane = self.lanes.get_mut(&namespace);
        if let Some(lane) = lane.filter(|lane| lane.waits && lane.failures == failures) {
            lane.waits = false;
            self.ready.push_back(namespace);
        }
    }

    /// All changes that wait may be tried again: other code is there to take them.
    pub(super) fn retry_all(&mut self) {
        self.claim_again();
        for (namespace, lane) in &mut self.lanes {
            if std::mem::take(&mut lane.waits) {
                self.ready.push_back(namespace.clone());
            }
        }
    }

    fn hold(&mut self, change: Change) {
        self.taken = change.seq;
        self.held += 1;
        let namespace = change.namespace.clone();
        let lane = self.lanes.entry(namespace.clone()).or_default();
        lane.changes.push_back(change);
        if lane.changes.len() == 1 {
            self.ready.push_back(namespace);
        }
    }

    /// The first change of a namespace was not begun after all: it is the next.
    pub(super) fn put_back(&mut self, namespace: Arc<str>) {
        self.ready.push_front(namespace);
    }

    /// The first change of a namespace is done with; the next one is ready.
    fn done(&mut self, namespace: &Arc<str>) -> Option<u64> {
        let lane = self.lanes.get_mut(namespace)?;
        let done = lane.changes.pop_front()?;
        lane.failures = 0;
        self.held -= 1;
        if lane.changes.is_empty() {
            self.lanes.remove(namespace);
        } else {
            self.ready.push_back(namespace.clone());
        }
        Some(done.seq)
    }
}

impl Dispatcher {
    /// Takes new changes from the disk while there is room.
    pub(super) fn take_changes(&mut self) -> bool {
        let newest = *self.changes.newest.borrow_and_update();
        if self.changes.taken >= newest || self.changes.held >= HELD {
            return false;
        }
        let room = HELD - self.changes.held;
        match self.store.pending_changes(self.changes.taken, room) {
            Ok(changes) => {
                let all = changes.len() < room;
                changes
                    .into_iter()
                    .for_each(|change| self.changes.hold(change));
                if all {
                    self.changes.taken = self.changes.taken.max(newest);
                }
                true
            }
            Err(error) => {
                self.changes.taken = newest;
                self.bus.log(
                    Level::Error,
                    format!("recorded changes cannot be read: {error}"),
                );
                false
            }
        }
    }

    /// Gives the next ready change to its handlers; false if there is none.
    pub(super) fn deliver_change(&mut self) -> bool {
        let Some(namespace) = self.changes.ready.pop_front() else {
            return false;
        };
        let lane = self.changes.lanes.get(&namespace);
        let Some(change) = lane.and_then(|lane| lane.changes.front()) else {
            return true;
        };
        let Some(worker) = self.crew.active.as_deref_mut() else {
            self.changes.ready.push_front(namespace);
            return false;
        };
        let key = change.key();
        let listeners = worker.listeners.iter().enumerate();
        let wants = |(r, _): &Listener| key.as_ref().is_some_and(|key| r.matches(change.kind, key));
        let wanting: Vec<(u32, Duration)> = listeners
            .filter(|(_, listener)| wants(listener))
            .map(|(index, (_, timeout))| (index as u32, *timeout))
            .collect();
        let payload = change.to_wire();
        let longest = wanting.iter().map(|(_, timeout)| *timeout).max();
        let is_young = self.now < worker.claims_until();
        let (Some(payload), Some(timeout)) = (payload, longest) else {
            if longest.is_none() && is_young {
                self.changes.unclaimed.push(namespace);
            } else {
                // Nobody wants it any more, or its record is damaged.
                self.change_done(&namespace);
            }
            return true;
        };
        let indexes: Vec<u32> = wanting.into_iter().map(|(index, _)| index).collect();
        self.last_invocation = self.last_invocation.wrapping_add(1);
        let subject = Subject::Change(namespace);
        worker
            .in_flight
            .begin(self.last_invocation, subject, self.now, timeout);
        wire::change(
            &mut worker.process.link.out,
            self.last_invocation,
            &indexes,
            &payload,
        );
        true
    }

    /// The handlers of a namespace's first change have finished.
    pub(super) fn change_done(&mut self, namespace: &Arc<str>) {
        let Some(seq) = self.changes.done(namespace) else {
            return;
        };
        if let Err(error) = self.store.acknowledge(seq) {
            self.bus.log(
                Level::Error,
                format!("a delivered change could not be forgotten: {error}"),
            );
        }
        self.pending_until_flushed();
    }

    /// A handler of a namespace's first change failed: it is tried again later, and the changes
    /// behind it wait, so that their order holds.
    pub(super) fn change_failed(&mut self, namespace: Arc<str>) {
        let now = self.clock.now_ms();
        let Some(lane) = self.changes.lanes.get_mut(&namespace) else {
            return;
        };
        if lane.failures == 0 {
            lane.since_ms = now;
        }
        if now - lane.since_ms > PATIENCE_MS {
            let text = format!(
                "a change in `{namespace}` was given up after 24 hours of failing handlers"
            );
            self.bus.log(Level::Error, text);
            return self.change_done(&namespace);
        }
        let wait = BACKOFF_MS[lane.failures.min(BACKOFF_MS.len() - 1)];
        lane.failures += 1;
        lane.waits = true;
        let failures = lane.failures;
        let text = format!(
            "the change in `{namespace}` is tried again in {} s, or by the next code; later changes there wait",
            wait / 1000
        );
        self.bus.log(Level::Warn, text);
        let retry = Retry {
            namespace,
            failures,
        };
        self.try_again(now + wait, Command::RetryChange(retry));
    }
}
