//! Every connection that got its `connected` gets one `disconnected`, whatever ends it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::messages::{masked, write};
use crate::support::{App, Client, Dev};

/// Tells of each event, and closes whom it is asked to.
const SPY: &str = "import { ws } from '@ampt/sdk';
     ws.on('connected', (c) => console.log('connected', c.connectionId));
     ws.on('message', async (c, data) => {
       if (data === 'close me') await c.close();
       else if (data === 'die') process.exit(1);
       else await c.send(data);
     });
     ws.on('disconnected', (c, reason) => console.log('disconnected', c.connectionId, reason));";

/// A way in which a connection ends, and the reason that `disconnected` gets for it.
struct Ending {
    /// Ends the connection of this client.
    end: fn(&App, &Dev, Client),
    code: u16,
    reason: &'static str,
}

const ENDINGS: &[Ending] = &[
    Ending {
        end: |_, _, client| client.close(1000, ""),
        code: 1000,
        reason: "",
    },
    Ending {
        end: |_, _, client| client.close(4321, "tired, ünd of"),
        code: 4321,
        reason: "tired, ünd of",
    },
    Ending {
        end: |_, _, client| client.close_silently(),
        code: 1005,
        reason: "Client-side close frame status not set",
    },
    Ending {
        end: |_, _, client| client.vanish(),
        code: 1006,
        reason: "Connection lost without a close frame",
    },
    Ending {
        end: |_, _, client| client.reset(),
        code: 1006,
        reason: "Connection lost without a close frame",
    },
    Ending {
        end: |_, _, mut client| {
            client.send("close me");
            is_closed(&mut client, 1000, "Connection Closed Normally");
        },
        code: 1000,
        reason: "Connection Closed Normally",
    },
    Ending {
        end: |app, _, mut client| {
            assert_eq!(app.verb(&["close", &client.id]).code, Some(0));
            is_closed(&mut client, 1000, "Connection Closed Normally");
        },
        code: 1000,
        reason: "Connection Closed Normally",
    },
    Ending {
        end: |_, _, mut client| {
            client.send_frame(Message::binary(vec![1, 2, 3]));
            is_closed(&mut client, 1003, "Binary messages are not supported");
        },
        code: 1003,
        reason: "Binary messages are not supported",
    },
    Ending {
        end: |_, _, mut client| {
            write(&mut client, &masked(0x81, &vec![b'x'; 32_769]));
            is_closed(&mut client, 1009, "Message too big");
        },
        code: 1009,
        reason: "Message too big",
    },
    Ending {
        end: |_, _, mut client| {
            write(&mut client, &masked(0x81, b"\xff\xfe"));
            is_closed(&mut client, 1007, "Invalid UTF-8 in a text message");
        },
        code: 1007,
        reason: "Invalid UTF-8 in a text message",
    },
    Ending {
        end: |_, _, mut client| {
            write(&mut client, &masked(0xf1, b"reserved bits"));
            is_closed(&mut client, 1002, "Protocol error");
        },
        code: 1002,
        reason: "Protocol error",
    },
];

#[test]
fn each_connected_gets_one_disconnected_with_its_reason_however_the_connection_ends() {
    let app = App::esm(SPY);
    let dev = app.dev(&["--no-limits"]);
    let mut expected = BTreeMap::new();
    for ending in ENDINGS {
        let client = dev.client();
        let id = client.id.clone();
        dev.wait_for_line(&format!("connected {id}"));
        (ending.end)(&app, &dev, client);
        dev.wait_for(json!({
            "event": "disconnected", "connectionId": id, "code": ending.code, "reason": ending.reason,
        }));
        dev.wait_for_line(&format!("disconnected {id} {}", ending.reason));
        expected.insert(id, ending.reason);
    }
    let mut last = dev.client();
    expected.insert(last.id.clone(), "Going away");
    dev.wait_for_line(&format!("connected {}", last.id));
    let output = dev.stop();
    is_closed(&mut last, 1001, "Going away");
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut told: Vec<String> = app_lines(&output.stdout);
    told.sort();
    let mut wanted: Vec<String> = expected
        .iter()
        .flat_map(|(id, reason)| {
            [
                format!("connected {id}"),
                format!("disconnected {id} {reason}"),
            ]
        })
        .collect();
    wanted.sort();
    assert_eq!(told, wanted, "each once, and nothing else");
}

