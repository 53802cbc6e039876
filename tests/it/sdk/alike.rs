//! One app with the SDK inside the program and with the published one: call by call it is told the
//! same.

use serde_json::{Value, json};

use super::{NOBODY, link_published};
use crate::support::{App, Client, Dev};

const ENTRY: &str = include_str!("../../sdk/alike.mjs");

const START: &[&str] = &[
    "--no-limits",
    "--idle-timeout",
    "9h",
    "--max-duration",
    "9h",
    "--max-message",
    "300000",
    "--max-frame",
    "300000",
    "--sdk",
];

/// What two runs of the app have told, line by line.
#[derive(Default)]
struct Told(Vec<(String, Value)>);

impl Told {
    fn note(&mut self, what: impl Into<String>, value: Value) {
        self.0.push((what.into(), value));
    }
}

/// The app, with the one and the other.
fn both(scene: impl Fn(&App, &Dev, &mut Told)) {
    let tell = |choice: &str| {
        let app = App::esm(ENTRY)
            .file(".env", "GREETING=hi\n")
            .file("static/500.html", "<p>broken")
            .file("static/page.txt", "text")
            .file("secret.txt", "secret");
        link_published(&app);
        let dev = app.dev(&[START, &[choice]].concat());
        let mut told = Told::default();
        scene(&app, &dev, &mut told);
        told.0
    };
    let (ours, theirs) = (tell("bundled"), tell("installed"));
    let pairs = ours.iter().zip(&theirs);
    let unlike: Vec<String> = pairs
        .filter(|((_, ours), (_, theirs))| ours != theirs)
        .map(|((what, ours), (_, theirs))| format!("{what}\n  ours   {ours}\n  theirs {theirs}"))
        .collect();
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
    assert_eq!(ours.len(), theirs.len());
}

fn evaluate(client: &mut Client, run: &str) -> Value {
    client.send_json(&json!({ "run": run }));
    loop {
        let mut message = client.json();
        if !message["answer"].is_null() {
            return message["answer"].take();
        }
    }
}

/// Has each of them evaluated, and notes what came of it.
fn note_each<S: AsRef<str>>(told: &mut Told, client: &mut Client, calls: &[S]) {
    for call in calls {
        let answer = evaluate(client, call.as_ref());
        told.note(call.as_ref(), answer);
    }
}

#[test]
#[ignore = "needs real SDKs: tests/sdk.sh"]
fn each_call_of_ws_is_answered_alike() {
    let ids = ["undefined", "null", "''", "0", "7", "'nope'", "({})", "[]"];
    let nobody = [
        format!("'{NOBODY}'"),
        format!("' {NOBODY}'"),
        format!("'{NOBODY}/x'"),
    ];
    let mut calls = Vec::new();
    for id in ids.iter().map(ToString::to_string).chain(nobody) {
        for call in [
            "send(ID, 1)",
            "send(ID, 1, { throwIfNotConnected: false })",
            "isConnected(ID)",
            "close(ID)",
        ] {
            calls.push(format!("ws.{}", call.replace("ID", &id)));
        }
    }
    for options in [
        "null",
        "0",
        "{}",
        "{ throwIfNotConnected: undefined }",
        "{ throwIfNotConnected: null }",
        "{ throwIfNotConnected: 0 }",
        "'x'",
    ] {
        calls.push(format!("ws.send('{NOBODY}', 1, {options})"));
    }
    for call in [
        "c.isConnected()",
        "c.connectionId === c.constructor.for(c.connectionId).connectionId",
        "c.constructor.for('nope').send(1)",
        "c.constructor.close('nope')",
        "typeof c.meta",
        "(({ send }) => send('nope', 1))(ws)",
        "(({ close }) => close('nope'))(ws)",
        "ws.close([])",
        "ws.close([undefined])",
        "ws.close(['nope', 'nope'])",
        "ws.on('nonsense', () => {})",
    ] {
        calls.push(call.to_owned());
    }
    both(|_, dev, told| {
        let mut client = dev.client();
        let mut other = dev.client();
        note_each(told, &mut client, &calls);
        for data in [
            "undefined",
            "null",
            "''",
            "0",
            "'text'",
            "[1]",
            "{ a: undefined }",
            "new Date(0)",
            "Buffer.from('x')",
            "10n",
            "Symbol('x')",
            "() => 1",
            "new Map([[1, 2]])",
            "'\\ud800'",
            "NaN",
            "'x'.repeat(300000)",
            "'x'.repeat(300001)",
            "'é'.repeat(150001)",
        ] {
            let answer = evaluate(&mut client, &format!("ws.send('{}', {data})", other.id));
            told.note(format!("send {data}"), answer);
        }
        for call in [
            "[await ws.isConnected(ID)]",
            "ws.close([NOBODY, ID])",
            "[await ws.isConnected(ID)]",
            "ws.send(ID, 1)",
            "ws.close(ID)",
        ] {
            let run = call
                .replace("ID", &format!("'{}'", other.id))
                .replace("NOBODY", &format!("'{NOBODY}'"));
            let answer = evaluate(&mut client, &run).to_string();
            told.note(call, answer.replace(&other.id, "ID").into());
        }
        while let Some(text) = other.try_text() {
            told.note("a frame", text.into());
        }
        note_each(told, &mut client, &["lookups"]);
    });
}

