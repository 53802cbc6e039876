//! Every example of Ampt's WebSocket document, as it is written there: what runs in the cloud
//! runs here, and what fails there fails here, with the line that is to blame.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{App, Dev, PATIENCE};

const WELCOME: &str = "Welcome to Ampt WebSockets!";

/// A value in the store of an app.
fn stored(app: &App, key: &str) -> Value {
    let got = app.verb(&["data", "get", key, "--json"]);
    match got.code {
        Some(0) => got.json()["value"].take(),
        _ => Value::Null,
    }
}

/// How many items there are under a pattern.
fn count(app: &App, pattern: &str) -> usize {
    let listed = app.verb(&["data", "ls", pattern, "--json"]).json();
    listed.as_array().expect("a list of items").len()
}

/// Ends the sandbox, so that all handlers have run, and gives everything that it said.
fn said(dev: Dev) -> Vec<Value> {
    let log = dev.log();
    dev.stop();
    log.events()
}

fn warnings(said: &[Value]) -> Vec<&str> {
    let warned = |e: &&Value| e["level"] == "warn" && e["source"] == "sandbox";
    let warned = said.iter().filter(warned);
    warned
        .map(|event| event["text"].as_str().expect("a text"))
        .collect()
}

fn errors(said: &[Value]) -> Vec<&Value> {
    let failed = |e: &&Value| e["event"] == "handler-error";
    said.iter().filter(failed).collect()
}

/// Ends the sandbox, in which nothing must have gone wrong and the app must have printed nothing.
fn no_complaints(dev: Dev) {
    let said = said(dev);
    assert_eq!(warnings(&said), Vec::<&str>::new());
    assert_eq!(errors(&said), Vec::<&Value>::new());
    let printed = said.iter().filter(|event| event["source"] == "app");
    assert_eq!(printed.collect::<Vec<_>>(), Vec::<&Value>::new());
}

/// Waits for what no event tells.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came about: {what}");
    }
}

