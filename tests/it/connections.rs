//! `list`, `send` and `close` from a second terminal.

use std::fs::File;

use serde_json::{Value, json};

use crate::support::{App, Client, Dev, keys};

/// A sandbox without app code, and clients named by their query.
fn sandbox_with(names: &[&str]) -> (App, Dev, Vec<Client>) {
    let app = App::new();
    let dev = app.dev(&["--no-limits"]);
    let clients = names
        .iter()
        .map(|name| dev.client_at(&format!("/?name={name}")))
        .collect();
    (app, dev, clients)
}

/// A beginning of this client's id that no other's has.
fn unique_prefix(clients: &[Client], of: usize) -> String {
    let id = &clients[of].id;
    let is_unique = |length: &usize| {
        let begins = |c: &&Client| c.id.starts_with(&id[..*length]);
        clients.iter().filter(begins).count() == 1
    };
    let length = (1..=id.len()).find(is_unique).unwrap();
    id[..length].to_owned()
}

/// Two clients whose ids begin alike, and that beginning.
fn with_common_prefix(dev: &Dev) -> (Vec<Client>, String) {
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let client = dev.client();
        let prefix = client.id[..1].to_owned();
        let is_shared = clients.iter().any(|c| c.id.starts_with(&prefix));
        clients.push(client);
        if is_shared {
            return (clients, prefix);
        }
    }
}

#[test]
fn list_has_every_field_and_is_in_order_of_connecting() {
    let (app, dev, mut clients) = sandbox_with(&["ana", "bo"]);
    clients[0].send("héllo");
    dev.wait_for(json!({ "event": "message" }));
    let sent = app.verb(&["send", &clients[0].id, "12345", "--json"]);
    assert_eq!(sent.code, Some(0));
    assert_eq!(clients[0].text(), "12345");
    let listed = app.verb(&["list", "--json"]);
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
    let listed = listed.json();
    let ids: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["connectionId"])
        .collect();
    assert_eq!(ids, [&clients[0].id, &clients[1].id], "oldest first");
    let ana = &listed[0];
    assert_eq!(
        keys(ana),
        [
            "connectionId",
            "connectedAt",
            "queryStringParameters",
            "headers",
            "remoteAddress",
            "messagesIn",
            "messagesOut",
            "bytesIn",
            "bytesOut",
            "lastActiveAt"
        ]
    );
    assert_eq!(ana["queryStringParameters"], json!({ "name": "ana" }));
    assert_eq!(ana["headers"]["Upgrade"], "websocket");
    assert_eq!(ana["remoteAddress"], clients[0].local_address().to_string());
    assert_eq!(
        (&ana["messagesIn"], &ana["messagesOut"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&ana["bytesIn"], &ana["bytesOut"]),
        (&json!(6), &json!(5)),
        "bytes of UTF-8"
    );
    let (since, active) = (ana["connectedAt"].as_i64(), ana["lastActiveAt"].as_i64());
    assert!(
        since.unwrap() > 1_700_000_000_000 && active >= since,
        "{ana}"
    );
    let bo = &listed[1];
    assert_eq!((&bo["messagesIn"], &bo["bytesOut"]), (&json!(0), &json!(0)));
}

#[test]
fn list_for_people_is_a_table_or_says_that_there_is_nobody() {
    let (app, _dev, clients) = sandbox_with(&["ana"]);
    for verb in ["list", "ls"] {
        let listed = app.verb(&[verb]);
        assert_eq!(listed.code, Some(0));
        let row = listed.stdout.lines().nth(1).unwrap();
        assert!(
            row.contains(&clients[0].id) && row.contains("name=ana"),
            "{row}"
        );
    }
    assert_eq!(app.verb(&["close", "--all"]).code, Some(0));
    assert_eq!(app.verb(&["list"]).stdout, "0 connections\n");
    assert_eq!(app.verb(&["list", "--json"]).stdout, "[]\n");
}

