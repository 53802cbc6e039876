//! What runs, for people: the banner of `dev`, `status`, `url` and `list`.

use std::fmt::Write;

use super::answers::count;
use super::escape::visible;
use super::paint::Paint;
use super::table::{Cell, Table};
use super::time::{LocalTime, span};
use crate::event::Ready;
use crate::ops::{ConnectionView, PendingView, Status};

/// Width of the labels at the beginning of a line.
const LABEL: usize = 12;

fn push_line(out: &mut String, paint: Paint, label: &str, text: impl std::fmt::Display) {
    let label = format!("{label:LABEL$}");
    // Writing to a String cannot fail.
    let _ = writeln!(out, "  {}{text}", paint.dim(&label));
}

/// The words for rate limits in force, or lifted.
fn limits(env: &str, rate: u32, burst: u32, enforced: bool) -> String {
    match enforced {
        true => format!("{env} ({rate} messages a second, burst {burst})"),
        false => format!("{env} (limits are not enforced)"),
    }
}

/// What `dev` prints when clients can connect.
pub(super) fn push_banner(out: &mut String, paint: Paint, ready: &Ready) {
    let Ready {
        url,
        ws_url,
        app,
        env,
        data_dir,
        limits: rate_limits,
        handlers,
        ..
    } = ready;
    let (rate, burst) = (rate_limits.rate, rate_limits.burst);
    let version = env!("CARGO_PKG_VERSION");
    let title = paint.strong(&format!("ampt-ws {version}"));
    let _ = writeln!(out, "\n  {title} {}\n", paint.good("ready"));
    push_line(out, paint, "WebSocket", paint.literal(ws_url));
    push_line(out, paint, "HTTP", paint.literal(url));
    push_line(out, paint, "app", visible(app));
    let environment = limits(env, rate, burst, rate_limits.enforced);
    push_line(out, paint, "environment", environment);
    push_line(out, paint, "data", visible(data_dir));
    push_line(out, paint, "handlers", handler_names(paint, handlers));
    let connect = paint.literal("ampt-ws connect").to_string();
    push_line(out, paint, "try", format!("{connect} in another terminal"));
    push_line(out, paint, "log", "← from a client, → to a client");
    out.push('\n');
}

fn handler_names(paint: Paint, handlers: &[String]) -> String {
    if handlers.is_empty() {
        return paint.warn("none").to_string();
    }
    visible(&handlers.join(", ")).into_owned()
}

/// The answer to `status`.
pub fn status(paint: Paint, status: &Status) -> String {
    let mut out = String::new();
    let active = match status.active {
        true => paint.good("active").to_string(),
        false => {
            let paused = paint.warn("paused").to_string();
            format!("{paused}: connection attempts get 403 until `resume`")
        }
    };
    push_line(&mut out, paint, "sandbox", active);
    push_line(&mut out, paint, "WebSocket", paint.literal(&status.ws_url));
    push_line(&mut out, paint, "HTTP", paint.literal(&status.url));
    push_line(&mut out, paint, "app", visible(&status.app));
    let (rate, burst) = (status.limits.rate, status.limits.burst);
    let environment = limits(&status.env, rate, burst, status.limits.enforced);
    push_line(&mut out, paint, "environment", environment);
    push_line(&mut out, paint, "connections", status.connections);
    push_line(&mut out, paint, "code", worker(paint, status));
    let handlers = handler_names(paint, &status.worker.handlers);
    push_line(&mut out, paint, "handlers", handlers);
    push_line(&mut out, paint, "pending", pending(paint, &status.pending));
    push_line(&mut out, paint, "data", visible(&status.data_dir));
    let up = format!("{} (process {})", span(status.uptime_ms), status.pid);
    push_line(&mut out, paint, "up", up);
    push_line(&mut out, paint, "version", visible(&status.version));
    out
}

fn pending(paint: Paint, pending: &PendingView) -> String {
    let (running, changes) = (pending.invocations as u64, pending.data_events as u64);
    let mut text = format!(
        "{}, {}",
        count(running, "invocation"),
        count(changes, "data event")
    );
    if pending.retrying > 0 {
        let namespaces = count(pending.retrying as u64, "namespace");
        let waits =
            format!("{namespaces} held up by a failing `data.on` handler, which is tried again");
        text.push_str(&format!("; {}", paint.warn(&waits)));
    }
    text
}

