//! Events and documents as JSON.
//!
//! Event lines are appended by hand to a buffer that is used again: one is made for each message
//! under load. Besides what JSON demands, DEL and the C1 controls are escaped, since a terminal
//! may show the line.

use std::io::Write;

use serde::Serialize;

use super::time::push_iso;
use crate::event::{Event, Fact, Level, Payload};

/// Appends an event as one line, with its line end.
pub fn push_event(out: &mut Vec<u8>, event: &Event) {
    let mut line = Line::open(out, name(&event.fact));
    // The `ready` line is documented without a time.
    if !matches!(event.fact, Fact::Ready(_)) {
        line.time(event.at_ms);
    }
    push_fields(&mut line, &event.fact);
    line.close();
}

/// A JSON document in one line, safe to show on a terminal.
pub fn document(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_else(|e| {
        // Only a map with keys that are not strings could fail, and no answer has one.
        format!("{{\"error\":{{\"code\":\"internal\",\"message\":\"{e}\"}}}}")
    });
    if !text.contains(is_shady) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_shady(c) {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Controls that JSON allows in a string but a terminal obeys.
fn is_shady(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}')
}

fn name(fact: &Fact) -> &'static str {
    match fact {
        Fact::Ready(_) => "ready",
        Fact::Connected { .. } => "connected",
        Fact::Message { .. } => "message",
        Fact::Sent { .. } => "sent",
        Fact::Disconnected { .. } => "disconnected",
        Fact::Throttled { .. } => "throttled",
        Fact::Rejected { .. } => "rejected",
        Fact::HandlerError { .. } => "handler-error",
        Fact::Log { .. } => "log",
        Fact::Reload { .. } => "reload",
        Fact::Import { .. } => "import",
        Fact::Stopping { .. } => "stopping",
    }
}

fn push_fields(line: &mut Line<'_>, fact: &Fact) {
    match fact {
        Fact::Message {
            connection_id,
            data,
        }
        | Fact::Sent {
            connection_id,
            data,
        } => {
            line.string("connectionId", connection_id.as_str());
            push_payload(line, data);
        }
        Fact::Connected {
            connection_id,
            query,
            remote_address,
        } => {
            line.string("connectionId", connection_id.as_str());
            push_query(line, query);
            line.string("remoteAddress", remote_address);
        }
        Fact::Disconnected {
            connection_id,
            code,
            reason,
        } => {
            line.string("connectionId", connection_id.as_str());
            line.number("code", u64::from(*code));
            line.string("reason", reason);
        }
        Fact::Log {
            level,
            text,
            partial,
            source,
        } => {
            line.string("level", level_name(*level));
            line.string("text", text);
            if *partial {
                line.value("partial", partial);
            }
            line.string("source", source);
        }
        other => push_rarer_fields(line, other),
    }
}

/// The fields of facts that do not come with every message.
fn push_rarer_fields(line: &mut Line<'_>, fact: &Fact) {
    match fact {
        Fact::Ready(ready) => {
            line.string("url", &ready.url);
            line.string("wsUrl", &ready.ws_url);
            line.number("pid", u64::from(ready.pid));
            line.string("app", &ready.app);
            line.string("env", ready.env);
            line.string("dataDir", &ready.data_dir);
        }
        Fact::Throttled {
            connection_id,
            hint,
        } => {
            line.optional("connectionId", connection_id.as_ref().map(|id| id.as_str()));
            line.string("hint", hint);
        }
        Fact::Rejected {
            status,
            reason,
            hint,
        } => {
            line.number("status", u64::from(*status));
            line.string("reason", reason);
            line.optional("hint", hint.as_deref());
        }
        Fact::HandlerError {
            handler,
            connection_id,
            request_id,
            error,
        } => {
            line.optional("connectionId", connection_id.as_ref().map(|id| id.as_str()));
            line.string("handler", handler);
            line.optional("requestId", request_id.as_deref());
            line.value("error", error);
        }
        Fact::Reload {
            cause,
            ok,
            took_ms,
            error,
            kept: _,
        } => {
            line.string("cause", cause);
            line.value("ok", ok);
            line.number("tookMs", *took_ms);
            if let Some(error) = error {
                line.value("error", error);
            }
        }
        Fact::Import {
            file,
            items,
            overwrite,
            orphaned,
        } => {
            line.string("file", file);
            line.number("items", *items);
            line.value("overwrite", overwrite);
            line.value("orphanedConnections", orphaned);
        }
        Fact::Stopping { cause } => line.string("cause", cause),
        _ => {}
    }
}

fn push_payload(line: &mut Line<'_>, data: &Payload) {
    line.string("data", &data.text);
    line.number("bytes", data.bytes as u64);
    if data.is_cut() {
        line.value("truncated", &true);
    }
}

/// A parameter given twice has its last value, as the handler sees it.
fn push_query(line: &mut Line<'_>, query: &[(String, String)]) {
    line.key("queryStringParameters");
    line.out.push(b'{');
    let mut first = true;
    for (i, (key, value)) in query.iter().enumerate() {
        if query[i + 1..].iter().any(|(later, _)| later == key) {
            continue;
        }
        if !std::mem::take(&mut first) {
            line.out.push(b',');
        }
        push_string(line.out, key);
        line.out.push(b':');
        push_string(line.out, value);
    }
    line.out.push(b'}');
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

/// One event line being written.
pub(super) struct Line<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Line<'a> {
    pub(super) fn open(out: &'a mut Vec<u8>, event: &str) -> Self {
        out.extend_from_slice(b"{\"event\":\"");
        out.extend_from_slice(event.as_bytes());
        out.push(b'"');
        Self { out }
    }

    fn key(&mut self, name: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    pub(super) fn time(&mut self, at_ms: i64) {
        self.key("at");
        self.out.push(b'"');
        push_iso(self.out, at_ms);
        self.out.push(b'"');
    }

    pub(super) fn string(&mut self, name: &str, text: &str) {
        self.key(name);
        push_string(self.out, text);
    }

    pub(super) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.string(name, text);
        }
    }

    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.key(name);
        // Writing to a Vec cannot fail.
        let _ = write!(self.out, "{number}");
    }

    pub(super) fn value(&mut self, name: &str, value: &impl Serialize) {
        self.key(name);
        self.out.extend_from_slice(document(value).as_bytes());
    }

    pub(super) fn close(self) {
        self.out.extend_from_slice(b"}\n");
    }
}

