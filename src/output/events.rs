//! Events as lines for people.

mod app_line;
mod problem;
#[cfg(test)]
mod tests;

use std::fmt::{Display, Write};

use super::escape::visible;
use super::paint::Paint;
use super::payload::{paint_payload, shorten};
use super::style::{Style, Verbosity};
use super::time::{LocalTime, span};
use super::{answers, json, overview};
use crate::domain::ConnectionId;
use crate::event::{Event, Fact, Level, Payload};

/// Most characters of a payload that a line shows, unless `-v` asks for all: about three rows of
/// a terminal.
const SHOWN: usize = 200;

/// Width of the column that names the connection or the part of the sandbox.
const WHO: usize = 8;

/// A terminal with fewer columns has none to spare.
const NARROW: usize = 80;

/// How far lines stand in there.
const NARROW_INDENT: usize = 4;

/// Renders events for people; keeps its buffer.
pub(super) struct HumanEvents {
    paint: Paint,
    verbosity: Verbosity,
    time: LocalTime,
    columns: Option<usize>,
    line: String,
}

impl HumanEvents {
    pub(super) fn new(style: Style, time: LocalTime) -> Self {
        Self {
            paint: style.paint(),
            verbosity: style.verbosity,
            time,
            columns: style.columns.map(usize::from),
            line: String::new(),
        }
    }

