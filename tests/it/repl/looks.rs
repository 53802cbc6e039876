//! What the terminal is like: its width, its colours; and how much is said.

use super::{ECHO, PROMPT, answer, client, dev, dev_of, is_logged};
use crate::support::{App, Terminal, key};

/// `dev` at a terminal with these variables.
fn dev_with(app: &App, variables: &[(&str, &str)], args: &[&str]) -> Terminal {
    let args = [&["dev", "--port", "0", "--no-limits"], args].concat();
    let terminal = app.at_terminal_of(24, 80, &args, |command| {
        command.envs(variables.iter().copied());
    });
    terminal.wait_for_line(PROMPT);
    terminal
}

/// The widest row that is drawn.
fn widest(lines: &[String]) -> usize {
    let widths = lines.iter().map(|line| line.chars().count());
    widths.max().unwrap_or(0)
}

#[test]
fn the_banner_stands_above_the_first_prompt() {
    let app = App::esm(&format!("{ECHO} console.log('loaded');"));
    for _ in 0..3 {
        let mut terminal = dev(&app);
        let lines = terminal.screen().lines();
        let place = |text: &str| lines.iter().position(|line| line.contains(text));
        assert_eq!(
            lines
                .iter()
                .filter(|l| l.starts_with(PROMPT.trim_end()))
                .count(),
            1
        );
        let prompt = place(PROMPT.trim_end());
        for text in ["loaded", "WebSocket", "← from a client"] {
            assert!(
                place(text).is_some() && place(text) < prompt,
                "{text}: {lines:#?}"
            );
        }
        terminal.keys(key::CTRL_D);
        assert_eq!(terminal.wait_for_clean_end().0, Some(0));
    }
}

#[test]
fn a_list_fits_the_terminal() {
    let app = App::esm(ECHO);
    for (columns, heading) in [
        (120, "CONNECTION        SINCE     IN  OUT  ACTIVE    FROM"),
        (80, "CONNECTION        SINCE     IN  OUT  QUERY"),
        (40, "CONNECTION        IN  OUT  QUERY"),
    ] {
        let mut terminal = dev_of(&app, 24, columns, &[]);
        let _client = client(
            &app,
            &terminal,
            "/?name=ana-from-the-north&room=the-long-one",
        );
        let list = answer(&terminal, "list");
        assert_eq!(list.len(), 2, "{list:?}");
        assert!(list[0].starts_with(heading), "{list:?}");
        assert!(list[1].contains("name=ana"), "{list:?}");
        assert!(widest(&list) <= columns.into(), "{columns}: {list:?}");
        answer(
            &terminal,
            r#"data set a-key-with-a-name "A text that is longer than forty columns are wide, and than eighty, too, by a word""#,
        );
        let items = answer(&terminal, "data ls");
        assert_eq!(items.len(), 2, "{items:?}");
        assert!(widest(&items) <= columns.into(), "{columns}: {items:?}");
        terminal.keys(key::CTRL_D);
        terminal.wait_for_clean_end();
    }
}

#[test]
fn a_resized_terminal_is_noticed() {
    let app = App::esm(ECHO);
    let terminal = dev_of(&app, 24, 120, &[]);
    let _client = client(&app, &terminal, "/?name=ana");
    assert!(answer(&terminal, "list")[0].contains("FROM"));
    terminal.resize(24, 50);
    let list = answer(&terminal, "list");
    assert!(!list[0].contains("FROM") && widest(&list) <= 50, "{list:?}");
}

