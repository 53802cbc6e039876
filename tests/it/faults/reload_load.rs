//! Saves under load: clients send at the environment's full rate while the app's file is saved again
//! and again, half of the time with broken code. Nothing is lost, doubled or out of order, no socket
//! is dropped, and neither processes nor memory nor descriptors pile up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    App, Client, Dev, Random, children, descriptors, eventually, memory_kb, seed_or,
};

/// Messages that one client has sent and not heard of.
const WINDOW: u32 = 4;

/// Messages per second of all clients together: just below what `--env stage` lets through.
const RATE: u32 = 9_000;

/// How much more memory a worker may take than another that does the same, in kilobytes.
const WORKER_KB: usize = 16 * 1024;

/// How large the load is.
struct Load {
    clients: u32,
    saves: usize,
}

fn good(version: usize) -> String {
    format!(
        "import {{ ws }} from '@ampt/sdk'\nws.on('message', (c, n) => c.send(`{version} ${{n}}`))\n"
    )
}

/// Code that cannot be loaded, in one of many ways.
fn broken(version: usize, random: &mut Random) -> String {
    let code = good(version);
    match random.below(5) {
        0 => code[..code.len() / 2].to_owned(),
        1 => format!("{code}throw new Error('version {version}')\n"),
        2 => format!("{code}import './nowhere-{version}.mjs'\n"),
        3 => format!("{code}process.exit({})\n", version % 3),
        _ => format!(
            "{code}setImmediate(() => {{ throw new Error('early') }})\nawait new Promise(() => {{}})\n"
        ),
    }
}

/// Sends numbers and hears each of them once and in order; gives how many.
fn talk(mut client: Client, pace: Duration, done: &AtomicBool) -> u32 {
    let began = Instant::now();
    let (mut sent, mut heard) = (0, 0);
    loop {
        let ends = done.load(Ordering::Relaxed);
        while !ends && sent - heard < WINDOW {
            client.send(&sent.to_string());
            sent += 1;
        }
        if heard == sent {
            return heard;
        }
        let text = client.text();
        let number = text.split(' ').nth(1).and_then(|n| n.parse::<u32>().ok());
        assert_eq!(number, Some(heard), "{text:?} came to {}", client.id);
        heard += 1;
        thread::sleep((began + pace * heard).saturating_duration_since(Instant::now()));
    }
}

/// Saves code and waits until it is known how that went.
fn save(app: &App, dev: &Dev, code: &str, loads: bool) {
    let reloads = json!({ "event": "reload", "cause": "index.mjs" });
    let before = dev.events(reloads.clone()).len();
    app.write("index.mjs", code);
    let all = dev.wait_for_all(before + 1, reloads);
    assert_eq!(all[before]["ok"], loads, "{code}: {}", all[before]);
}

/// What the sandbox holds once nothing is on the way.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    processes: usize,
    memory_kb: usize,
}

/// A worker, its spare, and their guards.
const PROCESSES: usize = 4;

/// So many looks in a row must show the same.
const LOOKS: usize = 20;

impl Held {
    /// What it holds when nothing comes and nothing goes.
    fn at_rest(dev: &Dev) -> Self {
        let mut looks = (0, 0);
        eventually("nothing comes and nothing goes", || {
            let held = Self::by(dev);
            looks = match looks.0 {
                before if before == held.descriptors => (before, looks.1 + 1),
                _ => (held.descriptors, 0),
            };
            held.processes == PROCESSES && looks.1 >= LOOKS
        });
        Self::by(dev)
    }

    fn by(dev: &Dev) -> Self {
        Self {
            descriptors: descriptors(dev.pid()),
            processes: children(dev.pid()).len(),
            memory_kb: memory_kb(dev.pid()),
        }
    }
}

/// The memory of the Node process that runs the app.
fn worker_memory_kb(app: &App) -> usize {
    let status = app.verb(&["status", "--json"]).json();
    let pid = status["worker"]["pid"].as_u64().expect("a worker");
    memory_kb(u32::try_from(pid).expect("a process id"))
}

/// Each load begins with as much as the one before: the last workers take no more than the first.
fn does_not_grow(workers: &[usize]) {
    let of = |part: &[usize]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part[part.len() / 2]
    };
    let (first, last) = workers.split_at(workers.len() / 2);
    let (first, last) = (of(first), of(last));
    assert!(first > 0 && last < first + WORKER_KB, "{workers:?}");
}

fn save_under_load(load: &Load, seed: u64) {
    let mut random = Random::new(seed);
    let app = App::new().file("index.mjs", &good(0));
    let dev = app.dev_without_messages(&["--env", "stage"]);
    // Caches fill with the first reloads, and the spare worker comes a little later.
    for version in 1..=3 {
        save(&app, &dev, &good(version), true);
    }
    let before = Held::at_rest(&dev);
    let clients: Vec<Client> = (0..load.clients).map(|_| dev.client()).collect();
    let mut workers = Vec::new();
    let done = AtomicBool::new(false);
    let pace = Duration::from_secs(1) * load.clients / RATE;
    let heard: u32 = thread::scope(|scope| {
        let talks: Vec<_> = (clients.into_iter())
            .map(|client| scope.spawn(|| talk(client, pace, &done)))
            .collect();
        for version in 4..4 + load.saves {
            match version % 2 {
                0 => save(&app, &dev, &broken(version, &mut random), false),
                _ => {
                    save(&app, &dev, &good(version), true);
                    workers.push(worker_memory_kb(&app));
                }
            }
        }
        done.store(true, Ordering::Relaxed);
        talks
            .into_iter()
            .map(|talk| talk.join().expect("no loss"))
            .sum()
    });
    let bad = |e: &Value| e["event"] == "throttled" || e["handler"] == "message";
    assert_eq!(dev.events(bad), Vec::<Value>::new());
    eventually("all clients are gone", || {
        dev.events(json!({ "event": "disconnected" })).len() == load.clients as usize
    });
    let after = Held::at_rest(&dev);
    eprintln!(
        "{heard} messages, {} saves: {before:?}, {after:?}, workers {workers:?} kB",
        load.saves
    );
    assert_eq!(after.descriptors, before.descriptors);
    does_not_grow(&workers);
    let grown = after.memory_kb.saturating_sub(before.memory_kb);
    assert!(grown < 48 * 1024, "{before:?}, {after:?}");
    assert_eq!(dev.stop().code, Some(0));
}

#[test]
fn saves_under_load_lose_double_and_reorder_nothing() {
    let load = Load {
        clients: 20,
        saves: 8,
    };
    save_under_load(&load, seed_or(4));
}

#[test]
#[ignore = "takes minutes: cargo test --release -- --ignored torture"]
fn torture_of_a_hundred_saves_under_load_loses_nothing() {
    let load = Load {
        clients: 200,
        saves: 100,
    };
    save_under_load(&load, seed_or(20_260_102));
}
