//! From what crossed the wire to the steps of a fixture.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::clients::{self, Names};
use super::http::{Answers, Asked, answers};
use super::wanted::wanted;
use crate::domain::{CloseReason, ConnectionId};
use crate::event::{Closer, Wire};
use crate::script::volatile::Steady;

/// Inputs that follow each other faster than this are handled side by side: what comes of them may
/// come in another order the next time.
const BURST: Duration = Duration::from_millis(50);

/// A client that was silent for this long after it connected may have waited for the app to know it.
const SETTLED: Duration = Duration::from_millis(100);

/// An answer that took longer than this gets more time than a fixture gives by itself.
pub(super) const SLOW: Duration = Duration::from_millis(700);

/// Something that was heard, and when.
#[derive(Debug, Clone)]
pub struct Heard {
    /// How long after the recording began.
    pub after: Duration,
    /// The machine's time, in milliseconds since the epoch.
    pub wall_ms: i64,
    /// What it was.
    pub wire: Wire,
}

/// What a recording needs to know of its sandbox.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The folder of the fixture, absolute.
    pub dir: PathBuf,
    /// The fixture's top level: name, app, options.
    pub header: Map<String, Value>,
    /// How long a connection may be idle.
    pub idle_timeout: Duration,
}

/// A recorded fixture.
#[derive(Debug)]
pub struct Composed {
    /// Its top level.
    pub header: Map<String, Value>,
    /// Its steps.
    pub steps: Vec<Value>,
    /// What a replay will lack.
    pub warnings: BTreeSet<String>,
}

/// Turns what was heard into a fixture.
pub fn compose(heard: &[Heard], setting: &Setting) -> Composed {
    let mut composer = Composer {
        setting,
        names: Names::default(),
        steady: Steady::default(),
        steps: Vec::new(),
        warnings: BTreeSet::new(),
        answers: answers(heard),
        inputs: Vec::new(),
        last: Duration::ZERO,
        advanced: None,
        throttled: false,
    };
    wanted(heard, &composer.answers)
        .into_iter()
        .for_each(|value| composer.steady.want(value));
    for heard in heard {
        composer.steady.now_ms = heard.wall_ms;
        composer.step(heard);
        composer.last = heard.after;
    }
    let mut header = setting.header.clone();
    // A replay is faster than the people who were recorded.
    if !composer.throttled {
        header.insert("limits".to_owned(), false.into());
    } else {
        composer.warnings.insert(
            "clients were throttled; a replay is faster, so more may be throttled".to_owned(),
        );
    }
    Composed {
        header,
        steps: composer.steps,
        warnings: composer.warnings,
    }
}

/// A message as JSON if it is an object or array, else as text.
pub(super) fn parsed(text: &str) -> Value {
    let value: Option<Value> = serde_json::from_str(text).ok();
    let nested = value.filter(|value| value.is_object() || value.is_array());
    nested.unwrap_or_else(|| text.into())
}

pub(super) struct Composer<'a> {
    pub(super) setting: &'a Setting,
    pub(super) names: Names,
    pub(super) steady: Steady,
    pub(super) steps: Vec<Value>,
    pub(super) warnings: BTreeSet<String>,
    /// The answers to requests over HTTP.
    pub(super) answers: Answers<'a>,
    /// When the last inputs came that may still be being handled.
    inputs: Vec<Duration>,
    last: Duration,
    /// When the clock was last moved.
    pub(super) advanced: Option<Duration>,
    throttled: bool,
}

