//! Handlers that throw, take too long, block Node, or end the process.

use serde_json::{Value, json};

use crate::support::App;

#[test]
fn a_handler_that_throws_is_reported_with_its_place_and_the_client_is_told() {
    let app = App::new().file(
        "index.ts",
        "import { ws } from '@ampt/sdk'\n\
         \n\
         interface Order { id: number }\n\
         type Orders = Order[]\n\
         \n\
         ws.on<Order>('message', async (connection, order: Order) => {\n\
         \x20 if (order.id > 1) throw new RangeError(`no order ${order.id}`)\n\
         \x20 await connection.send('ok')\n\
         })\n",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send(r#"{"id":7}"#);
    let told = client.json();
    assert_eq!(told["message"], "Internal server error");
    assert_eq!(told["connectionId"], client.id);
    let event = dev.wait_for(json!({ "event": "handler-error", "handler": "message" }));
    assert_eq!(event["connectionId"], client.id);
    assert_eq!(event["requestId"], told["requestId"]);
    let error = &event["error"];
    assert_eq!(error["name"], "RangeError");
    assert_eq!(error["message"], "no order 7");
    assert_eq!(error["file"], "index.ts");
    assert_eq!(error["line"], 7);
    assert!(
        error["codeFrame"].as_str().unwrap().contains("> 7 |"),
        "{error}"
    );
    assert_eq!(client.ask(r#"{"id":1}"#), "ok", "the socket stays open");
}

#[test]
fn a_synchronous_throw_and_a_rejection_count_alike() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => {
           if (data === 'sync') throw new Error('sync');
           return Promise.reject(new Error('async'));
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    for kind in ["sync", "async"] {
        client.send(kind);
        assert_eq!(client.json()["message"], "Internal server error");
        dev.wait_for(json!({ "event": "handler-error", "error": { "message": kind } }));
    }
}

#[test]
fn whatever_is_thrown_is_described() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         const things = [undefined, null, 'text', 42, { a: 1 }, Symbol('s'), Object.create(null)];
         ws.on('message', (c, index) => { throw things[index]; });",
    );
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    for index in 0..7 {
        client.send(&index.to_string());
        assert_eq!(client.json()["message"], "Internal server error", "{index}");
    }
    let errors = dev.wait_for_all(7, json!({ "event": "handler-error" }));
    assert!(
        errors.iter().all(|e| e["error"]["message"].is_string()),
        "{errors:?}"
    );
    assert!(errors[2]["error"]["message"].to_string().contains("text"));
}

#[test]
fn connected_that_throws_tells_the_client_and_disconnected_only_the_log() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('connected', () => { throw new Error('no entry'); });
         ws.on('message', (c, d) => c.send(d));
         ws.on('disconnected', () => { throw new Error('no exit'); });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.json()["message"], "Internal server error");
    assert_eq!(client.ask("still open"), "still open");
    let id = client.id.clone();
    client.close_silently();
    for (handler, message) in [("connected", "no entry"), ("disconnected", "no exit")] {
        dev.wait_for(json!({
            "event": "handler-error", "handler": handler, "connectionId": id, "error": { "message": message, "file": "index.mjs" },
        }));
    }
}

#[test]
fn a_handler_past_its_timeout_is_reported_and_the_client_told() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', { timeout: 60 }, async (c, data) => {
           if (data === 'slow') await new Promise(() => {});
           await c.send(data);
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send("slow");
    assert_eq!(client.json()["message"], "Internal server error");
    let event = dev.wait_for(json!({ "event": "handler-error", "handler": "message" }));
    let message = event["error"]["message"].as_str().unwrap();
    for part in ["message", client.id.as_str(), "60 ms"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(event["error"]["hint"].as_str().unwrap().contains("timeout"));
    assert_eq!(client.ask("quick"), "quick");
}

/// Takes its five seconds: the timeouts of handlers follow the machine's clock alone.
#[test]
fn a_handler_that_asks_for_no_timeout_has_5_seconds() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', async (c) => {
           await new Promise((resolve) => setTimeout(resolve, 4500));
           await c.send('in time');
           await new Promise(() => {});
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send("go");
    assert_eq!(client.text(), "in time");
    let event = dev.wait_for(json!({ "event": "handler-error", "handler": "message" }));
    let message = event["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("5000 ms") || message.contains("5 s"),
        "{message}"
    );
}

#[test]
fn a_timeout_above_a_minute_is_cut_with_a_warning() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', { timeout: 60001 }, () => {});",
    );
    let dev = app.dev(&[]);
    dev.wait_for(
        json!({ "level": "warn", "text": "Maximum timeout for event handlers is 60000 ms" }),
    );
}

