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
    // The end of its worker is told, and it is done with.
    dev.client().send("exit");
    dev.wait_for(json!({ "event": "handler-error", "handler": "event:custom:slow" }));
    app.settle();
    dev.kill();
    let dev = app.dev(&["--no-limits"]);
    assert_eq!(heard(&app, &dev), [""; 0]);
    assert!(!dev.lines().contains(&"began kept".to_owned()));
}
