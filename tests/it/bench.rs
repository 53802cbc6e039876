//! `bench`: what a load test reports, and what it says of what cannot be loaded.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::App;

const ECHO: &str = "import { ws } from '@ampt/sdk'
ws.on('connected', (connection) => connection.send('welcome'))
ws.on('message', (connection, message) => {
  if (message.fail) throw new RangeError('no such thing')
  return connection.send(message)
})
";

#[test]
fn every_message_is_accounted_for() {
    let app = App::esm(ECHO);
    let done = app.verb(&["bench", "-c", "4", "-d", "300ms", "--json"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let report = done.json();
    assert_eq!(report["connections"]["opened"], 4, "{report}");
    let messages = &report["messages"];
    assert!(messages["answered"].as_u64().unwrap() > 4, "{report}");
    assert_eq!(messages["sent"], messages["answered"], "{report}");
    assert_eq!(messages["pushed"], 4, "a welcome is no answer: {report}");
    assert_eq!(
        report["holds"][0],
        json!({ "env": "sandbox", "rate": 10, "holds": true })
    );
    let bars = report["histogram"].as_array().unwrap();
    let counted: u64 = bars.iter().map(|bar| bar["count"].as_u64().unwrap()).sum();
    assert_eq!(json!(counted), messages["answered"]);
    assert!(
        !app.path(".ampt-ws").exists(),
        "the app's own store is left alone"
    );
}

/// The usual soft limit allows for a thousand clients: what the hard one allows is taken.
#[test]
fn more_clients_than_descriptors_are_usual_come_in() {
    let app = App::esm(ECHO);
    let mut limited = Command::new("bash");
    limited.args(["-c", "ulimit -Sn 64; exec \"$0\" \"$@\""]);
    let command = app.command();
    limited.arg(command.get_program()).current_dir(app.dir());
    let done = limited
        .args(["bench", "-c", "100", "-d", "100ms", "--json"])
        .output();
    let done = done.expect("bash");
    let report: Value = serde_json::from_slice(&done.stdout).expect("a report");
    assert_eq!(report["connections"]["opened"], 100, "{report}");
}

#[test]
fn limits_and_failures_are_told_apart() {
    let app = App::esm(ECHO);
    let limited = [
        "bench", "-c", "2", "-d", "400ms", "--rate", "100", "--env", "sandbox", "--json",
    ];
    let report = app.verb(&limited).json();
    let messages = &report["messages"];
    assert!(messages["throttled"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(
        report["holds"][2]["holds"],
        json!(null),
        "stage was not tried: {report}"
    );
    let failing = ["bench", "-c", "1", "-d", "200ms", "-m", r#"{"fail":{{n}}}"#];
    let shown = app.verb(&failing).stdout;
    assert!(shown.contains("failed: their handler threw"), "{shown}");
    assert!(
        shown.contains("message: RangeError: no such thing"),
        "{shown}"
    );
}

#[test]
fn what_cannot_be_loaded_is_explained() {
    let app = App::new();
    let nobody = app.verb(&["bench", "--url", "ws://127.0.0.1:1", "-d", "100ms"]);
    assert_eq!(nobody.code, Some(1));
    assert!(
        nobody.stderr.contains("nothing listens at `127.0.0.1:1`"),
        "{nobody:?}"
    );
    let wrong = app.verb(&["bench", "--rate", "0"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("a number of messages a second"),
        "{wrong:?}"
    );
    let echo = App::esm(ECHO);
    let plain = echo.verb(&["bench", "-c", "1", "-d", "100ms", "-m", "hello"]);
    assert_eq!(plain.code, Some(0), "{plain:?}");
    assert!(
        plain.stderr.contains("the messages carry no {{n}}"),
        "{plain:?}"
    );
    let silent = App::esm("import { ws } from '@ampt/sdk'; ws.on('message', () => {})");
    let told = silent.verb(&["bench", "-c", "1", "-d", "100ms", "--patience", "100ms"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.contains("unanswered in time"), "{told:?}");
    assert!(told.stderr.contains("no message was answered"), "{told:?}");
}
