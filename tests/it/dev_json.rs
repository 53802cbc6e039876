//! `dev --json`: the `ready` line and the event lines.

use serde_json::{Value, json};

use crate::support::{App, Dev, keys};

/// The names of this event's fields, but for those of all events.
fn fields_of(dev: &Dev, pattern: Value) -> Vec<String> {
    let event = dev.wait_for(pattern);
    let all = keys(&event);
    assert_eq!(all[..2], ["event", "at"], "{event}");
    all[2..].iter().map(|&name| name.to_owned()).collect()
}

/// Whether this is a time like 2030-01-02T03:04:05.678Z.
fn is_time(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00T00:00:00.000Z"
}

#[test]
fn the_first_line_is_ready_with_exactly_its_fields() {
    let app = App::esm("import { ws } from '@ampt/sdk'; ws.on('message', () => {});");
    let mut dev = app.start(&["--env", "stage"]);
    let ready = dev.ready().clone();
    assert_eq!(dev.events(json!({}))[0], ready);
    assert_eq!(
        keys(&ready),
        ["event", "url", "wsUrl", "pid", "app", "env", "dataDir"]
    );
    let port = dev.port();
    assert_eq!(
        ready,
        json!({
            "event": "ready",
            "url": format!("http://127.0.0.1:{port}"),
            "wsUrl": format!("ws://127.0.0.1:{port}"),
            "pid": dev.pid(),
            "app": app.dir(),
            "env": "stage",
            "dataDir": app.path(".ampt-ws"),
        })
    );
}

#[test]
fn ready_means_that_the_handlers_are_registered_and_comes_before_what_they_print() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         console.log('loading');
         await new Promise((done) => setTimeout(done, 200));
         ws.on('message', (c) => c.send('here'));",
    );
    let dev = app.dev(&[]);
    assert_eq!(dev.client().ask("hi"), "here");
    dev.wait_for_line("loading");
    assert_eq!(dev.events(json!({}))[0]["event"], "ready");
}

#[test]
fn an_app_that_cannot_be_loaded_says_so_before_it_is_ready() {
    let app = App::esm("console.log('first');\nthrow new Error('no');");
    let mut dev = app.start(&[]);
    let failed = dev.wait_for(json!({ "event": "handler-error", "handler": "load" }));
    assert_eq!(failed["error"]["message"], "no");
    assert_eq!(dev.lines(), ["first"]);
    app.write(
        "index.mjs",
        "import { ws } from '@ampt/sdk'; ws.on('message', (c) => c.send('ok'));",
    );
    dev.ready();
    assert_eq!(dev.client().ask("hi"), "ok");
}