fn worker(paint: Paint, status: &Status) -> String {
    let worker = &status.worker;
    let mut text = match worker.state.as_str() {
        "ready" => paint.good("ready").to_string(),
        "failed" => paint.bad("failed").to_string(),
        "none" => "no app code in the folder".to_owned(),
        other => visible(other).into_owned(),
    };
    if let Some(node) = &worker.node {
        text.push_str(&format!(", Node {}", visible(node.trim_start_matches('v'))));
    }
    if let Some(pid) = worker.pid {
        text.push_str(&format!(", process {pid}"));
    }
    if worker.reloads > 0 {
        text.push_str(&format!(", {}", count(worker.reloads, "reload")));
    }
    if let Some(error) = &worker.error {
        text.push_str(&format!(": {}", visible(error)));
    }
    text
}

/// The URLs of a running sandbox.
pub fn urls(paint: Paint, status: &Status) -> String {
    let (ws_url, url) = (paint.literal(&status.ws_url), paint.literal(&status.url));
    format!("{ws_url}\n{url}\n")
}

/// The answer to `list`, fit for so many columns.
pub fn list(paint: Paint, columns: Option<usize>, connections: &[ConnectionView]) -> String {
    if connections.is_empty() {
        return "0 connections\n".to_owned();
    }
    let time = LocalTime::system();
    const SINCE: usize = 1;
    const ACTIVE: usize = 4;
    const FROM: usize = 5;
    let heading = [
        "CONNECTION",
        "SINCE",
        "IN",
        "OUT",
        "ACTIVE",
        "FROM",
        "QUERY",
    ];
    let mut table = Table::new(paint, heading);
    for view in connections {
        let id = view.connection_id;
        let query = view.query_string_parameters.iter();
        let query: Vec<String> = query.map(|(key, value)| format!("{key}={value}")).collect();
        table.row(vec![
            Cell::painted(id.as_str(), paint.connection(&id, id.as_str())),
            time.clock(view.connected_at)[..8].into(),
            view.messages_in.to_string().into(),
            view.messages_out.to_string().into(),
            time.clock(view.last_active_at)[..8].into(),
            visible(&view.remote_address).into(),
            visible(&query.join("&")).into(),
        ]);
    }
    table.spare(&[FROM, ACTIVE, SINCE]).finish(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{LimitsView, WorkerView};

    fn example() -> Status {
        Status {
            url: "http://127.0.0.1:8810".into(),
            ws_url: "ws://127.0.0.1:8810".into(),
            app: "/apps/chat".into(),
            env: "sandbox".into(),
            limits: LimitsView {
                rate: 10,
                burst: 10,
                enforced: true,
            },
            active: false,
            connections: 2,
            worker: WorkerView {
                pid: Some(42),
                state: "ready".into(),
                node: Some("v22.15.0".into()),
                reloads: 1,
                handlers: vec!["connected".into(), "message".into()],
                error: None,
            },
            pending: PendingView::default(),
            uptime_ms: 61_000,
            data_dir: "/apps/chat/.ampt-ws".into(),
            pid: 41,
            version: "0.1.0".into(),
        }
    }

    #[test]
    fn status_says_what_matters_in_words() {
        let text = status(Paint::new(false), &example());
        for part in [
            "paused: connection attempts get 403",
            "ws://127.0.0.1:8810",
            "sandbox (10 messages a second, burst 10)",
            "ready, Node 22.15.0, process 42, 1 reload",
            "connected, message",
            "1 min 1 s (process 41)",
        ] {
            assert!(text.contains(part), "{part} in:\n{text}");
        }
    }

    #[test]
    fn a_list_has_a_row_for_each_connection() {
        assert_eq!(list(Paint::new(false), None, &[]), "0 connections\n");
        let view = ConnectionView {
            connection_id: "AAAAAAAAAAAAAAA=".parse().unwrap(),
            connected_at: 0,
            query_string_parameters: [("name".to_owned(), "a\x1bna".to_owned())].into(),
            headers: Default::default(),
            remote_address: "127.0.0.1:5".into(),
            messages_in: 3,
            messages_out: 4,
            bytes_in: 0,
            bytes_out: 0,
            last_active_at: 0,
        };
        let text = list(Paint::new(false), None, &[view]);
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains("name=a\\x1bna"), "{text}");
    }
}
