//! `clock` from a second terminal: what is due happens at once.

use serde_json::{Value, json};

use crate::support::{App, keys};

fn clock(app: &App, args: &[&str]) -> Value {
    let all: Vec<&str> = ["clock", "--json"].iter().chain(args).copied().collect();
    let output = app.verb(&all);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(0), ""),
        "{output:?}"
    );
    output.json()
}

#[test]
fn the_clock_is_shown_set_frozen_moved_and_resumed() {
    let app = App::new();
    let _dev = app.dev(&[]);
    let shown = clock(&app, &[]);
    assert_eq!(keys(&shown), ["now", "frozen", "offsetMs"]);
    assert_eq!(
        (&shown["frozen"], &shown["offsetMs"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(clock(&app, &["advance", "10m"])["offsetMs"], 600_000);
    assert_eq!(
        clock(&app, &["advance", "500ms"])["offsetMs"],
        600_500,
        "running on"
    );
    assert_eq!(clock(&app, &["show"])["offsetMs"], 600_500);
    assert_eq!(clock(&app, &["resume"])["offsetMs"], 0);
    assert_eq!(clock(&app, &["freeze"])["frozen"], true);
    let set = clock(&app, &["set", "2030-01-02T03:04:05Z"]);
    assert_eq!(set["now"], "2030-01-02T03:04:05.000Z");
    assert_eq!(set["frozen"], true, "it stays frozen");
    assert_eq!(
        clock(&app, &["advance", "2h"])["now"],
        "2030-01-02T05:04:05.000Z"
    );
    assert_eq!(
        clock(&app, &["set", "2031-01-01"])["now"],
        "2031-01-01T00:00:00.000Z"
    );
    let zoned = clock(&app, &["set", "2031-01-01T00:00:00+02:00"]);
    assert_eq!(zoned["now"], "2030-12-31T22:00:00.000Z");
    let resumed = clock(&app, &["resume"]);
    assert_eq!(
        (&resumed["frozen"], &resumed["offsetMs"]),
        (&json!(false), &json!(0))
    );
}

#[test]
fn the_clock_for_people_says_how_far_it_is_off() {
    let app = App::new();
    let _dev = app.dev(&[]);
    let shown = app.verb(&["clock"]).stdout;
    assert!(
        shown.ends_with("running, at the machine's time\n"),
        "{shown}"
    );
    let advanced = app.verb(&["clock", "advance", "10m"]).stdout;
    assert!(
        advanced.ends_with("running, 10 min ahead of the machine's time\n"),
        "{advanced}"
    );
    app.verb(&["clock", "freeze"]);
    let set = app.verb(&["clock", "set", "2001-01-01T00:00:00Z"]).stdout;
    assert!(
        set.starts_with("2001-01-01T00:00:00.000Z  frozen, "),
        "{set}"
    );
    assert!(set.ends_with(" behind the machine's time\n"), "{set}");
}

#[test]
fn a_time_or_duration_that_is_none_is_explained() {
    let app = App::new();
    for (args, said) in [
        (["set", "noon"], "write 2030-01-02T03:04:05Z"),
        (
            ["set", "2030-13-01T00:00:00Z"],
            "write 2030-01-02T03:04:05Z",
        ),
        (["advance", "5"], "write 500ms, 5s, 10m or 2h"),
        (["advance", "-5s"], "write 500ms, 5s, 10m or 2h"),
    ] {
        let refused = app.verb(&["clock", args[0], args[1]]);
        assert_eq!(refused.code, Some(2), "{args:?}");
        assert!(
            refused.stderr.contains(said),
            "{args:?}: {}",
            refused.stderr
        );
    }
}

#[test]
fn an_idle_timeout_that_the_clock_passes_happens_at_once() {
    let app = App::new();
    let dev = app.dev(&[]);
    clock(&app, &["freeze"]);
    let mut idle = dev.client();
    clock(&app, &["advance", "9m"]);
    let mut active = dev.client();
    clock(&app, &["advance", "1m"]);
    assert_eq!(idle.closed(), (1001, "Going away".to_owned()));
    idle.finish();
    dev.wait_for(json!({
        "event": "disconnected", "connectionId": idle.id, "code": 1001, "reason": "Going away",
    }));
    let listed = app.verb(&["list", "--json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    active.send("awake");
    dev.wait_for(json!({ "event": "message" }));
    clock(&app, &["advance", "9m"]);
    assert_eq!(
        app.verb(&["list", "--json"]).json()[0]["connectionId"],
        active.id
    );
}

#[test]
fn a_connection_ends_after_two_hours_however_busy() {
    let app = App::new();
    let dev = app.dev(&["--idle-timeout", "90m"]);
    clock(&app, &["freeze"]);
    let mut client = dev.client();
    clock(&app, &["advance", "1h"]);
    client.send("busy");
    dev.wait_for(json!({ "event": "message" }));
    clock(&app, &["advance", "59m"]);
    app.verb(&["send", "--all", "still open"]);
    assert_eq!(client.text(), "still open");
    clock(&app, &["advance", "1m"]);
    assert_eq!(client.closed(), (1001, "Going away".to_owned()));
}

#[test]
fn an_item_expires_when_the_clock_passes_its_time_to_live() {
    let app = App::new();
    let _dev = app.dev(&[]);
    assert_eq!(
        app.verb(&["data", "set", "short", "1", "--ttl", "10m"])
            .code,
        Some(0)
    );
    clock(&app, &["advance", "9m"]);
    assert_eq!(app.verb(&["data", "get", "short"]).code, Some(0));
    clock(&app, &["advance", "2m"]);
    assert_eq!(app.verb(&["data", "get", "short"]).code, Some(1));
    assert_eq!(app.verb(&["data", "ls", "--json"]).stdout, "[]\n");
}
