//! Connected to a running sandbox.

use std::fs::File;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;

use super::{CHATTY, Piped, events};
use crate::support::App;

#[test]
fn what_is_given_is_sent_and_what_comes_is_printed() {
    let app = App::esm(CHATTY);
    let _dev = app.dev(&[]);
    let messages = [
        "connect",
        "-x",
        "hi",
        "-x",
        "{\"a\": 1.0}",
        "-x",
        "colours",
        "-x",
        "bye",
    ];
    let output = app.verb(&messages);
    assert_eq!(
        output.stdout,
        "{\"echo\":\"hi\"}\n{\"echo\":{\"a\":1}}\n\\x1b[31m{\"not\": json\n"
    );
    let stderr = "closed by the server: 1000 Connection Closed Normally\n";
    assert_eq!(output.stderr, stderr);
    assert_eq!(output.code, Some(0));
}

#[test]
fn each_line_of_standard_input_is_a_message() {
    let app = App::esm(CHATTY).file("lines", "one\r\n\n{\"two\":2}\nbye\n");
    let dev = app.dev(&[]);
    let lines = File::open(app.path("lines")).expect("the lines");
    let output = app.verb_with(&["connect", "--json"], |command| {
        command.stdin(lines);
    });
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stderr, "");
    let mut events = events(&output);
    for event in &mut events {
        let at = event.as_object_mut().and_then(|event| event.remove("at"));
        assert!(at.is_some_and(|at| at.as_str().is_some_and(|at| at.ends_with('Z'))));
    }
    let id = dev.wait_for(json!({"event": "connected"}))["connectionId"].clone();
    let message = |data: &str| json!({"event": "message", "data": data, "bytes": data.len()});
    assert_eq!(
        events,
        [
            json!({"event": "open", "url": format!("{}/", dev.fact("wsUrl")), "connectionId": id}),
            message("{\"echo\":\"one\"}"),
            message("{\"echo\":null}"),
            message("{\"echo\":{\"two\":2}}"),
            json!({"event": "closed", "code": 1000, "reason": "Connection Closed Normally",
                   "by": "server"}),
        ]
    );
}

#[test]
fn after_the_last_line_it_waits_for_quiet_and_closes() {
    let app = App::esm(CHATTY).file("lines", "one");
    let dev = app.dev(&[]);
    let lines = File::open(app.path("lines")).expect("the lines");
    let output = app.verb_with(&["connect", "--wait", "700"], |command| {
        command.stdin(lines);
    });
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("{\"echo\":\"one\"}\n", Some(0))
    );
    assert_eq!(output.stderr, "");
    dev.wait_for(json!({"event": "disconnected", "code": 1000}));
}

#[test]
fn query_header_and_subprotocol_reach_the_server() {
    let app = App::esm(CHATTY);
    let _dev = app.dev(&["--subprotocol", "chat"]);
    let options = [
        "--query",
        "name=Ana & Bö",
        "--query",
        "n=1=2",
        "--header",
        "X-Token: ü",
    ];
    let args = [
        &[
            "connect",
            "--json",
            "--subprotocol",
            "other",
            "--subprotocol",
            "chat",
            "-x",
            "bye",
        ],
        &options[..],
    ];
    let output = app.verb(&args.concat());
    let events = events(&output);
    assert_eq!(events[0]["subprotocol"], "chat");
    let told: serde_json::Value =
        serde_json::from_str(events[1]["data"].as_str().expect("a message")).expect("JSON");
    let query = json!({"name": "Ana & Bö", "n": "1=2"});
    assert_eq!(told, json!({"query": query, "token": "ü"}));
    let output = app.verb(&["connect", "--subprotocol", "other", "-x", "bye"]);
    assert_eq!(output.code, Some(1));
    assert!(
        output
            .stderr
            .contains("none of the subprotocols asked for: `other`"),
        "{output:?}"
    );
    assert!(output.stderr.contains("hint: "), "{output:?}");
}

