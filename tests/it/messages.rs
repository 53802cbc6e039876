//! What a message handler gets for the frame that a client sent.

use serde_json::json;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::{App, Client};

/// Says what arrived, in a form that tells all JavaScript values apart.
const SPY: &str = "import { ws } from '@ampt/sdk';
     import { inspect } from 'node:util';
     ws.on('message', (c, data) => c.send('got ' + inspect(data, { compact: true, breakLength: Infinity })));";

#[test]
fn json_is_parsed_and_everything_else_is_text() {
    let app = App::esm(SPY);
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    for (frame, seen) in [
        ("hello", "'hello'"),
        ("{bad", "'{bad'"),
        (" ping", "' ping'"),
        ("PING", "'PING'"),
        (" ", "' '"),
        ("\n", "'\\n'"),
        (r#"{"a":1}"#, "{ a: 1 }"),
        (r#" {"a":{"b":null}} "#, "{ a: { b: null } }"),
        ("[1,\"x\"]", "[ 1, 'x' ]"),
        ("12", "12"),
        ("-0.5", "-0.5"),
        ("01", "'01'"),
        ("false", "false"),
        ("true", "true"),
        ("null", "null"),
        ("nul", "'nul'"),
        ("undefined", "'undefined'"),
        ("NaN", "'NaN'"),
        (r#""s""#, "'s'"),
        (r#""ping""#, "'ping'"),
        ("1e400", "Infinity"),
        ("12345678901234567890", "12345678901234567000"),
        ("ä€😀", "'ä€😀'"),
        (r#""\ud83d\ude00""#, "'😀'"),
        ("\u{feff}1", "'\u{feff}1'"),
    ] {
        assert_eq!(client.ask(frame), format!("got {seen}"), "for {frame:?}");
    }
}

#[test]
fn an_empty_message_is_undefined() {
    let app = App::esm(SPY);
    let dev = app.dev(&[]);
    assert_eq!(dev.client().ask(""), "got undefined");
}

#[test]
fn ping_is_answered_with_pong_and_never_reaches_the_handler() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => console.log('handled', data));",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.ask("ping"), "pong");
    client.send("after");
    dev.wait_for_line("handled after");
    assert_eq!(dev.lines(), ["handled after"]);
}

#[test]
fn ping_is_not_answered_without_a_message_handler() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('disconnected', () => console.log('left'));",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send("ping");
    client.close_silently();
    dev.wait_for_line("left");
    assert!(dev.events(json!({ "event": "sent" })).is_empty());
}

#[test]
fn a_websocket_ping_is_answered_by_the_gateway() {
    let app = App::new();
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send_frame(Message::Ping(Bytes::from_static(b"are you there")));
    let answer = client.next();
    assert_eq!(answer, Message::Pong(Bytes::from_static(b"are you there")));
}

#[test]
fn a_message_in_fragments_arrives_whole() {
    let app = App::esm(SPY);
    let dev = app.dev(&[]);
    let mut client = dev.client();
    for frame in [
        masked(0x01, b"{\"a\""),
        masked(0x89, b"between"), // a ping may come in the middle
        masked(0x00, b":"),
        masked(0x80, b"1}"),
    ] {
        write(&mut client, &frame);
    }
    let pong = client.next();
    assert_eq!(pong, Message::Pong(Bytes::from_static(b"between")));
    assert_eq!(client.text(), "got { a: 1 }");
}

#[test]
fn with_binary_allow_bytes_arrive_as_base64() {
    let app = App::esm(SPY);
    let dev = app.dev(&["--binary", "allow"]);
    let mut client = dev.client();
    client.send_frame(Message::binary(vec![0, 255, 16]));
    assert_eq!(client.text(), "got 'AP8Q'");
    client.send_frame(Message::binary(b"1234".to_vec()));
    assert_eq!(
        client.text(),
        "got 'MTIzNA=='",
        "bytes are never read as JSON"
    );
}

#[test]
fn the_largest_message_is_accepted_in_frames_of_32_kb() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => c.send(String(data.length)));",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    let part = vec![b'x'; 32_768];
    write(&mut client, &masked(0x01, &part));
    write(&mut client, &masked(0x00, &part));
    write(&mut client, &masked(0x00, &part));
    write(&mut client, &masked(0x80, &part));
    assert_eq!(client.text(), "131072");
}

/// A client's frame with this first byte; the mask is zero, so the payload stands as it is.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Writes bytes past the client's library.
pub fn write(client: &mut Client, bytes: &[u8]) {
    use std::io::Write as _;
    client
        .stream()
        .write_all(bytes)
        .expect("the socket is open");
}