/// What `events.publish` gives, without what differs from time to time.
const PUBLISH: &str = "((...a) => events.publish(...a).then(({ id, time, delay, ...rest }) => [/^[0-9a-hjkmnp-tv-z]{26}0$/.test(id), Math.abs(Date.now() - time) < 2000, Math.round(delay / 2000), rest]))";

/// What was heard, likewise.
const TAKE: &str = "take().map(({ event: { id, time, ...event }, ...rest }) => [typeof id, Math.abs(Date.now() - time) < 60000, event, rest])";

#[test]
#[ignore = "needs real SDKs: tests/sdk.sh"]
fn what_is_published_and_heard_is_alike() {
    let after = [
        "0",
        "null",
        "''",
        "60000",
        "1.5",
        "-5",
        "1e15",
        "Infinity",
        "NaN",
        "true",
        "{}",
        "[]",
        "10n",
        "new Date(NaN)",
        "new Date(Date.now() + 120000)",
        "Date.now() + 120000",
        "new Date(Date.now() + 120000).toISOString()",
        "new Date(Date.now() + 120000)",
        "'5 minutes'",
        "'1 minute'",
        "'1 MINUTES'",
        "'1.5 hours'",
        "'-3 hours'",
        "'x minutes'",
        "' 5 minutes'",
        "'5  minutes'",
        "'5 minutes later'",
        "'5'",
        "'minutes'",
        "'2 fortnights'",
        "'1 week'",
        "'3 months'",
        "'1 year'",
        "'13 months'",
        "'366 days'",
        "'soon'",
        "'2001-01-01'",
        "'2999-01-01'",
    ];
    let mut calls: Vec<String> = after
        .iter()
        .map(|after| format!("{PUBLISH}('nobody', {{ after: {after} }}, 1)"))
        .collect();
    for args in [
        "'nobody'",
        "'nobody', 0",
        "'nobody', null, 0",
        "'nobody', null, 1",
        "'nobody', 'x', 1",
        "'nobody', {}, 10n",
        "'nobody', 'x'.repeat(262144)",
        "'nobody', 'é'.repeat(262000)",
        "'', 1",
        "undefined, 1",
        "'nobody', () => 1",
        "'nobody', Symbol('x')",
        "'a:b:c', [1]",
    ] {
        calls.push(format!("{PUBLISH}({args})"));
    }
    for call in [
        "events.on('nobody')",
        "events.on('order')",
        "events.publish(7, 1).catch((error) => error.constructor.name)",
        "events.on('unused', null, () => {})",
        "events.on('unused', {}, () => {})",
        "events.getConfig()",
        "Object.keys(events.getHandlers())",
        "(await events.getHandlers()['event:custom:order']({ name: 'custom:order', body: 1 }, {})).length",
        "take().map(({ event }) => event)",
    ] {
        calls.push(call.to_owned());
    }
    both(|app, dev, told| {
        let mut client = dev.client();
        note_each(told, &mut client, &calls);
        for (publish, last) in [
            (
                "'order', { id: 7, text: 'a&b<ä> %+😀' }",
                "third {\"id\":7,\"text\":\"a&b<ä> %+😀\"}",
            ),
            ("'other:order', 'text'", "other \"text\""),
            (
                "'order', { after: '1 hour' }, 0",
                "third {\"after\":\"1 hour\"}",
            ),
            ("'long', 1", "long 1"),
            ("'order', { after: -1 }, 'past'", "third \"past\""),
        ] {
            let run = format!("{PUBLISH}({publish})");
            note_each(told, &mut client, &[run]);
            dev.wait_for_line(&format!("heard {last}"));
            note_each(told, &mut client, &[TAKE]);
        }
        // Twice, so that the sandbox's clock is ahead of the app's own the second time.
        for round in 0..2 {
            for after in [
                "'90 minutes'",
                "3600000",
                "new Date(Date.now() + 60000)",
                "'14 minutes'",
                "900000",
                "900001",
            ] {
                let run = format!(
                    "{PUBLISH}('other:order', {{ after: {after} }}, [{round}, {after}].map(String))"
                );
                told.note(after, evaluate(&mut client, &run));
            }
            for by in ["1m", "14m", "45m", "31m"] {
                assert_eq!(app.verb(&["clock", "advance", by]).code, Some(0));
                app.settle();
                note_each(
                    told,
                    &mut client,
                    &[
                        "take().map(({ who, event: { body } }) => [who, body[0], body[1].slice(0, 4)])",
                    ],
                );
            }
        }
        for name in ["both", "rejects", "slow"] {
            note_each(told, &mut client, &[format!("{PUBLISH}('{name}', 1)")]);
            let error = dev.wait_for(
                json!({ "event": "handler-error", "handler": format!("event:custom:{name}") }),
            );
            let error = &error["error"];
            told.note(
                name,
                json!([
                    error["name"],
                    error["message"],
                    error["file"],
                    error["line"],
                    error["hint"]
                ]),
            );
        }
        note_each(told, &mut client, &[TAKE, "lookups"]);
    });
}