#[test]
fn a_worker_that_dies_costs_no_connection_and_no_disconnected() {
    let app = App::esm(SPY);
    let dev = app.dev(&[]);
    let mut staying = dev.client();
    let leaving = dev.client();
    for id in [&staying.id, &leaving.id] {
        dev.wait_for_line(&format!("connected {id}"));
    }
    staying.send("die");
    assert_eq!(staying.json()["message"], "Internal server error");
    let left = leaving.id.clone();
    leaving.vanish();
    dev.wait_for_line(&format!(
        "disconnected {left} Connection lost without a close frame"
    ));
    assert_eq!(staying.ask("still there"), "still there");
    let stayed = staying.id.clone();
    staying.close_silently();
    dev.wait_for_line(&format!(
        "disconnected {stayed} Client-side close frame status not set"
    ));
    let told = dev.lines();
    let of = |id: &str| told.iter().filter(|line| line.contains(id)).count();
    assert_eq!((of(&left), of(&stayed)), (2, 2), "{told:?}");
}

#[test]
fn after_kill_9_the_next_start_delivers_disconnected_once_with_a_reason_that_says_so() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk'; ws.on('connected', (c) => console.log(c.connectionId));",
    );
    let dev = app.dev(&[]);
    let ended: Vec<String> = (0..3).map(|_| dev.client().id).collect();
    dev.wait_for_all(3, json!({ "event": "disconnected" }));
    let open = dev.client();
    dev.wait_for_line(&open.id);
    // What is acknowledged is on disk, and with it what was written before.
    assert_eq!(app.verb(&["data", "set", "last", "1"]).code, Some(0));
    dev.kill();
    // The code of the new run gets it, not the one that was loaded when the sandbox died.
    app.write("index.mjs", SPY);
    let dev = app.dev(&[]);
    let reason = "The sandbox ended unexpectedly while the connection was open";
    dev.wait_for_line(&format!("disconnected {} {reason}", open.id));
    let output = dev.stop();
    let told = app_lines(&output.stdout);
    assert_eq!(
        told.len(),
        1,
        "not for those that had ended: {told:?}, {ended:?}"
    );
    let output = app.dev(&[]).stop();
    let told = app_lines(&output.stdout);
    assert!(told.is_empty(), "and only once: {told:?}");
}

#[test]
fn disconnected_comes_after_the_messages_that_came_before_the_end() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => console.log(String(data)));
         ws.on('disconnected', (c, reason) => console.log('gone'));",
    );
    let dev = app.dev(&["--no-limits"]);
    let ends: [fn(Client); 3] = [Client::vanish, Client::close_silently, |mut client| {
        client.send_frame(Message::binary(vec![0]));
        assert_eq!(client.closed().0, 1003);
    }];
    for (round, end) in ends.into_iter().enumerate() {
        let mut client = dev.client();
        for number in 0..50 {
            client.send(&number.to_string());
        }
        end(client);
        let gone = json!({ "event": "log", "source": "app", "text": "gone" });
        dev.wait_for_all(round + 1, gone);
        let lines = dev.lines();
        let mut wanted: Vec<String> = (0..50).map(|n: u32| n.to_string()).collect();
        wanted.push("gone".to_owned());
        assert_eq!(lines[round * 51..], wanted);
    }
}

#[test]
fn the_close_frame_of_a_client_is_answered_with_its_own_code() {
    let app = App::new();
    let dev = app.dev(&["--no-limits"]);
    for (code, payload) in [(1000, "\u{3}\u{e8}x"), (1005, "")] {
        let mut client = dev.client();
        write(&mut client, &masked(0x88, &latin(payload)));
        assert_eq!(client.closed().0, code);
    }
    for malformed in [
        &b"\x03"[..],        // half a code
        b"\x03\xed",         // 1005 is never sent
        b"\x03\xe8\xff\xff", // a reason that is not UTF-8
        b"\x00\x01",         // below 1000
    ] {
        let mut client = dev.client();
        write(&mut client, &masked(0x88, malformed));
        let code = client.closed().0;
        assert!(
            [
                u16::from(CloseCode::Protocol),
                u16::from(CloseCode::Invalid)
            ]
            .contains(&code),
            "{malformed:?}: {code}"
        );
        dev.wait_for(json!({ "event": "disconnected", "connectionId": client.id }));
    }
}

fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|c| c as u8).collect()
}

fn is_closed(client: &mut Client, code: u16, reason: &str) {
    assert_eq!(client.closed(), (code, reason.to_owned()));
}

/// What the app printed, from the event lines of a run.
fn app_lines(stdout: &str) -> Vec<String> {
    let events = stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    events
        .filter(|event| event["event"] == "log" && event["source"] == "app")
        .map(|event| event["text"].as_str().expect("a text").to_owned())
        .collect()
}
