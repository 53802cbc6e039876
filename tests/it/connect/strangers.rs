//! Connected, or not, to servers that are not ours.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept_with_config};

use super::{Piped, events};
use crate::support::{App, Output, PATIENCE};

/// A server for one connection: its URL, and what becomes of it.
fn serve<T: Send + 'static>(
    talk: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        talk(stream)
    });
    (format!("ws://{address}/"), serving)
}

/// A WebSocket server for one connection.
fn serve_websocket<T: Send + 'static>(
    talk: impl FnOnce(WebSocket<TcpStream>) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let config = WebSocketConfig::default().max_frame_size(None);
    serve(move |stream| talk(accept_with_config(stream, Some(config)).expect("a handshake")))
}

/// Answers the request with this text and hangs up.
fn answer(text: &'static str) -> String {
    let (url, _) = serve(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(text.as_bytes());
    });
    url
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn connect(url: &str, args: &[&str]) -> Output {
    App::new().verb(&[&["connect", url][..], args].concat())
}

#[test]
fn every_kind_of_message_is_handled() {
    const LARGE: usize = 20 << 20;
    let (url, server) = serve_websocket(|mut socket| {
        socket
            .send(Message::Ping("are you there".into()))
            .expect("open");
        let pong = socket.read().expect("a pong");
        socket
            .send(Message::binary(vec![0, 159, 146, 150]))
            .expect("open");
        socket
            .send(Message::text("ä".repeat(LARGE / 2)))
            .expect("open");
        let large = socket.read().expect("a message").into_data().len();
        socket.close(None).expect("open");
        while socket.read().is_ok() {}
        (pong, large)
    });
    let mut command = App::new().command();
    command.current_dir("/").args(["connect", &url, "--json"]);
    let mut client = Piped::spawn(command);
    let binary = client.wait_for(json!({"event": "message", "binary": true}));
    assert_eq!(binary["data"], "AJ+Slg==");
    client.wait_for(json!({"event": "message", "bytes": LARGE}));
    client.line(&"x".repeat(LARGE));
    client.wait_for(json!({"event": "closed", "code": 1005, "by": "server"}));
    assert_eq!(client.wait().code, Some(0));
    let (pong, large) = server.join().expect("no panic");
    assert_eq!(pong, Message::Pong("are you there".into()));
    assert_eq!(large, LARGE);
}

#[test]
fn binary_messages_are_shown_in_hexadecimal() {
    let (url, _server) = serve_websocket(|mut socket| {
        socket.send(Message::binary(vec![0, 255])).expect("open");
        socket.close(None).expect("open");
        while socket.read().is_ok() {}
    });
    let output = connect(&url, &["--wait", "60000"]);
    assert_eq!(output.stdout, "(binary, 2 bytes) 00 ff\n");
}

#[test]
fn what_is_left_unsent_is_a_failure() {
    // More than the sockets hold, and the server reads none of it.
    let app = App::new().file("long", &"x".repeat(16 << 20));
    let (done, ended) = mpsc::channel::<()>();
    let (url, _server) = serve_websocket(move |mut socket| {
        let _ = socket.get_mut().peek(&mut [0]);
        socket.close(None).expect("open");
        // Until the client has gone, or the test.
        let _ = ended.recv();
    });
    let long = File::open(app.path("long")).expect("the message");
    let output = app.verb_with(&["connect", &url, "--json"], |command| {
        command.stdin(long);
    });
    drop(done);
    let closed = events(&output).pop().expect("an end");
    assert_eq!(closed["event"], "closed");
    assert_eq!(closed["hint"], "not everything was sent");
    assert_eq!(output.code, Some(1));
}

