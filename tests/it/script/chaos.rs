//! Fixtures with `chaos`: the same steps under seeded disorder.

use serde_json::{Value, json};

use super::{fixture_with, passes_with, run};

/// Two messages of one client that are expected in the order in which they were sent.
fn in_order() -> [Value; 5] {
    [
        json!({"connect": "ana"}),
        json!({"send": "ana", "message": "a"}),
        json!({"send": "ana", "message": "b"}),
        json!({"expect": "ana", "message": {"echo": "a"}}),
        json!({"expect": "ana", "message": {"echo": "b"}}),
    ]
}

#[test]
fn reordering_brings_out_a_race_and_its_seed_brings_it_back() {
    let chaos = json!({"chaos": {"seeds": 8, "delay": "40ms", "reorder": true}});
    let app = fixture_with(chaos, &in_order());
    let output = app.verb(&["test", ".", "-j", "1"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    let again = output
        .stdout
        .split("--chaos-seed ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let seed = again.unwrap_or_else(|| panic!("no seed in {}", output.stdout));
    assert!(
        output.stdout.contains(&format!("FAIL x (seed {seed})")),
        "{output:?}"
    );
    for _ in 0..2 {
        let again = app.verb(&["test", ".", "--json", "--chaos-seed", seed]);
        assert_eq!(again.code, Some(1), "{again:?}");
        let failure = &again.json()["fixtures"][0];
        assert_eq!(
            (failure["seed"].to_string(), &failure["failure"]["line"]),
            (seed.to_owned(), &json!(7))
        );
    }
}

#[test]
fn delays_alone_keep_each_clients_order() {
    let chaos = json!({"chaos": {"delay": "20ms"}});
    let (document, output) = run(&fixture_with(chaos, &in_order()));
    assert_eq!(output.code, Some(0), "{document:#}");
    assert_eq!(
        document["passed"], 5,
        "five seeds unless the fixture says otherwise"
    );
}

#[test]
fn throttled_messages_are_sent_again() {
    let texts = ["a", "b", "c", "d", "e", "f"];
    let mut steps = vec![json!({"connect": "ana"})];
    steps.extend(texts.map(|text| json!({"send": "ana", "message": text})));
    steps.extend(texts.map(|text| json!({"expect": "ana", "message": {"echo": text}, "unordered": true, "within": "5s"})));
    steps.push(json!({"expectLog": {"event": "throttled"}}));
    steps.push(json!({"expectNothing": "ana", "within": "20ms"}));
    let app = fixture_with(json!({"chaos": {"seeds": 2, "throttle": 0.5}}), &steps);
    let (document, output) = run(&app);
    assert_eq!(output.code, Some(0), "{document:#}");
    assert_eq!(document["passed"], 2);
}

#[test]
fn clients_are_cut_and_what_was_asked_of_them_is_skipped() {
    passes_with(
        json!({"chaos": {"seeds": 1, "cut": 1.0, "cutClients": ["bob"]}}),
        &[
            json!({"connect": "ana"}),
            json!({"connect": "bob"}),
            json!({"send": "bob", "message": {"n": 1}}),
            json!({"expect": "bob", "matches": {"echo": {"n": {"$capture": "n"}}}}),
            json!({"send": "ana", "message": "${n}"}),
            json!({"expectLog": {"event": "disconnected", "connectionId": "${bob.connectionId}", "code": 1006}}),
            json!({"send": "ana", "message": "still here"}),
            json!({"expect": "ana", "message": {"echo": "still here"}}),
            json!({"close": "bob"}),
        ],
    );
}

#[test]
fn the_number_of_seeds_can_be_raised_from_outside() {
    let app = fixture_with(json!({"chaos": {"seeds": 1}}), &in_order());
    let document = app
        .verb(&["test", ".", "--json", "--chaos-seeds", "3"])
        .json();
    let seeds: Vec<_> = document["fixtures"]
        .as_array()
        .expect("outcomes")
        .iter()
        .map(|f| &f["seed"])
        .collect();
    assert_eq!(seeds, [1, 2, 3]);
}

#[test]
fn impossible_disorder_is_a_mistake() {
    for (chaos, message) in [
        (
            json!({"throttle": 1.5}),
            "`throttle` is a share from 0 to below 1",
        ),
        (
            json!({"throttle": 1.0}),
            "`throttle` is a share from 0 to below 1",
        ),
        (json!({"cut": -0.1}), "`cut` is a share from 0 to 1"),
        (json!({"seeds": 0}), "`seeds` is 1 to 1000"),
        (
            json!({"cutClients": ["eve"]}),
            "`cutClients` means nothing without `cut`",
        ),
        (json!({"cutt": 1}), "`cutt` is not known here"),
    ] {
        let (document, output) = run(&fixture_with(json!({"chaos": chaos}), &in_order()));
        assert_eq!(output.code, Some(2), "{document:#}");
        assert_eq!(document["fixtures"][0]["problems"][0]["message"], message);
    }
}
