//! `ampt-ws test --watch`.

use serde_json::json;

use super::{fixture, fixture_text};
use crate::support::Dev;

#[test]
fn fixtures_run_again_when_they_or_their_app_are_saved() {
    let steps = |text: &str| {
        [
            json!({"connect": "ana", "query": {"name": "ana"}}),
            json!({"expect": "ana", "message": text}),
        ]
    };
    let app = fixture(&steps("Welcome, ana!"));
    let mut command = app.command();
    command.args(["test", ".", "--watch", "--json"]);
    let watching = Dev::spawn(command);
    watching.wait_for(json!({"passed": 1, "failed": 0}));
    let code = app.read("index.mjs");
    app.write("index.mjs", &code.replace("Welcome", "Hello"));
    watching.wait_for(json!({"passed": 0, "failed": 1}));
    app.write(
        "x.fixture.json",
        &fixture_text(json!({}), &steps("Hello, ana!")),
    );
    watching.wait_for_all(2, json!({"passed": 1, "failed": 0}));
    app.write(
        "y.fixture.json",
        &fixture_text(json!({}), &steps("Hello, ana!")),
    );
    watching.wait_for(json!({"passed": 2}));
    app.write("x.fixture.json", "{");
    watching.wait_for(json!({"passed": 1, "bad": 1}));
    assert_eq!(watching.stop().code, Some(130));
}
