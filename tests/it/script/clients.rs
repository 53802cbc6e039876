//! The steps about clients.

use serde_json::json;

use super::{passes, passes_with};

#[test]
fn clients_connect_send_get_answers_and_close() {
    passes(&[
        json!({"connect": "ana", "query": {"name": "ana"}}),
        json!({"expect": "ana", "message": "Welcome, ana!"}),
        json!({"send": "ana", "message": "hi"}),
        json!({"expect": "ana", "message": {"echo": "hi"}}),
        json!({"send": "ana", "message": [1, null]}),
        json!({"expect": "ana", "message": {"echo": [1, null]}}),
        json!({"close": "ana", "code": 4001, "reason": "bye"}),
        json!({"expectClosed": "ana", "code": 4001, "reason": "bye"}),
        json!({"expectData": "left:${ana.connectionId}", "value": {"reason": "bye"}}),
    ]);
}

#[test]
fn a_step_can_be_about_several_clients() {
    passes(&[
        json!({"connect": "ana"}),
        json!({"connect": "bob"}),
        json!({"send": ["ana", "bob"], "message": "hi"}),
        json!({"expect": ["ana", "bob"], "message": {"echo": "hi"}}),
        json!({"expectNothing": ["ana", "bob"], "within": "50ms"}),
        json!({"drop": ["ana", "bob"]}),
        json!({"expectData": "left:*", "count": 2}),
    ]);
}

#[test]
fn a_connection_can_be_closed_by_the_server_and_by_the_app() {
    passes(&[
        json!({"connect": "ana"}),
        json!({"close": "ana", "by": "server"}),
        json!({"expectClosed": "ana", "code": 1000, "reason": "Connection Closed Normally"}),
        json!({"connect": "ana"}),
        json!({"send": "ana", "message": {"do": "close"}}),
        json!({"expectClosed": "ana", "code": {"$type": "integer"}, "reason": {"$regex": "^Conn"}}),
    ]);
}

#[test]
fn a_client_that_vanishes_is_noticed() {
    passes(&[
        json!({"connect": "ana"}),
        json!({"drop": "ana"}),
        json!({"expectData": "left:${ana.connectionId}", "matches": {"reason": {"$regex": "close frame"}}}),
        json!({"expectLog": {"event": "disconnected", "code": 1006}}),
    ]);
}

#[test]
fn messages_that_come_in_any_order_are_found() {
    passes(&[
        json!({"connect": "ana"}),
        json!({"send": "ana", "message": {"do": "many", "texts": ["a", "b", "c"]}}),
        json!({"expect": "ana", "message": "c", "unordered": true}),
        json!({"expect": "ana", "message": "a"}),
        json!({"expect": "ana"}),
    ]);
}

#[test]
fn binary_messages_subprotocols_headers_and_refusals() {
    passes_with(
        json!({"binary": "allow", "subprotocols": ["v2"]}),
        &[
            json!({"connect": "ana", "subprotocol": ["v1", "v2"], "path": "/chat"}),
            json!({"send": "ana", "binary": "AAEC"}),
            json!({"expect": "ana", "message": {"echo": "AAEC"}}),
            json!({"send": "ana", "message": {"do": "bytes", "base64": "AP8="}}),
            json!({"expect": "ana", "message": "AP8="}),
            json!({"connect": "eve", "headers": {"Origin": "https://evil.example"}, "expectStatus": 403}),
        ],
    );
}