#[test]
fn how_the_server_ends_it_decides_the_exit_code() {
    let app = App::esm(CHATTY);
    let dev = app.dev(&[]);
    let mut command = app.command();
    command.args(["connect", "--json"]);
    let mut client = Piped::spawn(command);
    client.line("still here");
    client.wait_for(json!({"event": "message"}));
    // Its input stays open: the server alone ends it.
    client.line("bye");
    assert_eq!(client.wait().code, Some(0));

    let mut command = app.command();
    command.args(["connect", "--json"]);
    let client = Piped::spawn(command);
    client.wait_for(json!({"event": "open"}));
    assert_eq!(dev.stop().code, Some(0));
    let closed = client.wait_for(json!({"event": "closed", "code": 1001, "by": "server"}));
    assert!(
        closed["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("--idle-timeout"))
    );
    assert_eq!(client.wait().code, Some(1));
}

#[test]
fn the_gateways_limits_are_the_gateways_to_enforce() {
    let app = App::esm(CHATTY).file("long", &"x".repeat(40_000));
    let dev = app.dev(&["--max-message", "200000", "--max-frame", "100000"]);
    let send = || {
        let long = File::open(app.path("long")).expect("the message");
        app.verb_with(&["connect", "--json", "--wait", "5000"], |command| {
            command.stdin(long);
        })
    };
    let long = app.read("long");
    let mut command = app.command();
    command.args(["connect", "--json"]);
    let mut client = Piped::spawn(command);
    client.line(&long);
    let came = client.wait_for(json!({"event": "message"}));
    assert_eq!(came["data"], json!({"echo": long}).to_string());
    drop(client);
    dev.stop();
    let _dev = app.dev(&[]);
    let output = send();
    assert_eq!(output.code, Some(1));
    let closed = events(&output).pop().expect("an end");
    assert_eq!(closed["code"], 1009);
    assert!(
        closed["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("--max-frame"))
    );
}

#[test]
fn a_refusal_is_explained() {
    let app = App::esm(CHATTY);
    let _dev = app.dev(&["--rate", "1", "--burst", "1"]);
    let refused = |args: &[&str], what: &str, hint: &str| {
        let output = app.verb(args);
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(1), ""),
            "{output:?}"
        );
        assert!(output.stderr.contains(what), "{what}: {output:?}");
        assert!(
            output.stderr.contains(&format!("hint: {hint}")),
            "{hint}: {output:?}"
        );
    };
    assert_eq!(app.verb(&["pause"]).code, Some(0));
    refused(&["connect"], "403 Forbidden", "the sandbox is paused");
    let output = app.verb(&["connect", "--json"]);
    assert_eq!(output.json()["error"]["code"], "refused");
    assert_eq!(app.verb(&["resume"]).code, Some(0));
    let foreign = ["connect", "--header", "Origin: https://evil.example"];
    refused(
        &foreign,
        "403 Forbidden",
        "the Origin header is not allowed",
    );
    // The one token goes with the first connection.
    assert_eq!(
        app.verb(&["connect", "-x", "bye", "--wait", "0"]).code,
        Some(0)
    );
    refused(
        &["connect"],
        "429 Too Many Requests",
        "a connection takes a token",
    );
}

#[test]
fn without_a_sandbox_it_says_how_to_start_one() {
    let app = App::esm(CHATTY);
    let output = app.verb(&["connect"]);
    assert_eq!(output.code, Some(3));
    assert!(
        output.stderr.contains("hint: start one with `ampt-ws dev"),
        "{output:?}"
    );
    let output = app.verb(&["connect", "--json"]);
    assert_eq!(output.code, Some(3));
    assert_eq!(output.json()["error"]["code"], "no-sandbox");
}

#[test]
fn a_signal_closes_the_connection() {
    let app = App::esm(CHATTY);
    let dev = app.dev(&[]);
    let mut command = app.command();
    command.args(["connect", "--json"]);
    let client = Piped::spawn(command);
    client.wait_for(json!({"event": "open"}));
    client.signal(Signal::INT);
    client.wait_for(json!({"event": "closed", "code": 1001, "by": "client"}));
    assert_eq!(client.wait().code, Some(130));
    dev.wait_for(json!({"event": "disconnected", "code": 1001}));
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let app = App::esm(CHATTY);
    let dev = app.dev(&[]);
    let mut command = app.command();
    command.args(["connect", "--wait", "60000", "-x", "one"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    drop(child.stdout.take());
    let id = dev.wait_for(json!({"event": "connected"}))["connectionId"].clone();
    dev.wait_for(json!({"event": "sent", "connectionId": id}));
    dev.wait_for(json!({"event": "disconnected", "connectionId": id, "code": 1000}));
    assert_eq!(child.wait().expect("a child of ours").code(), Some(0));
}
