//! Whoever was `connected` is `disconnected` once, whatever ends the connection and whatever dies
//! meanwhile: random sequences of ends, crashes and restarts against a model of who is owed what.

mod account;
mod steps;
mod world;

use serde_json::{Value, json};

use super::random::Random;
use super::{many, rounds};
use account::Tally;
use steps::Step;
use world::World;

use crate::support::App;

/// Counts, for each connection, how often its handlers ran, and why it ended. A message ends the
/// connection, or the process.
const COUNTER: &str = r#"
import { ws } from '@ampt/sdk';
import { data } from '@ampt/data';
ws.on('connected', (c) => data.add(`seen:${c.connectionId}`, 'connected', 1));
ws.on('disconnected', async (c, reason) => {
  await data.set(`seen:${c.connectionId}`, {
    disconnected: { $add: 1 },
    [`because ${reason}`]: { $add: 1 },
  });
  await data.add(`seen:${c.connectionId}`, 'finished', 1);
});
ws.on('message', async (c, what) => {
  if (what === 'exit') process.exit(7);
  if (what === 'throw') setImmediate(() => { throw new Error('nobody catches this'); });
  if (what === 'close') return ws.close(c.connectionId);
  await c.send(what);
});
"#;

/// Steps of one sequence.
const STEPS: usize = 24;

#[test]
fn whoever_was_connected_is_disconnected_once() {
    play(1, STEPS);
}

#[test]
#[ignore = "long"]
fn torture_whoever_was_connected_is_disconnected_once() {
    play(many(), 2 * STEPS);
}

fn play(count: u64, steps: usize) {
    let mut tally = Tally::default();
    rounds(count, |random| {
        let mut world = World::begin(COUNTER);
        for _ in 0..steps {
            let step = Step::any(random);
            world.take(step, random);
        }
        world.end(&mut tally);
    });
    eprintln!("{count} sequences: {tally}");
    assert!(tally.connections > 0, "nothing was tried");
}

#[test]
fn what_waits_behind_an_endless_loop_goes_to_the_next_worker() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         const timeout = 60;
         ws.on('connected', { timeout }, (c) => console.log('connected', c.connectionId));
         ws.on('disconnected', { timeout }, (c) => console.log('disconnected', c.connectionId));
         ws.on('message', { timeout }, () => { for (;;); });",
    );
    let dev = app.dev(&[]);
    let (mut looping, other) = (dev.client(), dev.client());
    dev.wait_for_line(&format!("connected {}", other.id));
    looping.send("loop");
    dev.wait_for(json!({ "event": "message", "connectionId": looping.id }));
    let id = other.id.clone();
    other.close_silently();
    let late = dev.client();
    assert_eq!(looping.json()["message"], "Internal server error");
    dev.wait_for(json!({ "event": "reload", "cause": "crash", "ok": true }));
    dev.wait_for_line(&format!("disconnected {id}"));
    dev.wait_for_line(&format!("connected {}", late.id));
    let errors = dev.events(json!({ "event": "handler-error" }));
    assert_eq!(errors.len(), 1, "of the loop alone: {errors:?}");
}

/// With much behind them, messages are counted as begun in advance.
#[test]
fn a_disconnected_behind_an_endless_loop_goes_to_the_next_worker_however_much_waits() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('disconnected', (c) => console.log('disconnected', c.connectionId));
         ws.on('message', { timeout: 200 }, (c, what) => {
           if (what === 'busy') console.log(what);
           for (const end = Date.now() + 100; what === 'loop' || Date.now() < end;);
         });",
    );
    let dev = app.dev(&["--no-limits"]);
    let (mut looping, others) = (dev.client(), [dev.client(), dev.client(), dev.client()]);
    looping.send("busy");
    dev.wait_for_line("busy");
    looping.send("loop");
    let ids = others.map(|other| {
        let id = other.id.clone();
        other.vanish();
        dev.wait_for(json!({ "event": "disconnected", "connectionId": id }));
        id
    });
    for _ in 0..10 {
        looping.send(&"x".repeat(1000));
    }
    dev.wait_for(json!({ "event": "reload", "cause": "crash", "ok": true }));
    for id in ids {
        dev.wait_for_line(&format!("disconnected {id}"));
    }
    let lost = dev.events(json!({ "event": "handler-error", "handler": "disconnected" }));
    assert_eq!(lost, Vec::<Value>::new());
}

#[test]
fn messages_that_a_dead_worker_did_not_begin_go_to_the_next_in_order() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, n) => {
           if (n === 0) process.exit(7);
           return c.send(n);
         });",
    );
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    for round in 0..3 {
        for n in 0..50 {
            client.send(&n.to_string());
        }
        assert_eq!(client.json()["message"], "Internal server error");
        for n in 1..50 {
            assert_eq!(client.text(), n.to_string(), "round {round}");
        }
    }
}

/// More than the link takes at once, in small and in large pieces.
#[test]
fn what_a_handler_sent_before_it_ended_its_process_arrives() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', async (c, { count, size, end }) => {
           for (let n = 0; n < count; n++) await c.send(`${n} ${'x'.repeat(size)}`);
           if (end === 'exit') process.exit(0);
           if (end === 'later') {
             // By then the link's stream is writing what the link did not take at once.
             setImmediate(() => { c.send('the last'); process.exit(0); });
           }
           if (end === 'throw') setImmediate(() => { throw new Error('nobody catches this'); });
           if (end === 'abort') process.abort();
           if (end === 'kill') process.kill(process.pid, 'SIGKILL');
         });",
    );
    let dev = app.dev(&["--no-limits"]);
    for (count, size) in [(300, 1000), (20, 100_000)] {
        for end in ["exit", "later", "throw", "abort", "kill"] {
            let mut client = dev.client();
            client.send_json(&json!({ "count": count, "size": size, "end": end }));
            for n in 0..count {
                let text = client.text();
                assert!(text.starts_with(&format!("{n} ")), "{end} of {n}: {text}");
                assert!(text.len() > size);
            }
            if end == "later" {
                assert_eq!(client.text(), "the last");
            }
            // Each death makes the next start wait longer; a save does not wait.
            assert_eq!(app.verb(&["reload"]).code, Some(0));
        }
    }
}

/// A sequence in which events are queued for a worker that dies: the case that random ones meet
/// only now and then.
#[test]
fn a_disconnected_that_a_dead_worker_did_not_begin_goes_to_the_next() {
    let mut tally = Tally::default();
    let mut random = Random::new(1);
    let mut world = World::begin(COUNTER);
    for _ in 0..3 {
        for step in [Step::Open, Step::Open, Step::Open, Step::Open, Step::Exit] {
            world.take(step, &mut random);
        }
    }
    world.end(&mut tally);
    assert_eq!(tally.cut_off, [0, 0], "{tally}");
}
