//! What can be seen of the dispatcher from outside.

use serde::{Deserialize, Serialize};

use super::{Dispatcher, Phase};
use crate::error::Failure;

/// How a reload went: a JSON document, or why it failed.
pub type Reloaded = Result<serde_json::Value, Failure>;

/// The dispatcher as it is at one moment.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The worker.
    pub worker: WorkerView,
    /// Invocations that run or wait.
    pub invocations: usize,
    /// Change events that it knows of.
    pub changes: ChangesView,
    /// Why the last load failed, if it did.
    pub failure: Option<Failure>,
}

/// The change events that the dispatcher has taken from the store.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChangesView {
    /// Those that no handler has finished yet.
    pub held: usize,
    /// The number of the newest one; there may be newer ones that it does not know of yet.
    pub taken: u64,
    /// Namespaces whose first change failed and is tried again later.
    pub retrying: usize,
}

/// The Node process that runs the app.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the documented JSON names")]
pub struct WorkerView {
    pub pid: Option<u32>,
    /// `starting`, `ready`, `failed`, `restarting`, `none` (no app code) or `stopped`.
    pub state: String,
    /// Version of Node, for example `v22.15.0`.
    pub node: Option<String>,
    pub reloads: u64,
    /// Events with a registered handler, for example `["connected","message"]`.
    #[serde(default)]
    pub handlers: Vec<String>,
    /// Why the last load failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// What is not settled yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingView {
    /// Invocations that run or wait.
    pub invocations: usize,
    /// Change events that no handler has finished yet.
    pub data_events: usize,
    /// Namespaces of theirs in which a handler failed, and is tried again later.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub retrying: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Dispatcher {
    /// Shows the state to whoever watches.
    pub(super) fn show(&mut self) {
        let state = match (&self.crew.active, &self.crew.loading) {
            _ if self.phase != Phase::Running => "stopped",
            _ if !self.source.has_code() => "none",
            (Some(_), None) => "ready",
            (Some(_), Some(_)) => "restarting",
            (None, Some(l)) if l.cause == "start" => "starting",
            (None, Some(_)) => "restarting",
            (None, None) if self.crew.restart_at.is_some() => "restarting",
            (None, None) => "failed",
        };
        let active = self.crew.active.as_deref();
        let pid = active.map(|w| w.process.pid);
        let begun = self.crew.in_flight() + self.forgetting;
        let invocations = begun + self.queued.len() + self.opening.len();
        let changes = self.changes.view();
        let failure = &self.failure;
        let reloads = self.reloads;
        self.seen.send_if_modified(|seen| {
            seen.invocations = invocations;
            seen.changes = changes;
            let same = seen.worker.state == state
                && seen.worker.pid == pid
                && seen.worker.reloads == reloads
                && seen.failure == *failure;
            if same {
                return false;
            }
            let mut handlers: Vec<String> = active
                .map(|w| w.handlers.keys().cloned().collect())
                .unwrap_or_default();
            handlers.sort();
            seen.worker.handlers = handlers;
            seen.worker.node = active.and_then(|w| Some(w.node.as_ref()?.0.clone()));
            seen.worker.state = state.to_owned();
            seen.worker.pid = pid;
            seen.worker.reloads = reloads;
            seen.worker.error = failure.as_ref().map(|f| f.message.clone());
            seen.failure.clone_from(failure);
            true
        });
    }
}
