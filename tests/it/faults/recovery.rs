//! What waits is not lost with a worker that dies, and a crash loop backs off.

use std::io::Write as _;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::messages::masked;
use crate::support::{App, eventually};

#[test]
fn what_comes_while_node_is_blocked_waits_and_is_not_lost_with_it() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', { timeout: 30000 }, (c, data) => {
           if (data !== 'compute') return c.send(String(data));
           console.log('begun');
           for (const end = Date.now() + 900; Date.now() < end;);
           process.abort();
         });",
    );
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let (mut busy, mut other) = (dev.client(), dev.client());
    busy.send("compute");
    dev.wait_for_line("begun");
    // Long enough for its silence to be noticed, and well before its end.
    sleep(Duration::from_millis(300));
    for n in 0..50 {
        other.send(&format!("m{n}"));
    }
    assert!(busy.text().contains("Internal server error"));
    for n in 0..50 {
        assert_eq!(other.text(), format!("m{n}"));
    }
}

#[test]
fn more_than_may_wait_is_held_back_at_the_sockets_and_comes_in_order() {
    const MAY_WAIT: u64 = 16_384;
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { existsSync } from 'node:fs';
         let next = 0, wrong = 0;
         ws.on('message', { timeout: 30000 }, (c, data) => {
           if (data === 'block') {
             console.log('begun');
             while (!existsSync('go'));
           } else if (data === 'end') {
             return c.send({ next, wrong });
           } else if (data !== next++) {
             wrong++;
           }
         });",
    );
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let (mut busy, mut other) = (dev.client(), dev.client());
    busy.send("block");
    dev.wait_for_line("begun");
    // Long enough for its silence to be noticed.
    sleep(Duration::from_millis(300));
    let count = 2 * MAY_WAIT;
    let numbers = (0..count).flat_map(|n| masked(0x81, n.to_string().as_bytes()));
    let flood: Vec<u8> = numbers.chain(masked(0x81, b"end")).collect();
    let mut stream = other.stream().try_clone().unwrap();
    let writer = std::thread::spawn(move || stream.write_all(&flood));
    let waiting = || {
        let status = app.verb(&["status", "--json"]).json();
        status["pending"]["invocations"].as_u64().unwrap()
    };
    eventually("the queue is full", || waiting() >= MAY_WAIT);
    let most = waiting();
    assert!(most < MAY_WAIT + 100, "{most} wait");
    app.write("go", "");
    assert_eq!(other.json(), json!({ "next": count, "wrong": 0 }));
    writer.join().unwrap().unwrap();
}

#[test]
fn a_long_computation_holds_messages_up_and_costs_nothing() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', { timeout: 30000 }, (c, data) => {
           if (data === 'compute') {
             console.log('begun');
             for (const end = Date.now() + 700; Date.now() < end;);
           }
           return c.send(`${process.pid} ${data}`);
         });",
    );
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let (mut busy, mut other) = (dev.client(), dev.client());
    let pid = other.ask("before").replace(" before", "");
    busy.send("compute");
    dev.wait_for_line("begun");
    sleep(Duration::from_millis(200));
    for n in 0..20 {
        other.send(&format!("m{n}"));
    }
    for n in 0..20 {
        assert_eq!(other.text(), format!("{pid} m{n}"), "by the same worker");
    }
    assert_eq!(busy.text(), format!("{pid} compute"));
    assert!(dev.events(json!({ "event": "handler-error" })).is_empty());
}

#[test]
fn a_crash_loop_backs_off_says_so_and_ends_with_the_next_save() {
    let app = App::esm("setTimeout(() => { throw new Error('after the load') }, 20);");
    let mut dev = app.start(&["--no-limits"]);
    dev.ready();
    let mut client = dev.client();
    let ended = |times: u32, wait: &str| {
        let text = format!(
            "the app's process ended: it exited with code 1; connections stay open, but it has \
             ended {times} times in a row; trying again in {wait} s, or at the next save"
        );
        dev.wait_for(json!({ "event": "log", "level": "error", "text": text }));
    };
    ended(2, "0.2");
    ended(3, "0.5");
    ended(4, "1.0");
    let told = json!({ "event": "handler-error", "error": { "message": "after the load", "file": "index.mjs", "line": 1 } });
    assert!(dev.events(told).len() >= 4);
    // Between two tries nothing runs, and what is sent waits.
    client.send("one");
    client.send("two");
    app.write(
        "index.mjs",
        "import { ws } from '@ampt/sdk'; ws.on('message', (c, d) => c.send(d));",
    );
    assert_eq!((client.text(), client.text()), ("one".into(), "two".into()));
    assert!(dev.events(json!({ "event": "disconnected" })).is_empty());
}

#[test]
fn each_disconnected_that_waited_for_a_worker_that_died_comes_once() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', { timeout: 30000 }, () => {
           console.log('begun');
           for (const end = Date.now() + 500; Date.now() < end;);
           process.kill(process.pid, 'SIGKILL');
         });
         ws.on('disconnected', (c, reason) => console.log('gone', c.connectionId, reason));",
    );
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let mut killer = dev.client();
    let clients: Vec<_> = (0..30).map(|_| dev.client()).collect();
    killer.send("die");
    dev.wait_for_line("begun");
    let lines: Vec<String> = clients
        .into_iter()
        .map(|client| {
            let line = format!("gone {} leaving", client.id);
            client.close(1000, "leaving");
            line
        })
        .collect();
    assert!(killer.text().contains("Internal server error"));
    for line in &lines {
        dev.wait_for_line(line);
    }
    drop(killer);
    dev.wait_for(|e: &serde_json::Value| {
        e["text"]
            .as_str()
            .is_some_and(|t| t.starts_with("gone") && !lines.contains(&t.to_owned()))
    });
    assert_eq!(dev.lines().len(), 1 + lines.len() + 1, "each once");
    assert_eq!(dev.events(json!({ "event": "handler-error" })).len(), 1);
}

#[test]
fn what_the_former_code_was_given_comes_before_what_the_new_code_gets() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import fs from 'node:fs';
         ws.on('message', { timeout: 30000 }, (c, data) => {
           if (data === 'compute') {
             fs.writeFileSync('computing', '');
             while (fs.existsSync('computing'));
           }
           return c.send(`old ${data}`);
         });",
    );
    let dev = app.dev(&["--no-limits"]);
    let (mut busy, mut client) = (dev.client(), dev.client());
    busy.send("compute");
    // On their way at once, before the silence shows.
    (0..10).for_each(|n| client.send(&n.to_string()));
    app.wait_for_file("computing");
    app.write(
        "index.mjs",
        "import { ws } from '@ampt/sdk';
         import fs from 'node:fs';
         fs.rmSync('computing');
         ws.on('message', (c, d) => c.send(`new ${d}`));",
    );
    dev.wait_for(json!({ "event": "reload", "ok": true }));
    (10..20).for_each(|n| client.send(&n.to_string()));
    for n in 0..20 {
        let text = client.text();
        assert!(text.ends_with(&format!(" {n}")), "{text} instead of {n}");
    }
    assert_eq!(busy.text(), "old compute");
}
