//! A handler that fails is run again, later and later, and holds up only its namespace.

use serde_json::json;

use super::{clock, failures, pending, set, settle, waiting};
use crate::support::{App, eventually};

/// Fails as often as the value says.
const FAILING: &str = "
    import { data } from '@ampt/data';
    const tries = {};
    data.on('*:*:*', async ({ name, item }) => {
      const n = (tries[item.key] = (tries[item.key] ?? 0) + 1);
      if (n <= item.value) throw new Error(`try ${n} of ${item.key}`);
      console.log(`${name} ${item.key} at try ${n}`);
    });";

#[test]
fn a_failing_handler_is_told_shown_and_tried_again_with_growing_waits() {
    let app = App::esm(FAILING);
    let dev = app.dev(&[]);
    clock(&app, &["freeze"]);
    set(&app, "n:1", "3");
    set(&app, "n:2", "0");
    set(&app, "other:1", "0");
    // Another namespace goes on.
    dev.wait_for_line("created other:1 at try 1");
    for (round, wait) in ["1s", "2s", "5s"].into_iter().enumerate() {
        let errors = failures(&dev, round + 1);
        let error = &errors[round]["error"];
        assert_eq!(error["message"], format!("try {} of n:1", round + 1));
        assert_eq!(
            (&error["file"], &error["line"]),
            (&json!("index.mjs"), &json!(6))
        );
        let text = format!(
            "the change in `n` is tried again in {}",
            wait.replace('s', " s")
        );
        dev.wait_for(move |event: &serde_json::Value| {
            event["text"]
                .as_str()
                .is_some_and(|line| line.starts_with(&text))
        });
        // Once the disk has forgotten the one that was delivered.
        let held_up = json!({ "invocations": 0, "dataEvents": 2, "retrying": 1 });
        eventually("the namespace is held up", || pending(&app) == held_up);
        let shown = app.verb(&["status"]).stdout;
        assert!(
            shown.contains("0 invocations, 2 data events; 1 namespace held up"),
            "{shown}"
        );
        // Not before its time.
        clock(&app, &["advance", "500ms"]);
        assert_eq!(pending(&app)["retrying"], 1);
        assert_eq!(
            dev.events(json!({ "event": "handler-error" })).len(),
            round + 1
        );
        clock(&app, &["advance", wait]);
    }
    dev.wait_for_line("created n:1 at try 4");
    dev.wait_for_line("created n:2 at try 1");
    settle(&app);
    let nothing = json!({ "invocations": 0, "dataEvents": 0 });
    eventually("nothing is pending", || pending(&app) == nothing);
}

#[test]
fn the_next_code_takes_what_failed_at_once() {
    let app = App::esm(FAILING);
    let dev = app.dev(&["--no-watch"]);
    clock(&app, &["freeze"]);
    set(&app, "n:1", "1000");
    set(&app, "n:2", "0");
    failures(&dev, 1);
    app.write(
        "index.mjs",
        "import { data } from '@ampt/data';
         data.on('*:*:*', ({ item }) => console.log(`mended ${item.key}`));",
    );
    assert_eq!(app.verb(&["reload"]).code, Some(0));
    dev.wait_for_line("mended n:1");
    dev.wait_for_line("mended n:2");
    settle(&app);
    // The try that was planned finds nothing to do.
    clock(&app, &["advance", "10s"]);
    assert_eq!(dev.lines(), ["mended n:1", "mended n:2"]);
    assert_eq!(waiting(&app), 0);
}

#[test]
fn after_a_day_a_change_is_given_up_and_the_next_one_comes() {
    let app = App::esm(FAILING);
    let dev = app.dev(&[]);
    clock(&app, &["freeze"]);
    set(&app, "n:1", "1000");
    set(&app, "n:2", "0");
    failures(&dev, 1);
    clock(&app, &["advance", "25h"]);
    dev.wait_for_line("created n:2 at try 1");
    let text = "a change in `n` was given up after 24 hours of failing handlers";
    dev.wait_for(json!({ "event": "log", "level": "error", "text": text }));
    settle(&app);
}

#[test]
fn a_handler_past_its_time_counts_as_failed() {
    let app = App::esm(
        "import { data } from '@ampt/data';
         let tries = 0;
         data.on('created', { timeout: 50 }, async () => {
           tries += 1;
           if (tries === 1) await new Promise(() => {});
           console.log(`try ${tries}`);
         });",
    );
    let dev = app.dev(&[]);
    set(&app, "k", "1");
    let error = failures(&dev, 1)[0]["error"].clone();
    assert_eq!(error["name"], "TimeoutError");
    let hint = error["hint"].as_str().expect("a hint");
    assert!(hint.contains("data.on(event, { timeout: 30000 }"), "{hint}");
    dev.wait_for_line("try 2");
}

#[test]
fn a_process_that_ends_in_a_handler_gives_the_change_to_the_next_one() {
    let app = App::esm(
        "import { data } from '@ampt/data';
         import { existsSync, writeFileSync } from 'node:fs';
         data.on('created', ({ item }) => {
           if (!existsSync('died')) {
             writeFileSync('died', '');
             process.exit(1);
           }
           console.log(`seen ${item.key}`);
         });",
    );
    let dev = app.dev(&["--no-watch"]);
    set(&app, "n:1", "1");
    set(&app, "n:2", "1");
    dev.wait_for_line("seen n:2");
    assert_eq!(dev.lines(), ["seen n:1", "seen n:2"]);
    let error = failures(&dev, 1)[0]["error"]["message"].clone();
    assert!(
        error
            .as_str()
            .is_some_and(|text| text.contains("before the data.on handler returned")),
        "{error}"
    );
}

#[test]
fn a_further_try_is_planned_however_many_events_are_published_at_once() {
    // More than the timers take in at a time, in the same breath as the failure.
    let app = App::esm(
        "import { events } from '@ampt/sdk';
         import { data } from '@ampt/data';
         let tries = 0;
         data.on('created', () => {
           tries += 1;
           if (tries > 1) return console.log('came again');
           for (let n = 0; n < 1500; n += 1) events.publish('later', { after: '1 hour' }, { n }).catch(() => {});
           throw new Error('first');
         });",
    );
    let dev = app.dev(&["--no-watch"]);
    clock(&app, &["freeze"]);
    set(&app, "k", "1");
    failures(&dev, 1);
    clock(&app, &["advance", "1s"]);
    dev.wait_for_line("came again");
}
