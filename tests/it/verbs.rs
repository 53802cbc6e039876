//! The other verbs from a second terminal: `status`, `pause`, `resume`, `reload`, `stop`,
//! `completions`; and how a verb finds its sandbox.

use std::path::Path;
use std::thread;

use serde_json::json;

use crate::support::{App, keys};

#[test]
fn status_has_every_documented_field() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', () => {});",
    );
    let dev = app.dev(&["--env", "preview", "--rate", "7"]);
    let _client = dev.client();
    let status = app.verb(&["status", "--json"]);
    assert_eq!((status.code, status.stderr.as_str()), (Some(0), ""));
    let status = status.json();
    assert_eq!(
        keys(&status),
        [
            "url",
            "wsUrl",
            "app",
            "env",
            "limits",
            "active",
            "connections",
            "worker",
            "pending",
            "uptimeMs",
            "dataDir",
            "pid",
            "version"
        ]
    );
    for name in ["url", "wsUrl", "app", "env", "dataDir"] {
        assert_eq!(status[name], dev.fact(name), "as in the ready line");
    }
    assert_eq!(
        status["limits"],
        json!({ "rate": 7, "burst": 50, "enforced": true })
    );
    assert_eq!(status["active"], true);
    assert_eq!(status["connections"], 1);
    // The connection may still be opening.
    let pending = &status["pending"];
    assert_eq!(keys(pending), ["invocations", "dataEvents"]);
    assert!(pending["invocations"].is_u64(), "{pending}");
    assert_eq!(pending["dataEvents"], 0);
    assert_eq!(status["pid"], dev.pid());
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["uptimeMs"].is_u64());
    let worker = &status["worker"];
    assert_eq!(keys(worker)[..4], ["pid", "state", "node", "reloads"]);
    assert_eq!(
        (&worker["state"], &worker["reloads"]),
        (&json!("ready"), &json!(0))
    );
    assert!(
        worker["pid"].is_u64() && worker["pid"] != dev.pid(),
        "{worker}"
    );
    assert!(
        worker["node"].as_str().unwrap().starts_with('v'),
        "{worker}"
    );
}

#[test]
fn status_for_people_says_the_same() {
    let app = App::new();
    let dev = app.dev(&["--no-limits"]);
    let status = app.verb(&["status"]);
    assert_eq!((status.code, status.stderr.as_str()), (Some(0), ""));
    for part in [
        dev.fact("wsUrl"),
        dev.fact("app"),
        "limits are not enforced",
        "no app code in the folder",
        "active",
    ] {
        assert!(status.stdout.contains(part), "{part} in {}", status.stdout);
    }
    let worker = &app.verb(&["status", "--json"]).json()["worker"];
    assert_eq!(
        (&worker["pid"], &worker["state"]),
        (&json!(null), &json!("none"))
    );
}

#[test]
fn a_paused_sandbox_refuses_new_connections_and_keeps_the_old_ones() {
    let app = App::new();
    let dev = app.dev(&[]);
    let mut old = dev.client();
    let paused = app.verb(&["pause", "--json"]);
    assert_eq!(
        (paused.code, paused.json()),
        (Some(0), json!({ "active": false }))
    );
    let refused = dev.dial("/", &[]).err().expect("refused");
    assert_eq!(refused.status, 403);
    let rejected = dev.wait_for(json!({ "event": "rejected", "status": 403 }));
    assert!(
        rejected["hint"].as_str().unwrap().contains("`resume`"),
        "{rejected}"
    );
    assert_eq!(app.verb(&["status", "--json"]).json()["active"], false);
    assert!(app.verb(&["status"]).stdout.contains("paused"));
    app.verb(&["send", "--all", "still here"]);
    assert_eq!(old.text(), "still here");
    let again = app.verb(&["pause"]);
    assert_eq!(again.code, Some(0));
    assert!(again.stdout.contains("403"), "{}", again.stdout);
    let resumed = app.verb(&["resume", "--json"]);
    assert_eq!(
        (resumed.code, resumed.json()),
        (Some(0), json!({ "active": true }))
    );
    dev.client();
    assert_eq!(
        app.verb(&["resume"]).code,
        Some(0),
        "resuming twice does no harm"
    );
}

#[test]
fn reload_runs_the_code_anew_and_keeps_connections() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         let n = 0;
         ws.on('message', (c) => c.send(++n));",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.ask("a"), "1");
    assert_eq!(client.ask("a"), "2");
    let reloaded = app.verb(&["reload", "--json"]);
    assert_eq!(reloaded.code, Some(0));
    assert_eq!(keys(&reloaded.json()), ["ok", "tookMs"]);
    assert_eq!(reloaded.json()["ok"], true);
    assert_eq!(client.ask("a"), "1");
    let event = dev.wait_for(json!({ "event": "reload", "cause": "reload", "ok": true }));
    assert!(event["tookMs"].is_u64());
    let plain = app.verb(&["reload"]);
    assert_eq!(plain.code, Some(0));
    assert!(plain.stdout.starts_with("reloaded in "), "{}", plain.stdout);
    assert_eq!(
        app.verb(&["status", "--json"]).json()["worker"]["reloads"],
        2
    );
}

