//! `data watch` at the prompt: changes appear above the line that is being typed.

use super::{ECHO, PROMPT, answer, dev, dev_of, is_logged};
use crate::support::{App, Terminal, key};

/// The lines that tell of changes, without their times.
fn changes(terminal: &Terminal, count: usize) -> Vec<String> {
    let screen = terminal.wait_until(&format!("{count} changes"), |screen| {
        told(&screen.lines()).len() >= count
    });
    told(&screen.lines())
}

fn told(lines: &[String]) -> Vec<String> {
    let lines = lines.iter().filter(|line| is_logged(line));
    let told = lines.filter_map(|line| line[13..].strip_prefix("data     "));
    told.map(str::to_owned).collect()
}

#[test]
fn changes_stand_above_the_line_that_is_typed_until_it_is_over() {
    let app = App::esm(ECHO);
    let mut terminal = dev(&app);
    assert_eq!(
        answer(&terminal, "data watch user:*"),
        ["following changes of user:*; `data watch --off` or Ctrl-C ends it"]
    );
    terminal.keys("data get user:an");
    terminal.wait_for_line(&format!("{PROMPT}data get user:an"));
    // From elsewhere, while somebody types.
    app.verb(&["data", "set", "other", "1"]);
    app.verb(&["data", "set", "user:ana", r#"{"a":1}"#]);
    assert_eq!(changes(&terminal, 1), [r#"created user:ana {"a":1}"#]);
    terminal.wait_for_line(&format!("{PROMPT}data get user:an"));
    terminal.line("a");
    terminal.wait_for("modified  ");
    // From the prompt itself.
    answer(&terminal, "data set user:ana {\"a\": 2}");
    // A line that comes just as Enter is pressed is shown with the next prompt.
    changes(&terminal, 2);
    answer(&terminal, "data rm user:ana");
    assert_eq!(
        changes(&terminal, 3)[1..],
        [r#"updated user:ana {"a":2}"#, "deleted user:ana"]
    );
    assert_eq!(
        answer(&terminal, "data watch --off"),
        ["changes are followed no more"]
    );
    answer(&terminal, "data set user:ana 3");
    assert_eq!(told(&terminal.screen().lines()).len(), 3);
    terminal.keys(key::CTRL_C);
    assert_eq!(terminal.wait_for_clean_end().0, Some(0));
}

#[test]
fn ctrl_c_on_an_empty_line_ends_the_following_first_and_then_the_sandbox() {
    let app = App::esm(ECHO);
    let mut terminal = dev(&app);
    answer(&terminal, "data watch");
    // What has been typed goes first.
    terminal.keys("half a line");
    terminal.wait_for_line(&format!("{PROMPT}half a line"));
    terminal.keys(key::CTRL_C);
    terminal.wait_for_line(PROMPT);
    assert!(!terminal.screen().has("followed no more"));
    terminal.keys(key::CTRL_C);
    terminal.wait_for("changes are followed no more");
    terminal.wait_for_line(PROMPT);
    assert_eq!(answer(&terminal, "data set k 1"), ["stored k"]);
    terminal.keys(key::CTRL_C);
    assert_eq!(terminal.wait_for_clean_end().0, Some(0));
}

#[test]
fn another_pattern_takes_the_place_of_the_first() {
    let app = App::esm(ECHO);
    let mut terminal = dev(&app);
    answer(&terminal, "data watch a:*");
    answer(&terminal, "data watch b:*");
    answer(&terminal, "data set a:1 1");
    answer(&terminal, "data set b:1 1");
    assert_eq!(changes(&terminal, 1), ["created b:1 1"]);
    // A pattern that is none changes nothing.
    assert!(answer(&terminal, "data watch :x")[0].starts_with("error: "));
    answer(&terminal, "data rm b:1");
    assert_eq!(changes(&terminal, 2)[1], "deleted b:1");
    // Leaving while changes are followed leaves nothing behind.
    terminal.line("quit");
    assert_eq!(terminal.wait_for_clean_end().0, Some(0));
}

#[test]
fn an_import_is_followed_item_by_item() {
    let app = App::esm(ECHO).file(
        "data.json",
        r#"[{"key":"a","value":1},{"key":"n:b","value":2}]"#,
    );
    let terminal = dev(&app);
    answer(&terminal, "data watch");
    answer(&terminal, "import");
    assert_eq!(changes(&terminal, 2), ["created a 1", "created n:b 2"]);
    answer(&terminal, "import --overwrite");
    assert_eq!(
        changes(&terminal, 6)[2..],
        ["deleted a", "deleted n:b", "created a 1", "created n:b 2"]
    );
}

#[test]
fn json_lines_and_narrow_terminals() {
    let app = App::esm(ECHO);
    let terminal = dev_of(&app, 24, 40, &[]);
    assert!(answer(&terminal, "data watch --json").is_empty());
    answer(&terminal, "data set k 1");
    terminal.wait_for(r#""change":"created","key":"k","value":1}"#);
    terminal.wait_for_line(PROMPT);
}

#[test]
fn off_is_only_for_the_prompt() {
    let app = App::esm(ECHO);
    let refused = app.verb(&["data", "watch", "--off"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("Ctrl-C ends"), "{}", refused.stderr);
}
