//! `ws.send`, `ws.close`, `ws.isConnected`, and the same on a connection.

use serde_json::json;

use crate::support::App;

/// An app whose message is an expression to evaluate, with `ws`, the connection `c` and what else
/// there is in scope; it answers with what came of it.
pub const EVALUATE: &str = r#"
import { ws, SocketConnection } from '@ampt/sdk';
import sockets, { InvalidConnectionError, WebSocketError } from '@ampt/sdk/websockets';
ws.on('message', async (c, { run }) => {
  const scope = { ws, sockets, c, SocketConnection, InvalidConnectionError, WebSocketError };
  const evaluate = new Function(...Object.keys(scope), `return (async () => (${run}))()`);
  let answer;
  try {
    const value = await evaluate(...Object.values(scope));
    answer = { value: value === undefined ? 'undefined' : value };
  } catch (e) {
    answer = {
      message: e.message, name: e.name, kind: e.constructor.name,
      invalid: e instanceof InvalidConnectionError, socket: e instanceof WebSocketError, error: e instanceof Error,
    };
  }
  await c.send({ answer });
});
"#;

const GONE: &str = "AAAAAAAAAAAAAAA=";

#[test]
fn strings_go_out_as_they_are_and_everything_else_as_json() {
    let app = App::esm(EVALUATE);
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    for (data, frame) in [
        ("'str'", "str"),
        ("''", ""),
        ("'{\"a\": 1}'", r#"{"a": 1}"#),
        (
            "({a:1,u:undefined,d:new Date(0)})",
            r#"{"a":1,"d":"1970-01-01T00:00:00.000Z"}"#,
        ),
        ("5", "5"),
        ("null", "null"),
        ("true", "true"),
        ("[1,'a']", r#"[1,"a"]"#),
        ("undefined", ""),
        ("Buffer.from('hi')", r#"{"type":"Buffer","data":[104,105]}"#),
        ("new Uint8Array([105])", r#"{"0":105}"#),
        ("new Map([[1,2]])", "{}"),
        ("'\\ud800'", "\u{fffd}"),
        ("'ä€😀'", "ä€😀"),
    ] {
        for call in ["c.send", "((d) => ws.send(c.connectionId, d))"] {
            client.send_json(&json!({ "run": format!("{call}({data})") }));
            assert_eq!(client.text(), frame, "{call}({data})");
            assert_eq!(client.json(), json!({ "answer": { "value": "undefined" } }));
        }
    }
}

#[test]
fn what_json_cannot_say_is_a_type_error() {
    let app = App::esm(EVALUATE);
    let dev = app.dev(&[]);
    let mut client = dev.client();
    for data in ["10n", "(() => { const a = {}; a.a = a; return a; })()"] {
        client.send_json(&json!({ "run": format!("c.send({data})") }));
        assert_eq!(client.json()["answer"]["kind"], "TypeError", "{data}");
    }
}

#[test]
fn sending_to_who_is_gone_throws_unless_told_not_to() {
    let app = App::esm(EVALUATE);
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    for id in [GONE, "nope"] {
        let invalid = json!({ "answer": {
            "message": format!("Connection {id} is not connected"), "name": "Error",
            "kind": "InvalidConnectionError", "invalid": true, "socket": false, "error": true,
        }});
        for options in [
            "",
            ", {}",
            ", { throwIfNotConnected: true }",
            ", { throwIfNotConnected: undefined }",
        ] {
            client.send_json(&json!({ "run": format!("ws.send('{id}', 'x'{options})") }));
            assert_eq!(client.json(), invalid, "with `{options}`");
        }
        for quiet in ["false", "0"] {
            client.send_json(&json!({ "run": format!("ws.send('{id}', 'x', {{ throwIfNotConnected: {quiet} }})") }));
            assert_eq!(client.json(), json!({ "answer": { "value": "undefined" } }));
        }
    }
}

#[test]
fn other_failures_are_websocket_errors() {
    let app = App::esm(EVALUATE);
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    let error = |message: &str| {
        json!({ "answer": {
            "message": message, "name": "Error", "kind": "WebSocketError",
            "invalid": false, "socket": true, "error": true,
        }})
    };
    let missing = "No value provided for input HTTP label: ConnectionId.";
    let empty = "Empty value provided for input HTTP label: ConnectionId.";
    for (run, message) in [
        ("ws.send(undefined, 'x')", missing),
        ("ws.send('', 'x', { throwIfNotConnected: false })", empty),
        ("ws.isConnected(undefined)", missing),
        ("ws.isConnected('')", empty),
        ("ws.close(undefined)", missing),
        ("ws.close('')", empty),
        ("ws.close('nope')", "Invalid connectionId: nope"),
        ("ws.close('AAAAAAAAAAAAAAA=')", "UnknownError"),
        ("c.send('x'.repeat(131073))", "Message too long"),
        ("c.send('€'.repeat(43691))", "Message too long"),
    ] {
        client.send_json(&json!({ "run": run }));
        assert_eq!(client.json(), error(message), "{run}");
    }
    client.send_json(&json!({ "run": "c.send('x'.repeat(131072))" }));
    assert_eq!(client.text().len(), 131_072, "the largest message goes out");
}

#[test]
fn is_connected_tells_live_connections_from_everything_else() {
    let app = App::esm(EVALUATE);
    let dev = app.dev(&["--no-limits"]);
    let mut ana = dev.client();
    let bo = dev.client();
    let id = bo.id.clone();
    let ask = format!(
        "Promise.all([c.isConnected(), ws.isConnected('{id}'), ws.isConnected('{GONE}'), ws.isConnected('nope'), SocketConnection.for('{id}').isConnected()])"
    );
    ana.send_json(&json!({ "run": ask }));
    assert_eq!(
        ana.json()["answer"]["value"],
        json!([true, true, false, false, true])
    );
    bo.close_silently();
    dev.wait_for(json!({ "event": "disconnected", "connectionId": id }));
    ana.send_json(&json!({ "run": ask }));
    assert_eq!(
        ana.json()["answer"]["value"],
        json!([true, false, false, false, false])
    );
}

#[test]
fn a_send_reaches_the_connection_it_names() {
    let app = App::esm(EVALUATE);
    let dev = app.dev(&[]);
    let mut ana = dev.client();
    let mut bo = dev.client();
    for run in [
        format!("ws.send('{}', 'hello')", bo.id),
        format!("SocketConnection.for('{}').send('hello')", bo.id),
        format!("sockets.send('{}', 'hello')", bo.id),
        format!("(({{ send }}) => send('{}', 'hello'))(ws)", bo.id),
    ] {
        ana.send_json(&json!({ "run": run }));
        assert_eq!(
            ana.json(),
            json!({ "answer": { "value": "undefined" } }),
            "{run}"
        );
        assert_eq!(bo.text(), "hello", "{run}");
    }
}

#[test]
fn a_closed_client_sees_1000_and_is_gone_for_everybody_at_once() {
    let app = App::esm(EVALUATE);
    let dev = app.dev(&["--no-limits"]);
    let mut ana = dev.client();
    let forms: [fn(&str) -> String; 3] = [
        |id| format!("ws.close('{id}')"),
        |id| format!("SocketConnection.close('{id}')"),
        |id| format!("SocketConnection.for('{id}').close()"),
    ];
    for form in forms {
        let mut bo = dev.client();
        let id = bo.id.clone();
        let run = format!(
            "{}.then(async (closed) => [closed === undefined, await ws.isConnected('{id}'), await ws.send('{id}', 1).catch((e) => e.constructor.name), await ws.close('{id}').catch((e) => e.message)])",
            form(&id)
        );
        ana.send_json(&json!({ "run": run }));
        assert_eq!(
            ana.json()["answer"]["value"],
            json!([true, false, "InvalidConnectionError", "UnknownError"])
        );
        assert_eq!(bo.closed(), (1000, "Connection Closed Normally".to_owned()));
        dev.wait_for(json!({ "event": "disconnected", "connectionId": id, "code": 1000 }));
    }
}

#[test]
fn what_was_sent_before_a_close_still_arrives() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', async (c) => { await c.send('last words'); await c.close(); });
         ws.on('disconnected', (c, reason) => console.log(reason));",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.ask("x"), "last words");
    assert_eq!(client.closed().0, 1000);
    dev.wait_for_line("Connection Closed Normally");
}

#[test]
fn a_list_is_closed_all_at_once_and_rejects_with_the_first_failure() {
    let app = App::esm(EVALUATE);
    let dev = app.dev(&["--no-limits"]);
    let mut ana = dev.client();
    let (mut bo, mut cy) = (dev.client(), dev.client());
    ana.send_json(&json!({ "run": "ws.close([])" }));
    assert_eq!(ana.json()["answer"]["value"], json!([]));
    let run = format!("ws.close(['{}', '{GONE}', '{}'])", bo.id, cy.id);
    ana.send_json(&json!({ "run": run }));
    let answer = ana.json();
    assert_eq!(answer["answer"]["kind"], "WebSocketError");
    assert_eq!(answer["answer"]["message"], "UnknownError");
    assert_eq!(bo.closed().0, 1000, "the others are closed all the same");
    assert_eq!(cy.closed().0, 1000);
}

#[test]
fn an_id_given_twice_is_closed_once_and_rejected_once() {
    let app = App::esm(EVALUATE);
    let dev = app.dev(&[]);
    let mut ana = dev.client();
    let mut bo = dev.client();
    ana.send_json(&json!({ "run": format!("ws.close(['{0}', '{0}'])", bo.id) }));
    assert_eq!(ana.json()["answer"]["message"], "UnknownError");
    assert_eq!(bo.closed().0, 1000);
}

#[test]
fn a_handler_may_close_its_own_connection_while_others_wait() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('connected', async (c) => { if (c.meta.queryStringParameters?.name === 'bad') await c.close(); });
         ws.on('message', (c, d) => c.send(d));",
    );
    let dev = app.dev(&[]);
    let mut good = dev.client_at("/?name=good");
    let mut bad = dev.client_at("/?name=bad");
    assert_eq!(bad.closed().0, 1000);
    assert_eq!(good.ask("still here"), "still here");
}

/// Sends texts of 100,000 characters to a connection: one by one until that fails, or many at once.
const FLOOD: &str = "
import { ws } from '@ampt/sdk';
const text = 'x'.repeat(100000);
ws.on('message', { timeout: 60000 }, async (c, { id, atOnce }) => {
  let sent = 0;
  try {
    if (atOnce) await Promise.all(Array.from({ length: atOnce }, () => ws.send(id, text)));
    else for (; sent < 1000; sent++) {
      await ws.send(id, text);
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    await c.send({ sent, kind: error.constructor.name, message: error.message });
    return;
  }
  await c.send({ sent });
});
";

#[test]
fn sends_to_a_client_that_does_not_read_are_refused_until_it_reads() {
    let app = App::esm(FLOOD);
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    let mut deaf = dev.client();
    client.send_json(&json!({ "id": deaf.id }));
    let refused = client.json();
    assert_eq!(
        (&refused["kind"], &refused["message"]),
        (
            &json!("WebSocketError"),
            &json!("The client is reading too slowly")
        )
    );
    let sent = refused["sent"].as_i64().unwrap();
    assert!(sent >= 10, "1 MB may wait: {sent}");
    for _ in 0..sent {
        assert_eq!(deaf.text().len(), 100_000);
    }
    // The last byte it read may be ahead of the sandbox's knowing.
    let is_taken = (0..1000).any(|_| {
        client.send_json(&json!({ "id": deaf.id, "atOnce": 1 }));
        client.json() == json!({ "sent": 0 })
    });
    assert!(is_taken, "once it has read, it can be sent to");
    assert_eq!(deaf.text().len(), 100_000);
}

#[test]
fn a_client_for_which_too_much_waits_is_closed_with_1008() {
    let app = App::esm(FLOOD);
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    let deaf = dev.client();
    // The kernel holds a few megabytes more.
    client.send_json(&json!({ "id": deaf.id, "atOnce": 500 }));
    dev.wait_for(json!({
        "event": "disconnected", "connectionId": deaf.id, "code": 1008, "reason": "Client reads too slowly",
    }));
}
