//! The order of changes, and of the handlers of one change.

use serde_json::json;

use super::{failures, lines, lines_with, set, settle, waiting};
use crate::support::App;

/// Prints when a handler begins and ends; one for a value of `"wait"` ends when a client says its
/// key.
const GATED: &str = "
    import { ws } from '@ampt/sdk';
    import { data } from '@ampt/data';
    const gates = {};
    ws.on('message', (c, key) => gates[key]());
    data.on(['created', 'updated'], { timeout: 60000 }, async ({ name, item }) => {
      console.log(`begin ${item.key} ${item.value}`);
      if (item.value === 'wait') await new Promise((resolve) => { gates[item.key] = resolve; });
      console.log(`end ${item.key} ${item.value}`);
    });";

#[test]
fn changes_of_a_namespace_come_in_order_and_those_of_others_beside_them() {
    let app = App::esm(GATED);
    let dev = app.dev(&[]);
    for key in ["a:1", "a:2", "b:1", "simple"] {
        set(&app, key, if key == "a:1" { "wait" } else { "go" });
    }
    set(&app, "a:1", "second");
    dev.wait_for_line("end b:1 go");
    dev.wait_for_line("end simple go");
    assert_eq!(waiting(&app), 3);
    assert_eq!(lines_with(&dev, "begin a:"), ["begin a:1 wait"]);
    dev.client().send("a:1");
    dev.wait_for_line("end a:1 second");
    let lines = dev.lines();
    let of_a: Vec<&String> = lines.iter().filter(|line| line.contains(" a:")).collect();
    assert_eq!(
        of_a,
        [
            "begin a:1 wait",
            "end a:1 wait",
            "begin a:2 go",
            "end a:2 go",
            "begin a:1 second",
            "end a:1 second"
        ]
    );
}

#[test]
fn many_changes_in_many_namespaces_come_each_once_and_in_order() {
    // More than the dispatcher holds in memory, from calls that do not wait for each other.
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         const seen = {};
         let count = 0;
         data.on('*', async ({ name, item }) => {
           if (item.value % 7 === 0) await null;
           (seen[item.key.split(':')[0]] ??= []).push(item.value);
           count += 1;
         });
         ws.on('message', { timeout: 60000 }, async (c, text) => {
           if (text === 'seen') {
             const wrong = Object.entries(seen).filter(([, values]) => values.some((value, i) => value !== i));
             return c.send({ count, namespaces: Object.keys(seen).length, wrong });
           }
           const all = [];
           for (let n = 0; n < 60; n += 1) {
             for (let space = 0; space < 50; space += 1) all.push(data.set(`s${space}:k${n % 3}`, n));
           }
           await Promise.all(all);
           await c.send('done');
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.ask("go"), "done");
    settle(&app);
    client.send("seen");
    assert_eq!(
        client.json(),
        json!({ "count": 3000, "namespaces": 50, "wrong": [] })
    );
}

#[test]
fn handlers_of_one_change_start_in_order_and_a_synchronous_throw_stops_the_later_ones() {
    let app = App::esm(
        "import { data } from '@ampt/data';
         const tries = {};
         const seen = (who, { item }) => console.log(`${who} ${item.key} ${tries[item.key]}`);
         data.on('created', ({ item }) => { tries[item.key] = (tries[item.key] ?? 0) + 1; });
         data.on('created', async (event) => seen('first', event));
         data.on('created:sync', (event) => { if (tries.sync === 1) throw new Error('sync'); });
         data.on('created:async', async (event) => { if (tries.async === 1) throw new Error('async'); });
         data.on('created', (event) => seen('last', event));",
    );
    let dev = app.dev(&[]);
    set(&app, "sync", "1");
    set(&app, "async", "1");
    let errors = failures(&dev, 2);
    let mut texts: Vec<&str> = errors
        .iter()
        .filter_map(|e| e["error"]["message"].as_str())
        .collect();
    texts.sort_unstable();
    assert_eq!(texts, ["async", "sync"]);
    assert!(
        errors.iter().all(|e| e["error"]["file"] == "index.mjs"),
        "{errors:?}"
    );
    // Each is delivered as a whole again.
    dev.wait_for_line("last sync 2");
    dev.wait_for_line("last async 2");
    let mut lines = dev.lines();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "first async 1",
            "first async 2",
            "first sync 1",
            "first sync 2",
            "last async 1",
            "last async 2",
            "last sync 2"
        ]
    );
}

#[test]
fn only_what_a_filter_lets_through_is_delivered_and_waited_for() {
    let app = App::esm(
        "import { data } from '@ampt/data';
         const say = (who) => ({ name, item }) => console.log(`${who} ${name} ${item.key}`);
         data.on(['created:user:a*', 'updated:user:*', 'deleted'], say('one'));
         data.on(['created:x:*', 'created:plain'], say('two'));",
    );
    let dev = app.dev(&[]);
    for key in ["user:ana", "user:bo", "user", "x:1", "plain"] {
        set(&app, key, "1");
    }
    set(&app, "user:bo", "2");
    app.verb(&["data", "rm", "user:bo"]);
    settle(&app);
    let mut lines = lines(&dev, 4);
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "one created user:ana",
            "one deleted user:bo",
            "one updated user:bo",
            "two created plain"
        ]
    );
}
