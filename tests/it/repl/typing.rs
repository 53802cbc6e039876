//! Editing, completion, hints, history; and what is printed while somebody types.

use std::os::unix::fs::PermissionsExt;

use super::{ECHO, PROMPT, answer, client, dev, dev_of, is_logged};
use crate::support::{App, key};

#[test]
fn tab_completes_verbs_options_connections_and_keys() {
    let app = App::esm(ECHO);
    let terminal = dev(&app);
    let client = client(&app, &terminal, "/");
    answer(&terminal, "data set \"user:a b\" 1");
    for (typed, completed) in [
        ("sta", "status".to_owned()),
        ("data wa", "data watch".to_owned()),
        ("send --w", "send --where".to_owned()),
        ("close ", format!("close {}", client.id)),
        ("send ", format!("send {}", client.id)),
        ("data get use", "data get \"user:a b\"".to_owned()),
    ] {
        terminal.keys(typed);
        terminal.keys(key::TAB);
        terminal.wait_until(&completed, |screen| {
            screen.before_cursor() == format!("{PROMPT}{completed} ")
        });
        terminal.keys(key::CTRL_U);
        terminal.wait_for_line(PROMPT);
    }
    terminal.keys("re");
    terminal.keys("\t\t");
    terminal.wait_for("resume  reload");
    terminal.wait_for_line("ampt-ws> re");
}

#[test]
fn hints_say_what_may_follow() {
    let app = App::esm(ECHO);
    let terminal = dev(&app);
    terminal.keys("data get ");
    terminal.wait_until("a hint behind the cursor", |screen| {
        screen.before_cursor() == "ampt-ws> data get "
            && screen.line_at_cursor() == "ampt-ws> data get <KEY>"
    });
    terminal.keys(key::CTRL_U);
    terminal.keys("statu");
    terminal.wait_for_line("ampt-ws> status");
    terminal.keys(key::RIGHT);
    terminal.wait_until("the hint taken", |screen| {
        screen.before_cursor() == "ampt-ws> status"
    });
}

#[test]
fn lines_are_remembered_for_this_app_and_its_owner() {
    let app = App::esm(ECHO);
    let mut terminal = dev(&app);
    answer(&terminal, "data set secret 1");
    answer(&terminal, "version");
    terminal.keys(key::UP);
    terminal.wait_for_line("ampt-ws> version");
    terminal.keys(key::UP);
    terminal.wait_for_line("ampt-ws> data set secret 1");
    terminal.keys(key::CTRL_U);
    terminal.line("quit");
    terminal.wait_for_clean_end();
    let file = app.path(".ampt-ws/history");
    let mode = std::fs::metadata(&file)
        .expect("a history")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let terminal = dev(&app);
    terminal.keys(&key::UP.repeat(2));
    terminal.wait_for_line("ampt-ws> version");
    let other = App::esm(ECHO);
    let terminal = dev(&other);
    terminal.keys(key::UP);
    assert_eq!(answer(&terminal, "list"), ["0 connections"]);
}

#[test]
fn ctrl_c_clears_the_line() {
    let app = App::esm(ECHO);
    let mut terminal = dev(&app);
    terminal.keys("data set x");
    terminal.wait_until("the line", |screen| {
        screen.before_cursor() == "ampt-ws> data set x"
    });
    terminal.keys(key::CTRL_C);
    terminal.wait_for_line(PROMPT);
    assert_eq!(answer(&terminal, "data ls"), ["0 items"]);
    terminal.keys(key::CTRL_C);
    assert_eq!(terminal.wait_for_clean_end().0, Some(0));
}

/// Types a text while messages pour in; the text stands there as typed, and each message in a
/// line of its own.
fn typed_in_a_flood(rows: u16, columns: u16, text: &str) {
    const MESSAGES: usize = 300;
    let app = App::esm(ECHO);
    let terminal = dev_of(&app, rows, columns, &[]);
    let mut client = client(&app, &terminal, "/");
    let flood = std::thread::spawn(move || {
        for i in 0..MESSAGES {
            let message = format!("message {i} 日本語");
            assert_eq!(client.ask(&message), message);
        }
        client
    });
    for letter in text.chars() {
        terminal.keys(&letter.to_string());
        std::thread::yield_now();
    }
    let _client = flood.join().expect("a client that is answered");
    terminal.wait_for(&format!("→ message {} 日本語", MESSAGES - 1));
    let typed = format!("{PROMPT}{text}");
    let screen = terminal.wait_for_line(&typed);
    let lines = screen.lines();
    for arrow in ["←", "→"] {
        let shown = screen
            .lines_with(arrow)
            .into_iter()
            .filter(|l| l.contains("message"));
        let shown: Vec<String> = shown.collect();
        assert_eq!(shown.len(), MESSAGES);
        for (i, line) in shown.iter().enumerate() {
            let end = format!("{arrow} message {i} 日本語");
            assert!(is_logged(line) && line.ends_with(&end), "{line}");
        }
    }
    let prompts = lines.iter().filter(|line| line.contains(PROMPT.trim_end()));
    assert_eq!(prompts.count(), 1, "the line is shown once:\n{screen}");
}

#[test]
fn a_flood_of_messages_leaves_the_typed_line_alone() {
    typed_in_a_flood(24, 80, "send nobody {\"hello\": \"wörld\"}");
}

#[test]
fn a_flood_leaves_wide_letters_and_a_line_over_several_rows_alone() {
    // A wide letter stands at the end of each row: after a narrow one there, the editor begins the
    // next row by itself, and the terminal no longer knows that the two are one line.
    let text = "send nobody 日本語の長いメッセージ and more than fits into one row of日本, \
                and into two, 終わり";
    typed_in_a_flood(12, 40, text);
}

#[test]
fn what_was_typed_ahead_is_read_after_a_verb() {
    let app = App::esm(ECHO);
    let terminal = dev(&app);
    terminal.keys("reload\rversion\rdata ls\rurl");
    terminal.wait_for_line("ampt-ws> url");
    let lines = terminal.screen().lines();
    let at = |text: &str| {
        lines
            .iter()
            .position(|line| line.contains(text))
            .expect("a line")
    };
    assert!(at("reloaded in") < at("ampt-ws 0.") || at("ampt-ws 0.") < 3);
    assert!(at("ampt-ws> version") < at("0 items"));
}

#[test]
fn the_line_survives_another_width() {
    let app = App::esm(ECHO);
    let terminal = dev(&app);
    let text = "send nobody a line of more than forty columns at all";
    terminal.keys(text);
    let typed = format!("{PROMPT}{text}");
    terminal.wait_for_line(&typed);
    terminal.resize(24, 40);
    terminal.wait_for_line(&typed);
    terminal.keys(key::CTRL_L);
    terminal.wait_until("the line alone", |screen| {
        screen.line_at_cursor() == typed && screen.cursor().0 == 1
    });
    terminal.keys("!");
    terminal.wait_for_line(&format!("{typed}!"));
}
