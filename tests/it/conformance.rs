//! RFC 6455, frame by frame: the classes of cases that the Autobahn test suite has (its own
//! cases run by `tests/autobahn.sh`, where there is a Python 2 for it).

use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::messages::{masked, write};
use crate::support::{App, Client, Dev};

const ECHO: &str =
    "import { ws } from '@ampt/sdk'; ws.on('message', (c, data) => c.send(data ?? ''));";

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// First frames and further frames of a message in fragments.
const BEGIN: u8 = 0x01;
const MORE: u8 = 0x00;
const END: u8 = 0x80;

/// An echo without limits.
fn echo() -> (App, Dev) {
    let app = App::esm(ECHO);
    let lifted = [
        "--no-limits",
        "--max-message",
        "16777216",
        "--max-frame",
        "16777216",
    ];
    let dev = app.dev(&lifted);
    (app, dev)
}

fn send_all(client: &mut Client, frames: &[(u8, &[u8])]) {
    let bytes: Vec<u8> = frames
        .iter()
        .flat_map(|(first, payload)| masked(*first, payload))
        .collect();
    write(client, &bytes);
}

/// These frames, written at once, end a new connection with this code and nothing before it.
#[track_caller]
fn are_refused(dev: &Dev, frames: &[(u8, &[u8])], code: u16) {
    let mut client = dev.client();
    send_all(&mut client, frames);
    assert_eq!(client.closed().0, code, "{frames:02x?}");
    client.finish();
}

fn pong(payload: &[u8]) -> Message {
    Message::Pong(Bytes::copy_from_slice(payload))
}

#[test]
fn texts_of_each_length_encoding_come_back_however_they_are_cut() {
    let (_app, dev) = echo();
    let mut client = dev.client();
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 70_000] {
        let text = "*".repeat(length);
        assert_eq!(client.ask(&text), text, "{length}");
    }
    for chop in [1, 2, 7, 997] {
        let text = "*".repeat(300 * chop.min(10));
        for part in masked(TEXT, text.as_bytes()).chunks(chop) {
            write(&mut client, part);
        }
        assert_eq!(client.text(), text, "in pieces of {chop}");
    }
    for fragment in [1_300, 65_536] {
        let text = "*".repeat(200_000);
        let parts: Vec<&[u8]> = text.as_bytes().chunks(fragment).collect();
        for (number, part) in parts.iter().enumerate() {
            let opcode = u8::from(number == 0);
            let last = if number + 1 == parts.len() { 0x80 } else { 0 };
            write(&mut client, &masked(opcode | last, part));
        }
        assert_eq!(client.text(), text, "in fragments of {fragment}");
    }
    let text = "*".repeat(4 << 20);
    assert_eq!(client.ask(&text), text, "4 MB");
}

#[test]
fn pings_are_answered_in_order_and_pongs_that_nobody_asked_for_are_ignored() {
    let (_app, dev) = echo();
    let mut client = dev.client();
    let largest = [0xfe; 125];
    for payload in [&b""[..], b"x", b"\x00\xff\xfe", &largest] {
        send_all(&mut client, &[(PING, payload)]);
        assert_eq!(client.next(), pong(payload));
    }
    send_all(&mut client, &[(PONG, b""), (PONG, b"x"), (PING, b"after")]);
    assert_eq!(client.next(), pong(b"after"));
    let many: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    let frames: Vec<(u8, &[u8])> = many.iter().map(|n| (PING, n.as_bytes())).collect();
    send_all(&mut client, &frames);
    // Of pings that come together only the latest must be answered (section 5.5.3).
    while client.next() != pong(b"9") {}
    for byte in masked(PING, b"slow") {
        write(&mut client, &[byte]);
    }
    assert_eq!(client.next(), pong(b"slow"));
}

#[test]
fn control_frames_are_short_and_whole() {
    let (_app, dev) = echo();
    for control in [PING, PONG, CLOSE] {
        are_refused(&dev, &[(control, &[0x20; 126])], 1002);
        are_refused(&dev, &[(control & 0x0f, b"")], 1002);
    }
}

