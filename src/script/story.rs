//! The last events before a failure, sorted by whom they are about.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::sandbox::Seen;

/// Events of each client that are shown.
const OF_CLIENT: usize = 8;

/// Handler errors that are shown.
const ERRORS: usize = 3;

/// Lines of the app, and of the sandbox, that are shown.
const LINES: usize = 6;

/// Events about one client, the handlers, or the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Whom it is about.
    pub title: String,
    /// How many earlier events are left out.
    pub earlier: usize,
    /// The events.
    pub entries: Vec<Entry>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How long after the fixture's begin.
    pub after: Duration,
    /// What happened.
    pub text: String,
    /// Whether it is something to look at.
    pub bad: bool,
    /// More lines: a stack.
    pub more: Vec<String>,
}

/// Sorts events. `names` are the clients' names by connection id.
pub fn tell(
    events: &[Seen],
    names: &BTreeMap<String, String>,
    fixture_clients: &[String],
) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for name in fixture_clients {
        let entries = events.iter().filter(|seen| {
            let id = text(&seen.event, "connectionId");
            names.get(id).is_some_and(|n| n == name)
        });
        let entries: Vec<Entry> = entries.filter_map(of_client).collect();
        sections.extend(section(name.clone(), entries, OF_CLIENT));
    }
    let errors = events.iter().filter_map(|seen| of_handler(seen, names));
    sections.extend(section("handlers".to_owned(), errors.collect(), ERRORS));
    let lines = events.iter().filter_map(of_app);
    sections.extend(section(
        "the app's output".to_owned(),
        lines.collect(),
        LINES,
    ));
    let own = events.iter().filter_map(of_sandbox);
    sections.extend(section("the sandbox".to_owned(), own.collect(), LINES));
    sections
}

fn section(title: String, mut entries: Vec<Entry>, most: usize) -> Option<Section> {
    let earlier = entries.len().saturating_sub(most);
    entries.drain(..earlier);
    (!entries.is_empty()).then_some(Section {
        title,
        earlier,
        entries,
    })
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn entry(seen: &Seen, text: String, bad: bool) -> Entry {
    Entry {
        after: seen.after,
        text,
        bad,
        more: Vec::new(),
    }
}

fn of_client(seen: &Seen) -> Option<Entry> {
    let event = &seen.event;
    let data = || {
        let cut = event.get("truncated").is_some();
        format!("{}{}", text(event, "data"), if cut { "…" } else { "" })
    };
    let (line, bad) = match text(event, "event") {
        "connected" => ("connected".to_owned(), false),
        "message" => (format!("→ {}", data()), false),
        "sent" => (format!("← {}", data()), false),
        "throttled" => ("throttled".to_owned(), true),
        "disconnected" => {
            let code = event
                .get("code")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            (
                format!("disconnected: {code} {}", text(event, "reason")),
                false,
            )
        }
        _ => return None,
    };
    Some(entry(seen, line, bad))
}

fn of_handler(seen: &Seen, names: &BTreeMap<String, String>) -> Option<Entry> {
    let event = &seen.event;
    if text(event, "event") != "handler-error" {
        return None;
    }
    let error = event.get("error")?;
    let whose = names.get(text(event, "connectionId"));
    let whose = whose
        .map(|name| format!(" for `{name}`"))
        .unwrap_or_default();
    let (name, message) = (text(error, "name"), text(error, "message"));
    let mut told = entry(
        seen,
        format!("`{}`{whose}: {name}: {message}", text(event, "handler")),
        true,
    );
    // The stack's first line says the message again.
    let stack = text(error, "stack")
        .lines()
        .filter(|line| line.trim().starts_with("at "));
    let frame = text(error, "codeFrame").lines();
    told.more = frame
        .chain(stack.take(8))
        .map(|line| line.trim_end().to_owned())
        .collect();
    Some(told)
}

fn of_app(seen: &Seen) -> Option<Entry> {
    let event = &seen.event;
    let is_app = text(event, "event") == "log" && text(event, "source") == "app";
    let level = text(event, "level");
    is_app.then(|| entry(seen, text(event, "text").to_owned(), level == "error"))
}

fn of_sandbox(seen: &Seen) -> Option<Entry> {
    let event = &seen.event;
    match text(event, "event") {
        "log" if text(event, "source") == "sandbox" && text(event, "level") != "debug" => {
            Some(entry(
                seen,
                text(event, "text").to_owned(),
                text(event, "level") == "error",
            ))
        }
        "rejected" => {
            let status = event
                .get("status")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            let line = format!(
                "refused a handshake or request with {status}: {}",
                text(event, "reason")
            );
            Some(entry(seen, line, true))
        }
        "throttled" if event.get("connectionId").is_none() => {
            Some(entry(seen, "throttled a handshake".to_owned(), true))
        }
        "reload" if event.get("ok") == Some(&Value::Bool(false)) => Some(entry(
            seen,
            "the app's code could not be loaded again".to_owned(),
            true,
        )),
        _ => None,
    }
}

/// How many handler errors there were.
pub fn handler_errors(events: &[Seen]) -> usize {
    events
        .iter()
        .filter(|seen| text(&seen.event, "event") == "handler-error")
        .count()
}
