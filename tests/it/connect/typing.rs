//! The client as a person at a terminal sees it.

use rustix::process::Signal;
use serde_json::json;

use super::CHATTY;
use crate::support::{App, Dev, Screen, Terminal, key};

/// What stands before the line that is typed.
const PROMPT: &str = "> ";

/// A sandbox, and `connect` at a terminal, waiting for a line.
fn connected(app: &App) -> (Dev, Terminal) {
    let dev = app.dev(&["--no-limits"]);
    let terminal = connect(app, 80, &[]);
    (dev, terminal)
}

fn connect(app: &App, columns: u16, args: &[&str]) -> Terminal {
    let args = [&["connect"], args].concat();
    let terminal = app.at_terminal_of(24, columns, &args, |_| {});
    terminal.wait_for("connected to ws://127.0.0.1:");
    terminal.wait_for_line(PROMPT);
    terminal
}

/// Whether a whole line of the screen is this.
fn has_line(screen: &Screen, line: &str) -> bool {
    screen.lines().iter().any(|l| l == line)
}

/// Types a line and waits for what the server answers, and for the next prompt.
fn ask(terminal: &Terminal, line: &str, answer: &str) {
    terminal.line(line);
    terminal.wait_until(answer, |screen| {
        has_line(screen, answer) && screen.line_at_cursor() == PROMPT.trim_end()
    });
}

#[test]
fn lines_are_sent_and_what_comes_stands_above_the_prompt() {
    let app = App::esm(CHATTY);
    let (dev, mut terminal) = connected(&app);
    assert!(!terminal.modes().is_cooked);
    ask(&terminal, "hi there", "← {\"echo\":\"hi there\"}");
    ask(
        &terminal,
        "{\"größe\": [1, \"日本\"]}",
        "← {\"echo\":{\"größe\":[1,\"日本\"]}}",
    );
    ask(&terminal, "colours", "← \\x1b[31m{\"not\": json");
    // Keys that come between two prompts are the terminal's, not ours: the next one must be there.
    let (row, _) = terminal.screen().cursor();
    terminal.line("");
    terminal.wait_until("the next prompt", |screen| {
        screen.cursor().0 > row && screen.line_at_cursor() == PROMPT.trim_end()
    });
    let messages = json!({ "event": "message" });
    dev.wait_for_all(3, messages.clone());
    assert_eq!(dev.events(messages).len(), 3, "an empty line is nothing");
    let id = dev.wait_for(json!({ "event": "connected" }))["connectionId"].clone();
    assert!(
        terminal.screen().has(id.as_str().unwrap()),
        "its id is told"
    );
    terminal.keys(key::CTRL_D);
    assert_eq!(terminal.wait_for_clean_end().0, Some(0));
    dev.wait_for(json!({ "event": "disconnected", "code": 1000 }));
}

#[test]
fn a_message_that_comes_leaves_the_line_that_is_typed_alone() {
    let app = App::esm(CHATTY);
    let (_dev, terminal) = connected(&app);
    terminal.keys("half a mess");
    terminal.wait_for_line("> half a mess");
    for text in ["one", "two", "three"] {
        assert_eq!(app.verb(&["send", "--all", text]).code, Some(0));
        terminal.wait_until(text, |screen| {
            has_line(screen, &format!("← {text}")) && screen.line_at_cursor() == "> half a mess"
        });
    }
    terminal.keys(key::LEFT);
    assert_eq!(app.verb(&["send", "--all", "four"]).code, Some(0));
    terminal.wait_until("the cursor within the line", |screen| {
        has_line(screen, "← four") && screen.before_cursor() == "> half a mes"
    });
    terminal.keys("\x05age\r");
    terminal.wait_for("← {\"echo\":\"half a message\"}");
}

#[test]
fn lines_are_remembered_for_the_next_time() {
    let app = App::esm(CHATTY);
    let (_dev, mut terminal) = connected(&app);
    ask(&terminal, "first", "← {\"echo\":\"first\"}");
    ask(&terminal, "second", "← {\"echo\":\"second\"}");
    terminal.keys(key::UP);
    terminal.wait_for_line("> second");
    terminal.keys(key::UP);
    terminal.wait_for_line("> first");
    terminal.keys(key::DOWN);
    terminal.wait_for_line("> second");
    terminal.keys(key::CTRL_U);
    terminal.keys(key::CTRL_D);
    terminal.wait_for_clean_end();
    let terminal = connect(&app, 80, &[]);
    terminal.keys(&key::UP.repeat(2));
    terminal.wait_for_line("> first");
}

#[test]
fn commands_begin_with_a_slash_and_messages_with_two() {
    let app = App::esm(CHATTY);
    let (dev, terminal) = connected(&app);
    terminal.line("/ping");
    terminal.wait_for("pong after ");
    ask(&terminal, "//join room", "← {\"echo\":\"/join room\"}");
    terminal.line("/help");
    for part in [
        "/close [CODE] [REASON]",
        "/ping",
        "type // for a message",
        "Ctrl-D leaves",
    ] {
        terminal.wait_for(part);
    }
    for (line, error) in [
        (
            "/join room",
            "error: there is no command `/join`; nothing was sent",
        ),
        ("/close 1005", "error: a close frame cannot carry 1005"),
        ("/ping now", "error: `/ping` takes nothing behind it"),
    ] {
        terminal.line(line);
        terminal.wait_for(error);
        terminal.wait_for_line(PROMPT);
    }
    assert_eq!(dev.events(json!({ "event": "message" })).len(), 1);
    terminal.keys("/pi");
    terminal.keys(key::TAB);
    terminal.wait_for_line("> /ping");
    terminal.keys(key::CTRL_U);
    terminal.keys("/cl");
    terminal.wait_until("a hint", |screen| {
        screen.line_at_cursor() == "> /close [CODE] [REASON]" && screen.before_cursor() == "> /cl"
    });
}