    /// Appends the event's lines, if it is to be shown at all.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, event: &Event) {
        if !self.shows(&event.fact) {
            return;
        }
        self.line.clear();
        self.fact(event);
        out.extend_from_slice(self.line.as_bytes());
    }

    fn shows(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Message { .. } | Fact::Sent { .. } => self.verbosity != Verbosity::Quiet,
            Fact::Log {
                level: Level::Debug,
                source: "sandbox",
                ..
            } => self.verbosity == Verbosity::Verbose,
            _ => true,
        }
    }

    fn fact(&mut self, event: &Event) {
        let at = event.at_ms;
        match &event.fact {
            Fact::Ready(ready) => overview::push_banner(&mut self.line, self.paint, ready),
            Fact::Message {
                connection_id,
                data,
            } => self.payload(at, connection_id, "←", data),
            Fact::Sent {
                connection_id,
                data,
            } => self.payload(at, connection_id, "→", data),
            Fact::Connected {
                connection_id,
                query,
                remote_address,
            } => self.connected(at, connection_id, query, remote_address),
            Fact::Disconnected {
                connection_id,
                code,
                reason,
            } => {
                self.start_connection(at, connection_id);
                let word = self.paint.dim("disconnected");
                self.end(format_args!("{word} {code} {}", visible(reason)));
            }
            Fact::Log {
                level,
                text,
                partial,
                source,
            } => self.log(at, *level, text, *partial, source),
            other => self.rarer(at, other),
        }
    }

    fn rarer(&mut self, at: i64, fact: &Fact) {
        match fact {
            Fact::Throttled {
                connection_id,
                hint,
            } => {
                let what = match connection_id {
                    Some(id) => {
                        self.start_connection(at, id);
                        "throttled: a message got the frame `Too Many Requests`"
                    }
                    None => {
                        self.start(at, "gateway");
                        "throttled: a connection attempt got 429"
                    }
                };
                let what = self.paint.warn(what);
                self.end(format_args!("{what}"));
                self.hint(hint);
            }
            Fact::Rejected {
                status,
                reason,
                hint,
            } => {
                self.start(at, "gateway");
                let what = format!("refused with {status}: {}", visible(reason));
                let what = self.paint.warn(&what);
                self.end(format_args!("{what}"));
                if let Some(hint) = hint {
                    self.hint(hint);
                }
            }
            Fact::HandlerError {
                handler,
                connection_id,
                request_id,
                error,
            } => {
                match connection_id {
                    Some(id) => self.start_connection(at, id),
                    None => self.start(at, "app"),
                }
                self.error_in(handler, request_id.as_deref(), error);
            }
            Fact::Reload {
                cause,
                took_ms,
                error: None,
                ..
            } => self.reloaded(at, cause, *took_ms),
            Fact::Reload {
                cause,
                kept,
                error: Some(error),
                ..
            } => self.reload_failed(at, cause, *kept, error),
            Fact::Import {
                file,
                items,
                overwrite,
                orphaned,
            } => {
                self.start(at, "import");
                let line = answers::import_line(*items, file, *overwrite);
                self.end(format_args!("{line}"));
                answers::push_orphans(&mut self.line, self.paint, orphaned);
            }
            Fact::Stopping { cause } => {
                self.start(at, "sandbox");
                self.end(format_args!("stopping: {}", visible(cause)));
            }
            _ => {}
        }
    }

    fn payload(&mut self, at: i64, id: &ConnectionId, arrow: &str, data: &Payload) {
        self.start_connection(at, id);
        let arrow = self.paint.connection(id, arrow);
        let verbose = self.verbosity == Verbosity::Verbose;
        let (text, shortened) = match verbose {
            true => (&*data.text, false),
            false => shorten(&data.text, SHOWN),
        };
        let text = paint_payload(self.paint, text);
        self.put(format_args!("{arrow} {text}"));
        if shortened || data.is_cut() {
            let more = self
                .paint
                .dim(&format!("… ({} bytes)", data.bytes))
                .to_string();
            self.put(format_args!("{more}"));
        } else if verbose {
            let size = self
                .paint
                .dim(&format!(" ({} bytes)", data.bytes))
                .to_string();
            self.put(format_args!("{size}"));
        }
        self.line.push('\n');
    }

    fn connected(
        &mut self,
        at: i64,
        id: &ConnectionId,
        query: &[(String, String)],
        remote_address: &str,
    ) {
        self.start_connection(at, id);
        let word = self.paint.good("connected");
        self.put(format_args!("{word} from {}", visible(remote_address)));
        for (key, value) in query {
            self.put(format_args!(" {}={}", visible(key), visible(value)));
        }
        self.line.push('\n');
    }

    fn reloaded(&mut self, at: i64, cause: &str, took_ms: u64) {
        self.start(at, "reload");
        let word = self.paint.good("done");
        let (cause, took) = (visible(cause), span(took_ms));
        self.end(format_args!("{word} in {took} ({cause})"));
    }

    /// Begins a line with its time and a name.
    fn start(&mut self, at: i64, who: &str) {
        let time = self.paint.dim(&self.time.clock(at));
        let who = self
            .paint
            .dim(&format!("{:WHO$}", visible(who)))
            .to_string();
        self.put(format_args!("{time} {who} "));
    }

    /// Begins a line with its time and a connection.
    fn start_connection(&mut self, at: i64, id: &ConnectionId) {
        let time = self.paint.dim(&self.time.clock(at)).to_string();
        let whole = self.verbosity == Verbosity::Verbose;
        let shown = if whole { id.as_str() } else { short(id) };
        let shown = self.paint.connection(id, shown);
        self.put(format_args!("{time} {shown} "));
    }

    fn indent(&mut self) {
        self.put(format_args!("{:1$}", "", self.indentation()));
    }

    /// How far lines that belong to the one above stand in.
    fn indentation(&self) -> usize {
        match self.columns {
            Some(..NARROW) => NARROW_INDENT,
            _ => "00:00:00.000 ".len() + WHO + 1,
        }
    }

    fn put(&mut self, text: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.line, "{text}");
    }

    fn end(&mut self, text: impl Display) {
        self.put(text);
        self.line.push('\n');
    }
}

/// Enough of an id to tell connections apart, and to select one with.
pub(super) fn short(id: &ConnectionId) -> &str {
    &id.as_str()[..WHO]
}

/// A line that tells that messages are missing.
pub(super) fn skipped_event(at_ms: i64, skipped: u64) -> Event {
    Event {
        at_ms,
        fact: Fact::Log {
            level: Level::Warn,
            text: format!(
                "{skipped} messages are not shown: they came faster than they can be printed"
            ),
            partial: false,
            source: "sandbox",
        },
    }
}

/// Renders events in the style that was asked for.
pub(super) enum AnyEvents {
    Json,
    Human(Box<HumanEvents>),
}

impl AnyEvents {
    pub(super) fn push(&mut self, out: &mut Vec<u8>, event: &Event) {
        match self {
            Self::Json => json::push_event(out, event),
            Self::Human(human) => human.push(out, event),
        }
    }
}
