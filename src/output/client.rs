//! What a client on the terminal sees of its connection.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Output;
use super::escape::visible;
use super::json::Line;
use super::paint::Paint;
use super::payload::paint_payload;
use super::style::Verbosity;
use crate::error::Failure;

/// Most bytes of a binary message that a line shows, unless `-v` asks for all.
const SHOWN_BYTES: usize = 64;

/// Something that happened to a client's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// The handshake succeeded.
    Open {
        /// Where it is connected to.
        url: String,
        /// Its id in the sandbox, if the server is one of ours.
        connection_id: Option<String>,
        /// The subprotocol that the server chose.
        subprotocol: Option<String>,
    },
    /// A text message came.
    Text(String),
    /// A binary message came.
    Binary(Vec<u8>),
    /// The answer to a ping came, after this time.
    Pong(Duration),
    /// The connection has ended.
    Closed {
        /// The close code; 1005 if the close frame had none, 1006 if none came.
        code: u16,
        /// The close reason.
        reason: String,
        /// Whether the server began it.
        by_server: bool,
        /// What may be behind it.
        hint: Option<String>,
    },
}

/// Prints what happens to a client's connection.
pub struct ClientEvents {
    out: Output,
    /// Whether somebody types at the same terminal: then everything is said where the lines are,
    /// else standard output holds the messages and nothing but them.
    is_interactive: bool,
}

impl ClientEvents {
    /// Prints on `out`.
    pub fn new(out: Output, is_interactive: bool) -> Self {
        Self {
            out,
            is_interactive,
        }
    }

    /// Whether nobody reads standard output any more.
    pub fn is_closed(&self) -> bool {
        self.out.is_closed()
    }

    /// Prints an event. With `--json` it is a line like those of `dev --json`.
    pub fn show(&self, at_ms: i64, event: &ClientEvent) -> Result<(), Failure> {
        if self.out.is_json() {
            let mut line = Vec::new();
            push_json(&mut line, at_ms, event);
            return self.out.write(&line);
        }
        let paint = self.out.paint();
        match event {
            ClientEvent::Open {
                url,
                connection_id,
                subprotocol,
            } => self.opened(url, connection_id.as_deref(), subprotocol.as_deref()),
            ClientEvent::Text(text) => self.message(&paint_payload(paint, text)),
            ClientEvent::Binary(bytes) => {
                let most = match self.out.style().verbosity {
                    Verbosity::Verbose => bytes.len(),
                    _ => SHOWN_BYTES,
                };
                self.message(&hex(paint, bytes, most))
            }
            ClientEvent::Pong(after) => {
                let ms = after.as_secs_f64() * 1e3;
                self.notice(&paint.dim(&format!("pong after {ms:.1} ms")).to_string())
            }
            ClientEvent::Closed {
                code,
                reason,
                by_server,
                hint,
            } => self.closed(*code, reason, *by_server, hint.as_deref()),
        }
    }

    fn message(&self, text: &str) -> Result<(), Failure> {
        if !self.is_interactive {
            return self.out.text(&format!("{text}\n"));
        }
        let arrow = self.out.paint().good("←");
        self.out.text(&format!("{arrow} {text}\n"))
    }

    fn opened(
        &self,
        url: &str,
        id: Option<&str>,
        subprotocol: Option<&str>,
    ) -> Result<(), Failure> {
        let verbosity = self.out.style().verbosity;
        let is_wanted = match self.is_interactive {
            true => verbosity != Verbosity::Quiet,
            false => verbosity == Verbosity::Verbose,
        };
        if !is_wanted {
            return Ok(());
        }
        let paint = self.notice_paint();
        let mut text = format!("{} to {}", paint.good("connected"), visible(url));
        if let Some(id) = id {
            text.push_str(&format!(" as {}", paint.literal(&visible(id))));
        }
        if let Some(name) = subprotocol {
            text.push_str(&format!(", subprotocol {}", visible(name)));
        }
        self.notice(&text)?;
        match self.is_interactive {
            true => self.notice(&paint.dim(WELCOME).to_string()),
            false => Ok(()),
        }
    }