#[test]
fn reserved_bits_and_opcodes_end_the_connection_with_1002() {
    let (_app, dev) = echo();
    for reserved in 1..=7_u8 {
        for first in [TEXT, PING, CLOSE] {
            are_refused(&dev, &[(first | reserved << 4, b"")], 1002);
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        are_refused(&dev, &[(0x80 | opcode, b"")], 1002);
        are_refused(&dev, &[(0x80 | opcode, b"x"), (PING, b"")], 1002);
    }
}

#[test]
fn frames_of_a_client_are_masked() {
    let (_app, dev) = echo();
    let mut client = dev.client();
    write(&mut client, b"\x81\x05Hello");
    assert_eq!(client.closed().0, 1002);
}

#[test]
fn fragments_make_one_message_with_control_frames_between_them() {
    let (_app, dev) = echo();
    let mut client = dev.client();
    send_all(&mut client, &[(BEGIN, b"one "), (END, b"message")]);
    assert_eq!(client.text(), "one message");
    send_all(&mut client, &[(BEGIN, b""), (MORE, b""), (END, b"")]);
    assert_eq!(client.text(), "");
    send_all(
        &mut client,
        &[
            (BEGIN, b"a"),
            (PING, b"1"),
            (MORE, b"b"),
            (PONG, b""),
            (END, b"c"),
        ],
    );
    assert_eq!(client.next(), pong(b"1"), "at once");
    assert_eq!(client.text(), "abc");
    for bad in [
        &[(END, &b"no beginning"[..])][..],
        &[(MORE, b"no beginning")],
        &[(BEGIN, b"a"), (TEXT, b"another before the end")],
        &[(BEGIN, b"a"), (BEGIN, b"another")],
        &[(BEGIN, b"a"), (0x82, b"of another kind")],
    ] {
        are_refused(&dev, bad, 1002);
    }
}

#[test]
fn texts_are_utf_8_and_only_that() {
    let (_app, dev) = echo();
    let mut client = dev.client();
    for text in [
        "κόσμε",
        "\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
        "\u{d7ff}\u{e000}\u{fffe}\u{ffff}\u{1fffe}",
        "\0",
    ] {
        assert_eq!(client.ask(text), text);
        for at in 0..=text.len() {
            // Characters may be cut between frames.
            let (begin, end) = text.as_bytes().split_at(at);
            send_all(&mut client, &[(BEGIN, begin), (END, end)]);
            assert_eq!(client.text(), text, "cut at {at}");
        }
    }
    for bad in [
        &b"\xce"[..], // cut off
        b"\x80",      // a continuation alone
        b"\xfe",
        b"\xc0\xaf", // too long a form of `/`
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xed\xa0\x80", // a surrogate
        b"\xed\xbf\xbf",
        b"\xf4\x90\x80\x80", // beyond U+10FFFF
        b"\xf8\x88\x80\x80\x80",
        b"good, then \xff",
    ] {
        are_refused(&dev, &[(TEXT, bad)], 1007);
        are_refused(&dev, &[(BEGIN, bad), (END, b"")], 1007);
    }
}

#[test]
fn close_frames_are_answered_and_malformed_ones_refused() {
    let (_app, dev) = echo();
    let closing = |code: u16, reason: &[u8]| [&code.to_be_bytes()[..], reason].concat();
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        are_refused(&dev, &[(CLOSE, &closing(code, b"why"))], code);
    }
    are_refused(&dev, &[(CLOSE, &closing(1000, &[b'*'; 123]))], 1000);
    are_refused(&dev, &[(CLOSE, b"")], 1005);
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999] {
        are_refused(&dev, &[(CLOSE, &closing(code, b""))], 1002);
    }
    are_refused(&dev, &[(CLOSE, b"\x03")], 1002);
    are_refused(&dev, &[(CLOSE, &closing(1000, b"\xce\xba\xe1"))], 1007);
    // Nothing is taken after it.
    are_refused(&dev, &[(CLOSE, &closing(1000, b"")), (TEXT, b"late")], 1000);
    are_refused(&dev, &[(CLOSE, b""), (PING, b"late"), (CLOSE, b"")], 1005);
}