#[test]
fn the_three_listeners_are_registered_and_run() {
    let app = App::fixture("seed-listeners");
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(
        client.ask("ping"),
        "pong",
        "a message handler is registered"
    );
    client.send(r#"{"any":"thing"}"#);
    let id = client.id.clone();
    client.close(1000, "done");
    dev.wait_for(json!({ "event": "disconnected", "connectionId": id, "reason": "done" }));
    no_complaints(dev);
}

#[test]
fn connections_are_kept_with_the_older_name_of_the_query() {
    let app = App::fixture("seed-connections");
    let dev = app.dev(&[]);
    let ana = dev.client_at("/?name=ana");
    let bo = dev.client_at("/?name=bo");
    eventually("both are kept", || count(&app, "connection:*") == 2);
    for (client, name) in [(&ana, "ana"), (&bo, "bo")] {
        let row = stored(&app, &format!("connection:{}", client.id));
        assert_eq!(row["connectionId"], client.id);
        assert_eq!(row["username"], name);
        assert!(row["connectedAt"].as_f64().unwrap() > 1.7e12, "{row}");
    }
    ana.close_silently();
    eventually("only bo is left", || count(&app, "connection:*") == 1);
    let said = said(dev);
    let warned = warnings(&said);
    assert_eq!(warned.len(), 1, "once for the place: {warned:?}");
    for part in [
        "`meta.queryStringParams`",
        "`meta.queryStringParameters`",
        "index.ts:14",
    ] {
        assert!(warned[0].contains(part), "{warned:?}");
    }
    assert_eq!(count(&app, "connection:*"), 0, "the stop ended bo's");
}

#[test]
fn the_parameter_that_hides_the_import_fails_at_its_line() {
    let app = App::fixture("seed-connections");
    let dev = app.dev(&[]);
    let mut client = dev.client_at("/?name=ana");
    client.send(r#"{"lat":59.3,"long":18}"#);
    assert_eq!(client.json()["message"], "Internal server error");
    let event = dev.wait_for(json!({
        "event": "handler-error", "handler": "message", "connectionId": client.id,
        "error": { "name": "TypeError", "message": "data.get is not a function", "file": "index.ts", "line": 28 },
    }));
    let error = &event["error"];
    let frame = error["codeFrame"].as_str().unwrap();
    assert!(
        frame.contains("> 28 |   const existingConnection"),
        "{frame}"
    );
    assert!(error["hint"].as_str().unwrap().contains("hides"), "{error}");
    assert_eq!(count(&app, "current_location:*"), 0);
}

#[test]
fn the_repaired_copy_keeps_positions() {
    let app = App::fixture("seed-connections-repaired");
    let dev = app.dev(&[]);
    let mut client = dev.client_at("/?name=ana");
    client.send(r#"{"lat":59.3,"long":18,"speed":3}"#);
    let position = json!({ "lat": 59.3, "long": 18 });
    eventually("the position is kept", || {
        stored(&app, "current_location:ana") == position
    });
    client.close(1000, "");
    no_complaints(dev);
    assert_eq!(count(&app, "connection:*"), 0);
}

#[test]
fn closing_a_closed_connection_again_rejects_at_its_line() {
    let app = App::fixture("seed-close-one");
    let dev = app.dev(&[]);
    let mut client = dev.client();
    for other in ["text", "7", "null", "", r#"{"disconnectMe":false}"#] {
        client.send(other);
    }
    client.send(r#"{"disconnectMe":true}"#);
    assert_eq!(
        client.closed(),
        (1000, "Connection Closed Normally".to_owned())
    );
    let event = dev.wait_for(json!({
        "event": "handler-error", "handler": "message",
        "error": { "name": "WebSocketError", "message": "UnknownError", "file": "index.js", "line": 8 },
    }));
    let error = &event["error"];
    assert_eq!(
        error["stack"], "WebSocketError: UnknownError\n    at index.js:8:22",
        "no frame but the user's own"
    );
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("is closed already"),
        "{error}"
    );
    assert_eq!(errors(&said(dev)).len(), 1);
}

#[test]
fn all_connections_are_closed_through_the_older_form_of_a_list() {
    let app = App::fixture("seed-close-all");
    let dev = app.dev(&[]);
    for _ in 0..2 {
        close_everybody(&app, &dev);
    }
    let said = said(dev);
    assert_eq!(errors(&said), Vec::<&Value>::new());
    let warned = warnings(&said);
    assert_eq!(warned.len(), 1, "once for the place: {warned:?}");
    for part in ["`map`", "`.items`", "index.js:15"] {
        assert!(warned[0].contains(part), "{warned:?}");
    }
}

#[test]
fn all_connections_are_closed_through_items() {
    let app = App::fixture("seed-close-all-items");
    let dev = app.dev(&[]);
    close_everybody(&app, &dev);
    no_complaints(dev);
}

/// Three clients come, one says something, and all are closed.
fn close_everybody(app: &App, dev: &Dev) {
    let mut clients = [dev.client(), dev.client(), dev.client()];
    eventually("all are kept", || count(app, "connection:*") == 3);
    clients[1].send("everybody out");
    for client in &mut clients {
        assert_eq!(client.closed().0, 1000);
    }
    eventually("none is kept", || count(app, "connection:*") == 0);
}

#[test]
fn the_fragment_that_closes_all_runs_at_the_top_of_a_module_too() {
    let app = App::esm(
        "import { ws } from \"@ampt/sdk\";\n\
         import { data } from \"@ampt/data\";\n\
         // .. in some handler\n\
         const connections = await data.get(\"connection:*\");\n\
         await ws.close(connections.map((item) => item.value.connectionId));\n\
         console.log(`closed ${connections.length}`);\n",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    let row = json!({ "connectionId": client.id }).to_string();
    let key = format!("connection:{}", client.id);
    let set = app.verb(&["data", "set", &key, &row]);
    assert_eq!(set.code, Some(0), "{set:?}");
    let reload = app.verb(&["reload"]);
    assert_eq!(reload.code, Some(0), "{reload:?}");
    assert_eq!(client.closed().0, 1000);
    dev.wait_for_line("closed 1");
    let said = said(dev);
    let mut warned = warnings(&said);
    warned.retain(|text| text.contains("data.get"));
    assert_eq!(warned.len(), 4, "two places, in two workers: {warned:?}");
}

#[test]
fn three_forms_of_sending_reach_the_client_in_order() {
    let app = App::fixture("seed-send");
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.text(), WELCOME);
    assert_eq!(client.text(), r#"{"message":"Welcome to Ampt WebSocket!"}"#);
    assert_eq!(client.text(), WELCOME);
    no_complaints(dev);
}

#[test]
fn a_catch_with_a_type_compiles_and_nothing_is_thrown() {
    let app = App::fixture("seed-throw-if-not-connected");
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.text(), WELCOME);
    client.close(1000, "");
    no_complaints(dev);
}

#[test]
fn without_the_option_a_send_to_a_closed_connection_throws_the_named_error() {
    let as_written = App::fixture("seed-throw-if-not-connected").read("index.ts");
    let throwing = as_written
        .replace(
            "  try {",
            "  await ws.close(connection.connectionId);\n  try {",
        )
        .replace(", { throwIfNotConnected: false }", "")
        .replace(
            "\"You won't see this\"",
            "e instanceof InvalidConnectionError, e.message",
        );
    let import = "import { InvalidConnectionError } from \"@ampt/sdk/websockets\";\n";
    let app = App::fixture("seed-throw-if-not-connected")
        .file("index.ts", &format!("{import}{throwing}"));
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.closed().0, 1000);
    dev.wait_for_line(&format!("true Connection {} is not connected", client.id));
}

#[test]
fn a_connected_client_is_welcomed() {
    let app = App::fixture("seed-is-connected");
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.text(), WELCOME);
    no_complaints(dev);
}

#[test]
fn a_client_that_has_gone_is_not_welcomed() {
    let as_written = App::fixture("seed-is-connected").read("index.js");
    let gone = as_written.replace("  if (", "  await ws.close(connectionId);\n  if (");
    let app = App::fixture("seed-is-connected").file("index.js", &gone);
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.closed().0, 1000);
    dev.wait_for_line(&format!("Connection {} is not connected!", client.id));
}