    fn closed(
        &self,
        code: u16,
        reason: &str,
        by_server: bool,
        hint: Option<&str>,
    ) -> Result<(), Failure> {
        let verbosity = self.out.style().verbosity;
        // 1002 and 1007 say what the other side did wrong.
        let is_expected = !by_server && hint.is_none() && !matches!(code, 1002 | 1007);
        if is_expected && !self.is_interactive && verbosity != Verbosity::Verbose {
            return Ok(());
        }
        let paint = self.notice_paint();
        let what = match (code, by_server) {
            (1006, _) => "connection lost",
            (_, true) => "closed by the server",
            (_, false) => "closed",
        };
        let what = match code {
            1000 | 1005 => paint.dim(what),
            _ => paint.warn(what),
        };
        let code = match code {
            1005 => ", without a code".to_owned(),
            1006 => String::new(),
            code => format!(": {code}"),
        };
        let separator = match (code.is_empty(), reason.is_empty()) {
            (_, true) => "",
            (true, false) => ": ",
            (false, false) => " ",
        };
        self.notice(&format!("{what}{code}{separator}{}", visible(reason)))?;
        let Some(hint) = hint else { return Ok(()) };
        let word = paint.strong("hint:");
        self.notice(&format!("{word} {}", visible(hint)))
    }

    fn notice_paint(&self) -> Paint {
        match self.is_interactive {
            true => self.out.paint(),
            false => self.out.err_paint(),
        }
    }

    /// Something that is not a message.
    fn notice(&self, text: &str) -> Result<(), Failure> {
        let line = format!("{text}\n");
        if self.is_interactive {
            return self.out.text(&line);
        }
        self.out.error_text(&line);
        Ok(())
    }
}

/// The first line for somebody who types.
const WELCOME: &str = "type a message and press Enter; /help lists the commands, Ctrl-D leaves";

