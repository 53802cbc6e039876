//! What a fixture's sandbox says: its event lines, in order, over all its lives.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::watch;

use crate::error::Failure;

/// Most events that are kept; of more, the oldest are forgotten.
const KEPT: usize = 50_000;

/// Most bytes of standard error that are kept.
const KEPT_STDERR: usize = 64 * 1024;

/// How long nothing is heard until a sandbox counts as quiet.
const QUIET: Duration = Duration::from_millis(20);

/// One event line.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its number, from 0.
    pub number: usize,
    /// How long after the fixture's begin it was heard.
    pub after: Duration,
    /// The line as JSON.
    pub event: Value,
}

/// Everything that a sandbox has said so far. Cheap to clone.
#[derive(Clone)]
pub struct EventLog {
    said: Arc<Mutex<Said>>,
    changes: watch::Sender<u64>,
}

struct Said {
    began: Instant,
    events: VecDeque<Seen>,
    next: usize,
    stderr: String,
    /// Streams that are still read.
    open: usize,
}

impl Default for EventLog {
    fn default() -> Self {
        Self {
            said: Arc::new(Mutex::new(Said {
                began: Instant::now(),
                events: VecDeque::new(),
                next: 0,
                stderr: String::new(),
                open: 0,
            })),
            changes: watch::Sender::new(0),
        }
    }
}

impl EventLog {
    /// The number of the next event: where a new life of the sandbox begins.
    pub fn begin_life(&self) -> usize {
        self.lock().next
    }

    /// Reads what a process says until its streams end.
    pub(super) fn read(&self, child: &mut Child) {
        if let Some(stdout) = child.stdout.take() {
            let log = self.clone();
            log.change(|said| said.open += 1);
            tokio::spawn(async move {
                let mut lines = BufReader::new(stdout).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    log.push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
                }
                log.change(|said| said.open -= 1);
            });
        }
        if let Some(mut stderr) = child.stderr.take() {
            let log = self.clone();
            log.change(|said| said.open += 1);
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                while let Ok(read @ 1..) = stderr.read(&mut bytes).await {
                    log.change(|said| {
                        if said.stderr.len() < KEPT_STDERR {
                            said.stderr
                                .push_str(&String::from_utf8_lossy(&bytes[..read]));
                        }
                    });
                }
                log.change(|said| said.open -= 1);
            });
        }
    }

    fn push(&self, event: Value) {
        self.change(|said| {
            if said.events.len() == KEPT {
                said.events.pop_front();
            }
            let seen = Seen {
                number: said.next,
                after: said.began.elapsed(),
                event,
            };
            said.next += 1;
            said.events.push_back(seen);
        });
    }

    /// The `ready` line of the life that began at event `life`; `None` if the sandbox ended first.
    pub(super) async fn ready(&self, life: usize) -> Option<Value> {
        let is_ready = |seen: &Seen| seen.number >= life && is(&seen.event, "ready");
        self.find(is_ready).await.map(|seen| seen.event)
    }

    /// Waits for an event; one that has come already counts. `None` once the sandbox has ended.
    pub async fn find(&self, wanted: impl Fn(&Seen) -> bool) -> Option<Seen> {
        let mut changes = self.changes.subscribe();
        let mut from = 0;
        loop {
            {
                let said = self.lock();
                let new = said.events.iter().filter(|seen| seen.number >= from);
                if let Some(seen) = new.into_iter().find(|seen| wanted(seen)) {
                    return Some(seen.clone());
                }
                if said.open == 0 {
                    return None;
                }
                from = said.next;
            }
            changes.changed().await.ok()?;
        }
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Seen> {
        self.lock().events.iter().cloned().collect()
    }

    /// Waits until nothing more is heard: event lines come a few milliseconds after the fact.
    pub async fn settle(&self) {
        let mut changes = self.changes.subscribe();
        for _ in 0..10 {
            let changed = tokio::time::timeout(QUIET, changes.changed()).await;
            if changed.is_err() {
                return;
            }
        }
    }

    /// Everything on standard error so far.
    pub fn stderr(&self) -> String {
        self.lock().stderr.clone()
    }

    /// Waits until the streams have ended. They end with the process, unless something that it
    /// started holds on to them.
    pub(super) async fn ended(&self) {
        let mut changes = self.changes.subscribe();
        let ended = async { while self.lock().open > 0 && changes.changed().await.is_ok() {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), ended).await;
    }

    /// Whether the sandbox has ended.
    pub fn is_over(&self) -> bool {
        self.lock().open == 0
    }

    /// What a sandbox that failed to start says of it.
    pub(super) fn last_failure(&self, life: usize) -> Option<Failure> {
        let said = self.lock();
        let lines = said
            .events
            .iter()
            .rev()
            .take_while(|seen| seen.number >= life);
        let mut failures = lines.filter_map(|seen| seen.event.get("error").cloned());
        failures.find_map(|failure| serde_json::from_value(failure).ok())
    }

    fn change(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.lock());
        self.changes.send_modify(|n| *n += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an event is of this kind.
fn is(event: &Value, kind: &str) -> bool {
    event.get("event").and_then(Value::as_str) == Some(kind)
}
