//! Calls of the SDK and the data package that want an answer.

use super::replies::Reply;
use super::{Command, Dispatcher};
use crate::domain::{CloseReason, ConnectionId};
use crate::store::wire::op::may_write;
use crate::worker::wire;

/// `ws.close`: a connection id; status 1 if it is gone.
const CLOSE: u8 = 1;

/// `events.publish`: the event as JSON.
const PUBLISH: u8 = 64;

/// Operations of the store.
const DATA: std::ops::RangeInclusive<u8> = 16..=63;

impl Dispatcher {
    pub(super) fn call(&mut self, worker: u32, call: u32, op: u8, payload: &[u8]) {
        match op {
            CLOSE => {
                let gone = !self.close(payload);
                self.answer(worker, call, u8::from(gone), &[]);
            }
            PUBLISH => {
                self.note_parting(worker);
                self.publish(worker, call, payload);
            }
            op if DATA.contains(&op) => {
                if may_write(op) {
                    self.note_parting(worker);
                }
                let replies = self.replies.clone();
                self.store.call(op, payload, move |reply| {
                    replies.put(Reply {
                        worker,
                        call,
                        status: reply.status,
                        payload: reply.payload,
                    });
                });
            }
            _ => self.answer(
                worker,
                call,
                1,
                br#"{"name":"Error","message":"unknown operation"}"#,
            ),
        }
    }

    pub(super) fn answer(&mut self, worker: u32, call: u32, status: u8, payload: &[u8]) {
        if let Some(worker) = self.crew.get(worker) {
            wire::reply(&mut worker.process.link.out, call, status, payload);
        }
    }

    /// Closes a connection; false if it is gone. The mirrors lose it at once, so that whoever
    /// closed it finds it closed.
    fn close(&mut self, id: &[u8]) -> bool {
        let id = std::str::from_utf8(id)
            .ok()
            .and_then(|id| id.parse::<ConnectionId>().ok());
        let Some(connection) = id.and_then(|id| self.gateway.registry.by_id(&id)) else {
            return false;
        };
        if !connection.close(CloseReason::CLOSED_BY_SERVER) {
            return false;
        }
        for worker in self.crew.mirrors() {
            wire::gone(&mut worker.process.link.out, connection.handle);
        }
        true
    }

    /// Has a command come at a time, in milliseconds since the epoch; false if too many wait.
    pub(super) fn schedule(&mut self, at_ms: i64, command: Command) -> bool {
        self.timers.try_send((at_ms, command)).is_ok()
    }
}
