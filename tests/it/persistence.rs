//! What is there after a stop and a start; the data folder, and what can be wrong with it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;

use crate::support::{App, Output};

const NEVER_DONE: &str = "import { ws } from '@ampt/sdk';
    ws.on('disconnected', { timeout: 60000 }, () => {
      console.log('begun');
      return new Promise(() => {});
    });";

const FAREWELL: &str = "import { ws } from '@ampt/sdk';
    ws.on('disconnected', (c, reason) => console.log(c.connectionId, reason));";

/// The failure of a start that comes to nothing.
fn refused(output: &Output) -> (String, String) {
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(1), ""),
        "{output:?}"
    );
    let error = &output.json()["error"];
    let text = |name: &str| error[name].as_str().unwrap().to_owned();
    assert!(!text("hint").is_empty());
    assert!(!text("message").contains("os error"), "{error}");
    (text("code"), text("message"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn is_stored(app: &App, key: &str) -> bool {
    app.verb(&["data", "get", key]).code == Some(0)
}

#[test]
fn what_was_acknowledged_is_there_after_a_stop_and_after_a_kill() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         ws.on('message', async (c, key) => {
           await data.set(key, { by: 'the app' }, { label1: 'l:1' });
           await c.send('stored');
         });",
    );
    let dev = app.dev(&[]);
    assert_eq!(dev.client().ask("one"), "stored");
    assert_eq!(dev.stop().code, Some(0));
    let dev = app.dev(&[]);
    assert_eq!(dev.client().ask("two"), "stored");
    dev.kill();
    for key in ["one", "two"] {
        let item = app.verb(&["data", "get", key, "--json"]).json();
        assert_eq!(item["value"], json!({ "by": "the app" }));
        assert_eq!(item["label1"], "l:1");
    }
    let _dev = app.dev(&[]);
    assert!(is_stored(&app, "one") && is_stored(&app, "two"));
}

#[test]
fn disconnected_that_was_not_finished_is_given_to_the_code_of_the_next_run_once() {
    let app = App::esm(NEVER_DONE);
    let dev = app.dev(&[]);
    let mut client = dev.client();
    dev.signal(Signal::INT);
    client.closed();
    client.finish();
    dev.wait_for_line("begun");
    assert_eq!(dev.stop().code, Some(130));
    app.write("index.mjs", FAREWELL);
    let dev = app.dev(&[]);
    let reason = "The sandbox ended unexpectedly while the connection was open";
    dev.wait_for_line(&format!("{} {reason}", client.id));
    let said = json!({ "event": "log", "source": "sandbox", "level": "info" });
    let told = dev.wait_for(said)["text"].as_str().unwrap().to_owned();
    assert!(told.contains("1 connection of an earlier run"), "{told}");
    assert_eq!(app.verb(&["list", "--json"]).stdout, "[]\n");
    assert_eq!(dev.stop().code, Some(0));
    let dev = app.dev(&[]);
    dev.client();
    dev.wait_for(json!({ "event": "disconnected" }));
    let output = dev.stop();
    assert!(!output.stdout.contains(&client.id), "{}", output.stdout);
}

#[test]
fn a_disconnected_that_was_killed_runs_again_only_if_it_wrote_nothing() {
    let app = App::esm(
        "import { events, ws } from '@ampt/sdk';
         import { Data, data } from '@ampt/data';
         const steps = [
           () => data.set('k', 1),
           () => data.set([{ key: 'a', value: 1 }, { key: 'b', value: 2 }]),
           () => data.remove('k'),
           () => Data.table('other').set('k', 1),
           () => events.publish('e', { after: '1 day' }, 1),
           () => data.get('k'),
         ];
         ws.on('disconnected', async (c) => {
           await steps.shift()();
           console.log('ran', c.connectionId);
           await new Promise(() => {});
         });",
    );
    let dev = app.dev(&[]);
    let runs: Vec<String> = (0..6)
        .map(|_| {
            let client = dev.client();
            let id = client.id.clone();
            client.close_silently();
            dev.wait_for_line(&format!("ran {id}"));
            id
        })
        .collect();
    dev.kill();
    app.write("index.mjs", FAREWELL);
    let cut_off = |id: &str| json!({ "event": "handler-error", "handler": "disconnected", "connectionId": id });
    let (read, wrote) = runs.split_last().expect("some");
    let dev = app.dev(&[]);
    for id in wrote {
        let told = dev.wait_for(cut_off(id));
        let text = told["error"].to_string();
        assert!(text.contains("it is not run again"), "{text}");
    }
    dev.wait_for_line(&format!(
        "{read} The sandbox ended unexpectedly while the connection was open"
    ));
    let errors = dev.events(json!({ "event": "handler-error" }));
    assert_eq!(errors.len(), wrote.len(), "{errors:?}");
    let lines = dev.lines();
    assert!(
        !lines
            .iter()
            .any(|line| wrote.iter().any(|id| line.contains(id))),
        "{lines:?}"
    );
    assert_eq!(dev.stop().code, Some(0));
    let dev = app.dev(&[]);
    let output = dev.stop();
    let told_again = runs.iter().any(|id| output.stdout.contains(id));
    assert!(!told_again, "{}", output.stdout);
}

