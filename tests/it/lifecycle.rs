//! The life of a connection: handshake, subprotocol, idle timeout, lifetime.

use serde_json::json;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::{App, Client, Dev};

const ECHO: &str = "import { ws } from '@ampt/sdk'; ws.on('message', (c, d) => c.send(d));";

#[test]
fn the_handshake_is_done_before_connected_so_that_connected_can_send() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('connected', async (c) => {
           await c.send('welcome');
           await new Promise(() => {}); // never ends: nobody waits for it
         });
         ws.on('message', (c, d) => c.send(d));",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.text(), "welcome");
    assert_eq!(client.ask("meanwhile"), "meanwhile");
}

#[test]
fn connection_ids_are_not_given_twice_over_restarts() {
    let app = App::new();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let dev = app.dev(&["--no-limits"]);
        for _ in 0..20 {
            assert!(seen.insert(dev.client().id));
        }
        assert_eq!(dev.stop().code, Some(0));
    }
}

#[test]
fn no_subprotocol_is_negotiated_unless_it_is_configured() {
    let app = App::new();
    let dev = app.dev(&[]);
    // The test's client would refuse an answer without the subprotocol it asked for.
    let offer = "Sec-WebSocket-Protocol: chat, superchat\r\n";
    let answer = handshake(&dev, offer);
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-protocol"), None);
}

#[test]
fn the_first_subprotocol_asked_for_that_is_configured_is_negotiated() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('connected', (c) => c.send(c.meta.headers['Sec-WebSocket-Protocol']));",
    );
    let dev = app.dev(&["--subprotocol", "v1", "--subprotocol", "v2"]);
    let asked = [("sec-websocket-protocol", "v3, v2, v1")];
    let mut client = dev.dial("/", &asked).unwrap();
    assert_eq!(client.headers["sec-websocket-protocol"], "v2");
    assert_eq!(
        client.text(),
        "v3, v2, v1",
        "the app sees what was asked for"
    );
    let answer = handshake(&dev, "Sec-WebSocket-Protocol: v3\r\n");
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-protocol"), None);
    let answer = handshake(&dev, "");
    assert_eq!(answer.header("sec-websocket-protocol"), None);
}

#[test]
fn extensions_are_not_negotiated() {
    let app = App::new();
    let dev = app.dev(&[]);
    let answer = handshake(&dev, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-extensions"), None);
}

#[test]
fn a_connection_idle_for_10_minutes_is_closed_with_1001_going_away() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('disconnected', (c, reason) => console.log(reason));",
    );
    let dev = app.dev(&[]);
    advance(&app, "1ms");
    let mut client = dev.client();
    advance(&app, "599s");
    is_open(&mut client);
    advance(&app, "1s");
    assert_eq!(client.closed(), (1001, "Going away".to_owned()));
    dev.wait_for_line("Going away");
    dev.wait_for(json!({ "event": "disconnected", "code": 1001, "reason": "Going away" }));
}

#[test]
fn a_message_in_either_direction_begins_the_idle_time_anew() {
    let app = App::esm(ECHO);
    let dev = app.dev(&["--no-limits"]);
    let mut sender = dev.client();
    let mut receiver = dev.client();
    let mut idle = dev.client();
    advance(&app, "9m");
    sender.ask("from the client");
    let sent = app.verb(&["send", &receiver.id, "to the client"]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert_eq!(receiver.text(), "to the client");
    advance(&app, "2m");
    assert_eq!(idle.closed().0, 1001);
    is_open(&mut sender);
    is_open(&mut receiver);
    advance(&app, "8m");
    assert_eq!(sender.closed().0, 1001);
    assert_eq!(receiver.closed().0, 1001);
}

#[test]
fn a_ping_does_not_reset_the_idle_timeout_unless_asked_for() {
    for (args, resets) in [(&[][..], false), (&["--ping-resets-idle"][..], true)] {
        let app = App::new();
        let dev = app.dev(args);
        let mut client = dev.client();
        advance(&app, "9m");
        is_open(&mut client); // by a ping
        advance(&app, "2m");
        if resets {
            is_open(&mut client);
            advance(&app, "10m");
        }
        assert_eq!(client.closed().0, 1001, "{args:?}");
    }
}

#[test]
fn a_connection_is_closed_after_2_hours_however_busy_it_is() {
    let app = App::esm(ECHO);
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    for minutes in (9..=117).step_by(9) {
        advance(&app, "9m");
        assert_eq!(client.ask("busy"), "busy", "after {minutes} minutes");
    }
    advance(&app, "3m");
    assert_eq!(client.closed(), (1001, "Going away".to_owned()));
}

#[test]
fn idle_timeout_and_lifetime_can_be_set() {
    let app = App::new();
    let dev = app.dev(&["--idle-timeout", "5s", "--max-duration", "1m"]);
    let mut client = dev.client();
    advance(&app, "5s");
    assert_eq!(client.closed().0, 1001);
    drop(dev);
    let dev = app.dev(&["--idle-timeout", "2h", "--max-duration", "1m"]);
    let mut client = dev.client();
    advance(&app, "1m");
    assert_eq!(client.closed().0, 1001);
}

#[test]
fn timeouts_that_are_due_together_close_in_their_order() {
    let app = App::new();
    let dev = app.dev(&[]);
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(dev.client());
        advance(&app, "1m");
    }
    advance(&app, "1h");
    let closed = dev.wait_for_all(4, json!({ "event": "disconnected", "code": 1001 }));
    let order: Vec<_> = closed.iter().map(|e| e["connectionId"].clone()).collect();
    let opened: Vec<_> = clients.iter().map(|c| json!(c.id)).collect();
    assert_eq!(order, opened);
}

/// Moves the sandbox's clock.
pub fn advance(app: &App, by: &str) {
    let moved = app.verb(&["clock", "advance", by]);
    assert_eq!(moved.code, Some(0), "{moved:?}");
}

/// The connection answers a ping.
fn is_open(client: &mut Client) {
    client.send_frame(Message::Ping(Bytes::from_static(b"?")));
    assert_eq!(client.next(), Message::Pong(Bytes::from_static(b"?")));
}

/// The answer to a handshake with these header lines.
fn handshake(dev: &Dev, lines: &str) -> crate::support::Response {
    let host = dev.address();
    dev.request(&format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    ))
}
