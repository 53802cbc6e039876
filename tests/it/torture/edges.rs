//! A SIGKILL in the middle of a start or of an orderly stop: the next start works, and finds all that
//! was acknowledged and all that is owed.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use super::writers::exported;
use super::{many, rounds};
use crate::support::{App, Client, Dev};

/// Counts what it hears of. A message is written, and comes back as an event an hour later.
const APP: &str = r#"
import { events, ws } from '@ampt/sdk';
import { data } from '@ampt/data';
ws.on('connected', (c) => data.add(`seen:${c.connectionId}`, 'connected', 1));
ws.on('disconnected', (c) => data.add(`seen:${c.connectionId}`, 'disconnected', 1));
events.on('due', ({ body }) => data.add(`event:${body}`, 'came', 1));
ws.on('message', async (c, n) => {
  await data.set(`written:${n}`, { n });
  await events.publish('due', { after: '1 hour' }, n);
  await c.send(n);
});
"#;

/// About as long as a start and a stop take.
const START: Duration = Duration::from_millis(500);
const STOP: Duration = Duration::from_millis(120);

const CLIENTS: usize = 3;

#[test]
fn a_kill_while_it_starts_or_stops_loses_nothing() {
    die_at_the_edges(2);
}

#[test]
#[ignore = "long"]
fn torture_a_kill_while_it_starts_or_stops_loses_nothing() {
    die_at_the_edges(many());
}

/// A connection, and how often what died may have cut its `disconnected` off.
struct Owed {
    id: String,
    kills: u64,
}

fn die_at_the_edges(count: u64) {
    let app = App::esm(APP);
    let start = || app.dev(&["--no-limits", "--no-watch"]);
    let mut owed: Vec<Owed> = Vec::new();
    let (mut written, mut kills) = (0_usize, 0_u64);
    rounds(count, |random| {
        let dev = start();
        app.settle();
        let clients = come(&app, &dev, &mut written);
        dev.signal(Signal::INT);
        sleep(random.within(STOP));
        dev.kill();
        let mut deaths = 1;
        for _ in 0..1 + random.below(2) {
            let dev = app.start(&["--no-limits", "--no-watch"]);
            sleep(random.within(START));
            dev.kill();
            deaths += 1;
        }
        kills += deaths;
        owed.extend(clients.into_iter().map(|client| Owed {
            id: client.id.clone(),
            kills: deaths,
        }));
    });
    let dev = start();
    app.settle();
    let moved = app.verb(&["clock", "advance", "61m"]);
    assert_eq!(moved.code, Some(0), "{moved:?}");
    app.settle();
    let repeated = check(&app, &owed, written);
    assert_eq!(dev.stop().code, Some(0));
    eprintln!(
        "{kills} kills: {written} writes and as many events are there, {} connections had their \
         `disconnected`, {repeated} of them again",
        owed.len()
    );
}

/// Clients come, have something written, and stay.
fn come(app: &App, dev: &Dev, written: &mut usize) -> Vec<Client> {
    let clients = (0..CLIENTS).map(|_| {
        let mut client = dev.client();
        *written += 1;
        assert_eq!(client.ask(&written.to_string()), written.to_string());
        client
    });
    let clients = clients.collect();
    app.settle();
    clients
}

/// Checks what the handlers have written; gives how many `disconnected` came again.
fn check(app: &App, owed: &[Owed], written: usize) -> u64 {
    let items = exported(app);
    let count = |key: &str, name: &str| {
        let item = items.get(key);
        item.and_then(|item| item.value[name].as_u64()).unwrap_or(0)
    };
    for n in 1..=written as u64 {
        assert_eq!(count(&format!("written:{n}"), "n"), n, "it is there");
        assert_eq!(count(&format!("event:{n}"), "came"), 1, "event {n}");
    }
    let mut repeated = 0;
    for Owed { id, kills } in owed {
        let key = format!("seen:{id}");
        assert_eq!(count(&key, "connected"), 1, "{id}");
        let times = count(&key, "disconnected");
        assert!(
            (1..=1 + kills).contains(&times),
            "{id}: {times} times in {kills} kills"
        );
        repeated += times - 1;
    }
    repeated
}