#[test]
fn fresh_begins_with_neither_data_nor_debts() {
    let app = App::esm(FAREWELL);
    let dev = app.dev(&[]);
    let client = dev.client();
    app.verb(&["data", "set", "old", "1"]);
    dev.kill();
    let dev = app.dev(&["--fresh"]);
    assert!(!is_stored(&app, "old"));
    app.verb(&["data", "set", "new", "1"]);
    let output = dev.stop();
    assert!(!output.stdout.contains(&client.id), "{}", output.stdout);
    let _dev = app.dev(&[]);
    assert!(is_stored(&app, "new"));
}

#[test]
fn a_data_folder_in_use_names_who_uses_it() {
    let app = App::new();
    let dev = app.dev(&[]);
    let (code, message) = refused(&app.start(&[]).wait());
    assert_eq!(code, "data-in-use");
    let who = format!("(process {}, {})", dev.pid(), dev.fact("url"));
    assert!(message.contains(&who), "{message}");
    assert!(message.contains(dev.fact("dataDir")), "{message}");
    let (code, _) = refused(&app.start(&["--fresh"]).wait());
    assert_eq!(code, "data-in-use");
    let _other = app.dev(&["--data-dir", "other"]);
    assert_eq!(app.verb(&["list"]).code, Some(0));
    assert_eq!(app.verb(&["list", "--data-dir", "other"]).code, Some(0));
}

#[test]
fn a_data_folder_that_cannot_be_made_is_explained() {
    let app = App::new().file("file", "");
    for (dir, said) in [
        ("file", "file` is a file"),
        ("file/data", "a file is in its way"),
        // Nobody can make folders there, root included.
        (
            "/sys/ampt-ws-test",
            "/sys/ampt-ws-test` cannot be used: it is ",
        ),
    ] {
        let (code, message) = refused(&app.start(&["--data-dir", dir]).wait());
        assert_eq!(code, "data-dir");
        assert!(message.contains(said), "{message}");
    }
    app.write(".ampt-ws/store", "in the way");
    let (code, message) = refused(&app.start(&[]).wait());
    assert_eq!(code, "data-dir");
    assert!(message.contains("a file is in its way"), "{message}");
}

#[test]
fn the_data_folder_is_private_and_unseen_by_git() {
    let app = App::new().file(".ampt-ws/.keep", "");
    fs::set_permissions(app.path(".ampt-ws"), fs::Permissions::from_mode(0o755)).unwrap();
    let dev = app.dev(&["--data-dir", "deep/er"]);
    for dir in ["deep/er", "deep/er/store"] {
        assert_eq!(mode(&app.path(dir)), 0o700, "{dir}");
    }
    for file in ["deep/er/sandbox.json", "deep/er/.gitignore"] {
        assert_eq!(mode(&app.path(file)), 0o600, "{file}");
    }
    assert_eq!(app.read("deep/er/.gitignore"), "*\n");
    let socket = app.read("deep/er/sandbox.json");
    let socket: serde_json::Value = serde_json::from_str(&socket).unwrap();
    let socket = Path::new(socket["socket"].as_str().unwrap());
    let folder = fs::metadata(socket.parent().unwrap()).unwrap();
    assert_eq!(folder.mode() & 0o777, 0o700);
    drop(dev);
    let _dev = app.dev(&[]);
    assert_eq!(
        mode(&app.path(".ampt-ws/store")),
        0o700,
        "whatever is around it"
    );
}

