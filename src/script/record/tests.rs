use super::*;
use crate::ops::{ClockChange, DataRequest, Request};

const ANA: &str = "AAAAAAAAAAAAAAA=";
const BOB: &str = "BAAAAAAAAAAAAAA=";

fn id(text: &str) -> ConnectionId {
    text.parse().unwrap()
}

fn opened(text: &str, target: &str) -> Wire {
    Wire::Handshake {
        target: target.to_owned(),
        headers: Vec::new(),
        status: 101,
        connection_id: Some(id(text)),
    }
}

fn sent(text: &str, message: &str) -> Wire {
    Wire::Sent {
        connection_id: id(text),
        text: message.to_owned(),
    }
}

fn received(text: &str, message: &str) -> Wire {
    Wire::Received {
        connection_id: id(text),
        text: message.to_owned(),
    }
}

fn closed(text: &str, code: u16, reason: &str, by: Closer) -> Wire {
    Wire::Closed {
        connection_id: id(text),
        code,
        reason: reason.to_owned(),
        by,
    }
}

fn done(request: &Request, answer: Value) -> Wire {
    let request = serde_json::to_value(request).unwrap();
    Wire::Done { request, answer }
}

/// The steps for facts that came at these times, in milliseconds.
fn steps(heard: Vec<(u64, Wire)>) -> Vec<Value> {
    composed(heard).steps
}

fn composed(heard: Vec<(u64, Wire)>) -> Composed {
    let heard: Vec<Heard> = heard
        .into_iter()
        .map(|(ms, wire)| Heard {
            after: Duration::from_millis(ms),
            wall_ms: 1_764_000_000_000,
            wire,
        })
        .collect();
    let setting = Setting {
        dir: "/apps/fixtures".into(),
        header: Map::new(),
        idle_timeout: Duration::from_secs(600),
    };
    compose(&heard, &setting)
}

#[test]
fn a_conversation_becomes_steps_in_its_order() {
    let steps = steps(vec![
        (0, opened(ANA, "/?name=ana")),
        (10, sent(ANA, "Welcome, ana")),
        (500, received(ANA, "{\"to\":\"x\"}")),
        (510, sent(ANA, "[1]")),
        (2000, sent(ANA, "late")),
        (3000, closed(ANA, 4000, "done", Closer::Client)),
    ]);
    assert_eq!(
        steps,
        [
            json!({"connect": "ana", "query": {"name": "ana"}}),
            json!({"expect": "ana", "message": "Welcome, ana"}),
            json!({"send": "ana", "message": {"to": "x"}}),
            json!({"expect": "ana", "message": [1]}),
            json!({"expect": "ana", "message": "late", "within": "6s"}),
            json!({"close": "ana", "code": 4000, "reason": "done"}),
        ]
    );
}

#[test]
fn what_comes_of_a_burst_may_come_in_any_order() {
    let steps = steps(vec![
        (0, opened(ANA, "/")),
        (500, received(ANA, "a")),
        (510, received(ANA, "b")),
        (520, sent(ANA, "A")),
        (530, sent(ANA, "B")),
        (900, received(ANA, "c")),
        (910, sent(ANA, "C")),
    ]);
    let unordered: Vec<bool> = steps.iter().map(|s| s.get("unordered").is_some()).collect();
    assert_eq!(steps[1], json!({"wait": "200ms"}));
    assert_eq!(
        unordered,
        [false, false, false, false, true, true, false, false]
    );
}

#[test]
fn each_way_to_end_has_its_step() {
    let open = |at| (at, opened(ANA, "/"));
    let end = |wire| steps(vec![open(0), (500, wire)])[1..].to_vec();
    assert_eq!(
        end(closed(ANA, 1005, "x", Closer::Client)),
        [json!({"close": "client1"})]
    );
    assert_eq!(
        end(closed(ANA, 1006, "x", Closer::Nobody)),
        [json!({"drop": "client1"})]
    );
    assert_eq!(
        end(closed(ANA, 1000, "bye", Closer::Server)),
        [json!({"expectClosed": "client1", "code": 1000, "reason": "bye"})]
    );
    assert_eq!(
        end(closed(ANA, 1001, "Going away", Closer::Server)),
        [
            json!({"advance": "601000ms"}),
            json!({"expectClosed": "client1", "code": 1001, "reason": "Going away"}),
        ]
    );
}

