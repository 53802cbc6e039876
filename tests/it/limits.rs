//! Sizes of messages and frames, and the rate and burst of an environment.

use serde_json::json;

use crate::lifecycle::advance;
use crate::messages::{masked, write};
use crate::support::App;

const SIZES: &str = "import { ws } from '@ampt/sdk';
     ws.on('message', (c, data) => c.send(String(data.length)));
     ws.on('disconnected', (c, reason) => console.log(reason));";

#[test]
fn a_frame_above_32_kb_closes_with_1009() {
    let app = App::esm(SIZES);
    let dev = app.dev(&[]);
    let mut client = dev.client();
    write(&mut client, &masked(0x81, &vec![b'x'; 32_768]));
    assert_eq!(client.text(), "32768");
    write(&mut client, &masked(0x81, &vec![b'x'; 32_769]));
    assert_eq!(client.closed(), (1009, "Message too big".to_owned()));
    dev.wait_for_line("Message too big");
}

#[test]
fn a_message_above_128_kb_in_small_frames_closes_with_1009() {
    let app = App::esm(SIZES);
    let dev = app.dev(&[]);
    let mut client = dev.client();
    let part = vec![b'x'; 32_768];
    write(&mut client, &masked(0x01, &part));
    for _ in 0..3 {
        write(&mut client, &masked(0x00, &part));
    }
    write(&mut client, &masked(0x80, b"x"));
    assert_eq!(client.closed(), (1009, "Message too big".to_owned()));
    dev.wait_for_line("Message too big");
}

#[test]
fn a_frame_that_only_announces_too_much_closes_with_1009_at_once() {
    let app = App::new();
    let dev = app.dev(&[]);
    let mut client = dev.client();
    let mut head = vec![0x81, 0xff];
    head.extend((1_u64 << 40).to_be_bytes());
    head.extend([0; 4]);
    write(&mut client, &head);
    assert_eq!(client.closed().0, 1009);
}

#[test]
fn the_limits_of_frames_and_messages_can_be_lifted() {
    let app = App::esm(SIZES);
    let dev = app.dev(&["--max-message", "1000000", "--max-frame", "1000000"]);
    let mut client = dev.client();
    assert_eq!(client.ask(&"x".repeat(1_000_000)), "1000000");
    client.send(&"x".repeat(1_000_001));
    assert_eq!(client.closed().0, 1009);
}

#[test]
fn a_message_without_a_token_is_answered_and_kept_from_the_handler() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => c.send(data));",
    );
    let dev = app.dev(&[]);
    freeze(&app);
    let mut client = dev.client(); // takes the first of ten tokens
    for number in 0..9 {
        assert_eq!(client.ask(&number.to_string()), number.to_string());
    }
    client.send("one too many");
    let told = client.json();
    assert_eq!(told["message"], "Too Many Requests");
    assert_eq!(told["connectionId"], client.id);
    assert!(told["requestId"].as_str().is_some_and(|id| id.len() == 16));
    let event = dev.wait_for(json!({ "event": "throttled", "connectionId": client.id }));
    for flag in ["--env", "--no-limits"] {
        assert!(event["hint"].as_str().unwrap().contains(flag), "{event}");
    }
    advance(&app, "100ms");
    assert_eq!(
        client.ask("next"),
        "next",
        "a tenth of a second brings one token"
    );
    client.send("and no more");
    assert_eq!(client.json()["message"], "Too Many Requests");
}

#[test]
fn what_the_app_sends_is_not_limited() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', async (c) => { for (let i = 0; i < 100; i++) await c.send(i); });",
    );
    let dev = app.dev(&["--burst", "2", "--rate", "1"]);
    freeze(&app);
    let mut client = dev.client();
    client.send("go");
    for number in 0..100 {
        assert_eq!(client.text(), number.to_string());
    }
}

#[test]
fn beyond_the_most_connections_a_handshake_gets_503() {
    let app = App::new();
    let dev = app.dev(&["--max-connections", "2", "--no-limits"]);
    let (first, _second) = (dev.client(), dev.client());
    let refused = dev.dial("/", &[]).err().expect("one too many");
    assert_eq!(refused.status, 503);
    let event = dev.wait_for(json!({ "event": "rejected", "status": 503 }));
    assert!(event["hint"].to_string().contains("--max-connections"));
    let gone = json!({ "event": "disconnected", "connectionId": first.id });
    drop(first);
    dev.wait_for(gone);
    dev.client();
}

