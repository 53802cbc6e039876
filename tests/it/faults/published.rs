//! Published events: whatever dies between the publish and its time, each comes once, at its time.

use serde_json::json;

use crate::support::{App, Dev};

/// Publishes what it is sent, and prints what it hears of.
const NOTES: &str = r#"
import { events, ws } from '@ampt/sdk';
events.on('note', (event) => console.log('heard', event.body, event.delay));
events.on('slow', async (event) => {
  console.log('began', event.body);
  await new Promise(() => {});
});
ws.on('message', async (c, what) => {
  if (what === 'exit') process.exit(7);
  await events.publish(...what);
  await c.send('published');
});
"#;

fn publish(dev: &Dev, name: &str, after: &str, body: &str) {
    let mut client = dev.client();
    client.send_json(&json!([name, { "after": after }, body]));
    assert_eq!(client.text(), "published");
}

fn clock(app: &App, args: &[&str]) {
    let moved = app.verb(&[&["clock"], args].concat());
    assert_eq!(moved.code, Some(0), "{moved:?}");
}

/// The notes that came in this run, once nothing is due any more.
fn heard(app: &App, dev: &Dev) -> Vec<String> {
    // Every event that is due by then stands before this one.
    let last = format!("the last of {}", dev.lines().len());
    publish(dev, "note", "0 seconds", &last);
    dev.wait_for_line(&format!("heard {last} 0"));
    app.settle();
    let lines = dev.lines().into_iter();
    let notes = lines.filter(|line| line.starts_with("heard") && !line.contains("the last of"));
    notes.collect()
}

#[test]
fn a_published_event_comes_at_its_time_whatever_died_meanwhile() {
    let app = App::esm(NOTES);
    let start = || app.dev(&["--no-limits", "--idle-timeout", "9h"]);
    let mut dev = start();
    let mut in_this_run = Vec::new();
    for number in 0..4 {
        // A sandbox begins with the machine's time.
        clock(&app, &["resume"]);
        publish(&dev, "note", "1 hour", &number.to_string());
        match number {
            0 | 1 => {
                match number {
                    0 => dev.stop(),
                    _ => dev.kill(),
                };
                in_this_run.clear();
                dev = start();
            }
            2 => {
                dev.client().send("exit");
                dev.wait_for(json!({ "event": "reload", "cause": "crash", "ok": true }));
            }
            _ => assert_eq!(app.verb(&["reload"]).code, Some(0)),
        }
        clock(&app, &["advance", "59m"]);
        assert_eq!(heard(&app, &dev), in_this_run, "before its time");
        clock(&app, &["advance", "1m"]);
        in_this_run.push(format!("heard {number} 3600000"));
        assert_eq!(heard(&app, &dev), in_this_run);
    }
    dev.kill();
    assert_eq!(heard(&app, &start()), [""; 0], "they are done with");
}

#[test]
fn what_was_due_while_the_sandbox_was_away_comes_at_the_start() {
    let app = App::esm(NOTES);
    let dev = app.dev(&["--no-limits"]);
    clock(&app, &["freeze"]);
    for number in 0..20 {
        publish(&dev, "note", "1 second", &number.to_string());
    }
    dev.kill();
    let dev = app.dev(&["--no-limits"]);
    let told = "20 events that an earlier run published come when they are due";
    dev.wait_for(json!({ "event": "log", "level": "info", "text": told }));
    dev.wait_for_line("heard 19 1000");
    let all: Vec<_> = (0..20).map(|n| format!("heard {n} 1000")).collect();
    assert_eq!(heard(&app, &dev), all, "in their order");
}

#[test]
fn an_event_whose_handler_a_kill_cut_off_comes_again() {
    let app = App::esm(NOTES);
    let dev = app.dev(&["--no-limits"]);
    publish(&dev, "slow", "0 seconds", "kept");
    dev.wait_for_line("began kept");
    dev.kill();
    let dev = app.dev(&["--no-limits"]);
    dev.wait_for_line("began kept");
    // The end of its worker is told, and it comes again later.
    dev.client().send("exit");
    dev.wait_for(json!({ "event": "handler-error", "handler": "event:custom:slow" }));
    app.settle();
    dev.kill();
    let dev = app.dev(&["--no-limits"]);
    assert_eq!(heard(&app, &dev), [""; 0]);
    assert!(!dev.lines().contains(&"began kept".to_owned()));
    clock(&app, &["advance", "6m"]);
    dev.wait_for_line("began kept");
}

/// Fails until it is told to stop, in a file that outlives the code.
const STUBBORN: &str = r#"
import { existsSync } from 'node:fs';
import { events, ws } from '@ampt/sdk';
events.on('note', ({ body, attempt }) => {
  if (!existsSync('mended')) throw new Error(`not at try ${attempt}`);
  console.log('heard', body, attempt);
});
ws.on('message', async (c, what) => {
  await events.publish('note', what);
  await c.send('published');
});
"#;

#[test]
fn an_event_whose_handler_fails_comes_again_later_after_a_kill_and_with_the_next_code() {
    let app = App::esm(STUBBORN);
    let fails = |dev: &Dev, attempt: u32| {
        let error = json!({ "message": format!("not at try {attempt}") });
        dev.wait_for(
            json!({ "event": "handler-error", "handler": "event:custom:note", "error": error }),
        );
        app.settle();
    };
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    assert_eq!(dev.client().ask("1.10"), "published");
    fails(&dev, 1);
    let told = "the event `note` is tried again in 6 minutes, or by the next code";
    dev.wait_for(json!({ "event": "log", "level": "warn", "text": told }));
    clock(&app, &["advance", "5m"]);
    clock(&app, &["advance", "1m"]);
    fails(&dev, 2);
    assert_eq!(app.verb(&["reload"]).code, Some(0));
    fails(&dev, 3);
    let failures = dev.events(json!({ "event": "handler-error" }));
    assert_eq!(failures.len(), 3, "once each: {failures:?}");
    dev.kill();
    app.write("mended", "");
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    clock(&app, &["advance", "13m"]);
    dev.wait_for_line("heard 1.1 4");
    app.settle();
    dev.kill();
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    clock(&app, &["advance", "1h"]);
    app.settle();
    assert_eq!(dev.lines(), [""; 0], "it is done with");
}
