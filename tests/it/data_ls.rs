//! The table of `data ls`: what it tells of each item, and how it fits its reader.

use serde_json::{Value, json};

use crate::support::{App, Screen};

/// Reads times in UTC, whatever the machine's zone is.
fn table(app: &App, args: &[&str]) -> Vec<String> {
    let all = [&["data", "ls"], args].concat();
    let listed = app.verb_with(&all, |command| {
        command.env("TZ", "UTC");
    });
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
    listed.stdout.lines().map(str::to_owned).collect()
}

/// The same at a terminal of so many columns, as a person sees it.
fn shown(app: &App, columns: u16, color: bool) -> Screen {
    let mut terminal = app.at_terminal_of(24, columns, &["data", "ls"], |command| {
        command.env("TZ", "UTC");
        if !color {
            command.env("NO_COLOR", "1");
        }
    });
    terminal.wait_for_clean_end().1
}

fn import(app: &App, items: &Value) {
    app.write("data.json", &items.to_string());
    assert_eq!(app.verb(&["import", "--yes", "--overwrite"]).code, Some(0));
}

fn at_noon(app: &App) {
    for change in [&["freeze"][..], &["set", "2030-01-02T12:00:00Z"]] {
        assert_eq!(app.verb(&[&["clock"], change].concat()).code, Some(0));
    }
}

#[test]
fn a_table_tells_key_labels_time_left_and_modified_before_the_value() {
    let app = App::new();
    let _dev = app.dev(&[]);
    at_noon(&app);
    import(
        &app,
        &json!([
            { "key": "a", "value": { "n": 1 } },
            { "key": "b:1", "value": "x", "label1": "by:x", "label3": "late", "ttl": "2030-01-02T12:10:05Z" },
        ]),
    );
    assert_eq!(app.verb(&["clock", "advance", "65s"]).code, Some(0));
    assert_eq!(
        table(&app, &[]),
        [
            "KEY  LABEL1  LABEL3  TTL    MODIFIED  VALUE",
            r#"a                           12:00:00  {"n":1}"#,
            r#"b:1  by:x    late    9 min  12:00:00  "x""#,
        ]
    );
    // What no listed item has needs no column.
    assert_eq!(
        table(&app, &["a"]),
        ["KEY  MODIFIED  VALUE", r#"a    12:00:00  {"n":1}"#]
    );
    // The day before has a date.
    assert_eq!(app.verb(&["clock", "advance", "12h"]).code, Some(0));
    assert_eq!(
        table(&app, &["a"]),
        ["KEY  MODIFIED    VALUE", r#"a    2030-01-02  {"n":1}"#]
    );
}

#[test]
fn the_table_needs_no_sandbox() {
    let app = App::new();
    app.verb(&["data", "set", "short", "1", "--ttl", "2h"]);
    let lines = table(&app, &[]);
    assert!(lines[0].starts_with("KEY    TTL"), "{lines:?}");
    let left = lines[1].starts_with("short  2 h") || lines[1].starts_with("short  1 h 59 min");
    assert!(left, "{lines:?}");
}

#[test]
fn in_a_pipe_nothing_is_cut_or_coloured() {
    let app = App::new();
    let long = "日本 ".repeat(2000);
    let key = format!("rooms:{}", "k".repeat(200));
    import(&app, &json!([{ "key": key, "value": { "text": long } }]));
    let lines = table(&app, &[]);
    assert!(lines[1].starts_with(&format!("{key}  ")), "{lines:?}");
    assert!(lines[1].ends_with(&format!(r#"{{"text":"{long}"}}"#)));
    assert!(!lines.concat().contains(['\u{1b}', '…']));
}

#[test]
fn a_control_character_moves_nothing() {
    let app = App::new();
    import(
        &app,
        &json!([{ "key": "a\tb", "value": "c\u{9b}d", "label1": "e\u{1b}f" }]),
    );
    let lines = table(&app, &[]);
    assert!(lines[1].starts_with(r"a\tb  e\x1bf  "), "{lines:?}");
    assert!(lines[1].ends_with(r#""c\x9bd""#), "{lines:?}");
}

#[test]
fn at_a_terminal_the_table_fits() {
    let app = App::new();
    let _dev = app.dev(&[]);
    at_noon(&app);
    let mut items: Vec<Value> = (0..3)
        .map(|n| {
            json!({ "key": format!("conn:AbCdEfGhIjKlMn{n}="), "value": { "name": "日本語の名前", "n": "x".repeat(99) },
                    "label1": format!("room:{n}"), "ttl": "2030-01-02T12:10:00Z" })
        })
        .collect();
    import(&app, &json!(items));
    let rows = |columns| {
        let screen = shown(&app, columns, true);
        assert!(screen.is_colored, "{screen}");
        let lines = screen.lines();
        let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.len(), 4, "{screen}");
        lines
    };
    let heading = |columns| {
        let lines = rows(columns);
        let names: Vec<&str> = lines[0].split_whitespace().collect();
        names.join(" ")
    };
    assert_eq!(heading(100), "KEY LABEL1 TTL MODIFIED VALUE");
    assert_eq!(heading(80), "KEY LABEL1 TTL MODIFIED VALUE");
    assert_eq!(heading(60), "KEY LABEL1 TTL VALUE");
    assert_eq!(heading(40), "KEY VALUE");
    assert!(rows(80)[1].ends_with('…'));
    assert!(rows(40)[1].starts_with("conn:AbCdEfGhIjKlMn0=  {\"name\":\"日"));
    // Of a key that is too long for the terminal, both ends are shown.
    items[0]["key"] = json!(format!("presence:{}:end", "k".repeat(100)));
    import(&app, &json!(items));
    let lines = rows(40);
    let long = lines.iter().find(|line| line.contains("presence:"));
    let long = long.expect("the long key");
    assert!(
        long.starts_with("presence:kk…") && long.contains("kk:end  {"),
        "{long}"
    );
    let plain = shown(&app, 80, false);
    assert!(!plain.is_colored, "{plain}");
}