#[test]
#[ignore = "needs real SDKs: tests/sdk.sh"]
fn parameters_and_what_is_not_here_are_alike() {
    both(|_, dev, told| {
        let mut client = dev.client();
        let list = "Object.fromEntries(Object.entries(params().list()).filter(([name]) => name !== 'AMPT_URL'))";
        note_each(
            told,
            &mut client,
            &[
                "params('GREETING')",
                "params('nope')",
                "params('')",
                "Object.keys(params())",
                list,
                "params('AMPT_URL') === process.env.AMPT_URL",
                "params().group('nope')",
                "(params().export('APP_NAME'), process.env.APP_NAME)",
                "(params().export(), process.env.ENV_TYPE)",
                "task('t', () => {})",
                "task('u', { timeout: 1 }, () => {})",
                "schedule('s').every('1 hour', () => {})",
                "schedule().cron('0 * * * ? *', () => {})",
                "isSame",
                "errors.map((error) => [String(error), error.name, error.statusCode])",
                "storage('b') instanceof Storage",
                "storage().public instanceof Storage",
                "[core.event, core.context, core.requestId, JSON.stringify(core)]",
                "storage('b').read('x')",
                "storage().readBuffer('x')",
                "storage().write('x', 'y')",
                "storage().remove('x')",
                "storage().delete('x')",
                "storage().getUploadUrl('x')",
                "storage().getDownloadUrl('x')",
                "storage().list().next()",
                "storage().on('write', () => {})",
                "storage().public.read('x')",
                "lookups",
            ],
        );
    });
}

#[test]
#[ignore = "needs real SDKs: tests/sdk.sh"]
fn requests_are_answered_alike() {
    both(|_, dev, told| {
        for target in [
            "/api",
            "/apix",
            "/api/a%20b?x=1&x=2",
            "//api",
            "/missing",
            "/late",
            "/other",
            "/node/x?y=1",
            "/bad",
            "/slow",
            "/static/page.txt",
            "/static/none.txt",
            "/static/..%2fsecret.txt",
            "/static/",
            "/evaluate",
        ] {
            for method in ["GET", "POST", "HEAD", "PUT"] {
                let body = if matches!(method, "POST" | "PUT") {
                    "typeof http.setTimeout"
                } else {
                    ""
                };
                let answer = dev.request(&format!(
                    "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
                    dev.address(), body.len()
                ));
                let headers = ["content-type", "cache-control", "x-one", "set-cookie"]
                    .map(|name| answer.header(name).map(str::to_owned));
                told.note(
                    format!("{method} {target}"),
                    json!([answer.status, headers, answer.body]),
                );
            }
        }
        for error in dev.events(json!({ "event": "handler-error" })) {
            let seen = &error["error"];
            let handler = error["handler"].to_string();
            let of = |name: &str| seen[name].clone();
            told.note(
                handler,
                json!([
                    of("name"),
                    of("message"),
                    of("file"),
                    of("line"),
                    of("codeFrame")
                ]),
            );
        }
    });
}

#[test]
#[ignore = "needs real SDKs: tests/sdk.sh"]
fn what_nobody_waits_for_is_noticed_alike() {
    both(|app, dev, told| {
        let mut client = dev.client();
        note_each(
            told,
            &mut client,
            &[format!("{PUBLISH}('leaves', {{ after: '1 minute' }}, 1)")],
        );
        app.settle();
        assert_eq!(app.verb(&["clock", "advance", "1m"]).code, Some(0));
        dev.wait_for(|event: &Value| {
            event["level"] == "warn" && event["text"].to_string().contains("`events.publish` was")
        });
        dev.wait_for_line("heard third \"left\"");
        note_each(told, &mut client, &[TAKE]);
    });
}
