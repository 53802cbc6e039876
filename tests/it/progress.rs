//! `import` and `export` at a terminal say how far they are, and leave nothing of it behind.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::{App, Terminal, dial};

/// Items in a file; progress is told for the first 256 of them.
const ITEMS: usize = 300;

/// An app whose data file is a pipe: an import of it goes on when the test writes.
fn app_with_pipe() -> App {
    let app = App::new();
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, app.path("items.json"), FileType::Fifo, mode, 0).expect("a pipe");
    app
}

/// Writes the file except for its end; waits until somebody reads.
fn begin(app: &App) -> File {
    let mut pipe = OpenOptions::new()
        .write(true)
        .open(app.path("items.json"))
        .expect("a reader");
    let items: Vec<String> = (0..ITEMS)
        .map(|n| format!(r#"{{"key":"n:{n}","value":{n}}}"#))
        .collect();
    write!(pipe, "[{}", items.join(",\n")).expect("a written file");
    pipe
}

fn finish(mut pipe: File) {
    pipe.write_all(b"]\n").expect("a written file");
}

fn ends_with_only(mut terminal: Terminal, line: &str) {
    let (code, screen) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(0));
    let lines: Vec<String> = screen.lines();
    let shown: Vec<&String> = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert_eq!(shown, [line]);
}

#[test]
fn an_import_without_a_sandbox_shows_what_it_has_read() {
    let app = app_with_pipe();
    let terminal = app.at_terminal(&["import", "items.json"]);
    let pipe = begin(&app);
    terminal.wait_for("reading items.json: 256 items");
    finish(pipe);
    ends_with_only(terminal, "imported 300 items from items.json");
}

#[test]
fn an_import_into_a_running_sandbox_shows_what_that_has_read() {
    let app = app_with_pipe();
    let _dev = app.dev(&[]);
    let terminal = app.at_terminal(&["import", "items.json"]);
    // Once to see which connections it would orphan, and once to load it.
    for _ in 0..2 {
        let pipe = begin(&app);
        terminal.wait_for("reading items.json: 256 items");
        finish(pipe);
        // Only then has this reader left the pipe to the next one.
        terminal.wait_until("the line is taken back", |screen| !screen.has("reading"));
    }
    ends_with_only(terminal, "imported 300 items from items.json");
}

#[test]
fn an_import_at_the_prompt_shows_what_it_has_read_below_the_log() {
    let app = app_with_pipe();
    let mut terminal = app.at_terminal_of(24, 40, &["dev", "--port", "0"], |_| {});
    terminal.wait_for_line("ampt-ws>");
    let status = app.verb(&["status", "--json"]).json();
    let address = status["wsUrl"]
        .as_str()
        .and_then(|url| url.strip_prefix("ws://"));
    let address: SocketAddr = address.and_then(|a| a.parse().ok()).expect("an address");
    terminal.line("import items.json");
    // Once to see which connections it would orphan, and once to load it.
    for _ in 0..2 {
        let pipe = begin(&app);
        terminal.wait_for_line("reading items.json: 256 items");
        let client = dial(address, "/", &[]).expect("an accepted client");
        let from = client.local_address().to_string();
        terminal.wait_for(&format!("connected from {from}"));
        terminal.wait_for_line("reading items.json: 256 items");
        finish(pipe);
        terminal.wait_until("the line is taken back", |screen| !screen.has("reading"));
    }
    terminal.wait_for_line("ampt-ws>");
    assert!(terminal.screen().has("imported 300 items from items.json"));
    terminal.line("quit");
    assert_eq!(terminal.wait_for_clean_end().0, Some(0));
}

#[test]
fn who_wants_little_or_json_gets_no_progress() {
    for (option, answer) in [
        ("--quiet", "imported 300 items from items.json"),
        (
            "--json",
            r#"{"items":300,"overwrite":false,"orphanedConnections":[]}"#,
        ),
    ] {
        let app = app_with_pipe();
        let terminal = app.at_terminal(&["import", "items.json", option]);
        finish(begin(&app));
        // Nothing was taken back, either: the answer stands in the first line.
        ends_with_only(terminal, answer);
    }
    let app = app_with_pipe();
    let output = std::thread::scope(|scope| {
        let import = scope.spawn(|| app.verb(&["import", "items.json"]));
        finish(begin(&app));
        import.join().expect("no panic")
    });
    assert_eq!(output.stderr, "", "no terminal");
    assert_eq!(output.stdout, "imported 300 items from items.json\n");
}

#[test]
fn an_export_leaves_only_its_answer() {
    let app = App::new();
    let items: Vec<String> = (0..5000)
        .map(|n| format!(r#"{{"key":"n:{n}","value":{n}}}"#))
        .collect();
    app.write("items.json", &format!("[{}]", items.join(",")));
    assert_eq!(app.verb(&["import", "items.json"]).code, Some(0));
    let terminal = app.at_terminal_of(24, 400, &["export", "out"], |_| {});
    let path = app.path("out.json");
    ends_with_only(
        terminal,
        &format!("exported 5000 items to {}", path.display()),
    );
}
