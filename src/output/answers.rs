//! The answers of the verbs, for people.

use super::escape::visible;
use super::paint::Paint;
use super::time::span;
use crate::domain::ConnectionId;
use crate::ops::{ClockView, Closed, Exported, Imported, Phase, Progress, Sent};

/// `1 item`, `2 items`.
pub(super) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `1 connection`, `2 connections`.
fn connections(number: usize) -> String {
    count(number as u64, "connection")
}

fn join(ids: &[ConnectionId]) -> String {
    let names: Vec<&str> = ids.iter().map(ConnectionId::as_str).collect();
    names.join(", ")
}

/// Whom a message reached, and whom not.
pub fn sent(paint: Paint, answer: &Sent) -> String {
    let mut out = match &answer.sent[..] {
        [] if answer.failed.is_empty() => "sent to 0 connections\n".to_owned(),
        [] => String::new(),
        [id] => format!("sent to {id}\n"),
        ids => format!("sent to {}: {}\n", connections(ids.len()), join(ids)),
    };
    for failed in &answer.failed {
        let word = paint.bad("not sent");
        let (id, error) = (failed.connection_id, visible(&failed.error));
        out.push_str(&format!("{word} to {id}: {error}\n"));
    }
    out
}

/// Which connections were closed.
pub fn closed(answer: &Closed) -> String {
    match &answer.closed[..] {
        [] => "closed 0 connections\n".to_owned(),
        [id] => format!("closed {id}\n"),
        ids => format!("closed {}: {}\n", connections(ids.len()), join(ids)),
    }
}

/// What an import loaded, and whom it left behind.
pub fn imported(paint: Paint, file: &str, answer: &Imported) -> String {
    let mut out = import_line(answer.items, file, answer.overwrite);
    out.push('\n');
    push_orphans(&mut out, paint, &answer.orphaned_connections);
    out
}

/// How far an import from a file, or an export to one, is.
pub fn progress(file: &str, progress: &Progress) -> String {
    let what = match progress.phase {
        Phase::Reading => "reading",
        Phase::Applying => "importing",
        Phase::Writing => "writing",
    };
    let items = match progress.total {
        Some(total) => format!("{} of {}", progress.items, count(total, "item")),
        None => count(progress.items, "item"),
    };
    format!("{what} {}: {items}", visible(file))
}

pub(super) fn import_line(items: u64, file: &str, overwrite: bool) -> String {
    let items = count(items, "item");
    let file = visible(file);
    match overwrite {
        true => format!("imported {items} from {file}; all data was cleared first"),
        false => format!("imported {items} from {file}"),
    }
}

/// Names the live connections that no item mentions any more.
pub(super) fn push_orphans(out: &mut String, paint: Paint, orphans: &[ConnectionId]) {
    if orphans.is_empty() {
        return;
    }
    let word = paint.warn("warning:");
    out.push_str(&format!(
        "{word} no item mentions {} any more, though still connected: {}\n",
        connections(orphans.len()),
        join(orphans)
    ));
    let word = paint.strong("hint:");
    out.push_str(&format!(
        "{word} an app that keeps its connections in its data no longer knows them; close them, and their clients can connect anew\n"
    ));
}

/// What an import would do to live connections, to be asked about.
pub fn orphan_warning(orphans: &[ConnectionId]) -> String {
    format!(
        "after this import no item mentions {} any more, though still connected: {}",
        connections(orphans.len()),
        join(orphans)
    )
}

/// What an export wrote.
pub fn exported(answer: &Exported) -> String {
    let (items, file) = (count(answer.items, "item"), visible(&answer.file));
    format!("exported {items} to {file}\n")
}

/// What the clock shows.
pub fn clock(paint: Paint, answer: &ClockView) -> String {
    let state = if answer.frozen { "frozen" } else { "running" };
    let offset = match answer.offset_ms {
        0 => "at the machine's time".to_owned(),
        ms if ms > 0 => format!("{} ahead of the machine's time", span(ms.unsigned_abs())),
        ms => format!("{} behind the machine's time", span(ms.unsigned_abs())),
    };
    format!("{}  {state}, {offset}\n", paint.strong(&answer.now))
}

/// How long a reload took.
pub fn reloaded(paint: Paint, took_ms: u64) -> String {
    format!("{} in {}\n", paint.good("reloaded"), span(took_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::SendFailure;

    fn id(first: char) -> ConnectionId {
        format!("{first}AAAAAAAAAAAAAA=").parse().unwrap()
    }

    #[test]
    fn sending_names_who_got_it_and_who_did_not() {
        let plain = Paint::new(false);
        assert_eq!(sent(plain, &Sent::default()), "sent to 0 connections\n");
        let answer = Sent {
            sent: vec![id('a'), id('b')],
            failed: vec![SendFailure {
                connection_id: id('c'),
                error: "its queue is full".into(),
            }],
        };
        assert_eq!(
            sent(plain, &answer),
            "sent to 2 connections: aAAAAAAAAAAAAAA=, bAAAAAAAAAAAAAA=\n\
             not sent to cAAAAAAAAAAAAAA=: its queue is full\n"
        );
    }

    #[test]
    fn an_import_names_the_connections_it_orphans() {
        let answer = Imported {
            items: 1,
            overwrite: true,
            orphaned_connections: vec![id('a')],
        };
        let text = imported(Paint::new(false), "data.json", &answer);
        let first = "imported 1 item from data.json; all data was cleared first\n";
        assert!(text.starts_with(first), "{text}");
        assert!(
            text.contains("no item mentions 1 connection any more"),
            "{text}"
        );
        assert!(text.contains("aAAAAAAAAAAAAAA="), "{text}");
    }

    #[test]
    fn the_clock_says_how_far_it_is_ahead() {
        let view = ClockView {
            now: "2030-01-01T00:00:00.000Z".into(),
            frozen: true,
            offset_ms: 600_000,
        };
        assert_eq!(
            clock(Paint::new(false), &view),
            "2030-01-01T00:00:00.000Z  frozen, 10 min ahead of the machine's time\n"
        );
    }
}