#[test]
fn a_damaged_database_is_kept_and_the_next_start_is_empty() {
    let app = App::new();
    app.verb(&["data", "set", "a", "1"]);
    let db = app.path(".ampt-ws/store/db/db");
    let mut bytes = fs::read(&db).unwrap();
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    fs::write(&db, &bytes).unwrap();
    let (code, message) = refused(&app.start(&[]).wait());
    assert_eq!(code, "data-damaged");
    let kept = message.rsplit('`').nth(1).unwrap();
    assert_eq!(
        fs::read(Path::new(kept).join("db")).unwrap(),
        bytes,
        "{message}"
    );
    let dev = app.dev(&[]);
    assert_eq!(app.verb(&["data", "ls"]).stdout, "0 items\n");
    assert_eq!(dev.stop().code, Some(0));
    let _dev = app.dev(&["--fresh"]);
    assert!(Path::new(kept).exists(), "an empty start keeps it, too");
}

#[test]
fn what_is_no_database_is_not_touched_or_kept() {
    let app = App::new().file(".ampt-ws/store/db/db", &"no database at all\n".repeat(100));
    let (code, message) = refused(&app.start(&[]).wait());
    assert_eq!(code, "data-damaged", "{message}");
    let kept = message.rsplit('`').nth(1).unwrap();
    let text = fs::read_to_string(Path::new(kept).join("db")).unwrap();
    assert!(text.starts_with("no database at all\n"));
    let _dev = app.dev(&["--fresh"]);
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let app = App::new();
    let dev = app.dev(&[]);
    app.verb(&["data", "set", "a", "1"]);
    dev.kill();
    let db = sled::open(app.path(".ampt-ws/store/db")).unwrap();
    db.insert(b"mformat", &99_u32.to_be_bytes()).unwrap();
    db.flush().unwrap();
    drop(db);
    for _ in 0..2 {
        let (code, message) = refused(&app.start(&[]).wait());
        assert_eq!(code, "data-future-version");
        assert!(message.contains("format 99"), "{message}");
    }
    let refused = app.verb(&["data", "ls"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("format 99"), "{}", refused.stderr);
}

#[test]
fn spaces_and_other_letters_in_a_path_do_no_harm() {
    let app = App::named("meine Äpps/it's 1 \"chat\" ☃");
    app.write(
        "index.mjs",
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         import { text } from './ünter ordner/t.mjs';
         ws.on('message', async (c) => { await data.set('k', text); await c.send(text); });",
    );
    app.write("ünter ordner/t.mjs", "export const text = 'grüße';");
    let dev = app.dev(&[]);
    assert_eq!(dev.fact("app"), app.dir().to_str().unwrap());
    assert_eq!(dev.client().ask("hi"), "grüße");
    assert_eq!(
        app.verb(&["data", "get", "k", "--json"]).json()["value"],
        "grüße"
    );
    let outside = app.verb_with(&["list", "-C", app.dir().to_str().unwrap()], |command| {
        command.current_dir("/");
    });
    assert_eq!(outside.code, Some(0));
    assert_eq!(dev.stop().code, Some(0));
    let told = app.verb_with(&["list", "-C", app.dir().to_str().unwrap()], |command| {
        command.current_dir("/");
    });
    let start = told.stderr.split('`').nth(3).unwrap().to_owned();
    assert!(
        start.ends_with(r#"/meine Äpps/it'\''s 1 "chat" ☃'"#),
        "{start}"
    );
}

#[test]
fn a_deep_path_has_a_short_control_socket() {
    let app = App::named(&["a rather long name of a folder"; 8].join("/"));
    app.write(
        "index.mjs",
        "import { ws } from '@ampt/sdk'; ws.on('message', (c) => c.send('deep'));",
    );
    assert!(app.dir().as_os_str().len() > 240);
    let dev = app.dev(&[]);
    assert_eq!(dev.client().ask("hi"), "deep");
    assert_eq!(app.verb(&["status"]).code, Some(0));
    assert_eq!(app.verb(&["stop"]).code, Some(0));
    assert_eq!(dev.wait().code, Some(0));
}

#[test]
fn a_project_that_was_moved_keeps_its_data() {
    let app = App::new();
    let (old, new) = (app.path("old"), app.path("new"));
    fs::create_dir(&old).unwrap();
    let at = |dir: &Path, args: &[&str]| {
        app.verb_with(args, |command| {
            command.current_dir(dir);
        })
    };
    assert_eq!(at(&old, &["data", "set", "k", "1"]).code, Some(0));
    fs::rename(&old, &new).unwrap();
    assert_eq!(at(&new, &["data", "get", "k", "--json"]).json()["value"], 1);
}
