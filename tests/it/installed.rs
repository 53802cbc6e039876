//! `--sdk installed`: what a package finds where Ampt's runtime and AWS are in the cloud. The
//! package here does with bare requests what the published one does with AWS's clients.

use serde_json::{Value, json};

use crate::support::{App, Client, Dev, each_node};

const PACKAGE: &str = include_str!("installed/package.mjs");

/// Prints what it hears of, and evaluates what it is sent.
const ENTRY: &str = "
import * as sdk from '@ampt/sdk';
sdk.listen('socket:message', async ({ connectionId, body }) => {
  const run = new Function(...Object.keys(sdk), `return (async () => (${body}))()`);
  let answer;
  try { answer = await run(...Object.values(sdk)); } catch (error) { answer = { thrown: `${error.name}: ${error.message}` }; }
  console.log(JSON.stringify({ answer: answer ?? null }));
}, { source: 'websocket', timeout: 5000 });
sdk.listen('event:custom:note', (event, context) => console.log('replaced'), { timeout: 1 });
sdk.listen('event:custom:note', (event, context) => console.log('heard', JSON.stringify(event)), { source: 'events', timeout: 5000 });
sdk.listen('event:custom:bad', () => { throw new RangeError('bad'); }, { source: 'events', timeout: 5000 });
sdk.serve(async ({ url }) => {
  await null;
  throw Object.assign(new RangeError(`for ${new URL(url).pathname}`), { code: 'E' });
});
sdk.listen('event:custom:leaves', () => void sdk.send({ id: '2', name: 'custom:note', body: 'left', time: 1, delay: 0 }));
sdk.listen('event:custom:slow', () => new Promise(() => {}), { source: 'events', timeout: 200 });
";

fn app() -> App {
    App::esm(ENTRY)
        .file(
            "node_modules/@ampt/sdk/package.json",
            r#"{ "name": "@ampt/sdk", "type": "module", "exports": "./index.js" }"#,
        )
        .file("node_modules/@ampt/sdk/index.js", PACKAGE)
}

/// A line of the app's that begins so.
fn line_with(start: &'static str) -> impl Fn(&Value) -> bool + Copy {
    move |event| {
        event["text"]
            .as_str()
            .is_some_and(|text| text.starts_with(start))
    }
}

