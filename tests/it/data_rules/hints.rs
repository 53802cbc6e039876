//! What the terminal shows of a refused call: the package's own text, the place in the user's code
//! even if nobody waited there, and what to do.

use serde_json::{Value, json};

use super::refused::REFUSED;
use crate::support::{App, Dev};

/// Runs each call in a handler of its own, one a line, and gives what the terminal was told.
fn errors_of(calls: &[&str]) -> Vec<Value> {
    let app = App::esm(&app_of(calls));
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let mut client = dev.client();
    for (number, call) in calls.iter().enumerate() {
        client.send(&number.to_string());
        assert_eq!(client.json()["message"], "Internal server error", "{call}");
    }
    told(&dev, calls.len())
}

fn app_of(calls: &[&str]) -> String {
    let lines: String = calls
        .iter()
        .map(|call| format!("() => {call},\n"))
        .collect();
    format!(
        "import {{ ws }} from '@ampt/sdk'; import {{ data }} from '@ampt/data'; const calls = [\n{lines}];
         ws.on('message', (c, number) => calls[number]());"
    )
}

fn told(dev: &Dev, count: usize) -> Vec<Value> {
    let errors = dev.wait_for_all(count, json!({ "event": "handler-error" }));
    errors.iter().map(|event| event["error"].clone()).collect()
}

#[test]
fn every_kind_of_refusal_has_a_hint_and_a_place() {
    let calls = REFUSED.map(|(call, ..)| call);
    let errors = errors_of(&calls);
    for (number, ((call, message, hint), error)) in REFUSED.iter().zip(&errors).enumerate() {
        let text = |name: &str| error[name].as_str().unwrap_or_default();
        assert!(text("message").starts_with(message), "{call}: {error}");
        assert!(text("hint").contains(hint), "{call}: {error}");
        assert_eq!(
            (text("file"), &error["line"]),
            ("index.mjs", &json!(number + 2)),
            "{call}: {error}"
        );
        assert!(
            text("codeFrame").contains(&format!("{} | () => {}", number + 2, call)),
            "{call}: {error}"
        );
    }
}

#[test]
fn a_call_that_is_awaited_elsewhere_has_its_place_too() {
    let calls = [
        "data.get('a:').then((value) => value)",
        "Promise.all([data.get('a'), data.get('a:')])",
        "(async () => { const late = data.get('a:'); await data.get('a'); await late; })()",
        "data.set('k', { a: { b: { c: { d: { e: { f: new Date(0) } } } } } })",
        "new Promise((resolve, reject) => { data.remove('a:').catch(reject) })",
    ];
    for (number, error) in errors_of(&calls).iter().enumerate() {
        assert_eq!(
            (&error["file"], &error["line"]),
            (&json!("index.mjs"), &json!(number + 2)),
            "{error}"
        );
        let stack = error["stack"].as_str().expect("a stack");
        assert!(stack.contains("index.mjs:"), "{stack}");
        assert!(!stack.contains("data.cjs"), "{stack}");
    }
}

#[test]
fn a_call_in_a_function_of_its_own_is_shown_there_and_not_where_it_is_awaited() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         ws.on('message', async (c) => {
           await data.get('before');
           await store('text');
         });
         async function store(value) {
           await data.set('s', value);
           return add();
         }
         const add = () => data.set('s', { $add: 1 });",
    );
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let mut client = dev.client();
    client.send("go");
    client.text();
    let errors = told(&dev, 1);
    let place = (&errors[0]["line"], &errors[0]["column"]);
    assert_eq!(place, (&json!(11), &json!(33)), "{errors:?}");
    let stack = errors[0]["stack"].as_str().expect("a stack");
    let lines: Vec<&str> = stack.lines().map(str::trim).collect();
    assert!(
        lines[1].contains("add") && lines[1].contains("index.mjs:11:33"),
        "{stack}"
    );
    assert!(
        lines[2].contains("store") && lines[2].contains("index.mjs:9:"),
        "{stack}"
    );
}

#[test]
fn an_error_of_the_users_own_code_gets_no_hint_of_ours() {
    let calls = [
        "{ throw new Error('Invalid key') }",
        "data.set('k', { get a() { throw new Error('Invalid key') } })",
        "data.get('k').then(() => { throw new Error('Item already exists') })",
    ];
    for error in errors_of(&calls) {
        assert_eq!(error.get("hint"), None, "{error}");
    }
}

#[test]
fn the_terminal_shows_text_place_and_hint_and_the_app_only_the_text() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         ws.on('message', async (c, text) => {
           if (text === 'caught') return c.send(await data.get('a:').catch((e) => [e.message, Object.keys(e), 'hint' in e]));
           await data.get('a:');
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(
        client.ask("caught"),
        r#"["Invalid key",["name","statusCode"],false]"#
    );
    client.send("thrown");
    client.text();
    dev.wait_for(json!({ "event": "handler-error" }));
    let shown = app.verb(&["logs"]).stdout;
    for part in [
        "ValidationError: Invalid key",
        "index.mjs:5:",
        "> 5 |",
        "a key is `name` or `namespace:name`",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}
