//! Tests of the log's lines.

use super::*;
use crate::event::JsError;

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
            error: Box::new(error),
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
            text: "{\n\ta: 1\x1b[2J\n}".into(),
            partial: false,
            source: "app",
        }],
    );
    let pad = " ".repeat(22);
    assert_eq!(
        shown,
        format!("00:00:01.234 app      {{\n{pad}\ta: 1\\x1b[2J\n{pad}}}\n")
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
