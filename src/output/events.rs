//! Events as lines for people.

use std::fmt::{Display, Write};

use super::escape::{visible, visible_line};
use super::paint::Paint;
use super::payload::{paint_payload, shorten};
use super::style::{Style, Verbosity};
use super::time::{LocalTime, span};
use super::{answers, json, overview};
use crate::domain::ConnectionId;
use crate::event::{Event, Fact, JsError, Level, Payload};

/// Most characters of a payload that a line shows, unless `-v` asks for all: about three rows of
/// a terminal.
const SHOWN: usize = 200;

/// Width of the column that names the connection or the part of the sandbox.
const WHO: usize = 8;

/// Renders events for people; keeps its buffer.
pub(super) struct HumanEvents {
    paint: Paint,
    verbosity: Verbosity,
    time: LocalTime,
    line: String,
}

impl HumanEvents {
    pub(super) fn new(style: Style, time: LocalTime) -> Self {
        Self {
            paint: style.paint(),
            verbosity: style.verbosity,
            time,
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
            Fact::Ready { .. } => overview::push_banner(&mut self.line, self.paint, &event.fact),
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
                source,
            } => self.log(at, *level, text, source),
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

    fn log(&mut self, at: i64, level: Level, text: &str, source: &str) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        for (i, part) in text.split('\n').enumerate() {
            let name = match (i, level) {
                (0, Level::Warn) => "warning: ",
                (0, Level::Error) => "error: ",
                _ => "",
            };
            if i == 0 {
                self.start(at, source);
            } else {
                self.indent();
            }
            let part = visible_line(part.strip_suffix('\r').unwrap_or(part));
            let part = match level {
                Level::Debug => self.paint.dim(&part).to_string(),
                Level::Info => part.into_owned(),
                Level::Warn => self.paint.warn(&format!("{name}{part}")).to_string(),
                Level::Error => self.paint.bad(&format!("{name}{part}")).to_string(),
            };
            self.end(format_args!("{part}"));
        }
    }

    fn reloaded(&mut self, at: i64, cause: &str, took_ms: u64) {
        self.start(at, "reload");
        let word = self.paint.good("done");
        let (cause, took) = (visible(cause), span(took_ms));
        self.end(format_args!("{word} in {took} ({cause})"));
    }

    fn reload_failed(&mut self, at: i64, cause: &str, kept: bool, error: &JsError) {
        self.start(at, "reload");
        let word = self.paint.bad("failed");
        let what_now = match kept {
            true => "the code that ran before keeps running",
            false => "events wait for the next save that loads",
        };
        self.end(format_args!("{word} ({}); {what_now}", visible(cause)));
        self.indent();
        self.error(error);
    }

    fn error_in(&mut self, handler: &str, request_id: Option<&str>, error: &JsError) {
        let place = match handler {
            "load" => "error while loading the app".to_owned(),
            // What is no handler of the app's is named in words.
            words if words.contains(' ') && !words.starts_with("http ") => words.to_owned(),
            handler => format!("error in the `{}` handler", visible(handler)),
        };
        let place = self.paint.bad(&place).to_string();
        self.put(format_args!("{place}: "));
        self.error(error);
        if let (Verbosity::Verbose, Some(id)) = (self.verbosity, request_id) {
            let id = self
                .paint
                .dim(&format!("request id: {}", visible(id)))
                .to_string();
            self.indented(&id);
        }
    }

    /// The rest of a line that names the error, and lines with code, stack and hint.
    fn error(&mut self, error: &JsError) {
        let mut message = error.message.lines();
        let first = visible_line(message.next().unwrap_or_default());
        let separator = if first.is_empty() { "" } else { ": " };
        self.end(format_args!("{}{separator}{first}", visible(&error.name)));
        for more in message {
            self.indented(&visible_line(more));
        }
        for line in error.code_frame.iter().flat_map(|frame| frame.lines()) {
            self.indented(&visible_line(line));
        }
        let frames: Vec<&str> = stack_frames(error.stack.as_deref().unwrap_or_default());
        for frame in &frames {
            let frame = self.paint.dim(&visible_line(frame)).to_string();
            self.indented(&frame);
        }
        if let (true, Some(file)) = (frames.is_empty(), &error.file) {
            let (line, column) = (error.line.unwrap_or(1), error.column.unwrap_or(1));
            let place = format!("at {}:{line}:{column}", visible(file));
            let place = self.paint.dim(&place).to_string();
            self.indented(&place);
        }
        if let Some(hint) = &error.hint {
            self.hint(hint);
        }
        for inner in error
            .cause
            .iter()
            .map(|cause| &**cause)
            .chain(&error.errors)
        {
            self.indent();
            let word = self.paint.bad("caused by").to_string();
            self.put(format_args!("{word} "));
            // The first code frame says where to look; more of them hide it.
            self.error(&JsError {
                code_frame: None,
                ..inner.clone()
            });
        }
    }

