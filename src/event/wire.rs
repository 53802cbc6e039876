//! What crosses the wire, whole: told only while somebody records it.
//!
//! Events carry the beginning of a message, as much as anybody wants to see; a recording needs all
//! of it, and more of a handshake than its query.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;

use crate::domain::ConnectionId;

/// Most facts that wait for the recorder; beyond, they are lost and counted.
const QUEUE: usize = 65_536;

/// Something that a recording is made of.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are the parts of what crossed the wire"
)]
pub enum Wire {
    /// A handshake was answered.
    Handshake {
        target: String,
        headers: Vec<(String, String)>,
        status: u16,
        /// If it was accepted.
        connection_id: Option<ConnectionId>,
    },
    /// A text message came.
    Received {
        connection_id: ConnectionId,
        text: String,
    },
    /// A binary message came.
    ReceivedBinary {
        connection_id: ConnectionId,
        bytes: Vec<u8>,
    },
    /// The message that came last was not let through.
    Throttled { connection_id: ConnectionId },
    /// A request came over HTTP, to the app or to the management API. What the app itself asks the
    /// management API for is not told: it is what the app does, and not what is done to it.
    Request {
        /// Tells which answer belongs to it.
        number: u64,
        method: String,
        target: String,
        headers: Vec<(String, String)>,
    },
    /// A request was answered.
    Answer {
        number: u64,
        /// The request's body; `None` if it was too long to be kept.
        request: Option<Vec<u8>>,
        status: u16,
        headers: Vec<(String, String)>,
        /// The answer's body; `None` if it was too long to be kept, or not sent to its end.
        body: Option<Vec<u8>>,
    },
    /// A message went to a client.
    Sent {
        connection_id: ConnectionId,
        text: String,
    },
    /// A connection has ended.
    Closed {
        connection_id: ConnectionId,
        code: u16,
        reason: String,
        by: Closer,
    },
    /// An operation was asked for and done; both as JSON.
    Done {
        request: serde_json::Value,
        answer: serde_json::Value,
    },
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closer {
    /// The client, with a close frame.
    Client,
    /// The app, the sandbox, or whoever asked it to.
    Server,
    /// Nobody said anything: the client is gone.
    Nobody,
}

/// The telling end; it costs nothing while nobody listens. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Tap {
    sender: Arc<OnceLock<mpsc::Sender<Wire>>>,
    lost: Arc<AtomicU64>,
}

/// The hearing end.
#[derive(Debug)]
pub struct Recording {
    facts: mpsc::Receiver<Wire>,
    lost: Arc<AtomicU64>,
}

impl Tap {
    /// Begins to be heard; `None` if somebody else listens already.
    pub fn open(&self) -> Option<Recording> {
        let (sender, facts) = mpsc::channel(QUEUE);
        self.sender.set(sender).ok()?;
        let lost = self.lost.clone();
        Some(Recording { facts, lost })
    }

    pub fn is_open(&self) -> bool {
        self.sender.get().is_some()
    }

    pub fn tell(&self, fact: impl FnOnce() -> Wire) {
        if let Some(sender) = self.sender.get()
            && sender.try_send(fact()).is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Recording {
    /// The next fact.
    pub async fn next(&mut self) -> Option<Wire> {
        self.facts.recv().await
    }

    /// The next fact, if it has come already.
    pub fn waiting(&mut self) -> Option<Wire> {
        self.facts.try_recv().ok()
    }

    /// How many facts did not find room.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
