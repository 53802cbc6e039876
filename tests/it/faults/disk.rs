//! A disk that is full, read-only, or gone: writes are refused with a word on what to do, what was
//! acknowledged stays, and nothing panics.

use std::fs;
use std::process::Command;

use rustix::process::geteuid;
use serde_json::{Value, json};

use crate::support::{App, Client, Dev, Disk, Output};

/// Answers a key with the fate of a write, or of a read.
const WRITES: &str = "import { ws } from '@ampt/sdk';
     import { data } from '@ampt/data';
     ws.on('message', async (c, { set, get }) => {
       if (get) return c.send(`${(await data.get(get))?.length}`);
       try {
         await data.set(set, 'x'.repeat(20000));
         await c.send('written');
       } catch (e) { await c.send(`${e.name}: ${e.message}`); }
     });";

const FULL: &str = "the disk is full: free some space, then restart the sandbox";

/// Writes until a write is refused; how many were acknowledged, and the refusal.
fn fill(client: &mut Client) -> (usize, String) {
    for n in 0..10_000 {
        client.send_json(&json!({ "set": format!("k:{n}") }));
        let answer = client.text();
        if answer != "written" {
            return (n, answer);
        }
    }
    panic!("the disk does not fill up");
}

fn write(client: &mut Client, key: &str) -> String {
    client.send_json(&json!({ "set": key }));
    client.text()
}

fn no_panic(output: &Output) {
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}

/// Each acknowledged write is there.
fn has_all(app: &App, count: usize) {
    let listed = app.verb(&["data", "ls", "k:*", "--json"]).json();
    let kept = listed.as_array().expect("an array").iter();
    let whole = kept.filter(|item| item["value"].as_str().is_some_and(|v| v.len() == 20_000));
    // The write that was refused may be there as well.
    assert!((count..=count + 1).contains(&whole.count()), "{count}");
}

