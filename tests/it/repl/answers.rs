//! What the verbs answer at the prompt.

use serde_json::json;

use super::{ECHO, PROMPT, answer, client, dev, json_of};
use crate::support::{App, key};

#[test]
fn verbs_answer_as_from_a_second_terminal() {
    let app = App::esm(ECHO);
    let terminal = dev(&app);
    let _client = client(&app, &terminal, "/?name=ana");
    assert_eq!(
        answer(&terminal, "data set user:1 {\"a\": [1, 2]}"),
        ["stored user:1"]
    );
    for line in [
        "list",
        "list --json",
        "data ls",
        "data get user:1",
        "data get user:1 --json",
        "data get missing",
        "send nobody hi",
        "close nobody",
        "import missing.json",
        "pause",
        "resume",
    ] {
        let here = answer(&terminal, line).concat();
        let words: Vec<&str> = line.split(' ').collect();
        let there = app.verb(&words);
        let there = format!("{}{}", there.stdout, there.stderr).replace('\n', "");
        assert_eq!(here, there, "for `{line}`");
    }
}

#[test]
fn messages_and_values_need_no_quotes() {
    let app = App::esm(ECHO);
    let terminal = dev(&app);
    let mut client = client(&app, &terminal, "/?name=ana");
    for (line, message) in [
        ("send --all {\"a\": \"it's\"}", "{\"a\": \"it's\"}"),
        ("send --where name=ana it's fine", "it's fine"),
        ("send --all 'two  blanks'", "two  blanks"),
        ("send --all größe 日本語", "größe 日本語"),
    ] {
        let said = answer(&terminal, line);
        assert_eq!(said, [format!("sent to {}", client.id)], "{line}");
        assert_eq!(client.text(), message, "{line}");
    }
    let prefix = client.id[..6].to_owned();
    answer(&terminal, &format!("send {prefix} short"));
    assert_eq!(client.text(), "short");
    let said = answer(&terminal, &format!("close {prefix}"));
    assert_eq!(said, [format!("closed {}", client.id)]);
    assert_eq!(client.closed().0, 1000);
}

#[test]
fn mistakes_are_explained_and_the_next_line_is_read() {
    let app = App::esm(ECHO);
    let terminal = dev(&app);
    for (line, error) in [
        ("lsit", "`lsit`"),
        ("send", "to whom?"),
        ("close", "which connections?"),
        ("data", "`data`"),
        ("data frob", "`frob`"),
        ("data get", "<KEY>"),
        ("list --frob", "--frob"),
        ("import 'x", "a quote is not closed"),
        ("clock advance 5", "write 500ms"),
        ("export x.yaml", "`x.yaml` is not a .json file"),
        ("data watch :x", "Invalid key"),
        ("data watch --off", "no changes are being followed"),
        ("help sned", "`sned`"),
    ] {
        let said = answer(&terminal, line);
        assert!(said[0].starts_with("error: "), "{line}: {said:?}");
        assert!(said.concat().contains(error), "{line}: {said:?}");
        assert!(
            said.iter().any(|l| l.starts_with("hint: ")),
            "{line}: {said:?}"
        );
    }
    assert_eq!(answer(&terminal, "list"), ["0 connections"]);
    terminal.keys(key::ENTER);
    assert_eq!(answer(&terminal, "list"), ["0 connections"]);
}

#[test]
fn every_verb_is_explained() {
    let app = App::esm(ECHO);
    let terminal = dev(&app);
    let overview = answer(&terminal, "help").join("\n");
    for verb in [
        "list", "send", "close", "import", "export", "data", "status", "pause", "resume", "reload",
        "logs", "clock", "url", "clear", "version", "help", "quit",
    ] {
        let begins = |line: &str| line.trim_start().starts_with(verb);
        assert!(overview.lines().any(begins), "{verb}");
        let help = answer(&terminal, &format!("help {verb}")).join("\n");
        assert!(help.contains("Usage: "), "help {verb}: {help}");
    }
    assert!(
        overview.lines().all(|line| line.chars().count() <= 80),
        "{overview}"
    );
}

#[test]
fn what_runs_is_told() {
    let app = App::esm(ECHO);
    let terminal = dev(&app);
    let status = json_of(&answer(&terminal, "status --json"));
    assert_eq!(status["connections"], json!(0));
    let url = json_of(&answer(&terminal, "url --json"));
    assert_eq!(url["wsUrl"], status["wsUrl"]);
    assert_eq!(answer(&terminal, "url")[0], status["wsUrl"]);
    let version = answer(&terminal, "version");
    assert_eq!(version, [format!("ampt-ws {}", env!("CARGO_PKG_VERSION"))]);
    let reloaded = answer(&terminal, "reload");
    assert!(reloaded[0].starts_with("reloaded in "), "{reloaded:?}");
    terminal.line("logs");
    terminal.wait_until("the past once more", |screen| {
        screen.lines_with("reload   done in").len() == 2
    });
    terminal.line("clear");
    terminal.wait_until("an empty screen", |screen| {
        screen.rows()[0] == PROMPT.trim_end() && screen.rows()[1..].iter().all(|r| r.is_empty())
    });
}

#[test]
fn an_import_that_orphans_connections_is_asked_about() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         ws.on('connected', async (c) => {
             await data.set(`conn:${c.connectionId}`, 'here');
             await c.send('kept');
         });",
    )
    .file("data.json", "[]");
    let terminal = dev(&app);
    let mut client = client(&app, &terminal, "/");
    assert_eq!(client.text(), "kept");
    let ask = |reply: &str| {
        terminal.line("import --overwrite");
        terminal.wait_for_line("import all the same? [y/N]");
        terminal.line(reply);
        terminal.wait_for_line(PROMPT).lines()
    };
    let mut times = 0;
    for no in ["n", ""] {
        let lines = ask(no);
        let declined = lines
            .iter()
            .filter(|line| *line == "error: nothing was imported");
        times += 1;
        assert_eq!(declined.count(), times, "after {no:?}");
    }
    terminal.line("import --overwrite");
    terminal.wait_for_line("import all the same? [y/N]");
    terminal.keys(key::CTRL_C);
    terminal.wait_for_line(PROMPT);
    assert!(app.verb(&["data", "ls"]).stdout.contains(&client.id));
    ask("y");
    terminal.wait_for("imported 0 items from");
    assert!(!app.verb(&["data", "ls"]).stdout.contains(&client.id));
}