#[test]
fn a_reload_that_fails_says_why_and_where() {
    let app = App::esm("import { ws } from '@ampt/sdk'; ws.on('message', (c) => c.send('old'));");
    let dev = app.dev(&["--no-watch"]);
    let mut client = dev.client();
    app.write("index.mjs", "\nnonsense(;\n");
    let failed = app.verb(&["reload"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("index.mjs:2"), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("what ran before keeps running"),
        "{}",
        failed.stderr
    );
    let failed = app.verb(&["reload", "--json"]);
    assert_eq!((failed.code, failed.stderr.as_str()), (Some(1), ""));
    let error = &failed.json()["error"];
    assert_eq!(error["code"], "load-failed");
    assert!(
        error["message"].as_str().unwrap().contains("index.mjs:2"),
        "{error}"
    );
    assert_eq!(client.ask("hi"), "old");
    app.write("index.mjs", "process.exit(0)");
    let failed = app.verb(&["reload"]);
    assert_eq!(failed.code, Some(1));
    assert_eq!(client.ask("hi"), "old");
}

#[test]
fn reload_without_app_code_says_so() {
    let app = App::new();
    let _dev = app.dev(&[]);
    let reloaded = app.verb(&["reload"]);
    assert_eq!(reloaded.code, Some(1));
    assert!(reloaded.stderr.contains("no app code"), "{reloaded:?}");
}

#[test]
fn stop_returns_when_the_sandbox_is_gone() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('disconnected', async (_, reason) => {
           await new Promise((done) => setTimeout(done, 100));
           console.log(`bye ${reason}`);
         });",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    let stopped = thread::scope(|scope| {
        let stopping = scope.spawn(|| app.verb(&["stop", "--json"]));
        assert_eq!(client.closed(), (1001, "Going away".to_owned()));
        client.finish();
        stopping.join().unwrap()
    });
    assert_eq!(stopped.code, Some(0));
    assert_eq!(stopped.json(), json!({ "stopped": true, "pid": dev.pid() }));
    let log = dev.log();
    let ended = dev.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let lines = log.events();
    assert!(
        lines.iter().any(|e| e["text"] == "bye Going away"),
        "{lines:?}"
    );
    let again = app.verb(&["stop"]);
    assert_eq!(again.code, Some(3));
}

#[test]
fn stop_for_people_names_what_it_stopped() {
    let app = App::new();
    let dev = app.dev(&[]);
    let stopped = app.verb(&["stop"]);
    let (url, pid) = (dev.fact("url"), dev.pid());
    assert_eq!(stopped.stdout, format!("stopped {url} (process {pid})\n"));
    assert_eq!(dev.wait().code, Some(0));
}

#[test]
fn with_no_sandbox_a_verb_says_how_to_start_one() {
    let app = App::new().file("package.json", "{}").file("src/a.ts", "");
    let shown = app.dir().display();
    for verb in [
        &["list"][..],
        &["send", "ab", "hi"],
        &["close", "--all"],
        &["status"],
        &["pause"],
        &["resume"],
        &["reload"],
        &["logs"],
        &["logs", "-f"],
        &["clock"],
        &["stop"],
        &["data", "watch"],
    ] {
        let refused = app.verb(verb);
        assert_eq!(refused.code, Some(3), "{verb:?}");
        assert_eq!(refused.stdout, "");
        assert_eq!(
            refused.stderr,
            format!(
                "error: no sandbox is running for `{shown}`\nhint: start one with `ampt-ws dev`\n"
            )
        );
        let json: Vec<&str> = verb.iter().copied().chain(["--json"]).collect();
        let refused = app.verb(&json);
        assert_eq!((refused.code, refused.stderr.as_str()), (Some(3), ""));
        assert_eq!(
            refused.json(),
            json!({ "error": {
                "code": "no-sandbox",
                "message": format!("no sandbox is running for `{shown}`"),
                "hint": "start one with `ampt-ws dev`",
            }})
        );
    }
    let elsewhere = app.verb_with(&["list"], |c| {
        c.current_dir(app.path("src"));
    });
    assert_eq!(elsewhere.code, Some(3));
    assert!(
        elsewhere
            .stderr
            .contains(&format!("start one with `ampt-ws dev {shown}`"))
    );
    assert!(
        !app.path(".ampt-ws").exists(),
        "asking leaves nothing behind"
    );
}