#[test]
fn close_says_why() {
    let app = App::esm(CHATTY);
    let (dev, mut terminal) = connected(&app);
    terminal.line("/close 4001 signed out");
    let (code, _) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(0));
    dev.wait_for(json!({ "event": "disconnected", "code": 4001, "reason": "signed out" }));
    dev.wait_for_line("left: signed out");
    let mut terminal = connect(&app, 80, &[]);
    terminal.line("/close");
    assert_eq!(terminal.wait_for_clean_end().0, Some(0));
    dev.wait_for(json!({ "event": "disconnected", "code": 1000 }));
}

#[test]
fn ctrl_c_clears_the_line_and_on_an_empty_one_leaves() {
    let app = App::esm(CHATTY);
    let (dev, mut terminal) = connected(&app);
    terminal.keys("not to be sent");
    terminal.wait_for_line("> not to be sent");
    terminal.keys(key::CTRL_C);
    terminal.wait_for_line(PROMPT);
    ask(&terminal, "still here", "← {\"echo\":\"still here\"}");
    terminal.keys(key::CTRL_C);
    assert_eq!(terminal.wait_for_clean_end().0, Some(130));
    dev.wait_for(json!({ "event": "disconnected", "code": 1000 }));
    assert_eq!(dev.events(json!({ "event": "message" })).len(), 1);
}

#[test]
fn ctrl_d_within_a_line_takes_a_letter() {
    let app = App::esm(CHATTY);
    let (_dev, terminal) = connected(&app);
    terminal.keys("ab");
    terminal.keys(key::CTRL_A);
    terminal.keys(key::CTRL_D);
    terminal.wait_for_line("> b");
}

#[test]
fn when_the_server_closes_the_terminal_is_given_back() {
    let app = App::esm(CHATTY);
    let (dev, mut terminal) = connected(&app);
    terminal.line("bye");
    let (code, screen) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(0));
    assert!(has_line(
        &screen,
        "closed by the server: 1000 Connection Closed Normally"
    ));
    let mut terminal = connect(&app, 80, &[]);
    terminal.keys("half a li");
    terminal.wait_for_line("> half a li");
    dev.stop();
    let (code, screen) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(1));
    assert!(screen.has("closed by the server: 1001 Going away"));
}

#[test]
fn a_server_that_dies_and_a_signal_give_the_terminal_back() {
    let app = App::esm(CHATTY);
    let (dev, mut terminal) = connected(&app);
    terminal.keys("half a li");
    terminal.wait_for_line("> half a li");
    terminal.signal(Signal::TERM);
    let (code, _) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(130));
    dev.wait_for(json!({ "event": "disconnected", "code": 1001 }));
    let mut terminal = connect(&app, 80, &[]);
    dev.kill();
    let (code, screen) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(1));
    assert!(screen.has("connection"), "{screen}");
}

#[test]
fn pasted_lines_are_one_message() {
    let app = App::esm(CHATTY);
    let (_dev, terminal) = connected(&app);
    terminal.wait_until("marked pastes", |screen| screen.brackets_paste);
    terminal.keys("\x1b[200~{\n  \"a\": 1,\n  \"b\": 2\n}\x1b[201~");
    terminal.wait_for("\"b\": 2");
    ask(&terminal, "", "← {\"echo\":{\"a\":1,\"b\":2}}");
}

#[test]
fn on_a_narrow_terminal_long_lines_wrap_and_stay_whole() {
    let app = App::esm(CHATTY);
    let _dev = app.dev(&["--no-limits"]);
    let terminal = connect(&app, 40, &[]);
    let long = "a line that is longer than forty columns are wide, and then some";
    // The editor itself goes on in the next row.
    let typed = format!("> {long}");
    let shows_typed = |screen: &Screen| screen.rows().concat().contains(&typed);
    terminal.keys(long);
    terminal.wait_until(&typed, shows_typed);
    let text = "what comes is longer than forty columns, too: it wraps";
    assert_eq!(app.verb(&["send", "--all", text]).code, Some(0));
    terminal.wait_until("both lines whole", |screen| {
        has_line(screen, &format!("← {text}")) && shows_typed(screen)
    });
    terminal.keys(key::ENTER);
    terminal.wait_for(&format!("← {{\"echo\":\"{long}\"}}"));
    terminal.line("/help");
    let screen = terminal.wait_for("Ctrl-D leaves");
    assert!(screen.rows().iter().all(|row| row.chars().count() <= 40));
}

#[test]
fn without_colours_nothing_is_hinted_at() {
    let app = App::esm(CHATTY);
    let _dev = app.dev(&["--no-limits"]);
    let mut terminal = connect(&app, 80, &["--color", "never"]);
    terminal.keys("/cl");
    terminal.wait_for_line("> /cl");
    terminal.keys("o");
    terminal.wait_for_line("> /clo");
    assert!(!terminal.screen().is_colored);
    terminal.keys(key::CTRL_U);
    terminal.keys(key::CTRL_D);
    terminal.wait_for_clean_end();
}

#[test]
fn a_refusal_leaves_the_terminal_alone() {
    let app = App::esm(CHATTY);
    let _dev = app.dev(&["--no-limits"]);
    assert_eq!(app.verb(&["pause"]).code, Some(0));
    let mut terminal = app.at_terminal(&["connect"]);
    let (code, screen) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(1));
    assert!(screen.has("403") && !screen.has(PROMPT), "{screen}");
}
