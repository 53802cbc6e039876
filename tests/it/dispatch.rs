//! `connected`, `message` and `disconnected` reach the app's handlers, with their arguments.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{App, cpu_ticks, eventually};

#[test]
fn connected_gets_the_connection_and_its_meta() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('connected', (...args) => {
           const [connection] = args;
           const { connectionId, meta } = connection;
           return connection.send({ connectionId, meta, args: args.length });
         });",
    );
    let dev = app.dev(&[]);
    let before = now_ms();
    let mut client = dev
        .dial("/?name=ana&name=bo&q=a%20b+c&flag", &[("X-Mine", "1")])
        .unwrap();
    let got = client.json();
    assert_eq!(got["connectionId"], client.id);
    assert_eq!(got["args"], 1);
    let meta = &got["meta"];
    assert_eq!(
        meta["queryStringParameters"],
        json!({ "name": "bo", "q": "a b c", "flag": "" }),
        "decoded; of a repeated name the last counts"
    );
    assert_eq!(meta["headers"]["X-Mine"], "1");
    let at = meta["connectedAt"].as_i64().unwrap();
    assert!(
        (before..=now_ms()).contains(&at),
        "epoch milliseconds: {at}"
    );
}

#[test]
fn headers_are_named_as_clients_commonly_write_them() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('connected', (c) => c.send(Object.keys(c.meta.headers)));",
    );
    let dev = app.dev(&[]);
    let headers = [("user-agent", "test"), ("X-MINE", "1"), ("x-api-key", "2")];
    let names = dev.dial("/", &headers).unwrap().json();
    let names = names.as_array().unwrap();
    for name in [
        "User-Agent",
        "X-Mine",
        "X-Api-Key",
        "Host",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
    ] {
        assert!(names.contains(&json!(name)), "{name}: {names:?}");
    }
}

#[test]
fn without_a_query_there_are_no_query_parameters() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('connected', (c) => c.send('queryStringParameters' in c.meta));",
    );
    let dev = app.dev(&[]);
    assert_eq!(dev.client().text(), "false");
    assert_eq!(dev.client_at("/?").text(), "false");
    assert_eq!(dev.client_at("/any/path?a=1").text(), "true");
}

#[test]
fn message_and_disconnected_get_a_connection_without_meta() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         const tell = (event) => (...args) => {
           const [connection, data] = args;
           console.log(JSON.stringify({
             event, id: connection.connectionId, meta: connection.meta === undefined, data, args: args.length,
           }));
         };
         ws.on('message', tell('message'));
         ws.on('disconnected', tell('disconnected'));",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send(r#"{"lat":59.3,"long":18}"#);
    let id = client.id.clone();
    client.close(4001, "gone home");
    let line = |event: &str, data: Value| json!({ "event": event, "id": id, "meta": true, "data": data, "args": 2 });
    dev.wait_for_line(&line("disconnected", json!("gone home")).to_string());
    assert_eq!(
        dev.lines(),
        [
            line("message", json!({ "lat": 59.3, "long": 18 })).to_string(),
            line("disconnected", json!("gone home")).to_string()
        ]
    );
}

#[test]
fn connected_comes_first_messages_in_order_and_disconnected_last() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('connected', () => console.log('connected'));
         ws.on('message', (_, data) => console.log(String(data)));
         ws.on('disconnected', () => console.log('disconnected'));",
    );
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    let mut expected = vec!["connected".to_owned()];
    for n in 0..500 {
        client.send(&n.to_string());
        expected.push(n.to_string());
    }
    client.close_silently();
    expected.push("disconnected".to_owned());
    dev.wait_for_line("disconnected");
    assert_eq!(dev.lines(), expected);
}

#[test]
fn a_handler_that_waits_does_not_hold_back_the_next_message() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         let release;
         ws.on('message', async (c, data) => {
           if (data === 'wait') await new Promise((resolve) => { release = resolve; });
           else release();
           await c.send(data);
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send("wait");
    client.send("go");
    let answers = [client.text(), client.text()];
    assert!(answers.contains(&"wait".to_owned()), "{answers:?}");
    assert!(answers.contains(&"go".to_owned()), "{answers:?}");
}

#[test]
fn what_a_handler_sends_leaves_before_the_handler_returns() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         let release;
         ws.on('message', async (c, data) => {
           if (data === 'answered') return release();
           await c.send('early');
           await new Promise((resolve) => { release = resolve; });
           await c.send('late');
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.ask("question"), "early");
    assert_eq!(client.ask("answered"), "late");
}

#[test]
fn a_worker_sleeps_once_nobody_talks_to_it_any_more() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         console.log(process.pid);
         ws.on('message', (c, data) => c.send(data));",
    );
    let dev = app.dev(&["--no-limits"]);
    let pid = dev.wait_for(|event: &Value| event["source"] == "app")["text"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap();
    let (mut one, mut other) = (dev.client(), dev.client());
    for n in 0..500_u32 {
        assert_eq!(one.ask(&n.to_string()), n.to_string());
        if n % 100 == 99 {
            assert_eq!(other.ask("too"), "too");
        }
    }
    eventually("the worker takes no time", || {
        let before = cpu_ticks(pid);
        thread::sleep(Duration::from_millis(100));
        cpu_ticks(pid) == before
    });
}

#[test]
fn an_app_may_put_timers_of_its_own_in_place_of_nodes() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         globalThis.setImmediate = globalThis.setTimeout = () => {};
         globalThis.performance = { now: () => 0 };
         process.hrtime = Object.assign(() => [0, 0], { bigint: () => 0n });
         ws.on('message', (c, data) => c.send(data));",
    );
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    for n in 0..50_u32 {
        assert_eq!(client.ask(&n.to_string()), n.to_string());
    }
}

#[test]
fn the_last_registration_of_an_event_wins() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c) => c.send('first'));
         ws.on('message', { timeout: 1000 }, (c) => c.send('second'));",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.ask("x"), "second");
    client.send("y");
    assert_eq!(client.text(), "second", "and it runs once for a message");
}

#[test]
fn a_message_that_nobody_handles_is_told_once() {
    let app = App::esm("import { ws } from '@ampt/sdk'; ws.on('connected', () => {});");
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send("a");
    client.send("b");
    client.close_silently();
    let warned = |e: &Value| e["level"] == "warn" && e["text"].to_string().contains("not handled");
    dev.wait_for(warned);
    dev.wait_for(json!({ "event": "disconnected" }));
    assert_eq!(dev.events(warned).len(), 1);
}

#[test]
fn without_app_code_the_endpoint_is_served() {
    let app = App::new();
    let dev = app.dev(&[]);
    let mut client = dev.client_at("/?a=1");
    client.send("hello");
    dev.wait_for(json!({ "event": "message", "connectionId": client.id, "data": "hello" }));
    client.close(1000, "bye");
    dev.wait_for(json!({ "event": "disconnected", "code": 1000, "reason": "bye" }));
}

#[test]
fn connection_ids_have_the_form_of_api_gateways() {
    let app = App::new();
    let dev = app.dev(&["--no-limits"]);
    for _ in 0..20 {
        let id = dev.client().id;
        let (body, last) = id.split_at(14);
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(body.chars().all(word), "{id}");
        assert!("AEIMQUYcgkosw048".contains(&last[..1]), "{id}");
        assert_eq!(&last[1..], "=", "{id}");
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap()
}
