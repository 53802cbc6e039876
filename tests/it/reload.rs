//! Saves: what reloads the app, what happens to clients and events meanwhile.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{App, Client, Dev, PATIENCE};

/// Code that answers every message with a name and the message.
fn named(name: &str) -> String {
    format!(
        "import {{ ws }} from '@ampt/sdk'\nws.on('message', (c, d) => c.send(`{name} ${{d}}`))\n"
    )
}

fn reloads(dev: &Dev) -> Vec<Value> {
    dev.events(json!({ "event": "reload" }))
}

/// Waits for a reload with this cause; the latest of several.
fn reloaded(dev: &Dev, count: usize, cause: &str) {
    let all = dev.wait_for_all(count, json!({ "event": "reload" }));
    let last = &all[count - 1];
    assert_eq!(
        (&last["cause"], &last["ok"]),
        (&json!(cause), &json!(true)),
        "{all:?}"
    );
}

/// A way to save code that answers with this name.
type Save<'a> = &'a dyn Fn(&str);

/// Asks again and again until it is so.
fn patiently(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not come to that");
    }
}

fn say(client: &mut Client, text: &str, answer: &str) {
    assert_eq!(client.ask(text), answer);
}

#[test]
fn a_save_of_what_the_app_loaded_reloads_and_nothing_else_does() {
    let app = App::new()
        .file("package.json", r#"{ "type": "module" }"#)
        .file("tsconfig.json", "{}")
        .file(".env", "NAME=one\n")
        .file("index.ts", "import { ws } from '@ampt/sdk'\nimport { a } from './lib/a'\nimport facts from './facts.json'\nws.on('message', (c) => c.send(`${a} ${facts.fact} ${process.env.NAME}`))\n")
        .file("lib/a.ts", "export const a: string = 'a1'")
        .file("facts.json", r#"{ "fact": 1 }"#)
        .file("lib/unused.ts", "export const b = 1")
        .file("readme.md", "text");
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    say(&mut client, "x", "a1 1 one");
    app.write("lib/unused.ts", "export const b = 2");
    app.write("readme.md", "more text");
    app.write("new.ts", "");
    app.write("lib/a.ts", "export const a: string = 'a1'");
    app.write("lib/a.ts", "export const a: string = 'a2'");
    reloaded(&dev, 1, "lib/a.ts");
    say(&mut client, "x", "a2 1 one");
    app.write("facts.json", r#"{ "fact": 2 }"#);
    reloaded(&dev, 2, "facts.json");
    say(&mut client, "x", "a2 2 one");
    app.write(".env", "NAME=two\n");
    reloaded(&dev, 3, ".env");
    say(&mut client, "x", "a2 2 two");
    app.write("package.json", r#"{ "type": "module", "version": "2" }"#);
    reloaded(&dev, 4, "package.json");
    app.write(
        "tsconfig.json",
        r#"{ "compilerOptions": { "target": "es2022" } }"#,
    );
    reloaded(&dev, 5, "tsconfig.json");
    say(&mut client, "x", "a2 2 two");
    assert_eq!(
        reloads(&dev).len(),
        5,
        "each save once, and others not at all"
    );
}

#[test]
fn a_package_that_is_installed_anew_reloads_too() {
    let manifest = |version: u32| {
        format!(
            r#"{{ "name": "p", "version": "{version}.0.0", "type": "module", "exports": "./p.js" }}"#
        )
    };
    let app = App::esm(
        "import { ws } from '@ampt/sdk'; import { p } from 'p'; ws.on('message', (c) => c.send(p))",
    )
    .file("node_modules/p/package.json", &manifest(1))
    .file("node_modules/p/p.js", "export const p = 'old'");
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    say(&mut client, "x", "old");
    fs::remove_dir_all(app.path("node_modules/p")).unwrap();
    app.write("node_modules/p/p.js", "export const p = 'new'");
    app.write("node_modules/p/package.json", &manifest(2));
    patiently(|| client.ask("x") == "new");
}

#[test]
fn a_file_that_is_imported_only_later_reloads_as_well() {
    let app = App::esm("import { ws } from '@ampt/sdk'; ws.on('message', async (c) => c.send((await import('./late.mjs')).name))")
        .file("late.mjs", "export const name = 'one'");
    let dev = app.dev(&[]);
    let mut client = dev.client();
    say(&mut client, "x", "one");
    app.write("late.mjs", "export const name = 'two'");
    reloaded(&dev, 1, "late.mjs");
    say(&mut client, "x", "two");
}

#[test]
fn however_an_editor_saves() {
    let app = App::new().file("index.mjs", &named("0"));
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    let path = app.path("index.mjs");
    let renamed = |name: &str| {
        app.write("index.mjs.tmp", &named(name));
        fs::rename(app.path("index.mjs.tmp"), &path).unwrap();
    };
    let backed_up = |name: &str| {
        fs::rename(&path, app.path("index.mjs~")).unwrap();
        fs::write(&path, named(name)).unwrap();
    };
    let deleted = |name: &str| {
        fs::remove_file(&path).unwrap();
        fs::write(&path, named(name)).unwrap();
    };
    let in_pieces = |name: &str| {
        use std::io::Write;
        let mut file = fs::File::create(&path).unwrap();
        for piece in named(name).as_bytes().chunks(7) {
            file.write_all(piece).unwrap();
            file.flush().unwrap();
        }
    };
    let through_a_link = |name: &str| {
        app.write("real.mjs", &named(name));
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink("real.mjs", &path).unwrap();
    };
    let ways: [(&str, Save); 5] = [
        ("renamed", &renamed),
        ("backed_up", &backed_up),
        ("deleted", &deleted),
        ("in_pieces", &in_pieces),
        ("through_a_link", &through_a_link),
    ];
    for (index, (name, save)) in ways.iter().enumerate() {
        save(name);
        reloaded(&dev, index + 1, "index.mjs");
        say(&mut client, "x", &format!("{name} x"));
    }
    assert_eq!(reloads(&dev).len(), ways.len());
    // The file that the link leads to is the one that is edited from now on.
    app.write("real.mjs", &named("real"));
    reloaded(&dev, ways.len() + 1, "real.mjs");
    say(&mut client, "x", "real x");
}

#[test]
fn a_folder_that_is_exchanged_as_by_a_checkout() {
    let app = App::new()
        .file("package.json", r#"{ "main": "src/index.mjs" }"#)
        .file("src/index.mjs", "export * from './deep/er.mjs'")
        .file("src/deep/er.mjs", &named("one"));
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    say(&mut client, "x", "one x");
    app.write("other/index.mjs", "export * from './deep/er.mjs'");
    app.write("other/deep/er.mjs", &named("two"));
    fs::rename(app.path("src"), app.path("gone")).unwrap();
    fs::rename(app.path("other"), app.path("src")).unwrap();
    reloaded(&dev, 1, "src/deep/er.mjs");
    say(&mut client, "x", "two x");
    app.write("src/deep/er.mjs", &named("three"));
    reloaded(&dev, 2, "src/deep/er.mjs");
    say(&mut client, "x", "three x");
}

#[test]
fn sockets_stay_and_messages_wait_for_the_new_code() {
    let app = App::new().file("index.mjs", &named("old"));
    let dev = app.dev(&["--no-limits"]);
    let mut ana = dev.client();
    let mut bo = dev.client();
    // It takes its time to load, so that what is sent meanwhile has to wait.
    let slow = format!(
        "await new Promise((go) => setTimeout(go, 300))\n{}",
        named("new")
    );
    app.write("index.mjs", &slow);
    patiently(|| app.verb(&["status", "--json"]).json()["worker"]["state"] == "restarting");
    for number in 0..50 {
        ana.send(&format!("{number}"));
        bo.send(&format!("{number}"));
    }
    let mut cy = dev.client();
    cy.send("me too");
    for number in 0..50 {
        assert_eq!(ana.text(), format!("new {number}"));
        assert_eq!(bo.text(), format!("new {number}"));
    }
    assert_eq!(cy.text(), "new me too");
    reloaded(&dev, 1, "index.mjs");
    assert_eq!(dev.events(json!({ "event": "disconnected" })).len(), 0);
}

#[test]
fn a_save_that_does_not_load_keeps_the_old_code() {
    let app = App::new().file("index.mjs", &named("good"));
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    for (count, (code, message)) in [
        (
            "import { ws } from '@ampt/sdk'\nws.on('message', (c) => {\n",
            "Unexpected end of input",
        ),
        (
            "import { ws } from '@ampt/sdk'\nthrow new Error('at load')\n",
            "at load",
        ),
        (
            "import './nowhere.mjs'\n",
            "cannot find module './nowhere.mjs', imported by index.mjs",
        ),
        (
            "process.exit(0)\n",
            "Node ended while the app was loading: it exited with code 0",
        ),
    ]
    .iter()
    .enumerate()
    {
        app.write("index.mjs", code);
        let failed = dev.wait_for_all(
            count + 1,
            json!({ "event": "reload", "cause": "index.mjs", "ok": false }),
        );
        let error = &failed[count]["error"];
        assert_eq!(error["message"], *message);
        if count < 2 {
            assert_eq!(error["file"], "index.mjs", "{error}");
            assert!(error["codeFrame"].is_string(), "{error}");
        }
        say(&mut client, "still there?", "good still there?");
    }
    let status = app.verb(&["status", "--json"]).json();
    assert_eq!(status["worker"]["state"], "ready");
    app.write("index.mjs", &named("mended"));
    dev.wait_for(json!({ "event": "reload", "ok": true }));
    say(&mut client, "x", "mended x");
}

#[test]
fn a_save_during_a_reload_wins() {
    let app = App::new().file("index.mjs", &named("first"));
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    app.write(
        "index.mjs",
        "import fs from 'node:fs'; fs.writeFileSync('loading', ''); await new Promise(() => {})",
    );
    app.wait_for_file("loading");
    client.send("waits");
    app.write("index.mjs", &named("second"));
    assert_eq!(client.text(), "second waits");
    reloaded(&dev, 1, "index.mjs");
    assert_eq!(reloads(&dev).len(), 1);
}

#[test]
fn many_quick_saves_end_with_the_last() {
    let app = App::new().file("index.mjs", &named("0"));
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    for number in 1..=40 {
        app.write("index.mjs", &named(&number.to_string()));
        client.send("x");
    }
    app.write("index.mjs", &named("last"));
    for _ in 0..40 {
        assert!(client.text().ends_with(" x"));
    }
    patiently(|| client.ask("y") == "last y");
    assert_eq!(
        dev.events(json!({ "event": "reload", "ok": false })).len(),
        0
    );
}

/// Editors that write in place empty the file first: a load may see that.
#[test]
fn an_empty_file_is_code_that_does_nothing() {
    let app = App::new().file("index.mjs", "");
    let dev = app.dev(&[]);
    let loaded = json!({ "event": "reload", "ok": true });
    app.write("index.mjs", &named("1"));
    dev.wait_for_all(1, loaded.clone());
    app.write("index.mjs", "");
    dev.wait_for_all(2, loaded);
}

#[test]
fn a_handler_of_the_old_code_may_finish() {
    let app = App::new().file(
        "index.mjs",
        "import { ws } from '@ampt/sdk'
         import { data } from '@ampt/data'
         let go
         ws.on('message', async (c, d) => {
           if (d === 'go') return
           await c.send('begun')
           while (!(await data.get('go'))) await new Promise((next) => setTimeout(next, 5))
           await c.send('finished by the old code')
         })",
    );
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    say(&mut client, "work", "begun");
    app.write("index.mjs", &named("new"));
    reloaded(&dev, 1, "index.mjs");
    say(&mut client, "meanwhile", "new meanwhile");
    assert_eq!(app.verb(&["data", "set", "go", "true"]).code, Some(0));
    assert_eq!(client.text(), "finished by the old code");
    assert_eq!(dev.events(json!({ "event": "handler-error" })).len(), 0);
}

#[test]
fn no_watch_reloads_by_the_verb_only() {
    let app = App::new().file("index.mjs", &named("one"));
    let dev = app.dev(&["--no-watch"]);
    let mut client = dev.client();
    app.write("index.mjs", &named("two"));
    say(&mut client, "x", "one x");
    // The answer comes when the new code runs.
    let reload = app.verb(&["reload", "--json"]);
    assert_eq!(reload.code, Some(0), "{reload:?}");
    let answer = reload.json();
    assert_eq!(answer["ok"], true, "{answer}");
    assert!(answer["tookMs"].is_u64(), "{answer}");
    say(&mut client, "x", "two x");
    dev.wait_for(|event: &Value| event["event"] == "reload");
    assert_eq!(reloads(&dev).len(), 1);
    assert_eq!(
        app.verb(&["status", "--json"]).json()["worker"]["reloads"],
        1
    );
}

#[test]
fn the_verb_says_why_the_code_does_not_load() {
    let app = App::new().file("index.mjs", &named("one"));
    let dev = app.dev(&["--no-watch"]);
    app.write("index.mjs", "\nnope()\n");
    let reload = app.verb(&["reload"]);
    assert_eq!(reload.code, Some(1));
    assert!(
        reload
            .stderr
            .contains("ReferenceError: nope is not defined (index.mjs:2)"),
        "{reload:?}"
    );
    assert!(
        reload.stderr.contains("what ran before keeps running"),
        "{reload:?}"
    );
    say(&mut dev.client(), "x", "one x");
}
