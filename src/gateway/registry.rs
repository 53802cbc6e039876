//! The live connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rustc_hash::FxHashMap;

use super::outbox::Outbox;
use crate::domain::{CloseReason, ConnectionId};

/// What the `connected` handler gets as `meta`, and `list` shows.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// When the handshake was accepted, in milliseconds since the epoch.
    pub connected_at: i64,
    /// The query parameters; of a repeated name the last counts, as in API Gateway's events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_string_parameters: Option<serde_json::Map<String, serde_json::Value>>,
    /// The handshake's headers, named as the client wrote them.
    pub headers: serde_json::Map<String, serde_json::Value>,
}

/// One open socket, as everybody but its own task sees it.
#[derive(Debug)]
pub struct Connection {
    /// Its name, as API Gateway makes them.
    pub id: ConnectionId,
    /// Its number in this run; never used twice.
    pub handle: u32,
    /// When it opened, in milliseconds since the epoch.
    pub connected_at: i64,
    /// The client's address.
    pub remote: SocketAddr,
    /// [`Meta`] as JSON. Kept as text: it is read rarely, and thousands of idle connections hold
    /// one each.
    pub meta: Box<str>,
    /// What waits to be written.
    pub outbox: Outbox,
    /// Messages and bytes in both directions, and when something last came or went.
    pub traffic: Traffic,
    admitted: AtomicBool,
}

/// Counters of one connection.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Traffic {
    pub messages_in: AtomicU64,
    pub messages_out: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    /// Milliseconds since the epoch.
    pub last_active_at: AtomicI64,
}

impl Traffic {
    pub(super) fn received(&self, bytes: usize, now_ms: i64) {
        self.messages_in.fetch_add(1, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        self.active(now_ms);
    }

    pub(super) fn sent(&self, bytes: usize, now_ms: i64) {
        self.messages_out.fetch_add(1, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
        self.active(now_ms);
    }

    /// Notes that the connection is in use.
    pub(super) fn active(&self, now_ms: i64) {
        self.last_active_at.store(now_ms, Ordering::Relaxed);
    }
}

impl Connection {
    /// A connection that is not registered yet.
    pub fn new(
        handle: u32,
        id: ConnectionId,
        remote: SocketAddr,
        connected_at: i64,
        meta: &str,
    ) -> Self {
        let traffic = Traffic::default();
        traffic.active(connected_at);
        Self {
            id,
            handle,
            connected_at,
            remote,
            meta: meta.into(),
            outbox: Outbox::default(),
            traffic,
            admitted: AtomicBool::new(false),
        }
    }

    /// Reads [`Self::meta`].
    pub fn meta(&self) -> Option<Meta> {
        serde_json::from_str(&self.meta).ok()
    }

    /// Lets its task begin to read messages: its `connected` is on its way to the handler.
    pub fn admit(&self) {
        self.admitted.store(true, Ordering::Relaxed);
        self.outbox.wake();
    }

    pub(super) fn is_admitted(&self) -> bool {
        self.admitted.load(Ordering::Relaxed)
    }

    /// Closes it with this reason, after what is queued already; does nothing if it closes
    /// already. Returns whether it was open.
    pub fn close(&self, reason: CloseReason) -> bool {
        self.outbox.close(reason)
    }
}

/// The table of live connections.
#[derive(Debug, Default)]
pub struct Registry {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    by_handle: FxHashMap<u32, Arc<Connection>>,
    by_id: FxHashMap<ConnectionId, u32>,
    last_handle: u32,
}

impl Registry {
    /// A number for the next connection.
    pub fn next_handle(&self) -> u32 {
        let mut tables = self.tables();
        tables.last_handle += 1;
        tables.last_handle
    }

    pub(super) fn insert(&self, connection: Arc<Connection>) {
        let mut tables = self.tables();
        tables.by_id.insert(connection.id, connection.handle);
        tables.by_handle.insert(connection.handle, connection);
    }

    pub(super) fn remove(&self, connection: &Connection) {
        let mut tables = self.tables();
        tables.by_id.remove(&connection.id);
        tables.by_handle.remove(&connection.handle);
    }

    /// The live connection with this number.
    pub fn by_handle(&self, handle: u32) -> Option<Arc<Connection>> {
        self.tables().by_handle.get(&handle).cloned()
    }

    /// The live connection with this id.
    pub fn by_id(&self, id: &ConnectionId) -> Option<Arc<Connection>> {
        let tables = self.tables();
        let handle = tables.by_id.get(id)?;
        tables.by_handle.get(handle).cloned()
    }

    /// All of them, oldest first.
    pub fn all(&self) -> Vec<Arc<Connection>> {
        let mut all: Vec<_> = self.tables().by_handle.values().cloned().collect();
        all.sort_unstable_by_key(|c| c.handle);
        all
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tables().by_handle.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(|e| e.into_inner())
    }
}
