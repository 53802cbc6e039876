//! `import` and `export`, with a sandbox running and without.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{App, Dev, Output, keys};

/// Items with everything an item can have.
const ITEMS: &str = r#"[
  {"key":"plain","value":"text","created":"2024-01-02T03:04:05.000Z","modified":"2024-02-03T04:05:06.000Z"},
  {"key":"user:1","value":{"name":"Ana","n":[1,2.5,null,true],"ünï":"☃"},"label1":"mail:a@b.c","label3":"plain","created":"2024-01-02T03:04:05.000Z","modified":"2024-01-02T03:04:05.000Z"},
  {"key":"user:2","value":{},"ttl":"2099-01-01T00:00:00.000Z","created":"2024-01-02T03:04:05.000Z","modified":"2024-01-02T03:04:05.000Z"},
  {"key":"user:3","value":{"$ampt:n":"12345678901234567890"},"created":"2024-01-02T03:04:05.000Z","modified":"2024-01-02T03:04:05.000Z"}
]
"#;

/// An app that keeps its connections in its data.
fn bookkeeper() -> App {
    App::esm(
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         ws.on('connected', async (c) => {
           await data.set(`connection:${c.connectionId}`, { since: c.meta.connectedAt });
           await c.send('kept');
         });
         ws.on('message', async (c, key) => {
           await c.send({ found: await data.get(key) ?? null, isConnected: await c.isConnected() });
         });",
    )
}

/// Runs a verb with and without `--json`'s document, which must be the only thing on its stream.
fn json_of(output: &Output) -> Value {
    assert_eq!(output.code, Some(0), "{output:?}");
    output.json()
}

fn listed(app: &App) -> Vec<String> {
    let all = app.verb(&["data", "ls", "--json"]).json();
    let keys = all.as_array().unwrap().iter();
    keys.map(|item| item["key"].as_str().unwrap().to_owned())
        .collect()
}

/// Does the same with a sandbox running and without one.
fn running_and_not(test: impl Fn(&App, Option<&Dev>)) {
    let app = App::new();
    test(&app, None);
    let app = App::new();
    let dev = app.dev(&[]);
    test(&app, Some(&dev));
}