    fn hint(&mut self, hint: &str) {
        let word = self.paint.strong("hint:").to_string();
        self.indented(&format!("{word} {}", visible_line(hint)));
    }

    fn indented(&mut self, text: &str) {
        self.indent();
        self.end(format_args!("{text}"));
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
        self.put(format_args!("{:1$}", "", "00:00:00.000 ".len() + WHO + 1));
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

/// The frames of a JS stack, without the message that stands above them.
fn stack_frames(stack: &str) -> Vec<&str> {
    let frames = stack.lines().map(str::trim);
    frames.filter(|line| line.starts_with("at ")).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(style: Style, facts: Vec<Fact>) -> String {
        let mut human = HumanEvents::new(style, LocalTime::utc());
        let mut out = Vec::new();
        for fact in facts {
            human.push(&mut out, &Event { at_ms: 1234, fact });
        }
        String::from_utf8(out).unwrap()
    }

    fn id() -> ConnectionId {
        "Kx3fT9aBAAAAAAA=".parse().unwrap()
    }

    fn exchange() -> Vec<Fact> {
        vec![
            Fact::Connected {
                connection_id: id(),
                query: vec![("name".into(), "a\x1bna".into())],
                remote_address: "127.0.0.1:50000".into(),
            },
            Fact::Message {
                connection_id: id(),
                data: Payload::of("{ \"lat\": 59.30 }"),
            },
            Fact::Sent {
                connection_id: id(),
                data: Payload::of("hi\n"),
            },
            Fact::Disconnected {
                connection_id: id(),
                code: 1000,
                reason: "bye".into(),
            },
        ]
    }

    #[test]
    fn a_conversation_reads_line_by_line() {
        assert_eq!(
            rendered(Style::default(), exchange()),
            "00:00:01.234 Kx3fT9aB connected from 127.0.0.1:50000 name=a\\x1bna\n\
             00:00:01.234 Kx3fT9aB ← {\"lat\":59.30}\n\
             00:00:01.234 Kx3fT9aB → hi\\n\n\
             00:00:01.234 Kx3fT9aB disconnected 1000 bye\n"
        );
    }

    #[test]
    fn quiet_hides_messages_and_verbose_shows_whole_ids_and_sizes() {
        let with = |verbosity| Style {
            verbosity,
            ..Style::default()
        };
        let quiet = rendered(with(Verbosity::Quiet), exchange());
        assert_eq!(quiet.lines().count(), 2);
        let verbose = rendered(with(Verbosity::Verbose), exchange());
        assert!(
            verbose.contains("Kx3fT9aBAAAAAAA= → hi\\n (3 bytes)\n"),
            "{verbose}"
        );
    }

    #[test]
    fn an_error_shows_its_code_stack_and_hint() {
        let error = JsError {
            name: "TypeError".into(),
            message: "x is not a function\nreally".into(),
            stack: Some("TypeError: x is not a function\nreally\n    at f (src/a.ts:3:5)".into()),
            code_frame: Some("  2 | y\n> 3 | x()".into()),
            hint: Some("call y".into()),
            ..JsError::default()
        };
        let shown = rendered(
            Style::default(),
            vec![Fact::HandlerError {
                handler: "message".into(),
                connection_id: Some(id()),
                request_id: None,
                error,
            }],
        );
        let pad = " ".repeat(22);
        assert_eq!(
            shown,
            format!(
                "00:00:01.234 Kx3fT9aB error in the `message` handler: TypeError: x is not a function\n\
                 {pad}really\n{pad}  2 | y\n{pad}> 3 | x()\n{pad}at f (src/a.ts:3:5)\n\
                 {pad}hint: call y\n"
            )
        );
    }

    #[test]
    fn a_log_line_of_several_lines_is_indented_and_escaped() {
        let shown = rendered(
            Style::default(),
            vec![Fact::Log {
                level: Level::Info,
                text: "{\n\ta: 1\x1b[31m\n}".into(),
                source: "app",
            }],
        );
        let pad = " ".repeat(22);
        assert_eq!(
            shown,
            format!("00:00:01.234 app      {{\n{pad}\ta: 1\\x1b[31m\n{pad}}}\n")
        );
    }

    #[test]
    fn a_long_payload_is_shortened_and_says_its_size() {
        let shown = rendered(
            Style::default(),
            vec![Fact::Message {
                connection_id: id(),
                data: Payload::of(&"é".repeat(10_000)),
            }],
        );
        assert!(shown.ends_with("é… (20000 bytes)\n"), "{shown}");
        assert!(shown.chars().count() < 600);
    }
}