#[test]
fn a_code_frame_fits_the_terminal_and_shows_the_place() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', () => {
             const first = 'a first text of some length', second = 'and a second one', third = undefined.here;
         });",
    );
    for columns in [80, 40] {
        let mut terminal = dev_of(&app, 24, columns, &[]);
        client(&app, &terminal, "/").send("go");
        terminal.wait_for("Cannot read prop");
        let screen = terminal.wait_for("at index.mjs");
        let framed: Vec<String> = screen
            .lines()
            .into_iter()
            .filter(|l| l.contains(" | "))
            .collect();
        let place = framed
            .iter()
            .position(|line| line.trim_end().ends_with('^'));
        let place = place.unwrap_or_else(|| panic!("no caret: {framed:#?}"));
        let column = framed[place].chars().count() - 1;
        let marked: String = framed[place - 1].chars().skip(column).collect();
        assert!(marked.starts_with("here"), "{framed:#?}");
        assert!(widest(&framed) <= columns.into(), "{framed:#?}");
        terminal.keys(key::CTRL_D);
        terminal.wait_for_clean_end();
    }
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let app = App::esm(ECHO);
    for (variables, args, is_colored) in [
        (&[][..], &[][..], true),
        (&[("NO_COLOR", "1")], &[], false),
        (&[], &["--color", "never"], false),
        (&[("NO_COLOR", "1")], &["--color", "always"], true),
    ] {
        let mut terminal = dev_with(&app, variables, args);
        let _client = client(&app, &terminal, "/");
        answer(&terminal, "list");
        answer(&terminal, "lsit");
        let case = format!("{variables:?} {args:?}");
        assert_eq!(terminal.screen().is_colored, is_colored, "{case}");
        terminal.keys(key::CTRL_D);
        assert_eq!(terminal.wait().0, Some(0), "{case}");
    }
}

#[test]
fn quiet_says_less_and_verbose_more() {
    let app = App::esm(ECHO);
    for (option, shows, hides) in [
        ("-q", "connected from", "← hello"),
        ("-v", "← hello (5 bytes)", "nothing that is hidden"),
    ] {
        let mut terminal = dev_with(&app, &[], &[option]);
        let mut client = client(&app, &terminal, "/");
        assert_eq!(client.ask("hello"), "hello");
        assert_eq!(
            answer(&terminal, "version").len(),
            1,
            "answers are not hidden"
        );
        let screen = terminal.wait_for(shows);
        assert!(!screen.has(hides), "with {option}");
        assert_eq!(
            screen.has(&format!("{} ← hello", client.id)),
            option == "-v"
        );
        terminal.keys(key::CTRL_D);
        terminal.wait_for_clean_end();
    }
}

#[test]
fn code_written_after_the_start_is_loaded_by_reload() {
    let app = App::new();
    let terminal = dev_with(&app, &[], &["--no-watch"]);
    terminal.wait_for("no handlers are registered");
    let refused = answer(&terminal, "reload");
    assert!(refused[0].contains("there is no app code"), "{refused:?}");
    let mut client = client(&app, &terminal, "/");
    app.write("index.mjs", ECHO);
    let reloaded = answer(&terminal, "reload");
    assert!(reloaded[0].starts_with("reloaded in "), "{reloaded:?}");
    assert_eq!(client.ask("hello"), "hello");
    assert!(
        answer(&terminal, "status")
            .iter()
            .any(|l| l.contains("connected, message"))
    );
}

#[test]
fn on_a_terminal_that_only_prints_lines_stay_whole() {
    let app = App::esm(ECHO);
    let mut terminal = dev_with(&app, &[("TERM", "dumb")], &[]);
    let _client = client(&app, &terminal, "/?name=ana");
    terminal.wait_for_line(PROMPT);
    terminal.line("version");
    let version = format!("ampt-ws {}", env!("CARGO_PKG_VERSION"));
    terminal.wait_until("the answer and the prompt", |screen| {
        screen.lines().contains(&version) && screen.line_at_cursor() == PROMPT.trim_end()
    });
    terminal.line("quit");
    let (code, screen) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(0));
    assert!(!screen.is_colored);
    let prompts = screen.lines_with(PROMPT.trim_end());
    assert_eq!(prompts, ["ampt-ws>", "ampt-ws> version", "ampt-ws> quit"]);
    let logged = screen.lines_with("connected from");
    assert!(is_logged(&logged[0]), "{logged:?}");
}
