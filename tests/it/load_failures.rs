//! Code that cannot be loaded, and Nodes that cannot load it.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{App, Dev, node_script};

/// Code that answers every message with itself.
const ECHO: &str = "import { ws } from '@ampt/sdk'; ws.on('message', (c, d) => c.send(d));";

/// Enough for a few lines of code on a busy machine; the time in which Node boots is not counted.
const LOAD_TIME: [&str; 2] = ["--load-timeout", "1s"];

/// The error that a load ends with, with `--no-watch`; the sandbox must end with 1.
fn fails(app: &App, args: &[&str]) -> Value {
    let mut all = vec!["--no-watch"];
    all.extend(args);
    let dev = app.start(&all);
    let event = dev.wait_for(json!({ "event": "handler-error", "handler": "load" }));
    let output = dev.wait();
    assert_eq!(output.code, Some(1), "{output:?}");
    let failure = output.failure();
    assert_eq!(failure["code"], "load-failed");
    let hint = failure["hint"].as_str().unwrap();
    assert!(hint.contains("correct it and start again"), "{hint}");
    let message = failure["message"].as_str().unwrap();
    assert!(
        message.starts_with("the app's code could not be loaded: "),
        "{message}"
    );
    assert!(
        message.contains(event["error"]["message"].as_str().unwrap()),
        "{message}"
    );
    event["error"].clone()
}

/// Starts a sandbox whose first load fails, and waits for that.
fn waits(app: &App, args: &[&str]) -> Dev {
    let dev = app.start(args);
    dev.wait_for(json!({ "event": "handler-error", "handler": "load" }));
    dev.wait_for(|e: &Value| e["text"].to_string().contains("waiting for the next save"));
    dev
}

/// Repairs the app and sees it run.
fn recovers(app: &App, mut dev: Dev, file: &str) {
    app.write(file, ECHO);
    dev.wait_for(json!({ "event": "reload", "cause": file, "ok": true }));
    dev.ready();
    assert_eq!(dev.client().ask("well again"), "well again");
}

#[test]
fn code_that_does_not_parse() {
    let app = App::esm("import { ws } from '@ampt/sdk'\nws.on('message', (c) => c.send({)\n");
    let error = fails(&app, &[]);
    assert_eq!(error["name"], "SyntaxError");
    assert_eq!(
        (&error["file"], &error["line"]),
        (&json!("index.mjs"), &json!(2))
    );
    assert!(
        error["codeFrame"].to_string().contains("> 2 | ws.on("),
        "{error}"
    );
    recovers(&app, waits(&app, &[]), "index.mjs");
}

#[test]
fn code_that_throws_with_a_cause() {
    let app = App::new().file("index.mjs", "import './lib/boom'\n").file(
        "lib/boom.ts",
        "type T = string\n\nthrow new Error('no database', { cause: new TypeError('no host' as T) })\n",
    );
    let error = fails(&app, &[]);
    assert_eq!(error["message"], "no database");
    assert_eq!(
        (&error["file"], &error["line"]),
        (&json!("lib/boom.ts"), &json!(3))
    );
    assert_eq!(error["cause"]["name"], "TypeError");
    assert_eq!(error["cause"]["message"], "no host");
    recovers(&app, waits(&app, &[]), "lib/boom.ts");
}

#[test]
fn what_is_not_an_error_can_be_thrown_too() {
    let error = fails(&App::esm("throw { code: 7 }"), &[]);
    assert_eq!(error["name"], "thrown value");
    assert_eq!(error["message"], "{ code: 7 }");
}

#[test]
fn code_that_ends_the_process() {
    let app = App::esm("\nprocess.exit(3)\n");
    let dev = waits(&app, &[]);
    let told = dev.wait_for(|e: &Value| e["text"].to_string().contains("process.exit"));
    assert_eq!(
        told["text"],
        "the app called process.exit(3) while it was loading (index.mjs:2:9)"
    );
    let error = &dev.events(json!({ "event": "handler-error" }))[0]["error"];
    assert_eq!(
        error["message"],
        "Node ended while the app was loading: it exited with code 3"
    );
    assert!(
        error["hint"]
            .to_string()
            .contains("must not end the process"),
        "{error}"
    );
    recovers(&app, dev, "index.mjs");
    assert_eq!(
        fails(&App::esm("process.exit()"), &[])["message"],
        "Node ended while the app was loading: it exited with code 0"
    );
}