#[test]
fn operations_become_steps() {
    let close = Request::Close {
        selectors: Vec::new(),
    };
    let send = Request::Send {
        selector: crate::domain::Selector::All,
        data: "{\"a\":1}".to_owned(),
    };
    let import = Request::Data(DataRequest::Import {
        file: "/apps/data/x.json".into(),
        overwrite: true,
        dry_run: false,
    });
    let steps = steps(vec![
        (0, opened(ANA, "/?name=ana")),
        (200, opened(BOB, "/?name=bob")),
        (400, done(&Request::Pause, json!({}))),
        (500, done(&send, json!({"sent": [ANA, BOB]}))),
        (600, done(&import, json!({}))),
        (700, done(&Request::Status, json!({}))),
        (
            800,
            done(&Request::Clock(ClockChange::Advance(5000)), json!({})),
        ),
        (900, done(&close, json!({"closed": [BOB]}))),
    ]);
    assert_eq!(
        steps[2..],
        [
            json!({"pause": true}),
            json!({"send": ["ana", "bob"], "by": "server", "message": {"a": 1}}),
            json!({"import": "../data/x.json", "overwrite": true}),
            json!({"advance": "5000ms"}),
            json!({"close": "bob", "by": "server"}),
        ]
    );
}

#[test]
fn a_replay_has_no_limits_unless_they_were_felt() {
    let free = composed(vec![(0, opened(ANA, "/"))]);
    assert_eq!(free.header["limits"], false);
    let throttled = composed(vec![
        (0, opened(ANA, "/")),
        (
            500,
            Wire::Throttled {
                connection_id: id(ANA),
            },
        ),
    ]);
    assert!(!throttled.header.contains_key("limits"));
    assert_eq!(throttled.warnings.len(), 1);
}

#[test]
fn refusals_are_kept_and_what_was_no_handshake_is_not() {
    let refused = |status| Wire::Handshake {
        target: "/".to_owned(),
        headers: Vec::new(),
        status,
        connection_id: None,
    };
    let steps = steps(vec![(0, refused(400)), (100, refused(403))]);
    assert_eq!(steps, [json!({"connect": "client1", "expectStatus": 403})]);
}

#[test]
fn paths_are_told_from_the_fixtures_folder() {
    let from = |to: &str| relative(Path::new("/a/b"), Path::new(to));
    assert_eq!(from("/a/b"), ".");
    assert_eq!(from("/a/c/x"), "../c/x");
    assert_eq!(from("/a/b/c"), "c");
}

#[test]
fn a_request_that_cannot_be_replayed_as_it_was_is_told() {
    let asked = |number, target: &str| Wire::Request {
        number,
        method: "GET".to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
    };
    let answered = |number, request: Option<&str>| Wire::Answer {
        number,
        request: request.map(|text| text.as_bytes().to_vec()),
        status: 200,
        headers: Vec::new(),
        body: Some(b"ok".to_vec()),
    };
    let composed = composed(vec![
        (0, opened(ANA, "/")),
        (90, asked(1, "/stream")),
        (180, asked(2, "/poll")),
        (300, received(ANA, "go on")),
        (1400, answered(2, Some(""))),
        (1500, asked(3, "/upload")),
        (1600, answered(3, None)),
    ]);
    assert_eq!(
        composed.steps[1..],
        [
            json!({"http": "/poll", "expectStatus": 200, "expectBody": "ok", "within": "6s"}),
            json!({"send": "client1", "message": "go on"}),
        ]
    );
    let warnings: Vec<_> = composed.warnings.iter().map(String::as_str).collect();
    assert_eq!(
        warnings,
        [
            "`GET /poll` was answered after clients had sent more; a replay waits for the answer first",
            "`GET /stream` was not answered when the recording ended, and is not in it",
            "`GET /upload` had a body that is too long for a fixture, and is not in it",
        ]
    );
}
