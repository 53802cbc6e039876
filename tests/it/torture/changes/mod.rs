//! `data.on` hears of each change that was acknowledged, in order within a namespace, whatever dies
//! or throws meanwhile; and of none that is not on disk.

mod ledger;

use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::random::Random;
use super::writers::exported;
use super::{many, rounds};
use crate::support::{App, Client};
use ledger::{Heard, Ledger};

/// Notes what its handler has heard of, in a file that outlives it. Some changes it takes only at
/// the second time of asking.
const LISTENER: &str = r#"
import { appendFileSync } from 'node:fs';
import { ws } from '@ampt/sdk';
import { data } from '@ampt/data';
const refused = new Set();
data.on('*:*:*', async ({ name, item }) => {
  const { key, value: { v, fails } } = item;
  if (fails && !refused.has(`${name} ${key} ${v}`)) {
    refused.add(`${name} ${key} ${v}`);
    throw new Error('not now');
  }
  await new Promise(setImmediate);
  appendFileSync('heard.jsonl', JSON.stringify({ key, name, v, pid: process.pid }) + '\n');
});
ws.on('message', async (connection, { n, call, args }) => {
  if (call === 'exit') process.exit(7);
  await data[call](...args);
  await connection.send({ n });
});
"#;

/// Writes that are sent without waiting for an answer.
const AHEAD: usize = 4;

/// What happens while changes are made, in one run of the sandbox.
const FAULTS: usize = 3;

/// Longest time between faults.
const LONGEST: Duration = Duration::from_millis(120);

#[test]
fn every_change_is_heard_of_in_order_whatever_dies() {
    hear(2);
}

#[test]
#[ignore = "long"]
fn torture_every_change_is_heard_of_in_order_whatever_dies() {
    hear(many());
}

fn hear(count: u64) {
    let (mut changes, mut again) = (0, 0);
    rounds(count, |random| {
        let app = App::esm(LISTENER).file("heard.jsonl", "");
        let mut ledger = Ledger::default();
        run(&app, &mut ledger, random);
        ledger.check_no_phantoms(&heard(&app), &exported(&app));
        let dev = app.dev(&["--no-limits", "--no-watch"]);
        settle(&app);
        dev.stop();
        again += ledger.check(&heard(&app));
        changes += heard(&app).len();
    });
    eprintln!("{count} rounds: {changes} changes were heard of, {again} times one of them again");
    assert!(changes > 0, "nothing was tried");
}

/// Runs the sandbox with faults until it is killed, or stopped.
fn run(app: &App, ledger: &mut Ledger, random: &mut Random) {
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let client = dev.client();
    let mut breaker = dev.client();
    thread::scope(|scope| {
        let mut numbers = random.split();
        scope.spawn(move || write(client, ledger, &mut numbers));
        for _ in 0..random.below(FAULTS + 1) {
            thread::sleep(random.within(LONGEST));
            match random.below(4) {
                0 => breaker.send_json(&json!({ "call": "exit" })),
                1 => kill_worker(app),
                2 => drop(app.verb(&["reload"])),
                _ => drop(app.verb(&["clock", "advance", "3s"])),
            }
        }
        thread::sleep(random.within(LONGEST));
        match random.percent(75) {
            true => dev.kill(),
            false => dev.stop(),
        }
    });
}

/// Writes until the connection is lost, and notes what was acknowledged.
fn write(mut client: Client, ledger: &mut Ledger, random: &mut Random) {
    let mut waiting = 0;
    loop {
        while waiting < AHEAD {
            let n = ledger.entries.len();
            let mut call = ledger.any(random).call.clone();
            call["n"] = json!(n);
            if !client.try_send(&call.to_string()) {
                return;
            }
            waiting += 1;
        }
        let Some(answer) = client.try_text() else {
            return;
        };
        // Else a worker died over it, and whether it was done is not known.
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        if let Some(n) = answer["n"].as_u64() {
            ledger.entries[n as usize].is_sure = true;
        }
        waiting -= 1;
    }
}

fn kill_worker(app: &App) {
    let status = app.verb(&["status", "--json"]).json();
    let pid = status["worker"]["pid"].as_i64();
    if let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid as i32)) {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Lets time pass until every change has been taken.
fn settle(app: &App) {
    for _ in 0..1000 {
        let status = app.verb(&["status", "--json"]).json();
        if status["pending"]["dataEvents"] == 0 {
            return;
        }
        app.verb(&["clock", "advance", "1s"]);
    }
    panic!("some changes are never taken");
}

/// What the handler noted, in order.
fn heard(app: &App) -> Vec<Heard> {
    let text = app.read("heard.jsonl");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines.map(|line| Heard::read(&line)).collect()
}

/// A handler that refuses until there is a file.
const STUBBORN: &str = r#"
import { existsSync } from 'node:fs';
import { data } from '@ampt/data';
data.on('*:*:*', ({ name, item }) => {
  if (item.key.startsWith('hard:') && !existsSync('willing')) throw new Error('not yet');
  console.log(name, item.key, item.value);
});
"#;

#[test]
fn a_handler_that_throws_is_asked_again_later_and_later_and_holds_up_its_namespace_only() {
    let app = App::esm(STUBBORN);
    let dev = app.dev(&["--no-watch"]);
    for (key, value) in [
        ("hard:a", "1"),
        ("hard:b", "2"),
        ("hard:a", "3"),
        ("easy:a", "4"),
    ] {
        assert_eq!(app.verb(&["data", "set", key, value]).code, Some(0));
    }
    dev.wait_for_line("created easy:a 4");
    for wait in [1, 2, 5, 10] {
        let text = format!(
            "the change in `hard` is tried again in {wait} s, or by the next code; later changes there wait"
        );
        dev.wait_for(json!({ "event": "log", "level": "warn", "text": text }));
        app.verb(&["clock", "advance", &format!("{wait}s")]);
    }
    let refusals = json!({ "event": "handler-error", "handler": "data.on" });
    dev.wait_for_all(5, refusals);
    assert_eq!(dev.lines(), ["created easy:a 4"]);
    dev.kill();
    app.write("willing", "");
    let dev = app.dev(&["--no-watch"]);
    dev.wait_for_line("updated hard:a 3");
    assert_eq!(
        dev.lines(),
        ["created hard:a 1", "created hard:b 2", "updated hard:a 3"]
    );
}

#[test]
fn a_change_made_while_the_code_loads_is_not_missed() {
    let app = App::esm(
        "import { existsSync, writeFileSync } from 'node:fs';
         import { data } from '@ampt/data';
         const moment = () => new Promise((done) => setTimeout(done, 20));
         data.on('*:early:*', ({ item }) => console.log(item.key));
         await moment();
         if (existsSync('slow')) writeFileSync('half', '');
         while (existsSync('slow')) await moment();
         data.on('*:late:*', ({ item }) => console.log(item.key));",
    );
    assert_eq!(app.dev(&[]).stop().code, Some(0));
    app.write("slow", "");
    let mut dev = app.start(&[]);
    app.wait_for_file("half");
    for key in ["early:a", "late:a"] {
        assert_eq!(app.verb(&["data", "set", key, "1"]).code, Some(0));
    }
    std::fs::remove_file(app.path("slow")).expect("the file");
    dev.ready();
    dev.wait_for_line("early:a");
    dev.wait_for_line("late:a");
}