#[test]
fn code_that_loops_for_ever() {
    let app = App::esm("import '@ampt/sdk';\nfor (;;);\n");
    let error = fails(&app, &LOAD_TIME);
    assert_eq!(error["name"], "TimeoutError");
    assert_eq!(
        error["message"],
        "the app's code did not finish loading within 1 s: the code blocks Node"
    );
    let hint = error["hint"].as_str().unwrap();
    assert!(
        hint.contains("endless loop") && hint.contains("--load-timeout"),
        "{hint}"
    );
}

#[test]
fn a_save_ends_an_endless_loop_at_load() {
    let app = App::esm("import fs from 'node:fs'; fs.writeFileSync('loops', ''); for (;;);");
    let dev = app.start(&[]);
    app.wait_for_file("loops");
    recovers(&app, dev, "index.mjs");
}

#[test]
fn a_top_level_await_that_never_ends() {
    for (name, keeps) in [
        ("index.mjs", ""),
        ("index.ts", "setInterval(() => {}, 10);"),
    ] {
        let code = format!("{keeps} await new Promise(() => {{}});");
        let error = fails(&App::new().file(name, &code), &LOAD_TIME);
        assert_eq!(
            error["message"],
            "the app's code did not finish loading within 1 s: a top-level `await` has not come to its end"
        );
        assert!(
            error["hint"].to_string().contains("what is waited for"),
            "{error}"
        );
    }
}

#[test]
fn an_import_of_what_is_not_there() {
    let app = App::new().file("index.ts", "import { a } from './lib/a'\nconsole.log(a)\n");
    let error = fails(&app, &[]);
    assert_eq!(
        error["message"],
        "cannot find module './lib/a', imported by index.ts"
    );
    assert_eq!((&error["line"], &error["column"]), (&json!(1), &json!(19)));
    let dev = waits(&app, &[]);
    // Neither the file nor its folder was there.
    app.write("lib/a.ts", "export const a: string = 'found'");
    dev.wait_for_line("found");

    let app = App::esm("import express from 'express'");
    let error = fails(&app, &[]);
    assert_eq!(
        error["message"],
        "cannot find module 'express', imported by index.mjs"
    );
    assert!(
        error["hint"].to_string().contains("npm install express"),
        "{error}"
    );
}

#[test]
fn clients_and_their_events_wait_for_the_first_code_that_loads() {
    let app = App::esm("throw new Error('not yet')");
    let mut dev = waits(&app, &[]);
    let place = app.verb(&["status", "--json"]).json();
    assert_eq!(place["worker"]["state"], "failed");
    assert!(
        place["worker"]["error"].to_string().contains("not yet"),
        "{place}"
    );
    dev.listens_at(&place);
    let mut client = dev.client();
    client.send("early");
    app.write("index.mjs", ECHO);
    assert_eq!(client.text(), "early");
}

#[test]
fn a_second_failure_after_the_first_is_told_as_one() {
    let app = App::esm("throw new Error('first')");
    let dev = waits(&app, &[]);
    app.write("index.mjs", "throw new Error('second')");
    dev.wait_for(json!({ "event": "reload", "ok": false, "error": { "message": "second" } }));
    let reload = app.verb(&["reload", "--json"]);
    assert_eq!(reload.code, Some(1));
    let failure = reload.failure();
    assert!(
        failure["message"]
            .to_string()
            .contains("second (index.mjs:1)"),
        "{failure}"
    );
    recovers(&app, dev, "index.mjs");
}

