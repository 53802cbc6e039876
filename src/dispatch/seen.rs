//! What can be seen of the dispatcher from outside.

use serde::{Deserialize, Serialize};

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
    /// Change events that no handler has finished yet.
    pub changes: usize,
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
}
