//! Who may not come in: the `Host` and `Origin` checks, and handshakes that are none.

use serde_json::{Value, json};

use crate::support::{App, Dev};

/// A well-formed handshake, with these lines in place of its `Host` line.
fn handshake(lines: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\n{lines}Upgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

fn with_host(host: &str) -> String {
    handshake(&format!("Host: {host}\r\n"))
}

fn with_origin(dev: &Dev, origin: &str) -> String {
    handshake(&format!(
        "Host: 127.0.0.1:{}\r\nOrigin: {origin}\r\n",
        dev.port()
    ))
}

/// What the event of a refusal says; there must be one, and only one.
fn rejection(dev: &Dev, status: u16, part: &str) -> Value {
    let is_it = |event: &Value| {
        let reason = event["reason"].as_str().unwrap_or_default();
        event["event"] == "rejected" && event["status"] == status && reason.contains(part)
    };
    dev.wait_for(is_it)
}

#[test]
fn a_host_that_is_not_this_machines_is_refused_before_anything_else() {
    let app = App::new();
    let dev = app.dev(&[]);
    let port = dev.port();
    for host in [
        format!("evil.example:{port}"),
        "evil.example".to_owned(),
        format!("localhost.evil.example:{port}"),
        format!("10.1.2.3:{port}"),
        "127.0.0.1:1".to_owned(),
    ] {
        assert_eq!(dev.request(&with_host(&host)).status, 403, "{host}");
        let plain = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(dev.request(&plain).status, 403, "{host}");
        let management =
            format!("POST /@connections/x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(dev.request(&management).status, 403, "{host}");
        rejection(&dev, 403, &format!("`{host}`"));
    }
    let absolute =
        format!("GET http://rebound.example:{port}/ HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    assert_eq!(dev.request(&absolute).status, 403);
    let told = rejection(&dev, 403, "evil.example");
    let hint = told["hint"].as_str().unwrap();
    assert!(hint.contains("--allow-host evil.example"), "{hint}");
    assert!(dev.events(json!({ "event": "connected" })).is_empty());
}

#[test]
fn the_names_of_this_machine_are_fine() {
    let app = App::new();
    let dev = app.dev(&["--no-limits"]);
    let port = dev.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "LocalHost",
        "[::1]",
        "app.localhost",
        "127.0.0.2",
    ] {
        let answer = dev.request(&with_host(&format!("{host}:{port}")));
        assert_eq!(answer.status, 101, "{host}");
        let answer = dev.request(&with_host(host));
        assert_eq!(answer.status, 101, "{host}, as older AWS SDKs write it");
    }
}

#[test]
fn a_host_that_was_allowed_may_have_any_port() {
    let app = App::new();
    let dev = app.dev(&["--allow-host", "My.Test", "--allow-host", "tunnel.example"]);
    for host in ["my.test", "MY.TEST:443", "tunnel.example:8080"] {
        assert_eq!(dev.request(&with_host(host)).status, 101, "{host}");
    }
    assert_eq!(dev.request(&with_host("sub.my.test")).status, 403);
}

#[test]
fn a_host_that_is_missing_doubled_or_none_is_a_bad_request() {
    let app = App::new();
    let dev = app.dev(&[]);
    let port = dev.port();
    for lines in [
        String::new(),
        "Host: \r\n".to_owned(),
        "Host: a b\r\n".to_owned(),
        "Host: [::1\r\n".to_owned(),
        "Host: x:y:z\r\n".to_owned(),
        "Host: localhost:99999\r\n".to_owned(),
        format!("Host: 127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}\r\n"),
    ] {
        assert_eq!(dev.request(&handshake(&lines)).status, 400, "{lines:?}");
        let plain = format!("GET / HTTP/1.1\r\n{lines}\r\n");
        assert_eq!(dev.request(&plain).status, 400, "{lines:?}");
    }
    dev.client();
}

#[test]
fn a_page_of_another_origin_is_refused_and_told_how_to_come_in() {
    let app = App::new();
    let dev = app.dev(&[]);
    for origin in [
        "https://evil.example",
        "http://localhost.evil.example",
        "https://127.0.0.1.evil.example",
        "chrome-extension://abc",
        "http://a@localhost",
        "file://",
    ] {
        let answer = dev.request(&with_origin(&dev, origin));
        assert_eq!(answer.status, 403, "{origin}");
        let told = rejection(&dev, 403, &format!("`{origin}`"));
        let hint = told["hint"].as_str().unwrap();
        assert!(hint.contains(&format!("--allow-origin {origin}")), "{hint}");
    }
    assert_eq!(dev.request(&with_origin(&dev, "null")).status, 403);
    let told = rejection(&dev, 403, "`null`");
    assert!(
        told["hint"]
            .as_str()
            .unwrap()
            .contains("--allow-origin null"),
        "{told}"
    );
    let log = app.verb(&["logs"]).stdout;
    assert!(
        log.contains("refused with 403: a page of the origin `https://evil.example`"),
        "{log}"
    );
    assert!(log.contains("hint: to let it in, start with --allow-origin https://evil.example"));
}

#[test]
fn an_origin_or_host_that_could_never_come_is_refused_at_the_start() {
    let app = App::new();
    let start = |option: &str, value: &str| app.verb(&["dev", "--port", "0", option, value]);
    for origin in [
        "app.example",
        "https://",
        "https://a.example/x",
        "https://*.example",
        "",
    ] {
        let refused = start("--allow-origin", origin);
        assert_eq!(refused.code, Some(2), "{origin}");
        assert!(
            refused.stderr.contains("is not an origin"),
            "{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("https://my.site:3000"),
            "{}",
            refused.stderr
        );
    }
    for host in ["http://my.test", "my.test:8810", "*.test", ""] {
        let refused = start("--allow-host", host);
        assert_eq!(refused.code, Some(2), "{host}");
        assert!(
            refused.stderr.contains("is not the name of a host"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn pages_of_this_machine_and_of_allowed_origins_are_let_in() {
    let app = App::new();
    let dev = app.dev(&[
        "--no-limits",
        "--allow-origin",
        "https://App.example/",
        "--allow-origin",
        "null",
        "--allow-origin",
        "file://",
    ]);
    for origin in [
        "file://",
        "http://localhost:3000",
        "https://localhost",
        "http://127.0.0.1:5173",
        "http://[::1]:8080",
        "https://app.example",
        "null",
    ] {
        assert_eq!(
            dev.request(&with_origin(&dev, origin)).status,
            101,
            "{origin}"
        );
    }
    let elsewhere = dev.request(&with_origin(&dev, "https://app.example:444"));
    assert_eq!(elsewhere.status, 403, "a port is part of an origin");
}

#[test]
fn two_origins_are_a_bad_request() {
    let app = App::new();
    let dev = app.dev(&[]);
    let lines = "http://localhost\r\nOrigin: http://localhost";
    assert_eq!(dev.request(&with_origin(&dev, lines)).status, 400);
}

#[test]
fn a_plain_get_is_told_to_upgrade_if_the_app_serves_no_http() {
    let app = App::esm("import { ws } from '@ampt/sdk'; ws.on('message', () => {});");
    let dev = app.dev(&[]);
    for path in ["/", "/any/path?x=1"] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
            dev.port()
        );
        let answer = dev.request(&request);
        assert_eq!(answer.status, 426, "{path}");
        assert_eq!(answer.header("upgrade"), Some("websocket"));
        assert!(answer.body.contains("WebSocket"), "{}", answer.body);
    }
}

#[test]
fn a_handshake_with_a_mistake_is_told_which() {
    let app = App::new();
    let dev = app.dev(&[]);
    let good = with_host(&format!("127.0.0.1:{}", dev.port()));
    for (from, to, status, said) in [
        ("GET /", "POST /", 400, "GET"),
        ("HTTP/1.1", "HTTP/1.0", 400, "HTTP/1.1"),
        ("Version: 13", "Version: 8", 426, "version 13"),
        ("Sec-WebSocket-Version: 13\r\n", "", 426, "version 13"),
        (
            "Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Key: short",
            400,
            "Sec-WebSocket-Key",
        ),
        (
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            "",
            400,
            "Sec-WebSocket-Key",
        ),
        (
            "Connection: Upgrade",
            "Connection: keep-alive",
            400,
            "Connection",
        ),
        (
            "Upgrade: websocket\r\n",
            "Upgrade: websocket\r\nContent-Length: 5\r\n",
            400,
            "no body",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let answer = dev.request(&good.replace(from, to));
        assert_eq!(answer.status, status, "{from} → {to}");
        assert!(answer.body.contains(said), "{from} → {to}: {}", answer.body);
        if status == 426 {
            assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        }
    }
    assert_eq!(dev.request("nonsense\r\n\r\n").status, 400);
    let long = good.replace(
        "Upgrade:",
        &format!("X: {}\r\nUpgrade:", "x".repeat(20_000)),
    );
    assert_eq!(dev.request(&long).status, 431);
    assert!(dev.events(json!({ "event": "connected" })).is_empty());
    dev.client();
}

#[test]
fn control_characters_in_what_a_stranger_sends_do_not_reach_the_terminal() {
    let app = App::new();
    let dev = app.dev(&[]);
    dev.request(&with_origin(&dev, "http://x\u{9b}31m.example"));
    rejection(&dev, 403, "origin");
    dev.client_at("/?name=%1b%5b31mred%0d%0a");
    let log = app.verb(&["logs"]).stdout;
    let bad = log.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(bad, None, "{log:?}");
}
