//! Connections that open and end: their rows on disk, the workers' mirrors, their events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::invocation::Subject;
use super::{Dispatcher, Opening};
use crate::domain::ConnectionId;
use crate::event::Level;
use crate::gateway::Connection;
use crate::gateway::inbound::{Inbound, Presence};
use crate::worker::wire;

/// After a crowd rows are written again at the earliest after this time: what follows is a flush,
/// which costs as much as a few handshakes. Who comes alone does not wait.
const PACE: Duration = Duration::from_millis(4);

/// So many connections in one write are a crowd.
const CROWD: usize = 8;

/// What the rows do not say yet.
#[derive(Debug)]
pub(super) struct Rows {
    opened: Vec<(u32, ConnectionId)>,
    settled: Vec<ConnectionId>,
    /// When they may be written again.
    due: Instant,
}

impl Rows {
    pub fn new(now: Instant) -> Self {
        Self {
            opened: Vec::new(),
            settled: Vec::new(),
            due: now,
        }
    }
}

impl Dispatcher {
    /// Takes in what opened and ended. A connection's `connected` waits until its row is on disk:
    /// only then is it sure to get its `disconnected`, whatever dies.
    pub(super) fn take_presence(&mut self) -> bool {
        let mut any = false;
        while let Some(presence) = self.gateway.inbound.next_presence() {
            any = true;
            match presence {
                Presence::Opened(connection) => self.open(connection),
                Presence::Closed(connection, reason) => {
                    for worker in self.crew.mirrors() {
                        wire::gone(&mut worker.process.link.out, connection.handle);
                    }
                    match self.opening.get_mut(&connection.handle) {
                        Some(opening) => opening.ended = Some(reason),
                        None => {
                            let event = Inbound::Disconnected(connection, reason);
                            self.gateway.inbound.push(event);
                        }
                    }
                }
                Presence::Drained(connection) => self.mirror_slow(connection.handle, false),
            }
        }
        any
    }

    fn open(&mut self, connection: Arc<Connection>) {
        let (handle, id) = (connection.handle, connection.id);
        for worker in self.crew.mirrors() {
            let out = &mut worker.process.link.out;
            wire::opened(out, handle, id.as_bytes());
        }
        let opening = Opening {
            connection,
            ended: None,
        };
        self.opening.insert(handle, opening);
        self.rows.opened.push((handle, id));
    }

    /// The row of a connection is on disk: its events may begin.
    pub(super) fn admit(&mut self, handle: u32) {
        let Some(Opening { connection, ended }) = self.opening.remove(&handle) else {
            return;
        };
        let inbound = &self.gateway.inbound;
        inbound.push(Inbound::Connected(connection.clone()));
        match ended {
            Some(reason) => inbound.push(Inbound::Disconnected(connection, reason)),
            None => connection.admit(),
        }
    }

    /// Tells the workers that a client became slow, or can be sent to again.
    pub(super) fn mirror_slow(&mut self, handle: u32, slow: bool) {
        for worker in self.crew.mirrors() {
            wire::slow(&mut worker.process.link.out, handle, slow);
        }
    }

    /// A worker begins a `disconnected`.
    pub(super) fn parting(&mut self, worker: u32, invocation: u32) {
        if let Some(worker) = self.crew.get(worker)
            && let Some(Subject::Disconnected(id, _)) = worker.in_flight.get(invocation)
        {
            worker.parting.insert(*id);
        }
    }

    /// A worker is about to write something that outlives the sandbox, and a `disconnected` that it
    /// has begun may be the author: their connections' rows say so from now on.
    ///
    /// What a handler wrote is on disk before it returns, and its connection's row goes with the
    /// flush after that. By this note a start after a kill between these two knows that it must not
    /// run the handler a second time. One that wrote nothing left no trace: it runs again.
    pub(super) fn note_parting(&mut self, worker: u32) {
        let Some(worker) = self.crew.get(worker) else {
            return;
        };
        for id in worker.parting.drain() {
            if let Err(error) = self.store.begin_disconnected(id) {
                let text = format!("a connection's row could not be written: {error}");
                self.bus.log(Level::Error, text);
            }
        }
    }

    /// A connection had its `disconnected`: nothing is owed to it any more. Until that is on disk it
    /// counts as pending, so that what was seen to have settled does not come again.
    pub(super) fn settle(&mut self, id: ConnectionId) {
        for worker in self.crew.all() {
            worker.parting.remove(&id);
        }
        self.rows.settled.push(id);
        self.forgetting += 1;
    }

    /// When rows are to be written, if any are.
    pub(super) fn rows_due(&self) -> Option<Instant> {
        let is_idle = self.rows.opened.is_empty() && self.rows.settled.is_empty();
        (!is_idle).then_some(self.rows.due)
    }

    /// Writes the rows of what opened, and takes out what was settled, if it is time.
    pub(super) fn write_rows(&mut self) {
        if self.rows_due().is_none_or(|due| due > self.now) {
            return;
        }
        let settled = std::mem::take(&mut self.rows.settled);
        let opened = std::mem::take(&mut self.rows.opened);
        if settled.len() + opened.len() >= CROWD {
            self.rows.due = self.now + PACE;
        }
        let (handles, ids): (Vec<u32>, Vec<ConnectionId>) = opened.into_iter().unzip();
        let put = self.store.put_connections(&ids);
        let removed = self.store.remove_connections(&settled);
        if let Err(error) = put.and(removed) {
            let text = format!("rows of connections could not be written: {error}");
            self.bus.log(Level::Error, text);
        }
        let (replies, bus, settled) = (self.replies.clone(), self.bus.clone(), settled.len());
        self.store.on_durable(move |flushed| {
            if let Err(reason) = flushed {
                let text = format!("rows of connections could not be written to disk: {reason}");
                bus.log(Level::Error, text);
            }
            // A disk that refuses does not give back what was settled before the next start, either.
            replies.put_forgotten(settled);
            replies.put_durable(handles);
        });
    }

    /// The row of something that was owed is removed, or changed, in memory: it is pending until that
    /// is on disk.
    pub(super) fn pending_until_flushed(&mut self) {
        self.forgetting += 1;
        let replies = self.replies.clone();
        // Nor does a disk that refuses give it back before the next start.
        self.store.on_durable(move |_| replies.put_forgotten(1));
    }

    /// Writes the live connections for a worker that is to know them.
    pub(super) fn mirror(gateway: &crate::gateway::Gateway, out: &mut Vec<u8>) {
        for connection in gateway.registry.all() {
            wire::opened(out, connection.handle, connection.id.as_bytes());
            if connection.outbox.is_slow() {
                wire::slow(out, connection.handle, true);
            }
        }
    }
}