impl Composer<'_> {
    fn step(&mut self, heard: &Heard) {
        let after = heard.after;
        self.wait_for_connected(heard);
        match &heard.wire {
            Wire::Handshake {
                target,
                headers,
                status,
                connection_id,
            } => {
                self.input(after);
                self.handshake(target, headers, *status, *connection_id);
            }
            Wire::Received {
                connection_id,
                text,
            } => {
                self.input(after);
                let message = self.steady.said(&parsed(text));
                self.steady.note_given(&parsed(text));
                self.of(
                    connection_id,
                    |name| json!({ "send": name, "message": message }),
                );
            }
            Wire::ReceivedBinary {
                connection_id,
                bytes,
            } => {
                self.input(after);
                let bytes = base64::engine::general_purpose::STANDARD.encode(bytes);
                self.of(
                    connection_id,
                    |name| json!({ "send": name, "binary": bytes }),
                );
            }
            Wire::Request {
                number,
                method,
                target,
                headers,
            } => {
                self.input(after);
                let asked = Asked {
                    method,
                    target,
                    headers,
                };
                self.request(&asked, *number, after);
            }
            // It is told of with its request.
            Wire::Answer { .. } => {}
            Wire::Throttled { .. } => self.throttled = true,
            Wire::Sent {
                connection_id,
                text,
            } => self.sent(connection_id, text, after),
            Wire::Closed {
                connection_id,
                code,
                reason,
                by,
            } => {
                self.input(after);
                self.closed(connection_id, *code, reason, *by, after);
            }
            Wire::Done { request, answer } => self.done(request, answer, after),
        }
    }

    /// A replay must not be so fast that the app's `connected` handler still runs when the next
    /// message comes; where a welcome is expected first, it is not.
    fn wait_for_connected(&mut self, heard: &Heard) {
        let is_said = matches!(
            heard.wire,
            Wire::Received { .. } | Wire::ReceivedBinary { .. } | Wire::Request { .. }
        );
        let last = self.steps.last();
        let is_fresh = last.is_some_and(|step| step.get("connect").is_some());
        if is_said && is_fresh && heard.after.saturating_sub(self.last) > SETTLED {
            self.steps.push(json!({ "wait": "200ms" }));
        }
    }

    /// Adds a step of a client that is known.
    fn of(&mut self, id: &ConnectionId, step: impl FnOnce(&str) -> Value) {
        let step = self.names.get(id).map(step);
        self.steps.extend(step);
    }

    /// Something came that handlers are called for.
    fn input(&mut self, after: Duration) {
        let is_recent = |then: &Duration| after.saturating_sub(*then) < BURST;
        if !self.inputs.last().is_some_and(is_recent) {
            self.inputs.clear();
        }
        self.inputs.push(after);
    }

    fn handshake(
        &mut self,
        target: &str,
        headers: &[(String, String)],
        status: u16,
        id: Option<ConnectionId>,
    ) {
        // What was no handshake cannot be made again by a client that makes only good ones.
        if !matches!(status, 101 | 403 | 429) {
            return;
        }
        let query = clients::query(target);
        let name = self.names.new_name(&query);
        let fields = clients::handshake(target, headers);
        let mut step = Map::from_iter([("connect".to_owned(), Value::from(name.as_str()))]);
        for (field, value) in fields {
            self.steady.note_given(&value);
            let value = self.steady.said(&value);
            step.insert(field, value);
        }
        for (header, _) in clients::own_headers(headers) {
            self.warn_of_secret(header);
        }
        match id {
            Some(id) => {
                self.steady
                    .name(id.as_str(), format!("{name}.connectionId"));
                self.names.insert(id, name);
            }
            None => {
                self.throttled |= status == 429;
                step.insert("expectStatus".to_owned(), status.into());
            }
        }
        self.steps.push(step.into());
    }

    pub(super) fn warn_of_secret(&mut self, header: &str) {
        if clients::is_secret(header) {
            self.warnings.insert(format!(
                "it holds the header `{header}`, which may be secret"
            ));
        }
    }

    pub(super) fn push(&mut self, step: Value) {
        self.steps.push(step);
    }

    fn sent(&mut self, id: &ConnectionId, text: &str, after: Duration) {
        let message = self.steady.expected(&parsed(text));
        let waited = after.saturating_sub(self.last);
        let unordered = self.inputs.len() > 1;
        self.of(id, |name| {
            let mut step = Map::from_iter([("expect".to_owned(), Value::from(name))]);
            step.insert("message".to_owned(), message);
            if unordered {
                step.insert("unordered".to_owned(), true.into());
            }
            if waited > SLOW {
                step.insert("within".to_owned(), patience(waited).into());
            }
            step.into()
        });
    }

    fn closed(&mut self, id: &ConnectionId, code: u16, reason: &str, by: Closer, after: Duration) {
        match by {
            Closer::Nobody => self.of(id, |name| json!({ "drop": name })),
            Closer::Client if code == 1005 => self.of(id, |name| json!({ "close": name })),
            Closer::Client => self.of(id, |name| {
                let mut step = json!({ "close": name, "code": code });
                if !reason.is_empty() {
                    step["reason"] = reason.into();
                }
                step
            }),
            Closer::Server => {
                if code == CloseReason::TOO_BIG.code {
                    self.warnings.insert(
                        "a message that was too large is not in it, so nothing closes that client"
                            .to_owned(),
                    );
                }
                let just_advanced = self.advanced.is_some_and(|then| after - then < BURST);
                if code == CloseReason::GOING_AWAY.code && !just_advanced {
                    // It was idle for as long as it may be; nobody wants to wait for that again.
                    let ms = self.setting.idle_timeout.as_millis() + 1000;
                    self.steps.push(json!({ "advance": format!("{ms}ms") }));
                    self.advanced = Some(after);
                }
                let reason = self.steady.expected(&reason.into());
                self.of(
                    id,
                    |name| json!({ "expectClosed": name, "code": code, "reason": reason }),
                );
            }
        }
    }
}

/// How long a replay waits for what took so long.
pub(super) fn patience(took: Duration) -> String {
    format!("{}s", took.as_secs() * 3 + 3)
}

/// A path as seen from a folder; both absolute.
pub fn relative(from: &Path, to: &Path) -> String {
    let (mut a, mut b) = (from.components().peekable(), to.components().peekable());
    while a.peek().is_some() && a.peek() == b.peek() {
        a.next();
        b.next();
    }
    let up = a.map(|_| std::path::Component::ParentDir);
    let path: PathBuf = up.chain(b).collect();
    match path.as_os_str().is_empty() {
        true => ".".to_owned(),
        false => path.display().to_string(),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
