//! Which file is the app, and what is said when that cannot be told.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{App, Dev};

/// Code that prints which file it is.
const NAMES_ITSELF: &str = "console.log(__filename.split('/').at(-1))";

fn waits_for_reload(dev: &Dev, cause: &str) -> Value {
    let cause = json!(cause);
    dev.wait_for(move |e: &Value| e["event"] == "reload" && e["cause"] == cause)
}

#[test]
fn main_is_searched_as_node_does_and_then_index() {
    for (manifest, files, entry) in [
        (
            r#"{"main":"lib/app"}"#,
            &["lib/app.ts", "index.js"][..],
            "app.ts",
        ),
        (
            r#"{"main":"lib"}"#,
            &["lib/index.cjs", "index.js"],
            "index.cjs",
        ),
        (r#"{"main":"dist/app.js"}"#, &["dist/app.ts"], "app.ts"),
        (r#"{"main":"index.js"}"#, &["index.cts"], "index.cts"),
        (
            r#"{"name":"no main"}"#,
            &["index.ts", "index.js"],
            "index.ts",
        ),
        (
            "\u{feff}{\"main\":\"./a b ä.js\"}",
            &["a b ä.js"],
            "a b ä.js",
        ),
    ] {
        let app = App::new().file("package.json", manifest);
        for file in files {
            app.write(file, NAMES_ITSELF);
        }
        let dev = app.dev(&["--no-watch"]);
        dev.wait_for_line(entry);
        assert_eq!(dev.lines().len(), 1, "{manifest} {files:?}");
    }
}

#[test]
fn a_file_on_the_command_line_wins() {
    let app = App::new()
        .file("package.json", r#"{"main":"index.js"}"#)
        .file("index.js", NAMES_ITSELF)
        .file("tools/other.ts", NAMES_ITSELF);
    for named in ["tools/other.ts", "tools/other", "tools/other.js"] {
        let mut dev = app.start_at(&app.path(named), &["--no-watch"], |_| {});
        dev.ready();
        dev.wait_for_line("other.ts");
        assert_eq!(dev.fact("dataDir"), app.path(".ampt-ws").to_str().unwrap());
    }
}

#[test]
fn what_the_command_line_names_and_is_not_there_is_usage() {
    let app = App::esm("").file("notes.txt", "");
    std::fs::create_dir(app.path("my-app")).unwrap();
    for (named, message, hint) in [
        ("indx.mjs", "does not exist", "is it `index.mjs`?"),
        ("my-ap", "does not exist", "is it `my-app`?"),
        ("indx", "does not exist", "is it `index.mjs`?"),
        (
            "zzz",
            "does not exist",
            "name the app's folder, or its entry file",
        ),
        (
            "zzz/app.js",
            "no such file or directory",
            "name the app's folder, or its entry file",
        ),
        (
            "notes.txt",
            "is not code that Node can run",
            "name a file that ends in .ts",
        ),
    ] {
        let output = app.start_at(&app.path(named), &[], |_| {}).wait();
        let failure = output.failure();
        assert_eq!(output.code, Some(2), "{named}: {output:?}");
        let said = (failure["message"].to_string(), failure["hint"].to_string());
        assert!(
            said.0.contains(named) && said.0.contains(message),
            "{said:?}"
        );
        assert!(said.1.contains(hint), "{named}: {said:?}");
    }
}

#[test]
fn a_package_json_that_cannot_be_right_is_explained() {
    for (manifest, message, hint) in [
        (
            "[1]",
            "holds an array, not an object",
            r#"a package.json looks like"#,
        ),
        (
            "null",
            "holds null, not an object",
            "a package.json looks like",
        ),
        (
            r#"{"main":5}"#,
            "is a number, not a file name",
            r#""main": "index.js""#,
        ),
        (
            r#"{"main":{"a":1}}"#,
            "is an object, not a file name",
            r#""main": "index.js""#,
        ),
        (
            "{\n  \"main\": \"x.js\",\n}",
            "line 3, column 1, is not valid JSON: trailing comma",
            "correct the file",
        ),
        (
            "{\n  main: 1 }",
            "line 2, column 3, is not valid JSON",
            "correct the file",
        ),
        (
            "",
            "line 1, column 1, is not valid JSON",
            "correct the file",
        ),
        (
            r#"{"main":"src/app.js"}"#,
            "is `src/app.js`, and there is no such file",
            "tried `src/app.js`, `src/app.ts`",
        ),
        (
            r#"{"main":"readme.txt"}"#,
            "is `readme.txt`, and there is no such file",
            "tried `readme.txt`",
        ),
    ] {
        let app = App::esm("").file("package.json", manifest);
        let output = app.start(&[]).wait();
        assert_eq!(output.code, Some(1), "{output:?}");
        let failure = output.failure();
        assert_eq!(failure["code"], "entry");
        let said = failure["message"].as_str().unwrap();
        assert!(
            said.contains("package.json") && said.contains(message),
            "{said}"
        );
        let said = failure["hint"].as_str().unwrap();
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn a_package_json_that_cannot_be_read_is_explained() {
    let app = App::esm("");
    std::fs::create_dir(app.path("package.json")).unwrap();
    let failure = app.start(&[]).wait().failure();
    let message = failure["message"].as_str().unwrap();
    assert!(
        message.ends_with("package.json`: is a directory"),
        "{message}"
    );
    std::fs::remove_dir(app.path("package.json")).unwrap();
    std::fs::write(app.path("package.json"), b"{\"name\":\"\xff\"}").unwrap();
    let failure = app.start(&[]).wait().failure();
    assert!(
        failure["message"].to_string().contains("UTF-8"),
        "{failure}"
    );
    assert_eq!(failure["hint"], "it must be a file in UTF-8");
}

#[test]
fn a_folder_that_does_not_exist_and_one_that_may_not_be_read() {
    let app = App::new();
    let output = app
        .start_at(Path::new("/nowhere/at/all"), &[], |_| {})
        .wait();
    assert_eq!(output.code, Some(2));
    let message = output.failure()["message"].to_string();
    assert!(
        message.contains("`/nowhere/at/all`: no such file or directory"),
        "{message}"
    );
    // Root reads everything.
    if rustix::process::geteuid().is_root() {
        return;
    }
    let closed = app.path("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let output = app.start_at(&closed, &[], |_| {}).wait();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    let message = output.failure()["message"].to_string();
    assert!(message.contains("permission denied"), "{message}");
}

#[test]
fn the_first_code_in_an_empty_folder_is_loaded_when_it_is_saved() {
    let app = App::new();
    let dev = app.dev(&[]);
    let said = dev.wait_for(json!({ "event": "log", "source": "sandbox", "level": "warn" }));
    let said = said["text"].as_str().unwrap();
    assert!(said.contains("there is no app code in"), "{said}");
    let reload = app.verb(&["reload", "--json"]);
    assert_eq!(reload.code, Some(1));
    assert_eq!(reload.failure()["code"], "no-app");

    let mut client = dev.client();
    app.write(
        "index.mjs",
        "import { ws } from '@ampt/sdk'; ws.on('message', (c, d) => c.send(d));",
    );
    assert_eq!(waits_for_reload(&dev, "index.mjs")["ok"], true);
    assert_eq!(client.ask("who is there?"), "who is there?");
    // What comes before it in the search wins from now on, as it would at a new start.
    app.write(
        "index.ts",
        "import { ws } from '@ampt/sdk'; ws.on('message', (c) => c.send('ts' as string));",
    );
    assert_eq!(waits_for_reload(&dev, "index.ts")["ok"], true);
    assert_eq!(client.ask("who is there?"), "ts");
}

#[test]
fn main_is_looked_at_again_at_each_reload() {
    let code = |name: &str| {
        format!("const {{ ws }} = require('@ampt/sdk'); ws.on('message', (c) => c.send('{name}'));")
    };
    let app = App::new()
        .file("package.json", r#"{"main":"a.js"}"#)
        .file("a.js", &code("a"))
        .file("b.js", &code("b"));
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    assert_eq!(client.ask("x"), "a");
    app.write("package.json", r#"{"main":"b.js"}"#);
    dev.wait_for(json!({ "event": "reload", "cause": "package.json", "ok": true }));
    assert_eq!(client.ask("x"), "b");

    app.write("package.json", r#"{"main":"c.js"#);
    let failed = dev.wait_for(json!({ "event": "reload", "ok": false }));
    let error = failed["error"]["message"].as_str().unwrap();
    assert!(error.contains("package.json`, line 1, column"), "{error}");
    assert_eq!(client.ask("x"), "b", "the code that ran keeps running");
    assert_eq!(dev.lines().len(), 0, "Node has no part in it");

    app.write("package.json", r#"{"main":"c.js"}"#);
    dev.wait_for(|e: &Value| {
        e["error"]["message"]
            .to_string()
            .contains("is `c.js`, and there is no such file")
    });
    app.write("c.js", &code("c"));
    dev.wait_for(json!({ "event": "reload", "cause": "c.js", "ok": true }));
    assert_eq!(client.ask("x"), "c");
}

#[test]
fn a_broken_package_json_does_not_matter_to_code_that_is_named() {
    let app = App::new()
        .file("package.json", "{ oops")
        .file("run.cjs", "console.log('runs')");
    let output = app
        .start_at(&app.path("run.cjs"), &["--no-watch"], |_| {})
        .wait();
    let error = output.failure()["message"].to_string();
    assert!(error.contains("package.json"), "{output:?}");
    assert!(!output.stdout.contains("node:internal"), "{output:?}");
}
