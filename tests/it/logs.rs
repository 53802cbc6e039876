//! `logs` and `logs -f` from a second terminal.

use serde_json::{Value, json};

use crate::support::{App, Dev};

/// `logs -f --json`, being read.
fn follow(app: &App, args: &[&str]) -> Dev {
    let mut command = app.command();
    command.args(["logs", "-f", "--json"]).args(args);
    Dev::spawn(command)
}

fn names(lines: &str) -> Vec<String> {
    let parsed = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    parsed
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn logs_shows_what_happened_and_ends() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, text) => { console.warn('heard', text); return c.send('answer'); });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.ask("question");
    dev.wait_for(json!({ "event": "log", "level": "warn" }));
    let logs = app.verb(&["logs", "--json"]);
    assert_eq!((logs.code, logs.stderr.as_str()), (Some(0), ""));
    let mut seen = names(&logs.stdout);
    seen.sort();
    assert_eq!(seen, ["connected", "log", "message", "ready", "sent"]);
    let same = dev.events(json!({}));
    let lines = logs
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(
        lines.collect::<Vec<_>>(),
        same,
        "the lines of `dev --json` itself"
    );
    let plain = app.verb(&["logs"]);
    assert_eq!(plain.code, Some(0));
    for part in [
        "connected from 127.0.0.1",
        "← question",
        "→ answer",
        "warning: heard question",
    ] {
        assert!(plain.stdout.contains(part), "{part} in {}", plain.stdout);
    }
    let quiet = app.verb(&["logs", "-q"]);
    assert!(!quiet.stdout.contains("question\n← "), "{}", quiet.stdout);
    assert!(!quiet.stdout.contains("→ answer"), "{}", quiet.stdout);
    assert!(quiet.stdout.contains("connected from"), "{}", quiet.stdout);
}

#[test]
fn following_gives_the_past_and_then_what_happens_until_the_sandbox_stops() {
    let app = App::new();
    let dev = app.dev(&[]);
    let mut client = dev.client();
    let followed = follow(&app, &[]);
    followed.wait_for(json!({ "event": "connected", "connectionId": client.id }));
    client.send("one");
    let message = followed.wait_for(json!({ "event": "message", "data": "one" }));
    assert_eq!(message, dev.wait_for(json!({ "event": "message" })));
    drop(client);
    assert_eq!(dev.stop().code, Some(0));
    let ended = followed.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(names(&ended.stdout).contains(&"stopping".to_owned()));
}

#[test]
fn a_follower_is_told_when_the_sandbox_dies() {
    let app = App::new();
    let dev = app.dev(&[]);
    let followed = follow(&app, &[]);
    followed.wait_for(json!({ "event": "ready" }));
    dev.kill();
    let ended = followed.wait();
    assert_eq!(ended.code, Some(1));
    let last = ended.stdout.lines().last().unwrap();
    let error: Value = serde_json::from_str(last).unwrap();
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("broke off"),
        "{error}"
    );
}

#[test]
fn ctrl_c_ends_only_the_follower() {
    let app = App::new();
    let _dev = app.dev(&[]);
    let followed = follow(&app, &[]);
    followed.wait_for(json!({ "event": "ready" }));
    let ended = followed.stop();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(130), ""));
    assert_eq!(app.verb(&["status"]).code, Some(0));
}

#[test]
fn a_follower_whose_reader_left_ends() {
    let app = App::new();
    let dev = app.dev(&[]);
    let mut command = app.command();
    command
        .args(["logs", "-f"])
        .stdout(std::process::Stdio::piped());
    let mut follower = command.spawn().unwrap();
    drop(follower.stdout.take());
    dev.client();
    let status = follower.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}