#[test]
fn import_merges_item_by_item() {
    running_and_not(|app, dev| {
        app.verb(&["data", "set", "user:1", r#"{"old":true}"#]);
        app.verb(&["data", "set", "other", "1"]);
        app.write("data.json", ITEMS);
        let imported = app.verb(&["import", "--json"]);
        assert_eq!(
            json_of(&imported),
            json!({ "items": 4, "overwrite": false, "orphanedConnections": [] })
        );
        assert_eq!(
            keys(&imported.json()),
            ["items", "overwrite", "orphanedConnections"]
        );
        assert_eq!(
            listed(app),
            ["other", "plain", "user:1", "user:2", "user:3"]
        );
        let user = app.verb(&["data", "get", "user:1", "--json"]).json();
        assert_eq!(
            user["value"].get("old"),
            None,
            "an item is replaced as a whole"
        );
        assert_eq!(user["label1"], "mail:a@b.c");
        let plain = app.verb(&["import"]);
        assert_eq!(plain.stdout, "imported 4 items from data.json\n");
        if let Some(dev) = dev {
            let event = dev.wait_for(json!({ "event": "import" }));
            assert_eq!(event["file"], app.path("data.json").to_str().unwrap());
            assert_eq!(
                (&event["items"], &event["overwrite"]),
                (&json!(4), &json!(false))
            );
        }
    });
}

#[test]
fn overwrite_clears_everything_first_wherever_it_stands() {
    running_and_not(|app, _| {
        app.write("other file.json", r#"[{"key":"new","value":1}]"#);
        for line in [
            ["import", "--overwrite", "other file.json", "--json"],
            ["import", "other file.json", "--overwrite", "--json"],
            ["import", "-o", "other file.json", "--json"],
            ["import", "other file.json", "-o", "--json"],
        ] {
            app.verb(&["data", "set", "old", "1"]);
            let imported = json_of(&app.verb(&line));
            assert_eq!(imported["overwrite"], true, "{line:?}");
            assert_eq!(listed(app), ["new"], "{line:?}");
        }
        let plain = app.verb(&["import", "-o", "other file.json"]);
        assert_eq!(
            plain.stdout,
            "imported 1 item from other file.json; all data was cleared first\n"
        );
    });
}

#[test]
fn a_file_that_cannot_be_imported_is_explained_and_changes_nothing() {
    running_and_not(|app, _| {
        app.verb(&["data", "set", "kept", "1"]);
        app.write("folder.json/x", "");
        for (text, said) in [
            (
                "[\n  {\"key\":\"a\",\"value\":1},\n  {\"key\" 1}\n]",
                ":3:10`: expected `:`",
            ),
            (
                "[{\"key\":\"a\",\"value\":1}",
                "the file ends in the middle of a list",
            ),
            ("[{\"key\":\"a\",\"value\":1}] x", "trailing characters"),
            ("", "holds nothing, not an array of items"),
            (
                "{\"key\":\"a\",\"value\":1}",
                "holds an object, not an array of items",
            ),
            ("null", "holds null, not an array of items"),
            ("[5]", "the item at index 0: it is not an object"),
            (
                "[{\"key\":\"a\",\"value\":1},{\"value\":2}]",
                "the item at index 1: it has no `key`",
            ),
            (
                "[{\"key\":\"a\"}]",
                "the item at index 0 (key `a`): it has no `value`",
            ),
            (
                "[{\"key\":\"b:\",\"value\":1}]",
                "the item at index 0 (key `b:`): Invalid key",
            ),
            (
                "[{\"key\":\"a\",\"value\":1,\"ttl\":\"soon\"}]",
                "the item at index 0 (key `a`): its `ttl` is neither an ISO 8601 date nor",
            ),
            (
                "[{\"key\":\"a\",\"value\":1},{\"key\":\"a\",\"value\":2}]",
                "the item at index 1 (key `a`): an item before it has the same key",
            ),
        ] {
            app.write("bad.json", text);
            let refused = app.verb(&["import", "bad.json", "--overwrite"]);
            assert_eq!(refused.code, Some(1), "{text}");
            assert_eq!(refused.stdout, "");
            assert!(refused.stderr.contains(said), "{text}: {}", refused.stderr);
            assert!(
                refused.stderr.contains("\nhint: "),
                "{text}: {}",
                refused.stderr
            );
        }
        for (file, code, said) in [
            (
                "none.json",
                "file-not-found",
                "none.json`: there is no such file",
            ),
            ("folder.json", "file-failed", "folder.json`: it is a folder"),
            ("bad.json/x.json", "file-failed", "not a directory"),
        ] {
            let refused = app.verb(&["import", file, "--json"]);
            assert_eq!((refused.code, refused.stderr.as_str()), (Some(1), ""));
            let error = &refused.json()["error"];
            assert_eq!(error["code"], code);
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
            assert!(
                !error["message"].as_str().unwrap().contains("os error"),
                "{error}"
            );
        }
        assert_eq!(listed(app), ["kept"]);
    });
}

#[test]
fn the_default_file_lies_in_the_apps_folder() {
    running_and_not(|app, _| {
        app.write("data.json", ITEMS);
        app.write("package.json", "{}");
        app.write("sub/here.json", r#"[{"key":"here","value":1}]"#);
        let below = |args: &[&str]| {
            app.verb_with(args, |command| {
                command.current_dir(app.path("sub"));
            })
        };
        assert_eq!(json_of(&below(&["import", "--json"]))["items"], 4);
        assert_eq!(
            json_of(&below(&["import", "here.json", "--json"]))["items"],
            1
        );
        let exported = json_of(&below(&["export", "out", "--json"]));
        assert_eq!(exported["file"], app.path("sub/out.json").to_str().unwrap());
        let exported = json_of(&below(&["export", "-o", "--json"]));
        assert_eq!(exported["file"], app.path("data.json").to_str().unwrap());
    });
}

#[test]
fn what_export_writes_import_restores_exactly() {
    running_and_not(|app, _| {
        app.write("data.json", ITEMS);
        app.verb(&["import"]);
        let exported = app.verb(&["export", "one", "--json"]);
        assert_eq!(
            json_of(&exported),
            json!({ "items": 4, "file": app.path("one.json") })
        );
        assert_eq!(app.read("one.json"), ITEMS);
        app.verb(&["data", "set", "more", "1"]);
        app.verb(&["import", "-o", "one.json"]);
        app.verb(&["export", "two.json"]);
        assert_eq!(app.read("two.json"), ITEMS);
        let mode = std::fs::metadata(app.path("two.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "it holds data");
    });
}

#[test]
fn export_names_a_json_file_and_replaces_none_unasked() {
    running_and_not(|app, _| {
        app.verb(&["data", "set", "a", "1"]);
        let first = app.verb(&["export"]);
        let path = app.path("data.json");
        assert_eq!(
            first.stdout,
            format!("exported 1 item to {}\n", path.display())
        );
        app.write("data.json", "mine");
        let refused = app.verb(&["export", "data"]);
        assert_eq!(refused.code, Some(1));
        assert_eq!(
            refused.stderr,
            format!(
                "error: `{}` exists\nhint: use `--overwrite`, or another name\n",
                path.display()
            )
        );
        assert_eq!(app.read("data.json"), "mine");
        for line in [["export", "-o", "data"], ["export", "data", "--overwrite"]] {
            assert_eq!(app.verb(&line).code, Some(0));
            assert!(app.read("data.json").starts_with("[\n"));
        }
        let refused = app.verb(&["export", "data.yaml"]);
        assert_eq!(refused.code, Some(2));
        assert!(
            refused.stderr.contains("`data.yaml` is not a .json file"),
            "{refused:?}"
        );
        let refused = app.verb(&["export", "none/x"]);
        assert_eq!(refused.code, Some(1));
        assert!(
            refused
                .stderr
                .contains("none/x.json`: its folder does not exist"),
            "{refused:?}"
        );
        std::fs::create_dir(app.path("folder.json")).unwrap();
        let refused = app.verb(&["export", "-o", "folder"]);
        assert_eq!(refused.code, Some(1));
        assert!(
            refused.stderr.contains("folder.json`: it is a folder"),
            "{refused:?}"
        );
        let left: Vec<_> = std::fs::read_dir(app.dir()).unwrap().collect();
        assert_eq!(left.len(), 3, "no draft is left: {left:?}");
    });
}

#[test]
fn an_empty_store_is_exported_as_an_empty_list() {
    let app = App::new();
    let exported = json_of(&app.verb(&["export", "--json"]));
    assert_eq!(exported["items"], 0);
    assert_eq!(app.read("data.json"), "[]\n");
    assert!(
        !app.path(".ampt-ws").exists(),
        "looking leaves no folder behind"
    );
    assert_eq!(json_of(&app.verb(&["import", "--json"]))["items"], 0);
}

#[test]
fn an_import_names_the_connections_that_it_orphans() {
    let app = bookkeeper().file("data.json", r#"[{"key":"a","value":1}]"#);
    let dev = app.dev(&[]);
    let mut client = dev.client();
    assert_eq!(client.text(), "kept");
    let id = client.id.clone();
    let merged = json_of(&app.verb(&["import", "--json"]));
    assert_eq!(
        merged["orphanedConnections"],
        json!([]),
        "merging keeps the item"
    );
    let imported = app.verb(&["import", "--overwrite"]);
    assert_eq!(imported.code, Some(0), "there is no terminal to ask on");
    assert!(
        imported
            .stderr
            .contains("warning: after this import no item mentions 1 connection"),
        "before: {}",
        imported.stderr
    );
    assert!(imported.stderr.contains(&id), "{}", imported.stderr);
    assert!(imported.stdout.contains(&id), "after: {}", imported.stdout);
    let event = dev.wait_for(json!({ "event": "import", "overwrite": true }));
    assert_eq!(event["orphanedConnections"], json!([id]));
    // The app has lost it; the sandbox has not.
    client.send(&format!("connection:{id}"));
    assert_eq!(client.json(), json!({ "found": null, "isConnected": true }));
    assert_eq!(app.verb(&["list", "--json"]).json()[0]["connectionId"], id);
    assert_eq!(app.verb(&["send", &id, "hi"]).code, Some(0));
    assert_eq!(client.text(), "hi");
    let again = json_of(&app.verb(&["import", "-o", "--yes", "--json"]));
    assert_eq!(
        again["orphanedConnections"],
        json!([]),
        "it was lost before"
    );
    assert_eq!(app.verb(&["close", &id]).code, Some(0));
}

#[test]
fn with_json_the_orphans_are_in_the_document() {
    let app = bookkeeper().file("data.json", "[]");
    let dev = app.dev(&[]);
    let mut clients = [dev.client(), dev.client()];
    for client in &mut clients {
        assert_eq!(client.text(), "kept");
    }
    let imported = app.verb(&["import", "--yes", "--overwrite", "--json"]);
    assert_eq!(
        json_of(&imported),
        json!({
            "items": 0, "overwrite": true,
            "orphanedConnections": [clients[0].id, clients[1].id],
        })
    );
}

#[test]
fn seed_imports_at_start_and_merges() {
    let app = App::new().file("data.json", r#"[{"key":"seeded","value":1}]"#);
    app.verb(&["data", "set", "kept", "1"]);
    let elsewhere = app.dir().parent().unwrap().to_owned();
    let dev = app.start_at(app.dir(), &["--seed"], |command| {
        command.current_dir(elsewhere);
    });
    let event = dev.wait_for(json!({ "event": "import" }));
    assert_eq!(event["items"], 1);
    assert_eq!(listed(&app), ["kept", "seeded"]);
    assert_eq!(dev.stop().code, Some(0));
    app.write("sub/more.json", r#"[{"key":"more","value":1}]"#);
    let _dev = app.dev(&["--seed=sub/more.json", "--fresh"]);
    assert_eq!(listed(&app), ["more"]);
}

#[test]
fn a_seed_that_cannot_be_imported_stops_the_start() {
    let app = App::new();
    let ended = app.start(&["--seed"]).wait();
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.json()["error"]["code"], "file-not-found");
    app.write("data.json", "[{}]");
    let ended = app.start(&["--seed"]).wait();
    assert_eq!(ended.code, Some(1));
    let message = ended.json()["error"]["message"].to_string();
    assert!(message.contains("index 0: it has no `key`"), "{message}");
}

#[test]
fn reseed_imports_again_whenever_the_file_changes() {
    let app = bookkeeper().file("data.json", r#"[{"key":"a","value":1}]"#);
    let dev = app.dev(&["--reseed"]);
    let mut client = dev.client();
    client.text();
    dev.wait_for(json!({ "event": "import", "items": 1 }));
    app.write(
        "data.json",
        r#"[{"key":"a","value":2},{"key":"b","value":3}]"#,
    );
    dev.wait_for(json!({ "event": "import", "items": 2 }));
    client.send("a");
    assert_eq!(client.json()["found"], 2);
    app.write("data.json", r#"[{"key":"a""#);
    let complained = |event: &Value| {
        let text = event["text"].as_str().unwrap_or_default();
        event["level"] == "error" && text.contains("data.json:1:")
    };
    dev.wait_for(complained);
    app.write(
        "data.json",
        r#"[{"key":"a","value":4},{"key":"b","value":3},{"key":"c","value":5}]"#,
    );
    dev.wait_for(json!({ "event": "import", "items": 3 }));
    assert_eq!(
        dev.events(json!({ "event": "reload" })),
        [json!(null); 0],
        "it is no code"
    );
}
