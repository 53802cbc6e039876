//! From what crossed the wire to the steps of a fixture.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::clients::{self, Names};
use crate::domain::{CloseReason, ConnectionId};
use crate::event::{Closer, Wire};
use crate::ops::{ClockChange, DataRequest, Request};
use crate::script::volatile::{Steady, scalars, strangers};

/// Inputs that follow each other faster than this are handled side by side: what comes of them may
/// come in another order the next time.
const BURST: Duration = Duration::from_millis(50);

/// An answer that took longer than this gets more time than a fixture gives by itself.
const SLOW: Duration = Duration::from_millis(700);

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
        inputs: Vec::new(),
        last: Duration::ZERO,
        advanced: None,
        throttled: false,
    };
    wanted(heard)
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

/// The values to capture: those that the app made up, and that come up again.
fn wanted(heard: &[Heard]) -> Vec<String> {
    let mut first: BTreeMap<String, bool> = BTreeMap::new();
    let mut given = BTreeSet::new();
    let mut wanted = Vec::new();
    for heard in heard {
        match &heard.wire {
            Wire::Sent { text, .. } => {
                for (value, is_id) in strangers(&parsed(text), heard.wall_ms) {
                    match first.get(&value) {
                        Some(true) => wanted.push(value),
                        Some(false) => {}
                        None if !given.contains(&value) => {
                            first.insert(value, is_id);
                        }
                        None => {}
                    }
                }
            }
            Wire::Received { text, .. } => {
                wanted.extend(first.keys().filter(|value| text.contains(*value)).cloned());
                scalars(&parsed(text), &mut |scalar| {
                    given.insert(scalar.to_owned());
                });
            }
            _ => {}
        }
    }
    wanted
}

/// A message as JSON if it is an object or array, else as text.
fn parsed(text: &str) -> Value {
    let value: Option<Value> = serde_json::from_str(text).ok();
    let nested = value.filter(|value| value.is_object() || value.is_array());
    nested.unwrap_or_else(|| text.into())
}

struct Composer<'a> {
    setting: &'a Setting,
    names: Names,
    steady: Steady,
    steps: Vec<Value>,
    warnings: BTreeSet<String>,
    /// When the last inputs came that may still be being handled.
    inputs: Vec<Duration>,
    last: Duration,
    /// When the clock was last moved.
    advanced: Option<Duration>,
    throttled: bool,
}

impl Composer<'_> {
    fn step(&mut self, heard: &Heard) {
        let after = heard.after;
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
        let (fields, secret) = clients::handshake(target, headers);
        let mut step = Map::from_iter([("connect".to_owned(), Value::from(name.as_str()))]);
        for (field, value) in fields {
            self.steady.note_given(&value);
            let value = self.steady.said(&value);
            step.insert(field, value);
        }
        for header in secret {
            self.warnings.insert(format!(
                "it holds the header `{header}`, which may be secret"
            ));
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
                let seconds = waited.as_secs() * 3 + 3;
                step.insert("within".to_owned(), format!("{seconds}s").into());
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

    /// Something that was done at a terminal.
    fn done(&mut self, request: &Value, answer: &Value, after: Duration) {
        let Ok(request) = serde_json::from_value::<Request>(request.clone()) else {
            return;
        };
        let names = |field: &str, composer: &Self| -> Vec<String> {
            let ids = answer
                .get(field)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let names = ids.filter_map(|id| composer.names.by_text(id.as_str()?));
            names.map(str::to_owned).collect()
        };
        let step = match request {
            Request::Pause => json!({ "pause": true }),
            Request::Resume => json!({ "resume": true }),
            Request::Reload => json!({ "reload": true }),
            Request::Clock(ClockChange::Advance(ms)) => {
                self.advanced = Some(after);
                json!({ "advance": format!("{ms}ms") })
            }
            Request::Send { data, .. } => match names("sent", self) {
                names if names.is_empty() => return,
                names => {
                    let message = self.steady.said(&parsed(&data));
                    self.steady.note_given(&parsed(&data));
                    json!({ "send": one_or_all(names), "by": "server", "message": message })
                }
            },
            Request::Close { .. } => match names("closed", self) {
                names if names.is_empty() => return,
                names => json!({ "close": one_or_all(names), "by": "server" }),
            },
            Request::Data(request) => match self.data(request) {
                Some(step) => step,
                None => return,
            },
            _ => return,
        };
        self.steps.push(step);
    }

    fn data(&mut self, request: DataRequest) -> Option<Value> {
        match request {
            DataRequest::Import {
                file,
                overwrite,
                dry_run: false,
            } => {
                let file = relative(&self.setting.dir, &file);
                let mut step = json!({ "import": file });
                if overwrite {
                    step["overwrite"] = true.into();
                }
                Some(step)
            }
            DataRequest::Set {
                key,
                value,
                overwrite,
                ttl,
            } => {
                self.steady.note_given(&value);
                let mut step = json!({ "data": self.steady.said(&key.into()), "value": self.steady.said(&value) });
                if overwrite {
                    step["overwrite"] = true.into();
                }
                if let Some(ttl) = ttl {
                    step["ttl"] = format!("{ttl}s").into();
                }
                Some(step)
            }
            DataRequest::Rm { key } => {
                Some(json!({ "data": self.steady.said(&key.into()), "remove": true }))
            }
            _ => None,
        }
    }
}

fn one_or_all(mut names: Vec<String>) -> Value {
    match names.len() {
        1 => names.remove(0).into(),
        _ => names.into(),
    }
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