#[test]
fn a_server_that_vanishes_is_a_failure() {
    let (url, _server) = serve_websocket(|mut socket| {
        socket.send(Message::text("soon gone")).expect("open");
    });
    let output = connect(&url, &["--wait", "60000"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(output.stdout, "soon gone\n");
    assert!(output.stderr.starts_with("connection lost\n"), "{output:?}");
}

#[test]
fn a_server_that_breaks_the_protocol_is_told_and_named() {
    let (url, server) = serve_websocket(|mut socket| {
        // A frame with a reserved bit.
        socket
            .get_mut()
            .write_all(&[0xf1, 0x01, b'x'])
            .expect("open");
        socket.read()
    });
    let output = connect(&url, &["--wait", "60000"]);
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("1002 the server broke the protocol"),
        "{output:?}"
    );
    let told = server.join().expect("no panic").expect("a close frame");
    assert!(matches!(told, Message::Close(Some(frame)) if u16::from(frame.code) == 1002));
}

#[test]
fn an_answer_that_is_no_websocket_is_explained() {
    let cases = [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnone!",
            "404 Not Found, \"none!\"",
            "there is no WebSocket at this path",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\n\r\n",
            "302 Found",
            "it leads to `ws://elsewhere/`; connect there",
        ),
        (
            "HTTP/1.1 401 Unauthorized\r\n\r\n{\"message\":\"who \\u001b[2J?\"}",
            "401 Unauthorized, \"who \\x1b[2J?\"",
            "it wants credentials",
        ),
        (
            "HTTP/1.1 426 Upgrade Required\r\n\r\n<html>\n",
            "426 Upgrade Required\n",
            "there is no WebSocket at this path, or none of version 13",
        ),
        (
            "HTTP/1.1 503 Busy\r\n\r\n",
            "503 Service Unavailable",
            "the server or a proxy",
        ),
        (
            "SSH-2.0-OpenSSH_9.6\r\n\r\n",
            "does not answer in HTTP/1.1",
            "is it a WebSocket server?",
        ),
        (
            "",
            "hung up during the handshake",
            "is it a WebSocket server?",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: wrong\r\n\r\n",
            "not as a WebSocket server does",
            "",
        ),
    ];
    for (text, what, hint) in cases {
        let output = connect(&answer(text), &[]);
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(1), ""),
            "{text}"
        );
        assert!(output.stderr.contains(what), "{what}: {output:?}");
        if !hint.is_empty() {
            assert!(
                output.stderr.contains(&format!("hint: {hint}")),
                "{hint}: {output:?}"
            );
        }
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_explained() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let output = connect(&format!("ws://127.0.0.1:{port}"), &[]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("nothing listens at"), "{output:?}");
    assert!(
        output.stderr.contains("hint: `ampt-ws dev` starts"),
        "{output:?}"
    );
    let output = connect("ws://no-such-host.invalid", &["--json"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(output.json()["error"]["code"], "unknown-host");
    let (url, _server) = serve(|mut stream| {
        // No TLS: whatever comes is answered with an HTTP error.
        let mut some = [0; 64];
        let _ = stream.read(&mut some);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let output = connect(&url.replace("ws:", "wss:"), &[]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("does not speak TLS"), "{output:?}");
}

#[test]
fn wrong_usage_says_what_to_write() {
    for (args, what) in [
        (
            vec!["localhost:8810"],
            "ampt-ws connect ws://localhost:8810",
        ),
        (
            vec!["ws://h", "--header", "nonsense"],
            "--header 'Name: value'",
        ),
        (vec!["ws://h", "--query", "nonsense"], "key=value"),
        (vec!["ws://h", "--wait", "soon"], "--wait"),
    ] {
        let output = connect(args[0], &args[1..]);
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(what), "{what}: {output:?}");
    }
    let output = connect("http://example.com/p", &["--json"]);
    assert_eq!(output.code, Some(2));
    let hint = output.json()["error"]["hint"].to_string();
    assert!(hint.contains("ws://example.com/p"), "{hint}");
}

#[test]
fn input_that_is_no_text_is_a_failure() {
    let app = App::new();
    std::fs::write(app.path("lines"), b"fine\n\xff\xfe\n").expect("a file");
    let (url, server) = serve_websocket(|mut socket| {
        let first = socket.read().expect("a message");
        while socket.read().is_ok() {}
        first
    });
    let lines = File::open(app.path("lines")).expect("the lines");
    let output = app.verb_with(&["connect", &url], |command| {
        command.stdin(lines);
    });
    assert_eq!(output.code, Some(1));
    assert!(
        output
            .stderr
            .contains("line 2 of standard input is not UTF-8"),
        "{output:?}"
    );
    assert_eq!(server.join().expect("no panic"), Message::text("fine"));
}
