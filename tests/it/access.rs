//! Who may come in: well-formed handshakes from this machine, and from pages that may.

use std::fs;

use serde_json::{Value, json};

use crate::support::{App, Dev, RawSocket, Response};

/// The lines of a good handshake, without `Host`.
pub const UPGRADE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// A request's head.
pub fn head(first: &str, lines: &[&str]) -> String {
    format!("{first}\r\n{}\r\n\r\n", lines.join("\r\n"))
}

/// The answer to a good handshake with these lines before the others.
fn handshake(dev: &Dev, lines: &[&str]) -> Response {
    let lines = [lines, &UPGRADE].concat();
    dev.request(&head("GET / HTTP/1.1", &lines))
}

#[test]
fn handshakes_that_are_none_are_refused_before_101() {
    let app = App::new();
    let dev = app.dev(&["--no-limits"]);
    let host = format!("Host: {}", dev.address());
    assert_eq!(handshake(&dev, &[&host]).status, 101);
    let with = |at: usize, line: &str| {
        let mut lines = vec![host.as_str()];
        lines.extend(UPGRADE);
        lines[at + 1] = line;
        head("GET / HTTP/1.1", &lines)
    };
    let all: Vec<&str> = [&[host.as_str()], &UPGRADE[..]].concat();
    for (status, request) in [
        (426, with(1, "Upgrade: h2c")),
        (426, head("GET / HTTP/1.1", &[&host])),
        (400, with(0, "Connection: keep-alive")),
        (400, with(0, "X: y")),
        (426, with(2, "Sec-WebSocket-Version: 12")),
        (426, with(2, "Sec-WebSocket-Version: 8, 13")),
        (426, with(2, "X: y")),
        (400, with(3, "X: no key")),
        (400, with(3, "Sec-WebSocket-Key: short")),
        (400, with(3, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE=")),
        (400, with(3, "Sec-WebSocket-Key:")),
        (400, head("POST / HTTP/1.1", &all)),
        (400, head("GET / HTTP/1.0", &all)),
        (400, head("GET / HTTP/2.0", &all)),
        (400, head("GET /", &all)),
        (400, head("GET / / HTTP/1.1", &all)),
        (400, "\0\r\n\r\n".to_owned()),
        (400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        (400, "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".to_owned()),
    ] {
        let answer = dev.request(&request);
        assert_eq!(answer.status, status, "{request:?}: {answer:?}");
        let told: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(told["message"].is_string(), "{answer:?}");
        if request.contains("Version: 12") {
            assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        }
    }
    let twice = ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", &host];
    assert_eq!(handshake(&dev, &twice).status, 400);
    assert_eq!(app.verb(&["pause"]).code, Some(0));
    assert_eq!(handshake(&dev, &[&host]).status, 403);
    assert_eq!(app.verb(&["resume"]).code, Some(0));
    assert_eq!(handshake(&dev, &[&host]).status, 101);
}

#[test]
fn what_could_smuggle_a_second_request_is_refused() {
    let app = App::esm("import { http } from '@ampt/sdk'; http.use(() => new Response('app'));");
    let dev = app.dev(&["--no-limits"]);
    let host = format!("Host: {}", dev.address());
    for line in [
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Content-Length: +0",
        "Content-Length: 0x0",
        "Content-Length: 0, 5",
        "Bad Name: x",
        "Space : x",
        "Folded: a\r\n b",
        "Null: a\0b",
    ] {
        let answer = handshake(&dev, &[&host, line]);
        assert_eq!(answer.status, 400, "{line:?}: {answer:?}");
    }
    // A second request behind a handshake is taken for what it is not: frames.
    let mut socket = dev.socket();
    let mut lines = vec![host.as_str()];
    lines.extend(UPGRADE);
    let handshake = head("GET / HTTP/1.1", &lines);
    let second = head("GET /secret HTTP/1.1", &[&host]);
    socket.write(format!("{handshake}{second}").as_bytes());
    assert_eq!(socket.response().status, 101);
    let rest = socket.end();
    assert_eq!(rest[..4], [0x88, rest[1], 0x03, 0xea], "1002: {rest:?}");
    for lines in [
        &["Content-Length: 4", "Content-Length: 5"][..],
        &["Content-Length: 4, 5"],
        &["Content-Length: -1"],
        &["Transfer-Encoding: gzip"],
        &["Transfer-Encoding: chunked, identity"],
    ] {
        let lines = [&[host.as_str()], lines].concat();
        let answer = dev.request(&head("POST / HTTP/1.1", &lines));
        assert_eq!(answer.status, 400, "{lines:?}: {answer:?}");
    }
    // Both lengths: at most one request comes of it, and the connection ends.
    let both = [&host, "Content-Length: 5", "Transfer-Encoding: chunked"];
    let request = head("POST / HTTP/1.1", &both);
    let mut socket = dev.socket();
    let next = head("GET / HTTP/1.1", &[&host, "Connection: close"]);
    socket.write(format!("{request}0\r\n\r\n{next}").as_bytes());
    let answers = String::from_utf8(socket.end()).unwrap();
    assert!(answers.matches("HTTP/1.1 ").count() <= 2, "{answers}");
}

#[test]
fn huge_heads_get_431_while_they_still_come() {
    let app = App::new();
    let dev = app.dev(&["--no-limits"]);
    let host = format!("Host: {}", dev.address());
    let many = vec!["X: y"; 101];
    let lines = [&[host.as_str()], &UPGRADE[..], &many].concat();
    let answer = dev.request(&head("GET / HTTP/1.1", &lines));
    assert_eq!(answer.status, 431);
    let endless = |beginning: String| {
        let mut socket = dev.socket();
        socket.write(beginning.as_bytes());
        for _ in 0..64 {
            socket.write(&[b'x'; 4096]);
        }
        socket.response().status
    };
    assert_eq!(endless(format!("GET / HTTP/1.1\r\n{host}\r\nX: ")), 431);
    assert_eq!(endless("GET /".to_owned()), 431);
    assert_eq!(endless(String::new()), 431, "a method without end");
}

#[test]
fn each_start_gives_the_app_credentials_of_its_own() {
    let app = App::esm(
        "const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = process.env;
         console.log(`key ${id} ${secret}`);",
    );
    let keys: Vec<Vec<String>> = (0..2)
        .map(|_| {
            let dev = app.dev(&[]);
            let line = dev.wait_for(|e: &Value| {
                let text = e["text"].as_str();
                text.is_some_and(|text| text.starts_with("key "))
            });
            dev.stop();
            let words = line["text"].as_str().unwrap().split(' ');
            words.skip(1).map(str::to_owned).collect()
        })
        .collect();
    for (first, second) in keys[0].iter().zip(&keys[1]) {
        assert!(first.len() >= 16 && first != second, "{first} {second}");
    }
    assert_eq!(keys[0].len(), 2);
}

#[test]
fn it_listens_on_loopback_only() {
    let app = App::new();
    let dev = app.dev(&[]);
    let hex = format!(":{:04X} ", dev.port());
    let mut seen = 0;
    for (table, loopback) in [
        ("/proc/net/tcp", "0100007F"),
        ("/proc/net/tcp6", "00000000000000000000000001000000"),
    ] {
        let text = fs::read_to_string(table).unwrap_or_default();
        for line in text.lines().filter(|line| line.contains(" 0A ")) {
            let local = line.split_whitespace().nth(1).unwrap_or_default();
            if format!("{local} ").ends_with(&hex) {
                assert!(local.starts_with(loopback), "{line}");
                seen += 1;
            }
        }
    }
    assert!(
        seen >= 1 || !cfg!(target_os = "linux"),
        "its own socket is there"
    );
    drop(dev);
    let dev = app.dev(&["--host", "0.0.0.0"]);
    let warned = dev.wait_for(json!({ "event": "log", "level": "warn" }));
    assert!(warned["text"].to_string().contains("0.0.0.0"), "{warned}");
}

#[test]
fn ipv6_loopback_is_the_same_sandbox() {
    let app = App::new();
    let dev = app.dev(&[]);
    let address = format!("[::1]:{}", dev.port());
    let Ok(stream) = std::net::TcpStream::connect(&address) else {
        return; // this machine has none
    };
    drop(stream);
    let mut socket = RawSocket::open(address.parse().unwrap());
    let host = format!("Host: {address}");
    let mut lines = vec![host.as_str()];
    lines.extend(UPGRADE);
    socket.write(head("GET /?by=6 HTTP/1.1", &lines).as_bytes());
    assert_eq!(socket.response().status, 101);
    dev.wait_for(json!({ "event": "connected", "queryStringParameters": { "by": "6" } }));
}