/// Asks what is behind the warning: to see a handler cut off would take a minute.
#[test]
fn a_timeout_is_at_most_a_minute() {
    let script = "const { timeoutOf } = require('./src/worker/js/sdk/timeout.cjs');
         console.log([59999, 60000, 60001, Infinity].map((timeout) => timeoutOf({ timeout }, true)).join());";
    let output = std::process::Command::new("node")
        .args(["-e", script])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("node runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(told.trim(), "59999,60000,60000,60000", "{output:?}");
}

#[test]
fn an_endless_loop_costs_the_worker_but_no_socket() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', { timeout: 60 }, (c, data) => {
           if (data === 'loop') for (;;);
           return c.send(`${process.pid}`);
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    let first = client.ask("pid");
    client.send("loop");
    assert_eq!(client.json()["message"], "Internal server error");
    client.send("pid");
    let second = client.text();
    assert_ne!(first, second, "a new process answers on the same socket");
    dev.wait_for(json!({ "event": "reload", "cause": "crash", "ok": true }));
    let told = |e: &Value| e["level"] == "error" && e["text"].to_string().contains("endless loop");
    dev.wait_for(told);
}

#[test]
fn messages_that_come_while_the_worker_is_replaced_are_handled_in_order() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => {
           if (data === 'die') process.exit(7);
           return c.send(data);
         });",
    );
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    client.send("die");
    assert_eq!(client.json()["message"], "Internal server error");
    for number in 0..200 {
        client.send(&number.to_string());
    }
    for number in 0..200 {
        assert_eq!(client.text(), number.to_string());
    }
}

#[test]
fn process_exit_in_a_handler_is_named_with_its_place() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => {
           if (data === 'die') process.exit(3);
           return c.send(data);
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send("die");
    assert_eq!(client.json()["message"], "Internal server error");
    let warned = dev.wait_for(|e: &Value| {
        e["level"] == "warn" && e["text"].to_string().contains("process.exit(3)")
    });
    assert!(
        warned["text"].to_string().contains("index.mjs:3"),
        "{warned}"
    );
    dev.wait_for(json!({ "event": "reload", "cause": "crash", "ok": true }));
    assert_eq!(client.ask("back"), "back");
}

#[test]
fn an_uncaught_exception_costs_the_worker_but_no_socket() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => {
           if (data === 'later') setTimeout(() => { throw new TypeError('nobody catches this'); });
           else return c.send(data);
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send("later");
    let error = json!({ "name": "TypeError", "message": "nobody catches this", "file": "index.mjs", "line": 3 });
    dev.wait_for(json!({ "event": "handler-error", "error": error }));
    dev.wait_for(json!({ "event": "reload", "cause": "crash", "ok": true }));
    assert_eq!(client.ask("back"), "back");
}

#[test]
fn an_unhandled_rejection_is_reported_and_the_worker_lives_on() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => {
           if (data === 'reject') Promise.reject(new Error('left alone'));
           return c.send(`${process.pid}`);
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    let first = client.ask("pid");
    client.send("reject");
    dev.wait_for(
        json!({ "event": "handler-error", "error": { "message": "left alone", "line": 3 } }),
    );
    assert_eq!(client.text(), first);
    assert_eq!(client.ask("pid"), first);
}

#[test]
fn a_disconnect_while_the_worker_is_away_still_gets_its_disconnected() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => { if (data === 'die') process.exit(1); });
         ws.on('disconnected', (c, reason) => console.log(c.connectionId, reason));",
    );
    let dev = app.dev(&[]);
    let mut killer = dev.client();
    let other = dev.client();
    let id = other.id.clone();
    killer.send("die");
    assert_eq!(killer.json()["message"], "Internal server error");
    other.close(1000, "leaving");
    dev.wait_for_line(&format!("{id} leaving"));
}

#[test]
fn each_part_of_the_sdk_has_a_name_of_its_own_and_core_knows_no_invocation() {
    let app = App::esm(
        "import * as sdk from '@ampt/sdk';
         for (const name of ['core', 'events', 'http', 'params', 'schedule', 'storage', 'task']) {
           const part = await import(`@ampt/sdk/${name}`);
           console.log(name, part[name] === sdk[name]);
         }
         sdk.ws.on('message', (c) => c.send([sdk.core.event ?? 'none', typeof sdk.storage('b').read]));",
    );
    let dev = app.dev(&[]);
    dev.wait_for_line("task true");
    assert!(
        dev.lines().iter().all(|line| line.ends_with(" true")),
        "{:?}",
        dev.lines()
    );
    assert_eq!(dev.client().ask("x"), r#"["none","function"]"#);
    dev.wait_for(|event: &Value| {
        event["level"] == "warn"
            && event["text"]
                .to_string()
                .contains("`core.event` is undefined in the local sandbox")
    });
}

#[test]
fn a_call_to_a_part_of_the_sdk_that_is_not_there_says_so() {
    let app = App::esm(
        "import { ws, http, task, schedule, storage } from '@ampt/sdk';
         const parts = { task: () => task('t', () => {}), schedule: () => schedule('s').every('1 hour', () => {}), storage: () => storage('b').read('x') };
         ws.on('message', (c, name) => parts[name]());",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    for name in ["task", "schedule", "storage"] {
        client.send(name);
        assert_eq!(client.json()["message"], "Internal server error");
        let event = dev.wait_for(move |e: &Value| {
            e["event"] == "handler-error" && e["error"]["message"].to_string().contains(name)
        });
        let message = event["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("not available in the local sandbox yet"),
            "{message}"
        );
        assert_eq!(event["error"]["line"], 2);
    }
}