#[test]
fn no_node() {
    let app = App::esm(ECHO);
    for (node, path, message) in [
        (
            "node",
            "/nowhere",
            "Node was not found: there is no `node` on PATH",
        ),
        (
            "/nowhere/node",
            "",
            "Node was not found: there is no `/nowhere/node`",
        ),
    ] {
        let output = app
            .start_at(app.dir(), &["--node", node], |command| {
                if !path.is_empty() {
                    command.env("PATH", path);
                }
            })
            .wait();
        assert_eq!(output.code, Some(1));
        let failure = output.failure();
        assert_eq!(failure["code"], "no-node");
        assert_eq!(failure["message"], message);
        let hint = failure["hint"].as_str().unwrap();
        assert!(
            hint.contains("Node 20") && hint.contains("--node PATH"),
            "{hint}"
        );
    }
}

#[test]
fn a_node_that_may_not_be_executed_or_is_none() {
    let app = App::esm(ECHO).file("plain", "text");
    let run = |node: &Path, args: &[&str]| {
        let mut all = vec!["--node", node.to_str().unwrap()];
        all.extend(args);
        let output = app.start(&all).wait();
        assert_eq!(output.code, Some(1), "{output:?}");
        let failure = output.failure();
        assert_eq!(failure["code"], "no-node");
        (
            failure["message"].as_str().unwrap().to_owned(),
            failure["hint"].to_string(),
        )
    };
    let plain = app.path("plain");
    let (message, _) = run(&plain, &[]);
    assert_eq!(
        message,
        format!("`{}` may not be executed", plain.display())
    );
    let (message, _) = run(app.dir(), &[]);
    assert_eq!(
        message,
        format!("`{}` may not be executed", app.dir().display())
    );

    let (message, hint) = run(Path::new("true"), &[]);
    assert_eq!(message, "`true` did not run the app: it exited with code 0");
    assert!(
        hint.contains("is it a Node of version 20 or newer?"),
        "{hint}"
    );
    let failing = node_script(&app, "failing", "echo no such option >&2; exit 9");
    let (message, _) = run(&failing, &["--no-watch"]);
    assert_eq!(
        message,
        format!(
            "`{}` did not run the app: it exited with code 9",
            failing.display()
        )
    );
    let idle = node_script(&app, "idle", "exec sleep 1000");
    let (message, _) = run(&idle, &["--load-timeout", "100ms"]);
    assert_eq!(
        message,
        format!(
            "`{}` did not run the app: it did not get ready",
            idle.display()
        )
    );
}

#[test]
fn a_node_that_is_too_old() {
    let app = App::esm(ECHO).file(
        "old.cjs",
        "Object.defineProperty(process, 'version', { value: 'v18.20.4' });
         Object.defineProperty(process.versions, 'node', { value: '18.20.4' });",
    );
    let old = node_script(&app, "old", "exec node --require ./old.cjs \"$@\"");
    let output = app.start(&["--node", old.to_str().unwrap()]).wait();
    assert_eq!(output.code, Some(1), "{output:?}");
    let failure = output.failure();
    assert_eq!(failure["code"], "node-too-old");
    assert_eq!(
        failure["message"],
        "Node v18.20.4 is too old: version 20 or newer is needed"
    );
    assert_eq!(
        failure["hint"],
        "install a newer Node, or name one with --node PATH"
    );
}

#[test]
fn a_node_that_vanishes_costs_the_reload_and_not_the_app() {
    let app = App::esm(ECHO);
    let node = node_script(&app, "own-node", "exec node \"$@\"");
    let dev = app.dev(&["--no-watch", "--node", node.to_str().unwrap()]);
    let mut client = dev.client();
    std::fs::remove_file(&node).unwrap();
    let reload = app.verb(&["reload", "--json"]);
    assert_eq!(reload.code, Some(1));
    assert_eq!(reload.failure()["code"], "no-node");
    assert_eq!(client.ask("still here"), "still here");
    node_script(&app, "own-node", "exec node \"$@\"");
    assert_eq!(app.verb(&["reload"]).code, Some(0));
    assert_eq!(client.ask("again"), "again");
}
