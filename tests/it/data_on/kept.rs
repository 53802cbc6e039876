//! No change is lost: not by a reload, not by code that does not load, not while the sandbox is down,
//! and not because a handler is registered a little late.

use serde_json::{Value, json};

use super::{failures, lines, set, settle, waiting};
use crate::support::App;

/// Code that says its version for each change.
fn versioned(version: u32) -> String {
    format!(
        "import {{ data }} from '@ampt/data';
         data.on('*', ({{ item }}) => console.log(`{version} ${{item.key}}`));"
    )
}

#[test]
fn changes_made_while_the_code_is_replaced_come_once_each() {
    let app = App::esm(&versioned(0));
    let dev = app.dev(&["--no-watch"]);
    for round in 1..=5 {
        app.write("index.mjs", &versioned(round));
        let reload = std::thread::scope(|scope| {
            let reload = scope.spawn(|| app.verb(&["reload"]));
            for n in 0..6 {
                set(&app, &format!("n{}:{round}-{n}", n % 2), "1");
            }
            reload.join().expect("no panic")
        });
        assert_eq!(reload.code, Some(0), "{reload:?}");
    }
    settle(&app);
    let lines = lines(&dev, 30);
    let mut keys: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    assert_eq!(keys.len(), 30, "{lines:?}");
    for space in ["n0", "n1"] {
        let of_space: Vec<&&str> = keys.iter().filter(|key| key.starts_with(space)).collect();
        assert!(of_space.is_sorted(), "{of_space:?}");
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 30, "{lines:?}");
}

#[test]
fn a_handler_that_runs_during_a_reload_finishes_and_the_next_change_comes_after_it() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         import { existsSync } from 'node:fs';
         data.on('*', { timeout: 60000 }, async ({ item }) => {
           console.log(`old begins ${item.key}`);
           while (!existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 5));
           console.log(`old ends ${item.key}`);
         });",
    );
    let dev = app.dev(&["--no-watch"]);
    set(&app, "n:1", "1");
    dev.wait_for_line("old begins n:1");
    app.write("index.mjs", &versioned(2));
    assert_eq!(app.verb(&["reload"]).code, Some(0));
    set(&app, "n:2", "1");
    set(&app, "m:1", "1");
    dev.wait_for_line("2 m:1");
    assert_eq!(waiting(&app), 2);
    app.write("go", "");
    dev.wait_for_line("2 n:2");
    assert_eq!(
        dev.lines(),
        ["old begins n:1", "2 m:1", "old ends n:1", "2 n:2"]
    );
}

#[test]
fn changes_wait_for_code_that_loads() {
    let app = App::esm(&versioned(1));
    let dev = app.dev(&["--no-watch"]);
    dev.stop();
    app.write("index.mjs", "throw new Error('not yet');");
    let dev = app.start(&[]);
    dev.wait_for(|e: &Value| e["text"].to_string().contains("waiting for the next save"));
    set(&app, "n:1", "1");
    set(&app, "n:2", "1");
    assert_eq!(waiting(&app), 2);
    app.write("index.mjs", &versioned(3));
    dev.wait_for_line("3 n:2");
    assert_eq!(dev.lines(), ["3 n:1", "3 n:2"]);
}

#[test]
fn changes_outlive_the_sandbox_and_those_made_without_one_come_at_the_next_start() {
    let failing =
        "import { data } from '@ampt/data'; data.on('*', () => { throw new Error('down'); });";
    let app = App::esm(failing);
    let dev = app.dev(&["--no-watch"]);
    set(&app, "n:1", "1");
    failures(&dev, 1);
    assert_eq!(dev.stop().code, Some(0));
    set(&app, "n:2", "1");
    app.verb(&["data", "rm", "n:1"]);
    app.write("index.mjs", &versioned(2));
    let dev = app.dev(&["--no-watch"]);
    dev.wait_for_all(3, json!({ "event": "log", "source": "app" }));
    assert_eq!(dev.lines(), ["2 n:1", "2 n:2", "2 n:1"]);
    settle(&app);
}

/// Registers its handlers after the load has ended.
const LATE: &str = "
    import { data } from '@ampt/data';
    import { ws } from '@ampt/sdk';
    data.on('created:other:*', () => {});
    ws.on('message', () => process.exit(1));
    setTimeout(() => data.on('*:late:*', ({ item }) => console.log(`late ${item.key}`)), 300);";

#[test]
fn a_handler_that_is_registered_late_gets_what_waited_across_a_restart() {
    let app = App::esm(
        "import { data } from '@ampt/data'; data.on('*', () => { throw new Error('down'); });",
    );
    let dev = app.dev(&["--no-watch"]);
    set(&app, "late:1", "1");
    failures(&dev, 1);
    dev.stop();
    app.write("index.mjs", LATE);
    let dev = app.dev(&["--no-watch"]);
    // Made before the handler is there again.
    set(&app, "late:2", "1");
    dev.wait_for_line("late late:2");
    assert_eq!(dev.lines(), ["late late:1", "late late:2"]);
}

#[test]
fn a_handler_that_is_registered_late_loses_nothing_to_a_crash_or_a_reload() {
    let app = App::esm(LATE);
    let dev = app.dev(&["--no-watch"]);
    set(&app, "late:probe", "1");
    while dev.lines().is_empty() {
        // Before the first registration nobody has asked for anything yet.
        set(&app, "late:probe", &dev.lines().len().to_string());
        app.verb(&["data", "rm", "late:probe"]);
    }
    set(&app, "late:mark", "1");
    settle(&app);
    dev.wait_for_line("late late:mark");
    let before = dev.lines().len();
    dev.client().send("exit");
    dev.wait_for(json!({ "event": "reload", "cause": "crash" }));
    set(&app, "late:1", "1");
    dev.wait_for_line("late late:1");
    assert_eq!(app.verb(&["reload"]).code, Some(0));
    set(&app, "late:2", "1");
    dev.wait_for_line("late late:2");
    assert_eq!(dev.lines().len(), before + 2);
}

#[test]
fn what_new_code_does_not_want_is_dropped_after_a_moment() {
    let app = App::esm(
        "import { data } from '@ampt/data'; data.on('*', () => { throw new Error('down'); });",
    );
    let dev = app.dev(&["--no-watch"]);
    set(&app, "n:1", "1");
    failures(&dev, 1);
    app.write(
        "index.mjs",
        "import { data } from '@ampt/data'; data.on('*:m:*', ({ item }) => console.log(item.key));",
    );
    assert_eq!(app.verb(&["reload"]).code, Some(0));
    settle(&app);
    set(&app, "n:2", "1");
    assert_eq!(waiting(&app), 0);
    set(&app, "m:1", "1");
    dev.wait_for_line("m:1");
}