#[test]
fn without_a_token_a_handshake_gets_429() {
    let app = App::new();
    let dev = app.dev(&["--burst", "2", "--rate", "1"]);
    freeze(&app);
    let _open = [dev.client(), dev.client()];
    let refused = dev.dial("/", &[]).err().unwrap();
    assert_eq!(refused.status, 429);
    assert_eq!(refused.body, r#"{"message":"Too Many Requests"}"#);
    let event = dev.wait_for(json!({ "event": "throttled" }));
    assert!(event.get("connectionId").is_none(), "{event}");
    for flag in ["--env", "--no-limits"] {
        assert!(event["hint"].as_str().unwrap().contains(flag), "{event}");
    }
    advance(&app, "1s");
    dev.client();
}

#[test]
fn each_environment_has_its_burst_and_rate() {
    for (env, burst, rate) in [
        ("sandbox", 10, 10),
        ("preview", 50, 100),
        ("stage", 5_000, 10_000),
    ] {
        let app = App::esm(
            "import { ws } from '@ampt/sdk';
             ws.on('message', (c, data) => c.send('handled'));",
        );
        let dev = app.dev(&["--env", env]);
        freeze(&app);
        let mut client = dev.client();
        advance(&app, "10s"); // the bucket is full, not fuller
        let round = |client: &mut crate::support::Client, count: usize| -> usize {
            for _ in 0..count {
                client.send("x");
            }
            (0..count).filter(|_| client.text() == "handled").count()
        };
        if env != "stage" {
            assert_eq!(round(&mut client, burst + 3), burst, "{env}: burst");
            advance(&app, "200ms");
            assert_eq!(round(&mut client, rate / 5 + 2), rate / 5, "{env}: rate");
        }
        let status = app.verb(&["status", "--json"]).json();
        let limits = json!({ "rate": rate, "burst": burst, "enforced": true });
        assert_eq!(status["limits"], limits, "{env}");
    }
}

#[test]
fn no_more_invocations_than_the_burst_run_at_once_and_the_next_waits() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { existsSync } from 'node:fs';
         import { setTimeout } from 'node:timers/promises';
         let running = 0, most = 0;
         ws.on('message', async (c) => {
           most = Math.max(most, ++running);
           console.log('begun');
           while (!existsSync('go')) await setTimeout(2);
           running--;
           await c.send(String(most));
         });",
    );
    let dev = app.dev(&["--burst", "3", "--rate", "10"]);
    freeze(&app);
    let mut client = dev.client();
    for wave in 1..=2 {
        advance(&app, "1s");
        for _ in 0..3 {
            client.send("x");
        }
        dev.wait_for_all(wave * 3, json!({ "event": "message" }));
    }
    let begun = json!({ "event": "log", "text": "begun" });
    dev.wait_for_all(3, begun.clone());
    let status = app.verb(&["status", "--json"]).json();
    assert_eq!(status["pending"]["invocations"], 6, "{status}");
    assert_eq!(dev.events(begun).len(), 3);
    app.write("go", "");
    for _ in 0..6 {
        assert_eq!(client.text(), "3");
    }
}

#[test]
fn without_error_frames_a_client_hears_nothing_of_failures_and_throttles() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => { if (data === 'throw') throw new Error('no'); return c.send(data); });",
    );
    let dev = app.dev(&["--no-error-frames", "--burst", "3", "--rate", "1"]);
    freeze(&app);
    let mut client = dev.client();
    client.send("throw");
    dev.wait_for(json!({ "event": "handler-error", "handler": "message" }));
    assert_eq!(client.ask("after the error"), "after the error");
    client.send("throttled");
    dev.wait_for(json!({ "event": "throttled", "connectionId": client.id }));
    advance(&app, "1s");
    assert_eq!(client.ask("after the throttle"), "after the throttle");
}

fn freeze(app: &App) {
    assert_eq!(app.verb(&["clock", "freeze"]).code, Some(0));
}
