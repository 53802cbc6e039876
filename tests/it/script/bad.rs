//! Fixtures with mistakes.

use serde_json::{Value, json};

use super::{fixture, fixture_with, run};
use crate::support::App;

/// The problems of a fixture, each as line, message and hint.
#[track_caller]
fn problems(app: &App) -> Vec<(u64, String, String)> {
    let (document, output) = run(app);
    assert_eq!(output.code, Some(2), "{document:#}");
    let problems = document["fixtures"][0]["problems"]
        .as_array()
        .expect("problems");
    let text = |problem: &Value, name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    problems
        .iter()
        .map(|p| {
            (
                p["line"].as_u64().unwrap_or(0),
                text(p, "message"),
                text(p, "hint"),
            )
        })
        .collect()
}

/// The one problem of a fixture whose second step (in line 5) is this one.
#[track_caller]
fn problem(step: Value) -> (String, String) {
    let found = problems(&fixture(&[json!({"connect": "ana"}), step]));
    let [(5, message, hint)] = &found[..] else {
        panic!("not one problem in line 5: {found:?}");
    };
    (message.clone(), hint.clone())
}

#[track_caller]
fn check(step: Value, message: &str, hint: &str) {
    let found = problem(step);
    assert_eq!((found.0.as_str(), found.1.as_str()), (message, hint));
}

#[test]
fn unknown_steps_and_fields_are_named_with_what_was_meant() {
    check(
        json!({"conect": "bob"}),
        "there is no step `conect`",
        "did you mean `connect`?",
    );
    check(
        json!({"send": "ana", "mesage": "x"}),
        "`mesage` is not known here",
        "did you mean `message`?",
    );
    let (message, hint) = problem(json!({"teleport": "ana"}));
    assert_eq!(message, "there is no step `teleport`");
    assert!(
        hint.starts_with("allowed: `connect`, `send`, `expect`"),
        "{hint}"
    );
}

#[test]
fn wrong_types_are_told() {
    check(
        json!({"wait": "soon"}),
        "`soon` is not a duration; write 500ms, 5s, 10m or 2h",
        "",
    );
    let (message, _) = problem(json!({"send": 5, "message": "x"}));
    assert_eq!(
        message,
        "invalid type: integer `5`, expected a name or a list of names"
    );
    let (message, _) = problem(json!({"pause": false}));
    assert_eq!(message, "expected `true`; leave the line out instead");
    let (message, _) = problem(json!({"connect": "bob", "query": {"a": [1]}}));
    assert_eq!(message, "`query.a` is a string, a number or a boolean");
}

#[test]
fn a_missing_app_or_file_is_told() {
    let app = fixture_with(json!({"app": "../nowhere"}), &[json!({"connect": "ana"})]);
    let (line, message, hint) = problems(&app).remove(0);
    assert_eq!(
        (line, message.as_str()),
        (2, "there is no app `../nowhere`")
    );
    assert!(hint.contains("relative to the fixture's folder"), "{hint}");
    let app = fixture_with(json!({"seed": "seed.json"}), &[json!({"connect": "ana"})]);
    assert_eq!(problems(&app)[0].1, "there is no file `seed.json`");
    let (message, _) = problem(json!({"import": "other.json"}));
    assert_eq!(message, "there is no file `other.json`");
}

#[test]
fn client_names_are_checked() {
    check(
        json!({"connect": "ana"}),
        "`ana` is connected already, since line 4",
        "give the second client another name, or close the first one",
    );
    check(
        json!({"send": "anna", "message": "x"}),
        "`anna` was never connected",
        "did you mean `ana`?",
    );
}

#[test]
fn captures_are_set_before_they_are_used() {
    let (message, hint) = problem(json!({"send": "ana", "message": {"to": ["${id}"]}}));
    assert_eq!(message, "the capture `id` is used before it is set");
    assert!(hint.contains("{\"$capture\": \"id\"}"), "{hint}");
    let (_, hint) = problem(json!({"send": "ana", "message": "${anna.connectionId}"}));
    assert_eq!(hint, "did you mean `${ana.connectionId}`?");
}

#[test]
fn what_can_never_come_is_told() {
    for gone in [
        json!({"drop": "ana"}),
        json!({"close": "ana"}),
        json!({"expectClosed": "ana"}),
    ] {
        let found = problems(&fixture(&[
            json!({"connect": "ana"}),
            gone,
            json!({"expect": "ana", "message": "x"}),
            json!({"send": "ana", "message": "x"}),
        ]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].0, 6);
        assert_eq!(
            found[0].1,
            "nothing can come to `ana`, which is gone since line 5"
        );
        assert_eq!(found[1].1, "`ana` is gone since line 5; it cannot send");
    }
}

#[test]
fn rules_and_values_are_checked() {
    let (message, hint) = problem(json!({"expect": "ana", "matches": {"a": {"$tpe": "string"}}}));
    assert_eq!(message, "`matches.a`: there is no rule `$tpe`");
    assert!(hint.starts_with("did you mean `$type`?"), "{hint}");
    let (message, _) = problem(json!({"expect": "ana", "message": {"$regex": "("}}));
    assert!(
        message.contains("is not a regular expression: "),
        "{message}"
    );
    let (message, _) = problem(json!({"expect": "ana", "message": 1, "matches": 2}));
    assert_eq!(message, "there is a `message` and a `matches`");
    let (message, _) = problem(json!({"close": "ana", "code": 1005}));
    assert_eq!(message, "a client may not close with 1005");
    let (message, _) = problem(json!({"send": "ana"}));
    assert_eq!(message, "there is nothing to send");
    let (message, _) = problem(json!({"send": "ana", "binary": "%"}));
    assert!(message.starts_with("`binary` is not base64"), "{message}");
    let (message, _) = problem(json!({"expectData": "a:*", "value": 1}));
    assert_eq!(message, "`a:*` means several items");
}

#[test]
fn a_bad_fixture_does_not_keep_the_others_from_running() {
    let app = fixture(&[json!({"connect": "ana"})]).file("broken.fixture.json", "{ \"app\": ");
    let (document, output) = run(&app);
    assert_eq!(output.code, Some(2));
    assert_eq!(
        (&document["bad"], &document["passed"]),
        (&json!(1), &json!(1))
    );
    let people = app.verb(&["test", "."]);
    assert!(
        people.stdout.contains("broken.fixture.json:1:"),
        "{people:?}"
    );
    assert!(
        people.stdout.contains("1 bad fixture, 1 passed"),
        "{people:?}"
    );
}

#[test]
fn nothing_to_run_is_wrong_usage() {
    let app = App::esm("");
    let empty = app.verb(&["test", "."]);
    assert_eq!(empty.code, Some(2));
    assert!(
        empty.stderr.contains("there is no fixture in `.`"),
        "{empty:?}"
    );
    let app = fixture(&[json!({"connect": "ana"})]);
    let none = app.verb(&["test", ".", "--filter", "zebra"]);
    assert_eq!(none.code, Some(2));
    assert!(
        none.stderr
            .contains("no fixture's name or file holds `zebra`"),
        "{none:?}"
    );
    assert_eq!(app.verb(&["test"]).code, Some(2));
}