#[test]
fn what_a_killed_sandbox_left_behind_is_no_sandbox() {
    let app = App::new();
    let dev = app.dev(&[]);
    dev.kill();
    assert!(app.path(".ampt-ws/sandbox.json").exists());
    let refused = app.verb(&["list"]);
    assert_eq!(refused.code, Some(3));
    let _next = app.dev(&[]);
    assert_eq!(app.verb(&["list"]).code, Some(0));
}

#[test]
fn a_verb_finds_the_app_from_below_and_from_elsewhere() {
    let app = App::named("my äpp/one")
        .file("package.json", "{}")
        .file("src/deep/x", "");
    let _dev = app.dev(&[]);
    let from = |dir: &Path, args: &[&str]| {
        app.verb_with(args, |command| {
            command.current_dir(dir);
        })
    };
    assert_eq!(
        from(&app.path("src/deep"), &["list", "--json"]).stdout,
        "[]\n"
    );
    let outside = app.dir().parent().unwrap();
    assert_eq!(from(outside, &["list"]).code, Some(3));
    for args in [
        &["-C", "one", "list", "--json"][..],
        &["list", "-C", "one", "--json"],
        &["--json", "--app=one", "list"],
        &["list", "--json", "--app", "one"],
    ] {
        assert_eq!(from(outside, args).stdout, "[]\n", "{args:?}");
    }
    let wrong = from(outside, &["-C", "two", "list"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("cannot open the app `two`"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn the_data_folder_can_be_named_before_or_after_the_verb() {
    let app = App::new();
    let data = app.path("elsewhere");
    let data = data.to_str().unwrap();
    let dev = app.dev(&["--data-dir", data]);
    assert_eq!(dev.fact("dataDir"), data);
    assert!(!app.path(".ampt-ws").exists());
    assert_eq!(app.verb(&["list"]).code, Some(3));
    assert_eq!(app.verb(&["--data-dir", data, "list"]).code, Some(0));
    assert_eq!(app.verb(&["list", "--data-dir", "elsewhere"]).code, Some(0));
    assert_eq!(app.verb(&["--data-dir", data, "stop"]).code, Some(0));
    let refused = app.verb(&["list", "--data-dir", data]);
    let hint = format!("start one with `ampt-ws dev --data-dir {data}`");
    assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
}

#[test]
fn completions_are_scripts_that_know_the_verbs() {
    let app = App::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = app.verb(&["completions", shell]);
        assert_eq!(
            (script.code, script.stderr.as_str()),
            (Some(0), ""),
            "{shell}"
        );
        for word in ["ampt-ws", "reload", "overwrite"] {
            assert!(script.stdout.contains(word), "{word} in the {shell} script");
        }
    }
    let script = app.verb(&["completions", "bash", "--json"]).json();
    assert_eq!(script["shell"], "bash");
    assert!(script["script"].as_str().unwrap().contains("overwrite"));
    let refused = app.verb(&["completions", "tcsh"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("bash"), "{}", refused.stderr);
}

#[test]
fn wrong_usage_is_explained_on_the_right_stream() {
    let app = App::new();
    let refused = app.verb(&["lsit"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(
        refused.stderr.contains("lsit") && refused.stderr.contains("'list'"),
        "{refused:?}"
    );
    let refused = app.verb(&["--json", "lsit"]);
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(2), ""));
    assert_eq!(refused.json()["error"]["code"], "usage");
    let nothing: &[&str] = &[];
    assert_eq!(app.verb(nothing).code, Some(2));
    let version = app.verb(&["--version"]);
    assert_eq!(version.code, Some(0));
    assert_eq!(
        version.stdout,
        format!("ampt-ws {}\n", env!("CARGO_PKG_VERSION"))
    );
    let help = app.verb(&["help", "send"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.contains("--where"), "{}", help.stdout);
}

#[test]
fn with_json_help_and_version_are_documents_too() {
    let app = App::new();
    for words in [&["--version", "--json"], &["--json", "--version"]] {
        let version = app.verb(words);
        assert_eq!((version.code, version.stderr.as_str()), (Some(0), ""));
        assert_eq!(
            version.json(),
            json!({ "version": env!("CARGO_PKG_VERSION") })
        );
    }
    for words in [
        &["--json", "--help"][..],
        &["help", "--json"],
        &["send", "--help", "--json"],
        &["help", "send", "--json"],
    ] {
        let help = app.verb(words);
        assert_eq!(
            (help.code, help.stderr.as_str()),
            (Some(0), ""),
            "{words:?}"
        );
        let text = help.json()["help"].as_str().unwrap().to_owned();
        assert!(text.contains("Usage: ampt-ws"), "{words:?}: {text}");
        assert!(!text.contains('\u{1b}'), "{words:?}: colours in JSON");
    }
}