#[test]
fn send_reaches_an_id_or_a_unique_beginning_of_one() {
    let (app, _dev, mut clients) = sandbox_with(&["ana", "bo"]);
    let id = clients[1].id.clone();
    let sent = app.verb(&["send", &id, "whole", "--json"]);
    assert_eq!(
        sent.stdout,
        format!("{{\"sent\":[\"{id}\"],\"failed\":[]}}\n")
    );
    assert_eq!(sent.code, Some(0));
    assert_eq!(clients[1].text(), "whole");
    let sent = app.verb(&["send", &unique_prefix(&clients, 1), "{\"a\": 1}"]);
    assert_eq!(
        (sent.code, sent.stdout),
        (Some(0), format!("sent to {id}\n"))
    );
    assert_eq!(clients[1].text(), "{\"a\": 1}", "exactly as it was written");
    assert_eq!(app.verb(&["send", "--all", "both"]).code, Some(0));
    assert_eq!(clients[0].text(), "both", "nothing came before it");
}

#[test]
fn an_ambiguous_beginning_lists_its_matches_and_sends_nothing() {
    let app = App::new();
    let dev = app.dev(&["--no-limits"]);
    let (mut clients, prefix) = with_common_prefix(&dev);
    for verb in [&["send", &prefix, "hi"][..], &["close", &prefix][..]] {
        let refused = app.verb(verb);
        assert_eq!(refused.code, Some(1));
        assert_eq!(refused.stdout, "");
        let meant = clients.iter().filter(|c| c.id.starts_with(&prefix));
        for client in meant {
            assert!(refused.stderr.contains(&client.id), "{}", refused.stderr);
        }
        assert!(
            refused.stderr.contains("hint: write more of the id"),
            "{}",
            refused.stderr
        );
    }
    let refused = app.verb(&["send", &prefix, "hi", "--json"]);
    assert_eq!(refused.code, Some(1));
    assert_eq!(refused.json()["error"]["code"], "ambiguous-connection");
    assert_eq!(refused.stderr, "");
    app.verb(&["send", "--all", "end"]);
    for client in &mut clients {
        assert_eq!(client.text(), "end");
    }
}

#[test]
fn an_unknown_connection_is_named_with_what_to_do() {
    let (app, dev, clients) = sandbox_with(&["ana"]);
    let refused = app.verb(&["send", "nobody", "hi"]);
    assert_eq!(refused.code, Some(1));
    assert_eq!(
        refused.stderr,
        "error: no connection has the id `nobody`\nhint: `list` shows the live connections\n"
    );
    let refused = app.verb(&["close", &clients[0].id, "nobody", "--json"]);
    assert_eq!(refused.code, Some(1));
    assert_eq!(
        refused.json(),
        json!({ "error": {
            "code": "unknown-connection",
            "message": "no connection has the id `nobody`",
            "hint": "`list` shows the live connections",
        }})
    );
    let listed = app.verb(&["list", "--json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "none was closed");
    drop(dev);
}

#[test]
fn a_send_to_a_whole_id_that_is_gone_has_failed_for_that_connection() {
    let (app, dev, mut clients) = sandbox_with(&["ana", "bo"]);
    let gone = clients[0].id.clone();
    app.verb(&["close", &gone]);
    dev.wait_for(json!({ "event": "disconnected" }));
    let refused = app.verb(&["send", &gone, "hi", "--json"]);
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(1), ""));
    let error = "gone: no such connection is live";
    assert_eq!(
        refused.json(),
        json!({ "sent": [], "failed": [{ "connectionId": gone, "error": error }] })
    );
    let refused = app.verb(&["send", &gone, "hi"]);
    assert_eq!(refused.code, Some(1));
    assert_eq!(refused.stdout, format!("not sent to {gone}: {error}\n"));
    app.verb(&["send", &clients[1].id, "end"]);
    assert_eq!(clients[1].text(), "end");
}

#[test]
fn send_chooses_by_query_parameter_or_everybody() {
    let (app, _dev, mut clients) = sandbox_with(&["ana", "bo", "ana"]);
    let sent = app
        .verb(&["send", "--where", "name=ana", "hi ana", "--json"])
        .json();
    assert_eq!(
        sent["sent"],
        json!([clients[0].id, clients[2].id]),
        "in the order of the list"
    );
    let sent = app.verb(&["send", "hi all", "--all", "--json"]).json();
    assert_eq!(sent["sent"].as_array().unwrap().len(), 3);
    assert_eq!(clients[0].text(), "hi ana");
    assert_eq!(clients[2].text(), "hi ana");
    for client in &mut clients {
        assert_eq!(client.text(), "hi all");
    }
    let plain = app.verb(&["send", "--where", "name=bo", "-1"]);
    assert_eq!(
        (plain.code, plain.stdout),
        (Some(0), format!("sent to {}\n", clients[1].id))
    );
    assert_eq!(clients[1].text(), "-1");
}

