//! Fixtures with mistakes.

use serde_json::{Value, json};

use super::{fixture, fixture_text, fixture_with, run};
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
        "`ampt-ws help fixtures wait` explains this step",
    );
    let (message, _) = problem(json!({"send": 5, "message": "x"}));
    assert_eq!(
        message,
        "this must be a name or a list of names, and is the number `5`"
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
        empty
            .stderr
            .contains("there is no fixture in the folder `.`"),
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

/// The first problem of a fixture's text: line, column, message, hint.
fn of_text(text: &[u8]) -> (u64, u64, String, String) {
    let app = App::esm(super::CHATTY);
    std::fs::write(app.path("x.fixture.json"), text).expect("a file");
    let (document, output) = run(&app);
    assert_eq!(output.code, Some(2), "{document:#}");
    let problem = &document["fixtures"][0]["problems"][0];
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| problem[name].as_u64().unwrap_or(0);
    (
        number("line"),
        number("column"),
        text("message"),
        text("hint"),
    )
}

#[test]
fn what_is_no_json_is_told_with_its_place() {
    let cases: [(&str, u64, u64, &str, &str); 13] = [
        ("", 1, 0, "the file is empty", "for example {"),
        ("  \n", 1, 0, "the file is empty", "for example {"),
        (
            "[1]",
            1,
            0,
            "a fixture is an object, and begins with `{`",
            "for example {",
        ),
        (
            "// x\n{}",
            1,
            0,
            "a fixture is plain JSON, and begins with `{`; comments are not JSON",
            "for",
        ),
        (
            "{\n  // x\n}",
            2,
            3,
            "comments are not JSON",
            "a step may have a \"comment\"",
        ),
        (
            "{\n  \"app\": \".\", /* x */\n}",
            2,
            15,
            "comments are not JSON",
            "a step may",
        ),
        (
            "{\n \"steps\": [\n  {},\n ]}",
            3,
            5,
            "a comma too many",
            "take it away",
        ),
        (
            "{\n \"app\": \".\",\n}",
            2,
            12,
            "a comma too many",
            "take it away",
        ),
        (
            "{ 'app': 1 }",
            1,
            3,
            "single quotes are not JSON",
            "names and texts",
        ),
        (
            "{ app: 1 }",
            1,
            3,
            "not JSON: the name of a field must follow, in double quotes",
            "a fixture is plain JSON",
        ),
        (
            "{\n \"steps\": [\n",
            3,
            1,
            "the text ends too early",
            "a `]` is missing",
        ),
        (
            "{ \"app\": \".\" }",
            1,
            1,
            "there is no `steps`",
            "add \"steps\"",
        ),
        (
            "{ \"app\": \".\", \"app\": \".\" }",
            1,
            19,
            "`app` is there twice",
            "a name stands once",
        ),
    ];
    for (text, line, column, message, hint) in cases {
        let found = of_text(text.as_bytes());
        assert_eq!(
            (found.0, found.1, found.2.as_str()),
            (line, column, message),
            "{text}"
        );
        assert!(found.3.starts_with(hint), "{text}: {}", found.3);
    }
    let latin = of_text(b"{\n \"app\": \".\",\n \"name\": \"caf\xe9\" }");
    assert_eq!(
        latin,
        (3, 14, "this is not UTF-8".into(), "save it as UTF-8".into())
    );
}

#[test]
fn values_of_the_wrong_kind_are_told_in_words() {
    let top = |fields: &str| of_text(format!("{{ {fields} }}").as_bytes());
    assert_eq!(
        top("\"app\": 5, \"steps\": []").2,
        "this must be a string, and is the number `5`"
    );
    assert_eq!(
        top("\"app\": \".\", \"steps\": {}").2,
        "this must be a list, and is an object"
    );
    let (message, hint) = problem(json!({"connect": ["bob"]}));
    assert_eq!(message, "this must be a string, and is a list");
    assert_eq!(hint, "`ampt-ws help fixtures connect` explains this step");
    let (message, _) = problem(json!({"expect": "ana", "unordered": "yes"}));
    assert_eq!(
        message,
        "this must be true or false, and is the text \"yes\""
    );
    for (step, text) in [
        (json!(1), "a step is an object"),
        (json!([]), "a step is an object"),
        (json!({}), "the step is empty"),
    ] {
        assert_eq!(problem(step).0, text);
    }
    let (message, _) = problem(json!({"send": "ana", "expect": "ana", "message": 1}));
    assert_eq!(
        message,
        "a step does one thing; this one has `send` and `expect`"
    );
}

#[test]
fn a_byte_order_mark_and_names_in_any_script_are_fine() {
    let steps = [
        json!({"connect": "zoë", "query": {"name": "名前"}}),
        json!({"expect": "zoë", "message": "Welcome, 名前!"}),
    ];
    let text = format!(
        "\u{feff}{}",
        fixture_text(json!({"name": "ümlaut"}), &steps)
    );
    let app = App::esm(super::CHATTY).file("x.fixture.json", &text);
    let (document, output) = run(&app);
    assert_eq!(output.code, Some(0), "{document:#}");
    assert_eq!(document["fixtures"][0]["name"], "ümlaut");
}

#[test]
fn a_huge_fixture_is_read_quickly_and_told_of_briefly() {
    let mut steps = vec![json!({"connect": "ana"})];
    steps.extend((0..20_000).map(|_| json!({"send": "anna", "message": "x".repeat(40)})));
    let text = fixture_text(json!({}), &steps).replace('\n', " ");
    let app = App::esm(super::CHATTY).file("x.fixture.json", &text);
    let began = std::time::Instant::now();
    let output = app.verb(&["test", "."]);
    assert!(began.elapsed() < std::time::Duration::from_secs(10));
    assert_eq!(output.code, Some(2));
    assert_eq!(output.stdout.matches("did you mean `ana`?").count(), 50);
    let longest = output.stdout.lines().map(str::len).max();
    assert!(longest < Some(300), "{longest:?}");
}

#[test]
fn a_folder_with_the_name_of_a_fixture_is_a_folder() {
    let app = App::esm("").file("x.fixture.json/readme.txt", "");
    let output = app.verb(&["test", "x.fixture.json"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output
            .stderr
            .contains("there is no fixture in the folder `x.fixture.json`"),
        "{output:?}"
    );
}

#[test]
fn an_app_that_cannot_be_loaded_is_told_with_its_code() {
    let app = fixture(&[json!({"connect": "ana"})]);
    app.write("index.mjs", "const a = 1;\nconst a = 2;\n");
    let (document, output) = run(&app);
    assert_eq!(output.code, Some(1), "{document:#}");
    let failure = &document["fixtures"][0]["failure"];
    assert_eq!(
        (&failure["line"], &failure["step"]),
        (&json!(2), &json!("the start of the sandbox"))
    );
    let message = failure["message"].as_str().unwrap_or_default();
    assert!(message.contains("could not be loaded"), "{message}");
    assert_eq!(failure["hint"], "correct it and run the fixture again");
    assert!(
        failure["events"].to_string().contains("const a = 2;"),
        "{failure:#}"
    );
}