#[test]
fn older_names_are_extras_that_nobody_sees_who_does_not_ask() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         ws.on('connected', async (c) => {
           await data.set('n:a', 1);
           const list = await data.get('n:*');
           console.log(JSON.stringify([Object.keys(c.meta), Object.keys(list), list, { ...list }]));
           console.log(list);
           await c.send('ready');
         });",
    );
    let dev = app.dev(&[]);
    assert_eq!(dev.client_at("/?a=1").text(), "ready");
    let list = r#"{"items":[{"key":"n:a","value":1}]}"#;
    let meta = r#"["connectedAt","queryStringParameters","headers"]"#;
    dev.wait_for_line(&format!(r#"[{meta},["items"],{list},{list}]"#));
    dev.wait_for_line("{ items: [ { key: 'n:a', value: 1 } ] }");
    assert_eq!(warnings(&said(dev)), Vec::<&str>::new());
}

#[test]
fn a_list_answers_like_an_array_with_one_warning_for_each_place() {
    let app = App::new().file(
        "index.ts",
        "import { ws } from '@ampt/sdk'\n\
         import { data } from '@ampt/data'\n\
         ws.on('message', async (connection) => {\n\
         \x20 await data.set([{ key: 'n:a', value: 1 }, { key: 'n:b', value: 2 }])\n\
         \x20 const list = await data.get('n:*')\n\
         \x20 const seen: unknown[] = []\n\
         \x20 seen.push(list.map((item) => item.value))\n\
         \x20 list.forEach((item) => seen.push(item.key))\n\
         \x20 seen.push(list.filter(({ value }) => value > 1).length)\n\
         \x20 seen.push(list.length)\n\
         \x20 for (const { value } of list) seen.push(value)\n\
         \x20 seen.push(list[1].key, [...list].length)\n\
         \x20 for (let i = 0; i < list.length; i++) seen.push(list[i].value)\n\
         \x20 await connection.send(seen)\n\
         })\n",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    for _ in 0..2 {
        let seen = client.ask("go");
        assert_eq!(seen, r#"[[1,2],"n:a","n:b",1,2,1,2,"n:b",2,1,2]"#);
    }
    let said = said(dev);
    let warned = warnings(&said);
    let expected = [
        ("`map`", 7),
        ("`forEach`", 8),
        ("`filter`", 9),
        ("`length`", 10),
        ("iteration", 11),
        ("[1]", 12),
        ("iteration", 12),
        ("`length`", 13),
        ("[0]", 13),
    ];
    assert_eq!(warned.len(), expected.len(), "{warned:#?}");
    for (text, (what, line)) in warned.iter().zip(expected) {
        assert!(text.contains(what), "{what}: {text}");
        assert!(
            text.contains(&format!("index.ts:{line}:")),
            "{line}: {text}"
        );
    }
}

#[test]
fn the_older_name_of_the_query_warns_once_for_each_place() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('connected', async ({ meta, send, ...c }) => {
           const first = meta.queryStringParams?.name;
           const { queryStringParams } = meta;
           console.log(first, queryStringParams === meta.queryStringParameters);
         });",
    );
    let dev = app.dev(&[]);
    let _clients = [dev.client_at("/?name=ana"), dev.client_at("/")];
    dev.wait_for_line("ana true");
    dev.wait_for_line("undefined true");
    let said = said(dev);
    let warned = warnings(&said);
    assert_eq!(warned.len(), 2, "{warned:?}");
    for (text, line) in warned.iter().zip([3, 4]) {
        assert!(text.contains(&format!("index.mjs:{line}:")), "{text}");
    }
}
