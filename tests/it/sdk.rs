//! Real SDKs: AWS's for JavaScript and Python against the management API, and apps with the
//! published `@ampt/sdk`. `tests/sdk.sh` installs them and runs these tests.

mod alike;

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::sending::EVALUATE;
use crate::support::{App, Client, Dev};

/// Well-formed, and nobody's.
const NOBODY: &str = "AAAAAAAAAAAAAAA=";

/// Where the SDKs are.
fn sdks() -> PathBuf {
    let folder = std::env::var_os("AMPT_WS_TEST_SDKS");
    PathBuf::from(
        folder.expect("AMPT_WS_TEST_SDKS names the folder of the SDKs; tests/sdk.sh sets it"),
    )
}

/// Runs a script of `tests/sdk` with the credentials that the app got; what it prints.
fn run_script(interpreter: &str, script: &str, key: &Value, args: &[&str]) -> Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sdk")
        .join(script);
    let mut command = Command::new(interpreter);
    command.arg(script).args(args);
    command.env("PYTHONPATH", sdks().join("python"));
    for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"] {
        command.env_remove(name);
    }
    command.env("AWS_ACCESS_KEY_ID", key["id"].as_str().unwrap());
    command.env("AWS_SECRET_ACCESS_KEY", key["secret"].as_str().unwrap());
    let output = command.output().expect("the interpreter runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

fn drive_management_api(interpreter: &str, script: &str, stage: &str) {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = process.env;
         ws.on('connected', (c) => c.send({ id, secret }));
         ws.on('disconnected', (c, reason) => console.log(reason));",
    );
    // What the SDKs post as bytes stays a text even where binary messages are allowed.
    let dev = app.dev(&["--binary", "allow"]);
    let agent = [("user-agent", "a real client")];
    let mut client = dev.dial("/", &agent).unwrap();
    let key = client.json();
    let endpoint = format!("{}{stage}", dev.fact("url"));
    let mut told = run_script(interpreter, script, &key, &[&endpoint, &client.id, NOBODY]);

    let got = told["get"].as_object_mut().unwrap();
    for name in ["ConnectedAt", "LastActiveAt"] {
        let at = got.remove(name).unwrap();
        let at = at.as_str().unwrap();
        assert!(at.starts_with("20") && at.contains('T'), "a date: {at}");
    }
    // The JavaScript SDK writes the members' first letters as they are on the wire.
    let identity = got.remove("Identity").unwrap();
    assert_eq!(
        identity,
        json!({ "SourceIp": "127.0.0.1", "UserAgent": "a real client" })
    );
    let fine = json!({ "status": 200, "hasRequestId": true });
    for name in ["post", "postBytes", "postLargest", "get"] {
        assert_eq!(told[name], fine, "{name}");
    }
    assert_eq!(
        told["delete"],
        json!({ "status": 204, "hasRequestId": true })
    );
    for name in ["postGone", "getDeleted", "deleteDeleted"] {
        assert_eq!(told[name]["status"], 410, "{told}");
        assert_eq!(told[name]["error"], "GoneException", "{told}");
    }
    for name in ["postTooLarge", "postFarTooLarge"] {
        assert_eq!(
            told[name],
            json!({ "status": 413, "error": "PayloadTooLargeException", "message": "Message too long" })
        );
    }
    assert_eq!(
        told["postMalformed"],
        json!({ "status": 400, "error": "BadRequestException", "message": "Invalid connectionId: no/pe" })
    );
    assert_eq!(
        told["stranger"],
        json!({ "status": 403, "error": "ForbiddenException", "message": "Forbidden" })
    );

    assert_eq!(client.text(), "häl=lo");
    assert_eq!(client.text(), r#"{"from":"bytes"}"#);
    assert_eq!(client.text().len(), 131_072);
    assert_eq!(
        client.closed(),
        (1000, "Connection Closed Normally".to_owned())
    );
    dev.wait_for_line("Connection Closed Normally");
}

#[test]
#[ignore = "needs real SDKs: tests/sdk.sh"]
fn the_aws_sdk_for_javascript_speaks_with_the_management_api() {
    drive_management_api("node", "management.mjs", "");
    drive_management_api("node", "management.mjs", "/prod");
}

#[test]
#[ignore = "needs real SDKs: tests/sdk.sh"]
fn boto3_speaks_with_the_management_api() {
    drive_management_api("python3", "management.py", "");
    drive_management_api("python3", "management.py", "/prod");
}

/// Puts the published SDK into an app's `node_modules`.
fn link_published(app: &App) {
    std::fs::create_dir_all(app.path("node_modules/@ampt")).unwrap();
    symlink(
        sdks().join("node_modules/@ampt/sdk"),
        app.path("node_modules/@ampt/sdk"),
    )
    .unwrap();
}

/// The same app twice: with the SDK inside the program, and with the published one.
fn with_both(files: &[(&str, &str)], test: impl Fn(&str, &App, &Dev)) {
    for choice in ["bundled", "installed"] {
        let app = App::new();
        for (name, text) in files {
            app.write(name, text);
        }
        link_published(&app);
        let dev = app.dev(&["--no-limits", "--binary", "allow", "--sdk", choice]);
        test(choice, &app, &dev);
    }
}

/// `EVALUATE`'s names, as the published package exports them.
fn evaluate() -> String {
    EVALUATE
        .replace("ws, SocketConnection }", "ws }")
        .replace(
            "import sockets, { InvalidConnectionError",
            "import { InvalidConnectionError",
        )
        .replace("ws, sockets, c, SocketConnection,", "ws, c,")
}

#[test]
#[ignore = "needs real SDKs: tests/sdk.sh"]
fn the_published_sdk_sends_asks_and_closes_as_ours_does() {
    with_both(&[("index.mjs", &evaluate())], |choice, _, dev| {
        let mut client = dev.client();
        let mut other = dev.client();
        let id = other.id.clone();
        let error = |kind: &str, message: &str| {
            json!({
                "message": message, "name": "Error", "kind": kind, "error": true,
                "invalid": kind == "InvalidConnectionError", "socket": kind == "WebSocketError",
            })
        };
        let fine = json!({ "value": "undefined" });
        let gone = error(
            "InvalidConnectionError",
            &format!("Connection {NOBODY} is not connected"),
        );
        let nope = error("InvalidConnectionError", "Connection nope is not connected");
        for (run, answer) in [
            (format!("ws.send('{id}', 'text')"), fine.clone()),
            (format!("ws.send('{id}', {{ a: 1 }})"), fine.clone()),
            (format!("ws.isConnected('{id}')"), json!({ "value": true })),
            (
                format!("ws.isConnected('{NOBODY}')"),
                json!({ "value": false }),
            ),
            ("ws.isConnected('nope')".into(), json!({ "value": false })),
            (format!("ws.send('{NOBODY}', 1)"), gone),
            (
                format!("ws.send('{NOBODY}', 1, {{ throwIfNotConnected: false }})"),
                fine.clone(),
            ),
            ("ws.send('nope', 1)".into(), nope),
            (
                "ws.send(undefined, 1)".into(),
                error(
                    "WebSocketError",
                    "No value provided for input HTTP label: ConnectionId.",
                ),
            ),
            (
                "ws.close('')".into(),
                error(
                    "WebSocketError",
                    "Empty value provided for input HTTP label: ConnectionId.",
                ),
            ),
            (
                "ws.close('nope')".into(),
                error("WebSocketError", "Invalid connectionId: nope"),
            ),
            (
                format!("ws.close('{NOBODY}')"),
                error("WebSocketError", "UnknownError"),
            ),
            (
                "c.send('x'.repeat(131073))".into(),
                error("WebSocketError", "Message too long"),
            ),
            ("c.isConnected()".into(), json!({ "value": true })),
            (format!("ws.close(['{id}'])"), json!({ "value": [null] })),
            (format!("ws.isConnected('{id}')"), json!({ "value": false })),
        ] {
            client.send_json(&json!({ "run": run }));
            assert_eq!(
                client.json(),
                json!({ "answer": answer }),
                "{choice}: {run}"
            );
        }
        assert_eq!(other.text(), "text");
        assert_eq!(other.text(), r#"{"a":1}"#);
        assert_eq!(
            other.closed(),
            (1000, "Connection Closed Normally".to_owned())
        );
    });
}

#[test]
#[ignore = "needs real SDKs: tests/sdk.sh"]
fn the_published_sdk_gets_the_same_events_as_ours() {
    let code = "import { ws, params } from '@ampt/sdk';
         import { data } from '@ampt/data';
         import { inspect } from 'node:util';
         ws.on('message', () => { throw new Error('replaced'); });
         ws.on('connected', async (c) => {
           const { connectedAt, queryStringParameters, headers } = c.meta;
           await data.set('connected', { by: c.connectionId });
           await c.send({ connectedAt: typeof connectedAt, queryStringParameters, agent: headers['User-Agent'], greeting: params('GREETING'), app: params('APP_NAME') });
         });
         ws.on('message', { timeout: 1000 }, async (c, message) => {
           if (message?.throw) throw new RangeError('out of range');
           if (message === 'slow') await new Promise(() => {});
           if (message === 'close') return c.close();
           await c.send('got ' + inspect(message) + inspect(c.meta));
         });
         ws.on('disconnected', (c, reason) => console.log('left', reason));";
    let files = [("index.mjs", code), (".env", "GREETING=hi\n")];
    with_both(&files, |choice, app, dev| {
        let agent = [("user-agent", "test")];
        let mut client = dev.dial("/?a=1&a=2", &agent).unwrap();
        assert_eq!(
            client.json(),
            json!({
                "connectedAt": "number", "queryStringParameters": { "a": "2" }, "agent": "test",
                "greeting": "hi", "app": "app",
            }),
            "{choice}"
        );
        for (text, seen) in [
            ("hello", "'hello'"),
            (r#"{"a":[1]}"#, "{ a: [ 1 ] }"),
            ("null", "null"),
            ("", "undefined"),
        ] {
            assert_eq!(client.ask(text), format!("got {seen}undefined"), "{choice}");
        }
        assert_eq!(client.ask("ping"), "pong", "{choice}");
        client.send(r#"{"throw":true}"#);
        assert_eq!(client.json()["message"], "Internal server error");
        let error = json!({ "name": "RangeError", "message": "out of range", "file": "index.mjs" });
        dev.wait_for(json!({ "event": "handler-error", "handler": "message", "error": error }));
        client.send("slow");
        assert_eq!(client.json()["message"], "Internal server error");
        client.send("close");
        assert_eq!(client.closed().0, 1000, "{choice}");
        dev.wait_for_line("left Connection Closed Normally");
        let stored = app.verb(&["data", "get", "connected", "--json"]).json();
        assert_eq!(
            stored["value"]["by"], client.id,
            "@ampt/data is ours: {choice}"
        );
    });
}

#[test]
#[ignore = "needs real SDKs: tests/sdk.sh"]
fn the_published_sdk_serves_http_and_survives_a_reload() {
    let code = "import { http, ws } from '@ampt/sdk';
         http.use('/api', async (request) => {
           const body = request.method === 'POST' ? await request.text() : '';
           return new Response(`${request.method} ${new URL(request.url).pathname} ${body}`, { status: 201 });
         });
         ws.on('message', (c, text) => c.send(text));";
    with_both(&[("index.mjs", code)], |choice, app, dev| {
        let host = dev.address();
        let ask = |text: &str| dev.request(&text.replace("HOST", &host.to_string()));
        let answer = ask("GET /api/x HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
        assert_eq!(answer.status, 201, "{choice}");
        let answer = ask("GET /other HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
        assert_eq!(answer.status, 404, "{choice}");
        let mut client: Client = dev.client();
        assert_eq!(client.ask("before"), "before");
        assert_eq!(app.verb(&["reload"]).code, Some(0));
        assert_eq!(client.ask("after"), "after", "{choice}");
    });
}

#[test]
#[ignore = "needs real SDKs: tests/sdk.sh"]
fn the_published_sdk_speaks_tls_with_the_sandbox() {
    let app = App::esm(
        "import { events, ws } from '@ampt/sdk';
         ws.on('message', async (c, data) => {
           await c.send(`${data} by ${process.env.AMPT_APP_WEBSOCKET_URL}`);
           await events.publish('told', data);
           await events.publish('told', { after: '1 hour' }, 'later');
         });
         events.on('told', (event) => console.log('heard', event.body));",
    );
    link_published(&app);
    let dev = app.dev(&["--tls", "--sdk", "installed"]);
    let connected = app.verb(&["connect", "-x", "sent"]);
    let answer = format!("sent by {}\n", dev.fact("wsUrl"));
    assert!(connected.stdout.ends_with(&answer), "{connected:?}");
    dev.wait_for_line("heard sent");
    assert_eq!(app.verb(&["clock", "advance", "1h"]).code, Some(0));
    dev.wait_for_line("heard later");
}

#[test]
fn without_the_package_installed_says_how_to_get_it() {
    let app = App::esm("import { ws } from '@ampt/sdk'; ws.on('message', () => {});");
    let dev = app.start(&["--sdk", "installed", "--no-watch"]);
    let output = dev.wait();
    assert_eq!(output.code, Some(1));
    let said = format!("{}{}", output.stdout, output.stderr);
    for part in ["@ampt/sdk", "npm install @ampt/sdk", "--sdk installed"] {
        assert!(said.contains(part), "{said}");
    }
}