/// What happens on a disk that fills up while the sandbox runs; the number of acknowledged writes.
fn runs_full(app: &App, dev: Dev) -> usize {
    let mut client = dev.client();
    let (written, refusal) = fill(&mut client);
    assert!(written > 3, "{refusal}");
    // Either the write found no room, or the flush that would have had it acknowledged.
    let by_flush = format!("StoreError: the write is not on disk: {FULL}");
    assert!(
        refusal == by_flush || refusal == format!("StoreError: {FULL}"),
        "{refusal}"
    );
    assert_eq!(write(&mut client, "more"), format!("StoreError: {FULL}"));
    let refused = app.verb(&["data", "set", "v", "1"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains(FULL), "{refused:?}");
    // Everything else goes on: reading, and other clients.
    client.send_json(&json!({ "get": "k:0" }));
    assert_eq!(client.text(), "20000");
    let mut other = dev.client();
    other.send_json(&json!({ "get": "k:1" }));
    assert_eq!(other.text(), "20000");
    dev.wait_for(|e: &Value| e["level"] == "error" && e["text"].to_string().contains(FULL));
    drop((client, other));
    let output = dev.stop();
    assert_eq!(output.code, Some(0), "{output:?}");
    no_panic(&output);
    written
}

#[test]
fn a_disk_that_fills_up_refuses_writes_and_loses_none() {
    let app = App::esm(WRITES);
    let Some(disk) = Disk::mount(&app.path(".ampt-ws"), 3_000) else {
        return;
    };
    let written = runs_full(&app, app.dev(&["--no-limits", "--no-watch"]));
    disk.resize(20_000);
    has_all(&app, written);
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    assert_eq!(write(&mut dev.client(), "more"), "written");
}

#[test]
fn a_file_that_may_not_grow_is_a_full_disk() {
    let app = App::esm(WRITES);
    let mut limited = Command::new("bash");
    // Ignored, the signal for a file that is too large becomes an error of the write.
    let script = "trap '' XFSZ; ulimit -f 3000; exec \"$0\" \"$@\"";
    limited.args(["-c", script]);
    let dev = app.start_at(app.dir(), &["--no-limits", "--no-watch"], |command| {
        limited.arg(command.get_program()).args(command.get_args());
        limited.current_dir(app.dir()).env_remove("NODE_OPTIONS");
        std::mem::swap(command, &mut limited);
    });
    let mut dev = dev;
    dev.ready();
    let written = runs_full(&app, dev);
    has_all(&app, written);
    assert_eq!(app.verb(&["data", "set", "v", "1"]).code, Some(0));
}

#[test]
fn a_full_disk_at_the_start_is_named() {
    let app = App::esm(WRITES);
    let Some(disk) = Disk::mount(&app.path(".ampt-ws"), 16) else {
        return;
    };
    for output in [
        app.start(&[]).wait(),
        app.verb(&["data", "set", "a", "1", "--json"]),
    ] {
        let failure = output.failure();
        let (code, message) = (failure["code"].to_string(), failure["message"].to_string());
        assert!(
            code.contains("disk-full") || code.contains("data-dir"),
            "{failure}"
        );
        assert!(message.contains("full"), "{failure}");
        assert!(failure["hint"].is_string(), "{failure}");
        no_panic(&output);
    }
    disk.resize(20_000);
    let dev = app.dev(&["--no-limits"]);
    assert_eq!(write(&mut dev.client(), "a"), "written");
}

/// What a folder says that cannot be written.
fn is_read_only(app: &App) {
    for output in [
        app.start(&[]).wait(),
        app.verb(&["data", "set", "a", "1", "--json"]),
    ] {
        let failure = output.failure();
        let text = failure.to_string();
        let reasons = ["read-only", "not writable", "permission denied"];
        assert!(
            reasons.iter().any(|reason| text.contains(reason)),
            "{failure}"
        );
        assert!(text.contains(".ampt-ws"), "{failure}");
        assert!(
            failure["hint"].to_string().contains("--data-dir"),
            "{failure}"
        );
        no_panic(&output);
    }
}

#[test]
fn a_read_only_disk_is_named_and_the_data_on_it_is_left_alone() {
    let app = App::esm(WRITES);
    let Some(disk) = Disk::mount(&app.path(".ampt-ws"), 20_000) else {
        return;
    };
    assert_eq!(app.verb(&["data", "set", "kept", "1"]).code, Some(0));
    let before = fs::read(app.path(".ampt-ws/store/db/db")).expect("a database");
    disk.make_read_only();
    is_read_only(&app);
    let after = fs::read(app.path(".ampt-ws/store/db/db")).expect("a database");
    assert_eq!(before, after);
}

#[test]
fn a_folder_without_the_permission_to_write_is_named() {
    if geteuid().is_root() {
        eprintln!("SKIPPED: root may write everywhere; the read-only disk stands for it");
        return;
    }
    let app = App::esm(WRITES);
    assert_eq!(app.verb(&["data", "set", "kept", "1"]).code, Some(0));
    let chmod = |mode: &str| {
        Command::new("chmod")
            .args(["-R", mode])
            .arg(app.path(".ampt-ws"))
            .status()
    };
    chmod("a-w").expect("chmod");
    is_read_only(&app);
    chmod("u+w").expect("chmod");
    assert_eq!(app.verb(&["data", "get", "kept"]).code, Some(0));
}

#[test]
fn a_data_folder_that_is_deleted_meanwhile_takes_no_writes() {
    let app = App::esm(WRITES);
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let mut client = dev.client();
    assert_eq!(write(&mut client, "before"), "written");
    fs::remove_dir_all(app.path(".ampt-ws")).expect("a folder to delete");
    let refusal = write(&mut client, "after");
    let said = "was deleted while it was in use: restart the sandbox";
    assert!(
        refusal.starts_with("StoreError: the write is not on disk"),
        "{refusal}"
    );
    assert!(refusal.ends_with(said), "{refusal}");
    // Sockets do not need it.
    let mut other = dev.client();
    other.send_json(&json!({ "get": "before" }));
    assert_eq!(other.text(), "20000");
    dev.wait_for(|e: &Value| e["level"] == "error" && e["text"].to_string().contains(said));
    drop((client, other));
    let output = dev.stop();
    assert_eq!(output.code, Some(0), "{output:?}");
    no_panic(&output);
    let dev = app.dev(&["--no-limits"]);
    assert_eq!(write(&mut dev.client(), "again"), "written");
}

#[test]
fn an_app_folder_that_is_deleted_meanwhile_costs_no_socket() {
    let app = App::esm("import { ws } from '@ampt/sdk'; ws.on('message', (c, d) => c.send(d));");
    let data = App::new();
    let dev = app.dev(&["--data-dir", data.dir().to_str().expect("UTF-8")]);
    let mut client = dev.client();
    fs::remove_dir_all(app.dir()).expect("a folder to delete");
    assert_eq!(client.ask("still there?"), "still there?");
    drop(client);
    let output = dev.stop();
    assert_eq!(output.code, Some(0), "{output:?}");
    no_panic(&output);
}
