//! How `dev` ends.

use std::thread;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{App, PATIENCE};

const SLOW_FAREWELL: &str = "import { ws } from '@ampt/sdk';
    ws.on('disconnected', async (c, reason) => {
      await new Promise((done) => setTimeout(done, 50));
      console.log('bye', c.connectionId, reason);
    });";

#[test]
fn a_signal_closes_clients_with_1001_and_gives_handlers_their_time() {
    for (signal, name) in [
        (Signal::INT, "SIGINT"),
        (Signal::TERM, "SIGTERM"),
        (Signal::HUP, "SIGHUP"),
    ] {
        let app = App::esm(SLOW_FAREWELL);
        let dev = app.dev(&[]);
        let mut clients = [dev.client(), dev.client()];
        dev.signal(signal);
        for client in &mut clients {
            assert_eq!(client.closed(), (1001, "Going away".to_owned()));
            client.finish();
            dev.wait_for_line(&format!("bye {} Going away", client.id));
            dev.wait_for(json!({
                "event": "disconnected", "connectionId": client.id, "code": 1001,
            }));
        }
        dev.wait_for(json!({ "event": "stopping", "cause": name }));
        let ended = dev.wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{name}");
        assert!(!app.path(".ampt-ws/sandbox.json").exists());
    }
}

#[test]
fn a_stopping_sandbox_accepts_nobody() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('disconnected', () => new Promise(() => {}), { timeout: 60000 });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    dev.signal(Signal::INT);
    client.closed();
    client.finish();
    let refused = std::net::TcpStream::connect(dev.address());
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(app.verb(&["status"]).code, Some(0), "verbs still reach it");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('disconnected', { timeout: 60000 }, () => {
           console.log('never done');
           return new Promise(() => {});
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    dev.signal(Signal::INT);
    client.closed();
    client.finish();
    dev.wait_for_line("never done");
    dev.signal(Signal::INT);
    let ended = dev.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(130), ""));
}

#[test]
fn a_signal_while_the_app_loads_ends_it() {
    let app = App::esm(
        "import { mkdirSync } from 'node:fs';
         mkdirSync('loading');
         await new Promise((done) => setTimeout(done, 1e6));",
    );
    let dev = app.start(&[]);
    let deadline = Instant::now() + PATIENCE;
    while !app.path("loading").exists() {
        assert!(Instant::now() < deadline, "it never loads");
        thread::yield_now();
    }
    let log = dev.log();
    let ended = dev.stop();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let events = log.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["event"], "stopping");
}

#[test]
fn no_process_of_the_app_survives_the_sandbox() {
    let app = App::esm(
        "import { spawn } from 'node:child_process';
         const child = spawn('sleep', ['1000']);
         console.log(child.pid, process.pid);",
    );
    let dev = app.dev(&[]);
    let is_pids = |event: &Value| event["source"] == "app";
    let line = dev.wait_for(is_pids);
    let pids: Vec<String> = line["text"]
        .as_str()
        .unwrap()
        .split(' ')
        .map(str::to_owned)
        .collect();
    assert_eq!(pids.len(), 2);
    assert_eq!(dev.stop().code, Some(0));
    for pid in pids {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let ended = stat.is_empty() || stat.contains(") Z ") || stat.contains(") X ");
        assert!(ended, "{stat}");
    }
}