/// Appends a JSON string, copying whole stretches that need no escape.
fn push_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    out.push(b'"');
    for (i, &byte) in bytes.iter().enumerate() {
        // In UTF-8 the C1 controls are C2 80 to C2 9F, and C2 is never a continuation byte.
        let is_c1 = byte == 0xc2 && bytes.get(i + 1).is_some_and(|next| *next < 0xa0);
        if byte >= 0x20 && byte != b'"' && byte != b'\\' && byte != 0x7f && !is_c1 {
            continue;
        }
        out.extend_from_slice(&bytes[plain_from..i]);
        let (code, length) = if is_c1 { (bytes[i + 1], 2) } else { (byte, 1) };
        plain_from = i + length;
        match code {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            code => {
                let (high, low) = (usize::from(code >> 4), usize::from(code & 15));
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[high], HEX[low]]);
            }
        }
    }
    out.extend_from_slice(&bytes[plain_from..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::{ConnectionId, RateLimits};
    use crate::event::JsError;

    fn rendered(fact: Fact) -> String {
        let mut out = Vec::new();
        push_event(&mut out, &Event { at_ms: 0, fact });
        String::from_utf8(out).unwrap()
    }

    fn parsed(fact: Fact) -> Value {
        serde_json::from_str(&rendered(fact)).unwrap()
    }

    fn id() -> ConnectionId {
        "AAAAAAAAAAAAAAA=".parse().unwrap()
    }

    #[test]
    fn ready_is_the_documented_line() {
        let ready = crate::event::Ready {
            url: "http://127.0.0.1:8810".into(),
            ws_url: "ws://127.0.0.1:8810".into(),
            pid: 7,
            app: "/a b/ä".into(),
            env: "sandbox",
            data_dir: "/a b/ä/.ampt-ws".into(),
            limits: RateLimits {
                rate: 10,
                burst: 10,
                enforced: true,
            },
            handlers: vec!["message".into()],
        };
        let line = rendered(Fact::Ready(Box::new(ready)));
        assert_eq!(
            line,
            concat!(
                r#"{"event":"ready","url":"http://127.0.0.1:8810","wsUrl":"ws://127.0.0.1:8810","#,
                r#""pid":7,"app":"/a b/ä","env":"sandbox","dataDir":"/a b/ä/.ampt-ws"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_message_carries_its_text_and_size() {
        let data = Payload::of("{\"a\":\"\u{1b}é\u{85}\\\"}\n");
        let line = rendered(Fact::Message {
            connection_id: id(),
            data,
        });
        assert!(line.starts_with(
            r#"{"event":"message","at":"1970-01-01T00:00:00.000Z","connectionId":"AAAAAAAAAAAAAAA=","data":"#
        ));
        assert!(line.contains(r"\u001bé\u0085"), "{line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["data"], "{\"a\":\"\u{1b}é\u{85}\\\"}\n");
        assert_eq!(value["bytes"], 15);
        assert_eq!(value.get("truncated"), None);
        let long = "x".repeat(Payload::SHOWN + 1);
        let value = parsed(Fact::Sent {
            connection_id: id(),
            data: Payload::of(&long),
        });
        assert_eq!(value["truncated"], true);
        assert_eq!(value["bytes"], Payload::SHOWN + 1);
    }

    #[test]
    fn the_last_of_two_equal_query_parameters_counts() {
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let value = parsed(Fact::Connected {
            connection_id: id(),
            query: vec![pair("a", "1"), pair("b", "\""), pair("a", "2")],
            remote_address: "127.0.0.1:5".into(),
        });
        assert_eq!(value["queryStringParameters"], json!({"b": "\"", "a": "2"}));
    }

    #[test]
    fn absent_fields_are_left_out() {
        let value = parsed(Fact::HandlerError {
            handler: "load".into(),
            connection_id: None,
            request_id: None,
            error: Box::new(JsError {
                name: "SyntaxError".into(),
                message: "no".into(),
                ..JsError::default()
            }),
        });
        assert_eq!(
            value,
            json!({
                "event": "handler-error", "at": "1970-01-01T00:00:00.000Z", "handler": "load",
                "error": {"name": "SyntaxError", "message": "no"},
            })
        );
    }

    #[test]
    fn strings_are_escaped_as_serde_would_read_them() {
        for text in [
            "",
            "plain",
            "\0\u{1f}\u{7f}\u{80}\u{9f}\u{a0}",
            "a\"b\\c/",
            "🎉\u{2028}",
        ] {
            let mut out = Vec::new();
            push_string(&mut out, text);
            let back: String = serde_json::from_slice(&out).unwrap();
            assert_eq!(back, text);
            let shown = String::from_utf8(out).unwrap();
            assert!(!shown.contains(|c: char| c.is_control()), "{shown:?}");
        }
        assert!(!document(&"\u{9b}").contains('\u{9b}'));
    }
}
