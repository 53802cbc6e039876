//! Binary messages to a client: through the management API, where `--binary allow` lets them in.

use tokio_tungstenite::tungstenite::Message;

use serde_json::json;

use crate::management::{APP, Api};
use crate::support::{App, Client, Dev, Response};

const BYTES: &[u8] = b"a\xff\x00b";

/// Posts bytes with these headers.
fn post(dev: &Dev, api: &Api<'_>, client: &Client, headers: &str, bytes: &[u8]) -> Response {
    let mut socket = dev.socket();
    let head = format!(
        "POST /@connections/{} HTTP/1.1\r\nHost: {}\r\n{}{headers}Content-Length: {}\r\n\r\n",
        client.id,
        dev.address(),
        api.authorization(),
        bytes.len()
    );
    socket.write(head.as_bytes());
    socket.write(bytes);
    socket.response()
}

#[test]
fn a_post_that_asks_for_it_goes_out_as_a_binary_message_where_those_are_allowed() {
    let app = App::esm(APP);
    let dev = app.dev(&["--binary", "allow"]);
    let api = Api::of_app(&dev);
    let mut client = dev.client();
    for (headers, bytes) in [
        ("X-Ampt-Ws-Message: binary\r\n", BYTES),
        ("x-ampt-ws-message: Binary\r\n", b"text as well"),
        ("x-ampt-ws-message: binary\r\n", b""),
    ] {
        assert_eq!(post(&dev, &api, &client, headers, bytes).status, 200);
        assert_eq!(client.next(), Message::binary(bytes.to_vec()));
    }
    dev.wait_for(json!({ "event": "sent", "connectionId": client.id, "data": "Yf8AYg==" }));
}

#[test]
fn other_posts_stay_texts_where_binary_messages_are_allowed() {
    let app = App::esm(APP);
    let dev = app.dev(&["--binary", "allow"]);
    let api = Api::of_app(&dev);
    let mut client = dev.client();
    // AWS's SDKs name this type whatever they post.
    let octets = "Content-Type: application/octet-stream\r\n";
    for headers in ["", octets, "X-Ampt-Ws-Message: text\r\n"] {
        assert_eq!(post(&dev, &api, &client, headers, BYTES).status, 200);
        assert_eq!(client.text(), "a\u{fffd}\0b", "{headers}");
    }
}

#[test]
fn without_binary_allow_every_post_goes_out_as_text() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let mut client = dev.client();
    let headers = "X-Ampt-Ws-Message: binary\r\n";
    assert_eq!(post(&dev, &api, &client, headers, BYTES).status, 200);
    assert_eq!(client.text(), "a\u{fffd}\0b");
}

#[test]
fn an_app_echoes_bytes_that_came_in_base64_with_fetch() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         const management = process.env.AMPT_APP_WEBSOCKET_URL.replace(/^ws/, 'http').replace(/\\/$/, '');
         ws.on('message', async ({ connectionId }, base64) => {
           const { status } = await fetch(`${management}/@connections/${connectionId}`, {
             method: 'POST',
             headers: {
               authorization: `AWS4-HMAC-SHA256 Credential=${process.env.AWS_ACCESS_KEY_ID}/`,
               'x-ampt-ws-message': 'binary',
             },
             body: Buffer.from(base64, 'base64'),
           });
           console.log(status);
         });",
    );
    let dev = app.dev(&["--binary", "allow"]);
    let mut client = dev.client();
    let every: Vec<u8> = (0..=255).collect();
    client.send_frame(Message::binary(every.clone()));
    assert_eq!(client.next(), Message::binary(every));
    dev.wait_for_line("200");
}

#[test]
fn a_larger_message_may_be_posted_where_larger_ones_are_let_in() {
    let app = App::esm(APP);
    let dev = app.dev(&["--binary", "allow", "--max-message", "1000000"]);
    let api = Api::of_app(&dev);
    let mut client = dev.client();
    let bytes = vec![7; 1_000_000];
    let headers = "X-Ampt-Ws-Message: binary\r\n";
    assert_eq!(post(&dev, &api, &client, headers, &bytes).status, 200);
    assert!(client.next() == Message::binary(bytes), "all of it");
    let more = post(&dev, &api, &client, "", &vec![b'x'; 1_000_001]);
    assert_eq!(more.status, 413);
}
