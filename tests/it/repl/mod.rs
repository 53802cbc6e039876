//! The REPL, as a person at a terminal sees it.

mod answers;
mod leaving;
mod looks;
mod typing;
mod watching;

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::support::{App, Client, PROGRAM, Screen, Terminal, dial, key};

/// What stands before the line that is typed.
const PROMPT: &str = "ampt-ws> ";

/// An app that answers every message.
const ECHO: &str = "import { ws } from '@ampt/sdk';
     ws.on('connected', () => {});
     ws.on('message', (c, data) => c.send(data));";

/// `dev` at a terminal, waiting for a line.
fn dev(app: &App) -> Terminal {
    dev_of(app, 24, 80, &[])
}

/// The same at a terminal of another size, with more options.
fn dev_of(app: &App, rows: u16, columns: u16, args: &[&str]) -> Terminal {
    let args = [&["dev", "--port", "0", "--no-limits"], args].concat();
    let terminal = app.at_terminal_of(rows, columns, &args, |_| {});
    terminal.wait_for_line(PROMPT);
    terminal
}

/// Where the sandbox listens, as its banner says.
fn address(terminal: &Terminal) -> SocketAddr {
    let screen = terminal.wait_for("ws://");
    let lines = screen.lines_with("ws://");
    let port = lines[0].rsplit(':').next().and_then(|p| p.parse().ok());
    ([127, 0, 0, 1], port.expect("a port")).into()
}

/// A connected client; its id is read from a second terminal.
fn client(app: &App, terminal: &Terminal, target: &str) -> Client {
    let mut client = dial(address(terminal), target, &[]).expect("an accepted client");
    let from = client.local_address().to_string();
    terminal.wait_for(&format!("connected from {from}"));
    let list = app.verb(&["list", "--json"]).json();
    let rows = list.as_array().expect("a list");
    let row = rows.iter().find(|row| row["remoteAddress"] == from);
    let id = row.and_then(|row| row["connectionId"].as_str());
    client.id = id.expect("a listed connection").to_owned();
    client
}

/// Types a line and waits for the next prompt; what stands between the two, without the log's
/// lines, which begin with a time.
fn answer(terminal: &Terminal, line: &str) -> Vec<String> {
    let typed = format!("{PROMPT}{line}");
    let before = terminal.screen().lines_with(&typed).len();
    terminal.line(line);
    let screen = terminal.wait_until(&format!("the answer to `{line}`"), |screen| {
        screen.lines_with(&typed).len() > before && screen.line_at_cursor() == PROMPT.trim_end()
    });
    said_since(&screen, &typed)
}

fn said_since(screen: &Screen, typed: &str) -> Vec<String> {
    let lines = screen.lines();
    let from = lines.iter().rposition(|line| line == typed);
    let from = from.expect("the typed line");
    let after = lines[from + 1..].iter();
    let after = after.take_while(|line| *line != PROMPT.trim_end());
    after.filter(|line| !is_logged(line)).cloned().collect()
}

/// Whether the line begins as the log's lines do: `12:34:56.789 `.
fn is_logged(line: &str) -> bool {
    let shape: String = line.chars().take(13).collect();
    let shape = shape.replace(|c: char| c.is_ascii_digit(), "0");
    shape == "00:00:00.000 "
}

/// The first document on the screen that a verb with `--json` answered.
fn json_of(answer: &[String]) -> Value {
    let text = answer.concat();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("not JSON ({e}): {text}"))
}

#[test]
fn a_banner_and_a_prompt_come_first() {
    let app = App::esm(ECHO);
    let mut terminal = dev(&app);
    let screen = terminal.screen();
    assert!(screen.has("WebSocket   ws://127.0.0.1:"));
    assert!(screen.has("handlers    connected, message"));
    assert!(!terminal.modes().is_cooked);
    terminal.keys(key::CTRL_D);
    assert_eq!(terminal.wait_for_clean_end().0, Some(0));
}

#[test]
fn there_is_no_prompt_where_nobody_wants_one() {
    let app = App::esm(ECHO);
    for (option, sign) in [
        ("--no-repl", "WebSocket"),
        ("--json", "\"event\":\"ready\""),
    ] {
        let mut terminal = app.at_terminal(&["dev", "--port", "0", option]);
        terminal.wait_for(sign);
        assert!(terminal.modes().is_cooked, "with {option}");
        terminal.keys(key::CTRL_C);
        let (code, screen) = terminal.wait();
        assert_eq!(code, Some(0), "with {option}");
        assert!(!screen.has(PROMPT.trim_end()), "with {option}");
    }
}

#[test]
fn there_is_no_prompt_if_lines_cannot_be_typed() {
    let app = App::esm(ECHO);
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" dev --port 0 < /dev/null", PROGRAM]);
    command.current_dir(app.dir());
    let mut terminal = Terminal::run(command, 24, 80);
    terminal.wait_for("WebSocket");
    terminal.signal(rustix::process::Signal::TERM);
    let (code, screen) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(0));
    assert!(!screen.has(PROMPT.trim_end()));
}
