//! The steps about the sandbox: pauses, reloads, deaths, the clock, the event log, repetition.

use serde_json::json;

use super::{fails, fixture, passes, passes_with, run};

#[test]
fn a_paused_sandbox_refuses_and_a_resumed_one_accepts() {
    passes(&[
        json!({"pause": true}),
        json!({"connect": "ana", "expectStatus": 403}),
        json!({"resume": true}),
        json!({"connect": "ana"}),
    ]);
    let refused = fails(&[json!({"pause": true}), json!({"connect": "ana"})]);
    let message = refused["message"].as_str().expect("a message");
    assert!(
        message.starts_with("`ana` was refused with 403"),
        "{message}"
    );
    assert!(
        refused["hint"].to_string().contains("paused"),
        "{refused:#}"
    );
}

#[test]
fn connections_outlive_a_reload() {
    passes(&[
        json!({"connect": "ana"}),
        json!({"reload": true}),
        json!({"send": "ana", "message": 1}),
        json!({"expect": "ana", "message": {"echo": 1}}),
        json!({"expectLog": {"event": "reload", "ok": true}}),
    ]);
}

#[test]
fn the_store_outlives_a_restart_and_a_kill() {
    passes(&[
        json!({"data": "user:1", "value": {"name": "ana"}}),
        json!({"connect": "ana"}),
        json!({"restart": true}),
        json!({"expectClosed": "ana", "code": 1001}),
        json!({"expectData": "user:1", "value": {"name": "ana"}}),
        json!({"expectData": "left:${ana.connectionId}", "value": {"reason": "Going away"}}),
        json!({"connect": "bob"}),
        json!({"send": "bob", "message": {"do": "set", "key": "user:2", "value": 2}}),
        json!({"expectData": "user:2", "value": 2}),
        json!({"kill": true}),
        json!({"expectClosed": "bob", "code": 1006}),
        json!({"expectData": "user:2", "value": 2}),
        json!({"expectData": "left:${bob.connectionId}", "matches": {"reason": {"$regex": "ended unexpectedly"}}}),
        json!({"connect": "bob"}),
    ]);
}

#[test]
fn the_clock_can_be_moved() {
    passes_with(
        json!({"idleTimeout": "10m"}),
        &[
            json!({"connect": "ana"}),
            json!({"data": "gone:1", "value": 1, "ttl": "1h"}),
            json!({"expectData": "gone:1", "item": {"ttl": {"$regex": "Z$"}}}),
            json!({"advance": "11m"}),
            json!({"expectClosed": "ana", "code": 1001, "reason": "Going away"}),
            json!({"advance": "1h"}),
            json!({"expectData": "gone:1", "absent": true}),
        ],
    );
}

#[test]
fn the_log_is_searched_and_each_event_found_once() {
    passes(&[
        json!({"connect": "ana"}),
        json!({"send": "ana", "message": {"do": "print", "text": "one of two"}}),
        json!({"send": "ana", "message": {"do": "print", "text": "two of two"}}),
        json!({"expectLog": "of two"}),
        json!({"expectLog": {"$regex": "^(one|two) of two$"}}),
        json!({"send": "ana", "message": {"do": "throw"}}),
        json!({"expectLog": {"event": "handler-error", "connectionId": "${ana.connectionId}", "error": {"name": "TypeError"}}}),
    ]);
    let twice = fails(&[
        json!({"connect": "ana"}),
        json!({"send": "ana", "message": {"do": "print", "text": "once"}}),
        json!({"expectLog": "once"}),
        json!({"expectLog": "once", "within": "100ms"}),
    ]);
    assert_eq!(twice["line"], 7);
    assert_eq!(
        twice["message"],
        "no such event came into the log within 100ms"
    );
}

#[test]
fn steps_can_be_repeated_with_a_client_of_their_own() {
    passes(&[
        json!({"repeat": 3, "steps": [
            {"connect": "c${index}", "query": {"name": "c${index}"}},
            {"expect": "c${index}", "message": "Welcome, c${index}!"},
            {"send": "c${index}", "message": {"n": "${index}"}},
            {"expect": "c${index}", "message": {"echo": {"n": "${index}"}}},
        ]}),
        json!({"wait": 10}),
        json!({"send": ["c0", "c2"], "message": "x"}),
        json!({"expect": ["c0", "c2"], "message": {"echo": "x"}}),
    ]);
    let failure = fails(&[json!({"repeat": 2, "steps": [
        {"connect": "c${index}"},
        {"expectData": "round:${index}", "absent": true, "within": 0},
        {"data": "round:1", "value": true},
    ]})]);
    assert_eq!(failure["step"], "step 1 (index 1), its step 2");
}

#[test]
fn a_captured_value_goes_into_later_steps() {
    passes(&[
        json!({"connect": "ana"}),
        json!({"connect": "bob"}),
        json!({"send": "ana", "message": {"id": 7, "tags": ["x"]}}),
        json!({"expect": "ana", "matches": {"echo": {"id": {"$capture": "id"}, "tags": {"$capture": "tags", "$type": "array"}}}}),
        json!({"send": "bob", "message": {"id": "${id}", "tags": "${tags}", "text": "id=${id} $${id}"}}),
        json!({"expect": "bob", "message": {"echo": {"id": 7, "tags": ["x"], "text": "id=7 $${id}"}}}),
        json!({"send": "bob", "message": {"do": "tell", "id": "${ana.connectionId}", "what": "psst"}}),
        json!({"expect": "ana", "message": "psst"}),
    ]);
}

#[test]
fn limits_hold_in_a_fixture_as_everywhere() {
    passes_with(
        json!({"limits": true, "rate": 1, "burst": 2}),
        &[
            json!({"connect": "ana"}),
            json!({"send": "ana", "message": 1}),
            json!({"send": "ana", "message": 2}),
            json!({"expect": "ana", "matches": {"message": "Too Many Requests"}, "unordered": true}),
            json!({"connect": "bob", "expectStatus": 429}),
            json!({"advance": "10s"}),
            json!({"connect": "bob"}),
        ],
    );
}

#[test]
fn handler_errors_are_noted_and_can_be_made_failures() {
    let steps = [
        json!({"connect": "ana"}),
        json!({"send": "ana", "message": {"do": "throw"}}),
        json!({"expect": "ana", "matches": {"message": "Internal server error"}}),
    ];
    let (document, _) = run(&fixture(&steps));
    let notes = document["fixtures"][0]["notes"].to_string();
    assert!(notes.contains("1 handler error"), "{notes}");
    let app = super::fixture_with(json!({"handlerErrors": "fail"}), &steps);
    let (document, output) = run(&app);
    assert_eq!(output.code, Some(1), "{document:#}");
    assert_eq!(
        document["fixtures"][0]["failure"]["message"],
        "a handler has failed"
    );
}