#[test]
fn sending_to_nobody_is_no_error() {
    let (app, _dev, _clients) = sandbox_with(&["ana"]);
    let sent = app.verb(&["send", "--where", "name=zoe", "hi"]);
    assert_eq!(
        (sent.code, sent.stdout.as_str()),
        (Some(0), "sent to 0 connections\n")
    );
    let sent = app.verb(&["send", "--where", "name=zoe", "hi", "--json"]);
    assert_eq!(
        (sent.code, sent.stdout.as_str()),
        (Some(0), "{\"sent\":[],\"failed\":[]}\n")
    );
    app.verb(&["close", "--all"]);
    let sent = app.verb(&["send", "--all", "hi"]);
    assert_eq!(
        (sent.code, sent.stdout.as_str()),
        (Some(0), "sent to 0 connections\n")
    );
}

#[test]
fn a_dash_reads_the_message_from_standard_input() {
    let (app, _dev, mut clients) = sandbox_with(&["ana"]);
    app.write("message", "two\nlines\n");
    let piped = |args: &[&str]| {
        let from = File::open(app.path("message")).unwrap();
        app.verb_with(args, |command| {
            command.stdin(from);
        })
    };
    assert_eq!(piped(&["send", &clients[0].id, "-"]).code, Some(0));
    assert_eq!(clients[0].text(), "two\nlines");
    assert_eq!(piped(&["send", "--all", "-"]).code, Some(0));
    assert_eq!(clients[0].text(), "two\nlines");
    app.write("message", "");
    assert_eq!(piped(&["send", "--all", "-"]).code, Some(0));
    assert_eq!(clients[0].text(), "", "an empty message is one");
    std::fs::write(app.path("message"), b"ok\xff").unwrap();
    let refused = piped(&["send", "--all", "-"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("not UTF-8 at byte 2"),
        "{}",
        refused.stderr
    );
}

#[test]
fn send_and_close_say_what_is_missing() {
    let app = App::new();
    for (line, said) in [
        (&["send"][..], "to whom?"),
        (&["send", "ab"][..], "there is no message to send"),
        (&["send", "--all"][..], "there is no message to send"),
        (
            &["send", "ab", "hello", "there"][..],
            "`there` is one word too many",
        ),
        (
            &["send", "--where", "name", "hi"][..],
            "`name` is not of the form key=value",
        ),
        (
            &["send", "--all", "--where", "a=b", "hi"][..],
            "cannot be used with",
        ),
        (&["send", "--al", "hi"][..], "there is no option `--al`"),
        (&["close", "--al"][..], "there is no option `--al`"),
        (&["close"][..], "which connections?"),
        (&["close", "ab", "--all"][..], "cannot be used with"),
    ] {
        let refused = app.verb(line);
        assert_eq!(refused.code, Some(2), "{line:?}");
        assert_eq!(refused.stdout, "");
        assert!(
            refused.stderr.contains(said),
            "{line:?}: {}",
            refused.stderr
        );
        let json: Vec<&str> = line.iter().copied().chain(["--json"]).collect();
        let refused = app.verb(&json);
        assert_eq!(refused.code, Some(2), "{line:?}");
        let error = &refused.json()["error"];
        assert_eq!(error["code"], "usage");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        assert_eq!(refused.stderr, "");
    }
}

#[test]
fn close_ends_the_named_connections_and_no_others() {
    let (app, dev, mut clients) = sandbox_with(&["ana", "bo", "zoe"]);
    let prefix = unique_prefix(&clients, 1);
    let id = clients[0].id.clone();
    // One id in 64 begins with a hyphen.
    let closed = app.verb(&["close", "--json", "--", &id, &prefix, &id]);
    assert_eq!(closed.code, Some(0));
    assert_eq!(
        closed.json(),
        json!({ "closed": [clients[0].id, clients[1].id] }),
        "each once"
    );
    for client in &mut clients[..2] {
        assert_eq!(
            client.closed(),
            (1000, "Connection Closed Normally".to_owned())
        );
        client.finish();
        dev.wait_for(json!({
            "event": "disconnected", "connectionId": client.id, "code": 1000,
            "reason": "Connection Closed Normally",
        }));
    }
    let listed = app.verb(&["list", "--json"]).json();
    assert_eq!(listed[0]["connectionId"], clients[2].id);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let again = app.verb(&["close", &id]);
    assert_eq!(again.code, Some(1), "it is gone");
}

#[test]
fn close_takes_all_or_a_query_parameter() {
    let (app, _dev, mut clients) = sandbox_with(&["ana", "bo", "ana"]);
    let closed = app.verb(&["close", "--where", "name=ana", "--json"]).json();
    assert_eq!(closed, json!({ "closed": [clients[0].id, clients[2].id] }));
    let closed = app.verb(&["close", "--all"]);
    assert_eq!(
        (closed.code, closed.stdout),
        (Some(0), format!("closed {}\n", clients[1].id))
    );
    for client in &mut clients {
        assert_eq!(client.closed().0, 1000);
    }
    let closed = app.verb(&["close", "--all"]);
    assert_eq!(
        (closed.code, closed.stdout.as_str()),
        (Some(0), "closed 0 connections\n")
    );
    assert_eq!(
        app.verb(&["close", "--all", "--json"]).stdout,
        "{\"closed\":[]}\n"
    );
}

#[test]
fn a_client_that_stops_reading_is_named_among_the_failed() {
    let app = App::new().file("message", &"x".repeat(4_000_000));
    let dev = app.dev(&["--no-limits", "--max-message", "4000000"]);
    let slow = dev.client_at("/?name=slow");
    let quick = dev.client_at("/?name=quick");
    let send = || {
        let from = File::open(app.path("message")).unwrap();
        let args = ["send", "--json", "--where", "name=slow", "-"];
        app.verb_with(&args, |command| {
            command.stdin(from);
        })
    };
    let mut attempts = (0..100).map(|_| send());
    let failed = attempts.find(|sent| sent.code == Some(1));
    let failed = failed.expect("its queue is bounded").json();
    assert_eq!(failed["sent"], json!([]));
    assert_eq!(failed["failed"][0]["connectionId"], slow.id);
    assert_eq!(keys(&failed["failed"][0]), ["connectionId", "error"]);
    let error = failed["failed"][0]["error"].as_str().unwrap();
    assert!(error.contains("slow"), "{error}");
    let both = app.verb(&["send", "--all", "hi"]);
    assert_eq!(both.code, Some(1), "not all got it");
    let (slow, quick) = (&slow.id, &quick.id);
    assert_eq!(
        both.stdout,
        format!("sent to {quick}\nnot sent to {slow}: {error}\n")
    );
}

#[test]
fn a_message_larger_than_the_gateway_takes_is_refused() {
    let app = App::new();
    let dev = app.dev(&[]);
    let mut client = dev.client();
    let send = |bytes: usize| {
        app.write("message", &"x".repeat(bytes));
        let from = File::open(app.path("message")).unwrap();
        app.verb_with(&["send", "--all", "-"], |command| {
            command.stdin(from);
        })
    };
    let refused = send(131_073);
    assert_eq!(refused.code, Some(1));
    let said = "131073 bytes; a message holds at most 131072";
    assert!(refused.stderr.contains(said), "{refused:?}");
    assert!(refused.stderr.contains("--max-message"), "{refused:?}");
    assert_eq!(send(131_072).code, Some(0));
    assert_eq!(client.text().len(), 131_072);
}

#[test]
fn an_id_that_begins_with_a_hyphen_is_no_option() {
    let app = App::new();
    let dev = app.dev(&["--no-limits"]);
    let mut client = loop {
        let client = dev.client();
        if client.id.starts_with('-') {
            break client;
        }
    };
    let id = client.id.clone();
    let sent = app.verb(&["send", &id, "-1", "--json"]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert_eq!(sent.json()["sent"], json!([id]));
    assert_eq!(client.text(), "-1");
    let closed = app.verb(&["close", &id, "--json"]);
    assert_eq!(closed.code, Some(0), "{closed:?}");
    assert_eq!(client.closed().0, 1000);
}