/// Has the app evaluate something; what came of it.
fn evaluate(dev: &Dev, client: &mut Client, run: &str) -> Value {
    let is_answer = line_with(r#"{"answer":"#);
    let known = dev.events(is_answer).len();
    client.send(run);
    let event = dev.wait_for_all(known + 1, is_answer).remove(known);
    let mut told: Value = serde_json::from_str(event["text"].as_str().unwrap()).unwrap();
    told["answer"].take()
}

/// Each `heard` line, as the event in it.
fn heard(dev: &Dev) -> Vec<Value> {
    let lines = dev.lines();
    let heard = lines.iter().filter_map(|line| line.strip_prefix("heard "));
    heard
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

/// Waits until so many events have been heard of.
fn wait_until_heard(dev: &Dev, count: usize) -> Vec<Value> {
    dev.wait_for_all(count, line_with("heard "));
    heard(dev)
}

const START: &[&str] = &["--sdk", "installed", "--no-limits", "--idle-timeout", "9h"];

#[test]
fn an_event_that_is_sent_to_the_queue_comes_to_its_last_listener() {
    let app = app();
    let dev = app.dev(START);
    let mut client = dev.client();
    let event = r#"{ id: 'e1', name: 'custom:note', body: { text: 'a&b<ä>' }, time: 5, delay: 0 }"#;
    let sent = evaluate(&dev, &mut client, &format!("send({event}, 0)"));
    assert_eq!(
        (&sent["status"], &sent["type"]),
        (&json!(200), &json!("text/xml"))
    );
    let text = sent["text"].as_str().unwrap();
    // Of the message `{"id":"e1",…}`; clients compare it.
    let md5 = "import('crypto').then(({ createHash }) => createHash('md5').update(JSON.stringify(EVENT)).digest('hex'))";
    let md5 = evaluate(&dev, &mut client, &md5.replace("EVENT", event));
    let mark = format!(
        "<MD5OfMessageBody>{}</MD5OfMessageBody>",
        md5.as_str().unwrap()
    );
    assert!(
        text.contains(&mark) && text.contains("<MessageId>"),
        "{text}"
    );
    assert_eq!(
        wait_until_heard(&dev, 1),
        [json!({
            "target": "event:custom:note", "id": "e1", "name": "custom:note",
            "body": { "text": "a&b<ä>" }, "time": 5, "delay": 0, "attempt": 1,
        })]
    );
    assert_eq!(dev.lines().iter().filter(|l| *l == "replaced").count(), 0);
}

#[test]
fn handlers_of_events_fail_and_time_out_as_others_do() {
    let app = app();
    let dev = app.dev(START);
    let mut client = dev.client();
    for (name, error) in [("bad", "RangeError"), ("slow", "TimeoutError")] {
        let run = format!("send({{ id: '1', name: 'custom:{name}', body: 1, time: 1, delay: 0 }})");
        assert_eq!(evaluate(&dev, &mut client, &run)["status"], 200);
        dev.wait_for(json!({
            "event": "handler-error", "handler": format!("event:custom:{name}"), "error": { "name": error },
        }));
    }
    evaluate(
        &dev,
        &mut client,
        "send({ id: '1', name: 'custom:none', body: 1, time: 1, delay: 0 })",
    );
    let text = "an event `none` was not handled: the app registers no handler for it: events.on('none', …)";
    dev.wait_for(json!({ "event": "log", "level": "warn", "text": text }));
}

#[test]
fn delayed_events_follow_the_clock_and_outlive_a_kill() {
    let app = app();
    let dev = app.dev(START);
    let mut client = dev.client();
    let minute = "send({ id: 'soon', name: 'custom:note', body: 1, time: 5, delay: 59500 }, 60)";
    let hour =
        r#"keep({ id: 'late', name: 'custom:note', body: '{"a":[1]}', time: 5, delay: 3600000 })"#;
    assert_eq!(evaluate(&dev, &mut client, minute)["status"], 200);
    let kept = evaluate(&dev, &mut client, hour);
    assert_eq!(
        (&kept["status"], &kept["type"]),
        (&json!(200), &json!("application/x-amz-json-1.0"))
    );
    let kept: Value = serde_json::from_str(kept["text"].as_str().unwrap()).unwrap();
    assert_eq!(kept["Attributes"]["_name"], json!({ "S": "custom:note" }));
    dev.kill();

    let dev = app.dev(START);
    let advance = |by: &str| assert_eq!(app.verb(&["clock", "advance", by]).code, Some(0));
    advance("1m");
    assert_eq!(wait_until_heard(&dev, 1)[0]["id"], "soon");
    advance("58m");
    app.settle();
    assert_eq!(heard(&dev).len(), 1, "the other one is not due yet");
    advance("1m");
    let late = wait_until_heard(&dev, 2).remove(1);
    assert_eq!(
        (&late["id"], &late["body"], &late["delay"]),
        (&json!("late"), &json!({ "a": [1] }), &json!(3_600_000))
    );
    dev.kill();
    let dev = app.dev(START);
    app.settle();
    assert_eq!(heard(&dev), [json!(null); 0], "they are done with");
}

#[test]
fn malformed_requests_get_the_services_errors() {
    let app = app();
    let dev = app.dev(START);
    let mut client = dev.client();
    let url = "QueueUrl: process.env.EVENTS_QUEUE_URL";
    for (run, code) in [
        ("queue({})".to_owned(), "InvalidAction"),
        (
            "queue({ Action: 'ReceiveMessage' })".into(),
            "InvalidAction",
        ),
        (
            "queue({ Action: 'SendMessage', MessageBody: 'x' })".into(),
            "AWS.SimpleQueueService.NonExistentQueue",
        ),
        (
            format!("queue({{ Action: 'SendMessage', {url} }})"),
            "MissingParameter",
        ),
        ("send('not json')".into(), "InvalidMessageContents"),
        ("send('null')".into(), "InvalidMessageContents"),
        (
            "send({ id: 1, name: 'x' })".into(),
            "InvalidMessageContents",
        ),
        (
            "send({ id: '1', name: 'custom:note', body: 1, time: 1, delay: 0 }, 901)".into(),
            "InvalidParameterValue",
        ),
        (
            "send({ id: '1', name: 'custom:note', body: 1, time: 1, delay: 0 }, '<1>')".into(),
            "InvalidParameterValue",
        ),
    ] {
        let answer = evaluate(&dev, &mut client, &run);
        assert_eq!(
            (&answer["status"], &answer["type"]),
            (&json!(400), &json!("text/xml")),
            "{run}"
        );
        let text = answer["text"].as_str().unwrap();
        assert!(
            text.contains(&format!("<Code>{code}</Code>")),
            "{run}: {text}"
        );
        assert!(!text.contains("<1>"), "{text}");
    }
    let fine = "{ id: 'x', name: 'custom:note', body: '1', time: 1, delay: 1 }";
    for (run, code) in [
        (
            "table('UpdateItem', '{')".to_owned(),
            "SerializationException",
        ),
        (
            "table('UpdateItem', 'null')".into(),
            "ResourceNotFoundException",
        ),
        ("table('PutItem', '{}')".into(), "ResourceNotFoundException"),
        (
            format!("keep({fine}, 'other')"),
            "ResourceNotFoundException",
        ),
        (
            format!("keep({{ ...{fine}, body: '{{' }})"),
            "ValidationException",
        ),
        (
            format!("keep({{ ...{fine}, name: '' }})"),
            "ValidationException",
        ),
        (
            format!("keep({{ ...{fine}, delay: 'soon' }})"),
            "ValidationException",
        ),
    ] {
        let answer = evaluate(&dev, &mut client, &run);
        assert_eq!(answer["status"], 400, "{run}");
        let told: Value = serde_json::from_str(answer["text"].as_str().unwrap()).unwrap();
        assert!(
            told["__type"]
                .as_str()
                .unwrap()
                .ends_with(&format!("#{code}")),
            "{run}: {told}"
        );
    }
    app.settle();
    assert_eq!(heard(&dev), [json!(null); 0]);
}

#[test]
fn nothing_that_the_sandboxs_credentials_sign_leaves_for_aws() {
    let app = app();
    let dev = app.dev(START);
    let mut client = dev.client();
    let mut ask = |run: &str| evaluate(&dev, &mut client, run);
    for service in ["s3", "sns", "sqs", "secretsmanager", "__proto__"] {
        for kind in ["application/x-amz-json-1.1", "text/plain"] {
            if (service, kind) == ("sqs", "text/plain") {
                continue; // that one is here
            }
            let answer = ask(&format!(
                "ask('{service}', {{ 'content-type': '{kind}' }}, '')"
            ));
            assert_eq!(answer["status"], 403, "{answer}");
            let text = answer["text"].as_str().unwrap();
            assert!(
                text.contains("InvalidAccessKeyId") && text.contains(service),
                "{text}"
            );
            assert!(
                text.contains("give the client credentials of its own"),
                "{text}"
            );
        }
    }
    for (run, host) in [
        (
            "ask('sqs', {}, '', { id: 'AKIASOMEBODYS' })",
            "sqs.us-east-1.amazonaws.com",
        ),
        (
            "ask('sqs', { authorization: '' }, '')",
            "sqs.us-east-1.amazonaws.com",
        ),
        ("ask('sqs', {}, '', { host: 'sqs.example' })", "sqs.example"),
    ] {
        assert_eq!(ask(run)["error"], format!("looked up {host}"), "{run}");
    }
}

#[test]
fn static_files_come_from_the_apps_folder() {
    let app = app()
        .file("static/a b.txt", "text")
        .file("secret.txt", "secret");
    let dev = app.dev(START);
    let mut client = dev.client();
    for (path, answer) in [
        ("a%20b.txt", json!([200, "text"])),
        ("none.txt", json!([404, ""])),
        ("%2e%2e/secret.txt", json!([403, null])),
        ("..%2fsecret.txt", json!([404, ""])),
    ] {
        let got = evaluate(&dev, &mut client, &format!("asset('{path}')"));
        assert_eq!(got[0], answer[0], "{path}: {got}");
        assert!(answer[1].is_null() || got[1] == answer[1], "{path}: {got}");
    }
}

#[test]
fn what_is_not_here_is_refused_when_it_is_registered() {
    let app = app();
    let dev = app.dev(START);
    let mut client = dev.client();
    for (name, part) in [
        ("task:t", "task"),
        ("schedule:schedule-0", "schedule"),
        ("event:storage:write", "storage"),
    ] {
        let refused = evaluate(
            &dev,
            &mut client,
            &format!("listen('{name}', () => {{}}, {{}})"),
        );
        let told = format!("NotAvailableError: `{part}` is not available in the local sandbox yet");
        assert_eq!(refused["thrown"], told);
    }
    let refused = evaluate(&dev, &mut client, "count('storageRequests', 1, 'storage')");
    let told = "`storage` is not available in the local sandbox yet";
    assert_eq!(refused["thrown"], format!("NotAvailableError: {told}"));
    dev.wait_for(move |event: &Value| {
        event["level"] == "warn" && event["text"].to_string().contains(told)
    });
    let counted = evaluate(&dev, &mut client, "count('dataWrites', 1, 'data')");
    assert_eq!(counted, Value::Null);
    evaluate(&dev, &mut client, "listen('nothing:known', () => {}, {})");
    dev.wait_for(|event: &Value| {
        event["level"] == "warn"
            && event["text"]
                .to_string()
                .contains("`nothing:known` is never delivered")
    });
}

#[test]
fn what_it_writes_for_a_collector_is_told_with_its_place() {
    let app = app();
    let dev = app.dev(START);
    let mut client = dev.client();
    let request = format!(
        "GET /x HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        dev.address()
    );
    assert_eq!(dev.request(&request).status, 500);
    let line = 1 + ENTRY
        .lines()
        .position(|l| l.contains("RangeError(`for"))
        .unwrap();
    dev.wait_for(json!({
        "event": "handler-error", "handler": "http GET /x",
        "error": { "name": "RangeError", "message": "for /x", "file": "index.mjs", "line": line },
    }));
    for (run, event) in [
        (
            "write({ time: 1, level: 40, type: 'system', msg: 'be careful' })",
            json!({ "event": "log", "level": "warn", "source": "sandbox" }),
        ),
        (
            "write({ _slsLog: true, time: 1, level: 50, type: 'system', msg: 'broken', err: { name: 'TypeError', message: 'm', stack: 'TypeError: m\\n    at x' } })",
            json!({ "event": "handler-error", "handler": "broken", "error": { "name": "TypeError" } }),
        ),
        (
            "write({ time: 1, level: 40, type: 'mine', msg: 'a' })",
            json!({ "event": "log", "source": "app", "text": r#"{"time":1,"level":40,"type":"mine","msg":"a"}"# }),
        ),
        (
            "console.error('{\"msg\":\"HTTP handler failed\"}')",
            json!({ "event": "log", "source": "app", "text": r#"{"msg":"HTTP handler failed"}"# }),
        ),
    ] {
        evaluate(&dev, &mut client, run);
        dev.wait_for(event);
    }
}

#[test]
fn what_nobody_waits_for_is_told() {
    let app = app();
    let dev = app.dev(START);
    let mut client = dev.client();
    let later = "send({ id: '1', name: 'custom:leaves', body: 1, time: 1, delay: 60000 }, 60)";
    evaluate(&dev, &mut client, later);
    app.settle();
    // Now no handler runs but the one that leaves something.
    assert_eq!(app.verb(&["clock", "advance", "1m"]).code, Some(0));
    dev.wait_for(|event: &Value| {
        event["level"] == "warn" && event["text"].to_string().contains("`events.publish` was")
    });
    assert_eq!(
        wait_until_heard(&dev, 1)[0]["body"],
        "left",
        "it is done all the same"
    );
}

#[test]
fn it_publishes_on_each_node() {
    each_node(|node| {
        let app = app();
        let dev = app.dev(&[START, &["--node", node]].concat());
        let mut client = dev.client();
        let run = "send({ id: 'e1', name: 'custom:note', body: 1, time: 5, delay: 0 })";
        assert_eq!(evaluate(&dev, &mut client, run)["status"], 200);
        assert_eq!(wait_until_heard(&dev, 1).len(), 1);
    });
}