#[test]
fn each_event_has_its_name_its_time_and_its_connection() {
    let app = App::new()
        .file(
            "index.mjs",
            "import { ws } from '@ampt/sdk';
             ws.on('connected', (c) => c.send('hello'));
             ws.on('message', (c, text) => {
               if (text === 'throw') throw new TypeError('no');
               console.log('heard', text);
             });",
        )
        .file("data.json", r#"[{"key":"a","value":1}]"#);
    let dev = app.dev(&["--burst", "3", "--rate", "1"]);
    app.verb(&["clock", "freeze"]);
    let mut client = dev.dial("/?name=ana&name=bo", &[]).unwrap();
    let id = client.id.clone();
    client.send("one");
    client.send("throw");
    client.send("much");
    let mine = |event: &str| json!({ "event": event, "connectionId": id });
    assert_eq!(
        fields_of(&dev, mine("connected")),
        ["connectionId", "queryStringParameters", "remoteAddress"]
    );
    assert_eq!(
        dev.wait_for(mine("connected"))["queryStringParameters"],
        json!({ "name": "bo" })
    );
    for event in ["message", "sent"] {
        assert_eq!(
            fields_of(&dev, mine(event)),
            ["connectionId", "data", "bytes"]
        );
    }
    assert_eq!(fields_of(&dev, mine("throttled")), ["connectionId", "hint"]);
    let failed = mine("handler-error");
    assert_eq!(
        fields_of(&dev, failed),
        ["connectionId", "handler", "requestId", "error"]
    );
    let line = json!({ "event": "log", "text": "heard one" });
    assert_eq!(fields_of(&dev, line), ["level", "text", "source"]);
    assert_eq!(dev.dial("/", &[]).err().map(|r| r.status), Some(429));
    let no_connection =
        |event: &Value| event["event"] == "throttled" && event.get("connectionId").is_none();
    dev.wait_for(no_connection);
    app.verb(&["pause"]);
    assert_eq!(dev.dial("/", &[]).err().map(|r| r.status), Some(403));
    let rejected = json!({ "event": "rejected" });
    assert_eq!(fields_of(&dev, rejected), ["status", "reason", "hint"]);
    app.verb(&["reload"]);
    assert_eq!(
        fields_of(&dev, json!({ "event": "reload" })),
        ["cause", "ok", "tookMs"]
    );
    app.verb(&["import"]);
    assert_eq!(
        fields_of(&dev, json!({ "event": "import" })),
        ["file", "items", "overwrite", "orphanedConnections"]
    );
    client.close(4000, "bye");
    assert_eq!(
        fields_of(&dev, mine("disconnected")),
        ["connectionId", "code", "reason"]
    );
    let log = dev.log();
    assert_eq!(dev.stop().code, Some(0));
    let stopping = log.events().pop().unwrap();
    assert_eq!(keys(&stopping), ["event", "at", "cause"]);
    assert_eq!(
        (&stopping["event"], &stopping["cause"]),
        (&json!("stopping"), &json!("SIGINT"))
    );
    for event in &log.events()[1..] {
        assert!(is_time(event["at"].as_str().unwrap()), "{event}");
    }
}

#[test]
fn nothing_but_json_lines_is_on_standard_output() {
    let app = App::esm(
        r#"import { ws } from '@ampt/sdk';
           import { spawnSync } from 'node:child_process';
           process.stderr.write('raw\n');
           console.log('two\nlines', '\u001b[31m');
           console.error('bad');
           spawnSync('echo', ['from a child'], { stdio: 'inherit' });
           ws.on('message', () => process.stdout.write('{"event":"fake"}\nno line end'));"#,
    );
    let dev = app.dev(&["-v"]);
    let mut client = dev.client();
    client.send("hi");
    dev.wait_for_line("{\"event\":\"fake\"}");
    client.close_silently();
    for text in ["two\nlines \u{1b}[31m", "bad", "from a child"] {
        dev.wait_for_line(text);
    }
    let log = dev.log();
    let ended = dev.stop();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for event in log.events() {
        assert!(event.is_object() && event["event"] != "fake", "{event}");
    }
    let said = log.events().iter().any(|e| e["text"] == "no line end");
    assert!(said, "the last line counts, too");
}

#[test]
fn without_app_code_it_is_ready_and_says_that_no_handlers_are_registered() {
    let app = App::new();
    let dev = app.dev(&[]);
    let said = |event: &Value| {
        let text = event["text"].as_str().unwrap_or_default();
        event["level"] == "warn" && text.contains("no handlers are registered")
    };
    dev.wait_for(said);
    let mut client = dev.client();
    client.send("hi");
    dev.wait_for(json!({ "event": "message", "data": "hi" }));
    app.verb(&["send", "--all", "you"]);
    assert_eq!(client.text(), "you");
}

#[test]
fn a_long_message_is_shortened_and_says_its_size() {
    let app = App::new();
    let dev = app.dev(&[]);
    dev.client().send(&"é".repeat(5000));
    let message = dev.wait_for(json!({ "event": "message" }));
    assert_eq!(message["bytes"], 10_000);
    assert_eq!(message["truncated"], true);
    assert_eq!(message["data"].as_str().unwrap().len(), 4096);
}
