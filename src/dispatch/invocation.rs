//! Invocations that run: each is one event given to a handler, with a deadline.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::domain::{CloseReason, ConnectionId};
use crate::gateway::Connection;
use crate::gateway::inbound::{Inbound, Message};
use crate::worker::{Mark, wire};

/// What an invocation is about: all that it takes to begin it.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A connection's `connected`.
    Connected(Arc<Connection>),
    /// A connection's message.
    Message(Message),
    /// The end of a connection, of this run or an earlier one, and its reason.
    Disconnected(ConnectionId, String),
    /// A change of data in this namespace.
    Change(Arc<str>),
    /// A published event.
    Event {
        /// Its number in the store.
        number: u64,
        /// The name of its handler.
        handler: String,
        /// The event as JSON.
        json: String,
    },
}

impl From<Inbound> for Subject {
    fn from(event: Inbound) -> Self {
        match event {
            Inbound::Connected(connection) => Self::Connected(connection),
            Inbound::Message(message) => Self::Message(message),
            Inbound::Disconnected(connection, reason) => {
                Self::Disconnected(connection.id, reason.reason.into())
            }
        }
    }
}

impl Subject {
    /// The end of a connection that an earlier run left open.
    pub fn former(id: ConnectionId) -> Self {
        Self::Disconnected(id, CloseReason::SANDBOX_DIED.reason.into())
    }

    /// A published event.
    pub fn event(number: u64, name: &str, json: String) -> Self {
        let handler = format!("event:{name}");
        Self::Event {
            number,
            handler,
            json,
        }
    }

    /// Writes the frame that begins the invocation. A change is written where its handlers are known.
    pub fn encode(&self, out: &mut Vec<u8>, number: u32) {
        match self {
            Self::Connected(connection) => {
                let meta = connection.meta.as_bytes();
                wire::connected(out, about(connection, number), meta);
            }
            Self::Message(message) => {
                let subject = about(&message.connection, number);
                wire::message(out, subject, message.text.as_bytes(), message.binary);
            }
            Self::Disconnected(id, reason) => {
                wire::disconnected(out, number, id.as_bytes(), reason);
            }
            Self::Event { json, .. } => wire::event(out, number, json.as_bytes()),
            Self::Change(_) => {}
        }
    }

    /// Whether a worker may have begun it as this invocation.
    pub fn has_begun(&self, mark: &Mark, invocation: u32) -> bool {
        match self {
            Self::Disconnected(..) => mark.has_begun_disconnected(invocation),
            _ => mark.has_begun(invocation),
        }
    }

    /// The handler's name, as in messages to the user.
    pub fn handler(&self) -> &str {
        match self {
            Self::Connected(_) => "connected",
            Self::Message(_) => "message",
            Self::Disconnected(..) => "disconnected",
            Self::Change(_) => "data.on",
            Self::Event { handler, .. } => handler,
        }
    }

    /// The connection that it is about.
    pub fn connection_id(&self) -> Option<ConnectionId> {
        match self {
            Self::Connected(c) => Some(c.id),
            Self::Message(message) => Some(message.connection.id),
            Self::Disconnected(id, _) => Some(*id),
            Self::Change(_) | Self::Event { .. } => None,
        }
    }

    /// The client to be told if the handler fails.
    pub fn client(&self) -> Option<&Arc<Connection>> {
        match self {
            Self::Connected(c) => Some(c),
            Self::Message(message) => Some(&message.connection),
            _ => None,
        }
    }
}

fn about(connection: &Connection, invocation: u32) -> wire::Subject<'_> {
    wire::Subject {
        invocation,
        handle: connection.handle,
        id: connection.id.as_bytes(),
    }
}

/// The invocations that one worker has and has not finished.
#[derive(Debug, Default)]
pub struct InFlight {
    running: FxHashMap<u32, Subject>,
    /// Deadlines in the order in which they were set, a queue for each timeout in use, so that
    /// each is sorted by itself. Finished ones are skipped when they come to the front.
    deadlines: Vec<(Duration, VecDeque<(Instant, u32)>)>,
}

impl InFlight {
    /// An invocation begins.
    pub fn begin(&mut self, number: u32, subject: Subject, now: Instant, timeout: Duration) {
        self.running.insert(number, subject);
        let entry = (now + timeout, number);
        match self.deadlines.iter_mut().find(|(t, _)| *t == timeout) {
            Some((_, queue)) => queue.push_back(entry),
            None => self.deadlines.push((timeout, VecDeque::from([entry]))),
        }
    }

    /// An invocation ends; `None` if it had been given up already.
    pub fn end(&mut self, number: u32) -> Option<Subject> {
        let subject = self.running.remove(&number);
        for (_, queue) in &mut self.deadlines {
            while queue
                .front()
                .is_some_and(|(_, n)| !self.running.contains_key(n))
            {
                queue.pop_front();
            }
        }
        subject
    }

    /// What an invocation is about, while it runs.
    pub fn get(&self, number: u32) -> Option<&Subject> {
        self.running.get(&number)
    }

    /// How many run.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// The next deadline.
    pub fn next_deadline(&self) -> Option<Instant> {
        let fronts = self.deadlines.iter().filter_map(|(_, q)| q.front());
        fronts.map(|(at, _)| *at).min()
    }

    /// Gives up what is past its deadline; with the timeout that ran out.
    pub fn overdue(&mut self, now: Instant) -> Vec<(u32, Subject, Duration)> {
        let mut overdue = Vec::new();
        for (timeout, queue) in &mut self.deadlines {
            while let Some((at, number)) = queue.front().copied() {
                let live = self.running.contains_key(&number);
                if live && at > now {
                    break;
                }
                queue.pop_front();
                if let Some(subject) = self.running.remove(&number) {
                    overdue.push((number, subject, *timeout));
                }
            }
        }
        overdue
    }

    /// Gives up everything, in the order in which it began.
    pub fn drain(&mut self) -> Vec<(u32, Subject)> {
        self.deadlines.clear();
        let mut all: Vec<_> = self.running.drain().collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(n: u64) -> Subject {
        Subject::Change(n.to_string().into())
    }

    #[test]
    fn deadlines_come_in_their_order_and_finished_work_has_none() {
        let mut flight = InFlight::default();
        let t0 = Instant::now();
        let secs = Duration::from_secs;
        flight.begin(1, change(1), t0, secs(60));
        flight.begin(2, change(2), t0, secs(5));
        flight.begin(3, change(3), t0 + secs(1), secs(5));
        assert_eq!(flight.next_deadline(), Some(t0 + secs(5)));
        assert!(flight.end(2).is_some());
        assert!(flight.end(2).is_none());
        assert_eq!(flight.next_deadline(), Some(t0 + secs(6)));
        let overdue = flight.overdue(t0 + secs(10));
        assert_eq!(overdue.iter().map(|o| o.0).collect::<Vec<_>>(), [3]);
        assert_eq!(flight.len(), 1);
        assert_eq!(flight.next_deadline(), Some(t0 + secs(60)));
    }

    #[test]
    fn giving_up_everything_keeps_the_order() {
        let mut flight = InFlight::default();
        for n in (1..100).rev() {
            flight.begin(n, change(0), Instant::now(), Duration::from_secs(5));
        }
        let numbers: Vec<u32> = flight.drain().into_iter().map(|(n, _)| n).collect();
        assert!(numbers.is_sorted());
        assert!(flight.is_empty());
        assert_eq!(flight.next_deadline(), None);
    }
}
