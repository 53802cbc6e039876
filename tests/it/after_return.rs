//! Work that goes on after a handler has returned, which the cloud loses now and then.

use serde_json::{Value, json};

use crate::support::{App, Dev};

/// Handlers that leave something running, and handlers that look like it and do not. The places
/// that the tests name are those of the lines.
const CODE: &str = "import { ws, events } from '@ampt/sdk'
import { data } from '@ampt/data'
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const leave = {
  send: (c) => { c.send('send') },
  sendAsync: async (c) => { c.send('sendAsync') },
  caught: async (c) => { c.send('caught').catch(() => {}) },
  all: (c) => { Promise.all([c.send('all')]) },
  set: async (c) => { data.set('k', 1); await null },
  publish: async (c) => { events.publish('e', { a: 1 }) },
  timer: (c) => { setTimeout(() => c.send('timer'), 20) },
  floating: (c) => { void (async () => { await later(20); await data.set('k', 2); await c.send('floating') })() },
}
const wait = {
  send: (c) => c.send('ok'),
  sendAsync: async (c) => { await c.send('ok') },
  returned: async (c) => c.send('ok'),
  all: async (c) => { await Promise.all([c.send('ok'), data.set('k', 1), later(5)]) },
  first: async (c) => { const sent = c.send('ok'); await data.set('k', 1); await data.remove('k'); await sent },
  close: async (c) => { await c.send('ok'); await events.publish('e', { a: 1 }) },
  gone: async (c) => { await ws.send('nobody', 1, { throwIfNotConnected: false }); await c.send('ok') },
}
ws.on('message', (c, { kind, name }) => (kind === 'leave' ? leave : wait)[name](c))
ws.on('disconnected', () => {})
events.on('e', () => {})
";

const LEAVES: [(&str, &str, u32); 8] = [
    (
        "send",
        "`ws.send` was not finished when its handler returned",
        5,
    ),
    (
        "sendAsync",
        "`ws.send` was not finished when its handler returned",
        6,
    ),
    (
        "caught",
        "`ws.send` was not finished when its handler returned",
        7,
    ),
    (
        "all",
        "`ws.send` was not finished when its handler returned",
        8,
    ),
    (
        "set",
        "a write to `data` was not finished when its handler returned",
        9,
    ),
    (
        "publish",
        "`events.publish` was not finished when its handler returned",
        10,
    ),
    (
        "timer",
        "`ws.send` was called while no handler was running",
        11,
    ),
    (
        "floating",
        "a write to `data` was called while no handler was running",
        12,
    ),
];

const WAITS: [&str; 7] = [
    "send",
    "sendAsync",
    "returned",
    "all",
    "first",
    "close",
    "gone",
];

fn warnings(dev: &Dev) -> Vec<Value> {
    dev.events(json!({ "event": "log", "level": "warn", "source": "sandbox" }))
}

#[test]
fn each_place_that_does_not_wait_is_told_once() {
    let app = App::esm(CODE);
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    for (count, (name, what, line)) in LEAVES.iter().enumerate() {
        for _ in 0..2 {
            client.send_json(&json!({ "kind": "leave", "name": name }));
            if !matches!(*name, "set" | "publish") {
                assert_eq!(client.text(), *name, "what is sent arrives all the same");
            }
        }
        let all = dev.wait_for_all(count + 1, json!({ "event": "log", "level": "warn" }));
        let text = all[count]["text"].as_str().unwrap();
        assert!(text.starts_with(what), "{name}: {text}");
        assert!(
            text.contains(&format!("(index.mjs:{line}:")),
            "{name}: {text}"
        );
        assert!(text.contains("`await` it, or return it"), "{text}");
    }
    assert_eq!(
        warnings(&dev).len(),
        LEAVES.len() + 1,
        "{:?}",
        warnings(&dev)
    );
}

#[test]
fn handlers_that_wait_are_not_accused() {
    let app = App::esm(CODE);
    let dev = app.dev(&["--no-limits", "--strict"]);
    let mut client = dev.client();
    for _ in 0..20 {
        for name in WAITS {
            client.send_json(&json!({ "kind": "wait", "name": name }));
        }
    }
    for _ in 0..20 * WAITS.len() {
        assert_eq!(client.text(), "ok");
    }
    client.close_silently();
    dev.wait_for(json!({ "event": "disconnected" }));
    let output = dev.stop();
    assert!(!output.stdout.contains("WorkAfterReturn"), "{output:?}");
    assert!(!output.stdout.contains("while no handler"), "{output:?}");
}

#[test]
fn strict_makes_it_an_error_each_time() {
    let app = App::esm(CODE);
    let dev = app.dev(&["--no-limits", "--strict"]);
    let mut client = dev.client();
    for count in 1..=2 {
        client.send_json(&json!({ "kind": "leave", "name": "send" }));
        assert_eq!(client.text(), "send");
        assert_eq!(client.json()["message"], "Internal server error");
        let errors = dev.wait_for_all(
            count,
            json!({ "event": "handler-error", "handler": "message" }),
        );
        let error = &errors[count - 1]["error"];
        assert_eq!(error["name"], "WorkAfterReturnError");
        assert_eq!(
            (&error["file"], &error["line"]),
            (&json!("index.mjs"), &json!(5))
        );
        assert!(error["hint"].to_string().contains("`await` it"), "{error}");
    }
    client.send_json(&json!({ "kind": "leave", "name": "timer" }));
    assert_eq!(client.text(), "timer");
    let event = dev.wait_for(json!({ "event": "handler-error", "handler": "work after return" }));
    assert_eq!(event["error"]["line"], 11);
}

#[test]
fn what_the_top_level_starts_is_its_own_affair() {
    let app = App::new().file(
        "index.js",
        "const { ws } = require('@ampt/sdk'); const { data } = require('@ampt/data');
         (async () => { for (let i = 0; i < 20; i++) await data.set('k', i); console.log('seeded') })();",
    );
    let dev = app.dev(&["--strict"]);
    dev.wait_for_line("seeded");
    assert_eq!(
        dev.events(json!({ "event": "handler-error" })),
        [] as [Value; 0]
    );
}

#[test]
fn an_http_handler_that_does_not_wait_is_told() {
    let app = App::esm(
        "import { http } from '@ampt/sdk'
         import { data } from '@ampt/data'
         http.use((request) => {
           const write = data.set('k', 1)
           return request.url.endsWith('/wait') ? write.then(() => new Response('ok')) : new Response('ok')
         })",
    );
    let dev = app.dev(&[]);
    for path in ["/wait", "/leave"] {
        assert_eq!(
            dev.request(&format!(
                "GET {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n",
                dev.port()
            ))
            .body,
            "ok"
        );
    }
    let told = dev.wait_for(|e: &Value| e["text"].to_string().contains("was not finished"));
    assert!(told["text"].to_string().contains("(index.mjs:4:"), "{told}");
}
