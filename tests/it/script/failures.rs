//! What a failed step says.

use serde_json::{Value, json};

use super::{fails, fixture};

fn diff(failure: &Value) -> Vec<&str> {
    let lines = failure["diff"].as_array().expect("a difference");
    lines
        .iter()
        .map(|line| line.as_str().expect("text"))
        .collect()
}

fn events(failure: &Value, about: &str) -> Vec<String> {
    let sections = failure["events"].as_array().expect("sections");
    let section = sections.iter().find(|section| section["about"] == about);
    let section = section.unwrap_or_else(|| panic!("nothing about {about}: {failure:#}"));
    let entries = section["entries"].as_array().expect("entries");
    entries
        .iter()
        .map(|e| e["text"].as_str().expect("text").to_owned())
        .collect()
}

#[test]
fn another_message_is_shown_as_a_difference_with_its_place() {
    let failure = fails(&[
        json!({"connect": "ana"}),
        json!({"send": "ana", "message": {"a": 1, "b": [true]}}),
        json!({"expect": "ana", "message": {"echo": {"a": 1, "b": [false]}}}),
    ]);
    assert_eq!(
        (&failure["line"], &failure["step"]),
        (&json!(6), &json!("step 3"))
    );
    assert_eq!(
        failure["message"],
        "another message came to `ana` than expected"
    );
    assert!(diff(&failure).contains(&"-       false,"), "{failure:#}");
    assert!(diff(&failure).contains(&"+       true,"), "{failure:#}");
    let ana = events(&failure, "ana");
    assert_eq!(ana[0], "connected");
    assert_eq!(ana[1], r#"→ {"a":1,"b":[true]}"#);
    assert_eq!(ana[2], r#"← {"echo":{"a":1,"b":[true]}}"#);
}

#[test]
fn a_handlers_error_is_among_the_last_events_with_its_stack() {
    let failure = fails(&[
        json!({"connect": "ana"}),
        json!({"send": "ana", "message": {"do": "throw"}}),
        json!({"expect": "ana", "message": "fine"}),
    ]);
    assert!(
        diff(&failure)[1].contains("Internal server error"),
        "{failure:#}"
    );
    assert_eq!(
        events(&failure, "handlers"),
        ["`message` for `ana`: TypeError: as asked"]
    );
    assert!(failure.to_string().contains("index.mjs:13"), "{failure:#}");
}

#[test]
fn what_does_not_come_is_told_with_what_came_instead() {
    let nothing = fails(&[
        json!({"connect": "ana"}),
        json!({"expect": "ana", "matches": {"id": {"$type": "string"}}, "within": "50ms"}),
    ]);
    assert_eq!(nothing["message"], "nothing came to `ana` within 50ms");
    let hint = nothing["hint"].as_str().unwrap_or_default();
    assert!(
        hint.starts_with("did the app know this client already?"),
        "{nothing:#}"
    );
    assert_eq!(
        diff(&nothing),
        ["- {", "-   \"id\": {\"$type\":\"string\"},", "- }"]
    );
    let others = fails(&[
        json!({"connect": "ana"}),
        json!({"send": "ana", "message": {"do": "many", "texts": ["a", "b"]}}),
        json!({"expect": "ana", "message": "c", "unordered": true, "within": "300ms"}),
    ]);
    assert_eq!(
        others["message"],
        "2 messages came to `ana` within 300ms, but not the expected one"
    );
    let closed = fails(&[
        json!({"connect": "ana"}),
        json!({"close": "ana", "by": "server"}),
        json!({"expect": "ana", "message": "x"}),
    ]);
    let text = "`ana` was closed (1000 `Connection Closed Normally`) before the message came";
    assert_eq!(closed["message"], text);
}

#[test]
fn what_was_not_to_happen_is_told() {
    let came = fails(&[
        json!({"connect": "ana", "query": {"name": "ana"}}),
        json!({"expectNothing": "ana"}),
    ]);
    assert_eq!(
        came["message"],
        "a message came to `ana`, and nothing was to come"
    );
    assert_eq!(diff(&came), ["+ Welcome, ana!"]);
    let open = fails(&[
        json!({"connect": "ana"}),
        json!({"expectClosed": "ana", "within": 50}),
    ]);
    assert_eq!(open["message"], "`ana` is still connected after 50ms");
    let connected = fails(&[json!({"connect": "ana", "expectStatus": 403})]);
    assert_eq!(
        connected["message"],
        "`ana` was to be refused with 403, but is connected"
    );
    let code = fails(&[
        json!({"connect": "ana"}),
        json!({"close": "ana", "by": "server"}),
        json!({"expectClosed": "ana", "code": 1001}),
    ]);
    assert!(diff(&code).contains(&"-   \"code\": 1001,"), "{code:#}");
    assert!(diff(&code).contains(&"+   \"code\": 1000,"), "{code:#}");
}

#[test]
fn an_app_that_does_not_load_fails_its_fixture_with_the_reason() {
    let app = fixture(&[json!({"connect": "ana"})]);
    app.write("index.mjs", "import './missing.mjs';");
    let output = app.verb(&["test", "."]);
    assert_eq!(output.code, Some(1));
    assert!(output.stdout.contains("x.fixture.json:2"), "{output:?}");
    assert!(output.stdout.contains("missing.mjs"), "{output:?}");
}

#[test]
fn people_see_everything_and_how_to_run_it_again() {
    let app = fixture(&[
        json!({"connect": "ana", "query": {"name": "ana"}}),
        json!({"expect": "ana", "message": "Hello, ana!"}),
    ]);
    let plain = app.verb(&["test", "x.fixture.json"]);
    for part in [
        "FAIL x",
        "x.fixture.json:5",
        r#"{"expect":"ana","message":"Hello, ana!"}"#,
        r#"- "Hello, ana!""#,
        r#"+ "Welcome, ana!""#,
        "← Welcome, ana!",
        "again: ampt-ws test x.fixture.json",
        "1 failed in ",
    ] {
        assert!(plain.stdout.contains(part), "no {part} in {}", plain.stdout);
    }
    assert!(!plain.stdout.contains('\u{1b}'), "{plain:?}");
    let coloured = app.verb(&["test", ".", "--color", "always"]);
    assert!(
        coloured
            .stdout
            .contains("\u{1b}[32m- \"Hello, ana!\"\u{1b}[0m"),
        "{coloured:?}"
    );
}

#[test]
fn a_close_without_a_code_is_not_taken_for_1000() {
    let failure = fails(&[
        json!({"connect": "ana"}),
        json!({"close": "ana"}),
        json!({"expectClosed": "ana", "code": 1000}),
    ]);
    let hint = failure["hint"].as_str().unwrap_or_default();
    assert!(
        hint.starts_with("1005 stands for a close frame without a code"),
        "{failure:#}"
    );
    assert!(hint.ends_with("\"code\": 1000"), "{hint}");
}
