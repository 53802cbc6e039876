//! The documents that operations answer with; the shapes that `--json` prints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dispatch::{PendingView, WorkerView};
use crate::domain::ConnectionId;

/// One live connection, as `list --json` shows it. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are the documented JSON names")]
pub struct ConnectionView {
    pub connection_id: ConnectionId,
    pub connected_at: i64,
    pub query_string_parameters: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
    pub remote_address: String,
    pub messages_in: u64,
    pub messages_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub last_active_at: i64,
}

/// Whom a message reached.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sent {
    /// Connections that got it.
    pub sent: Vec<ConnectionId>,
    /// Connections that did not.
    pub failed: Vec<SendFailure>,
}

/// A connection that a message did not reach.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendFailure {
    /// Which one.
    pub connection_id: ConnectionId,
    /// Why.
    pub error: String,
}

/// Connections that were closed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Closed {
    /// In the order of the list.
    pub closed: Vec<ConnectionId>,
}

/// An import that was made, or (`dry_run`) would be.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// How many items the file holds.
    pub items: u64,
    /// Whether the store was emptied first.
    pub overwrite: bool,
    /// Live connections that no item mentions any more, though one did before.
    pub orphaned_connections: Vec<ConnectionId>,
}

/// An export that was made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Exported {
    /// How many items were written.
    pub items: u64,
    /// Where to.
    pub file: String,
}

/// What runs, as `status --json` shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are the documented JSON names")]
pub struct Status {
    pub url: String,
    pub ws_url: String,
    pub app: String,
    pub env: String,
    pub limits: LimitsView,
    pub active: bool,
    pub connections: usize,
    pub worker: WorkerView,
    pub pending: PendingView,
    pub uptime_ms: u64,
    pub data_dir: String,
    pub pid: u32,
    pub version: String,
}

/// The rate limits in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the documented JSON names")]
pub struct LimitsView {
    pub rate: u32,
    pub burst: u32,
    pub enforced: bool,
}

/// The clock, as `clock --json` shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockView {
    /// ISO 8601, UTC, milliseconds.
    pub now: String,
    /// Whether it stands still.
    pub frozen: bool,
    /// How far it is ahead of the machine's time, in milliseconds.
    pub offset_ms: i64,
}