fn push_json(out: &mut Vec<u8>, at_ms: i64, event: &ClientEvent) {
    let name = match event {
        ClientEvent::Open { .. } => "open",
        ClientEvent::Text(_) | ClientEvent::Binary(_) => "message",
        ClientEvent::Pong(_) => "pong",
        ClientEvent::Closed { .. } => "closed",
    };
    let mut line = Line::open(out, name);
    line.time(at_ms);
    match event {
        ClientEvent::Open {
            url,
            connection_id,
            subprotocol,
        } => {
            line.string("url", url);
            line.optional("connectionId", connection_id.as_deref());
            line.optional("subprotocol", subprotocol.as_deref());
        }
        ClientEvent::Text(text) => {
            line.string("data", text);
            line.number("bytes", text.len() as u64);
        }
        ClientEvent::Binary(bytes) => {
            line.string("data", &STANDARD.encode(bytes));
            line.number("bytes", bytes.len() as u64);
            line.value("binary", &true);
        }
        ClientEvent::Pong(after) => {
            line.number("ms", u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        }
        ClientEvent::Closed {
            code,
            reason,
            by_server,
            hint,
        } => {
            line.number("code", u64::from(*code));
            line.string("reason", reason);
            line.string("by", if *by_server { "server" } else { "client" });
            line.optional("hint", hint.as_deref());
        }
    }
    line.close();
}

/// The bytes in hexadecimal, at most so many.
fn hex(paint: Paint, bytes: &[u8], most: usize) -> String {
    let size = match bytes.len() {
        1 => "(binary, 1 byte)".to_owned(),
        n => format!("(binary, {n} bytes)"),
    };
    let mut text = paint.dim(&size).to_string();
    for byte in bytes.iter().take(most) {
        text.push_str(&format!(" {byte:02x}"));
    }
    if bytes.len() > most {
        text.push_str(" …");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::output::Style;
    use crate::output::testing::Buffer;

    /// What the events print on standard output and standard error.
    fn shown(style: Style, is_interactive: bool, events: &[ClientEvent]) -> (String, String) {
        let (out, err) = (Buffer::default(), Buffer::default());
        let output = Output::to(style, out.clone(), err.clone());
        let shown = ClientEvents::new(output, is_interactive);
        for event in events {
            shown.show(0, event).unwrap();
        }
        (out.text(), err.text())
    }

    fn exchange() -> Vec<ClientEvent> {
        vec![
            ClientEvent::Open {
                url: "ws://127.0.0.1:1".into(),
                connection_id: Some("Kx3fT9aBAAAAAAA=".into()),
                subprotocol: Some("chat".into()),
            },
            ClientEvent::Text("{ \"a\": 1 }".into()),
            ClientEvent::Text("\x1b[2Jtwo\nlines".into()),
            ClientEvent::Binary(vec![0, 255]),
            ClientEvent::Closed {
                code: 1009,
                reason: "too \x07 big".into(),
                by_server: true,
                hint: Some("less".into()),
            },
        ]
    }

    #[test]
    fn who_types_sees_everything_and_no_control_characters() {
        let (out, err) = shown(Style::default(), true, &exchange());
        assert_eq!(
            out,
            format!(
                "connected to ws://127.0.0.1:1 as Kx3fT9aBAAAAAAA=, subprotocol chat\n{WELCOME}\n\
                 ← {{\"a\":1}}\n← \\x1b[2Jtwo\\nlines\n← (binary, 2 bytes) 00 ff\n\
                 closed by the server: 1009 too \\x07 big\nhint: less\n"
            )
        );
        assert_eq!(err, "");
    }

    #[test]
    fn a_pipe_gets_the_messages_alone() {
        let (out, err) = shown(Style::default(), false, &exchange());
        assert_eq!(
            out,
            "{\"a\":1}\n\\x1b[2Jtwo\\nlines\n(binary, 2 bytes) 00 ff\n"
        );
        assert_eq!(
            err,
            "closed by the server: 1009 too \\x07 big\nhint: less\n"
        );
    }

    #[test]
    fn an_expected_end_is_not_worth_a_word_in_a_pipe() {
        let end = |code, by_server| ClientEvent::Closed {
            code,
            reason: String::new(),
            by_server,
            hint: None,
        };
        let said = |event| shown(Style::default(), false, &[event]).1;
        assert_eq!(said(end(1000, false)), "");
        assert_eq!(said(end(1000, true)), "closed by the server: 1000\n");
        assert_eq!(
            said(end(1005, true)),
            "closed by the server, without a code\n"
        );
        assert_eq!(said(end(1006, true)), "connection lost\n");
    }

    #[test]
    fn json_lines_look_like_those_of_the_sandbox() {
        let style = Style {
            json: true,
            ..Style::default()
        };
        let (out, err) = shown(style, false, &exchange());
        let lines: Vec<Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let at = "1970-01-01T00:00:00.000Z";
        assert_eq!(
            lines,
            [
                json!({"event": "open", "at": at, "url": "ws://127.0.0.1:1",
                       "connectionId": "Kx3fT9aBAAAAAAA=", "subprotocol": "chat"}),
                json!({"event": "message", "at": at, "data": "{ \"a\": 1 }", "bytes": 10}),
                json!({"event": "message", "at": at, "data": "\u{1b}[2Jtwo\nlines", "bytes": 13}),
                json!({"event": "message", "at": at, "data": "AP8=", "bytes": 2, "binary": true}),
                json!({"event": "closed", "at": at, "code": 1009, "reason": "too \u{7} big",
                       "by": "server", "hint": "less"}),
            ]
        );
        assert_eq!(err, "");
    }

    #[test]
    fn long_binary_messages_are_cut() {
        let (out, _) = shown(Style::default(), false, &[ClientEvent::Binary(vec![7; 65])]);
        assert!(out.starts_with("(binary, 65 bytes) 07 "), "{out}");
        assert!(out.ends_with(" 07 …\n"), "{out}");
        assert_eq!(out.matches("07").count(), SHOWN_BYTES);
    }
}
