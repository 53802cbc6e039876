//! `ampt-ws test --update`.

use serde_json::{Value, json};

use super::{CHATTY, fixture, run};
use crate::support::App;

/// Updates the app's fixtures, which must pass afterwards; gives the document.
#[track_caller]
fn update(app: &App) -> Value {
    let updated = app.verb(&["test", ".", "--update", "--json"]);
    assert_eq!(updated.code, Some(0), "{}", updated.stdout);
    let (document, output) = run(app);
    assert_eq!(
        output.code,
        Some(0),
        "{document:#}\n{}",
        app.read("x.fixture.json")
    );
    updated.json()
}

#[test]
fn only_what_no_longer_holds_is_rewritten() {
    let text = r#"{
  "name": "x", "app": ".",

  "steps": [
    { "connect": "ana", "query": { "name": "ana" } },
    { "expect": "ana", "message": "Hello, ana!" },
    { "send": "ana", "message": { "a": 1, "b": "x" } },
    { "expect": "ana", "matches": { "echo": { "a": { "$type": "number" }, "b": "y" } }, "within": "1s" },
    { "send": "ana",   "message": "oddly   spaced" },
    { "expect": "ana", "message": { "echo": "oddly   spaced" } },
    { "expectData": "user:*", "count": 3, "within": 0 },
    { "connect": "bob", "expectStatus": 403 },
    { "close": "ana", "by": "server" },
    { "expectClosed": "ana", "code": 1001, "reason": { "$regex": "Normally" } }
  ]
}
"#;
    let app = App::esm(CHATTY).file("x.fixture.json", text);
    let document = update(&app);
    let expected = text
        .replace("Hello, ana!", "Welcome, ana!")
        .replace(r#""b": "y""#, r#""b": "x""#)
        .replace("\"count\": 3", "\"count\": 0")
        .replace("\"expectStatus\": 403", "\"expectStatus\": 101")
        .replace("\"code\": 1001", "\"code\": 1000");
    assert_eq!(app.read("x.fixture.json"), expected);
    let updated = document["fixtures"][0]["updated"]
        .as_array()
        .expect("changes");
    let lines: Vec<_> = updated.iter().map(|change| &change["line"]).collect();
    assert_eq!(lines, [6, 8, 11, 12, 14]);
    assert_eq!(
        updated[0]["diff"],
        json!(["- \"Hello, ana!\"", "+ \"Welcome, ana!\""])
    );
}

#[test]
fn ids_are_written_by_name_and_what_changes_each_time_is_left_open() {
    let app = fixture(&[
        json!({"connect": "ana"}),
        json!({"send": "ana", "message": {"do": "throw"}}),
        json!({"expect": "ana", "message": {"echo": 1}}),
    ]);
    update(&app);
    let text: String = app.read("x.fixture.json").split_whitespace().collect();
    let new = r#""message":{"message":"Internalservererror","connectionId":"${ana.connectionId}","requestId":{"$type":"string"}}"#;
    assert!(text.contains(new), "{text}");
}

#[test]
fn exports_are_written_anew() {
    let app = fixture(&[
        json!({"data": "user:1", "value": {"name": "ana"}}),
        json!({"export": "after.json"}),
        json!({"export": [{"key": "user:1", "value": {"name": "bob"}}]}),
    ]);
    update(&app);
    let file: Value = serde_json::from_str(&app.read("after.json")).expect("JSON");
    assert_eq!(file, json!([{"key": "user:1", "value": {"name": "ana"}}]));
    assert!(app.read("x.fixture.json").contains(r#"{"name": "ana"}}]"#));
}

#[test]
fn what_cannot_be_rewritten_still_fails() {
    let silent = fixture(&[
        json!({"connect": "ana"}),
        json!({"expect": "ana", "message": 1, "within": 0}),
    ]);
    let before = silent.read("x.fixture.json");
    assert_eq!(silent.verb(&["test", ".", "--update"]).code, Some(1));
    assert_eq!(silent.read("x.fixture.json"), before);
    let rounds = fixture(&[
        json!({"connect": "ana"}),
        json!({"repeat": 2, "steps": [
            {"send": "ana", "message": "${index}"},
            {"expect": "ana", "message": {"echo": "x"}},
        ]}),
    ]);
    let output = rounds.verb(&["test", ".", "--update"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stdout.contains("cannot be rewritten"), "{output:?}");
}
