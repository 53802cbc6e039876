//! `data get|set|rm|ls|watch`, with a sandbox running and without.

use serde_json::{Value, json};

use crate::support::{App, Dev, keys};

/// Does the same with a sandbox running and without one.
fn running_and_not(test: impl Fn(&App)) {
    let app = App::new();
    test(&app);
    let app = App::new();
    let _dev = app.dev(&[]);
    test(&app);
}

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 24 && text.ends_with(".000Z")
}

#[test]
fn set_stores_json_or_a_string_and_get_shows_it() {
    running_and_not(|app| {
        for (text, value) in [
            (
                r#"{"name":"Ana","n":[1,null]}"#,
                json!({ "name": "Ana", "n": [1, null] }),
            ),
            ("42", json!(42)),
            ("-1.5", json!(-1.5)),
            ("true", json!(true)),
            (r#""quoted""#, json!("quoted")),
            ("hello world", json!("hello world")),
            ("{broken", json!("{broken")),
            ("", json!("")),
        ] {
            let set = app.verb(&["data", "set", "k", text, "-o", "--json"]);
            assert_eq!((set.code, set.stderr.as_str()), (Some(0), ""), "{text}");
            assert_eq!(set.json()["value"], value);
        }
        let got = app.verb(&["data", "get", "k", "--json"]);
        assert_eq!(got.code, Some(0));
        let item = got.json();
        assert_eq!(keys(&item), ["key", "value", "created", "modified"]);
        assert_eq!((&item["key"], &item["value"]), (&json!("k"), &json!("")));
        assert!(
            is_time(&item["created"]) && is_time(&item["modified"]),
            "{item}"
        );
        let set = app.verb(&["data", "set", "users:ana", r#"{"a":1}"#]);
        assert_eq!(set.stdout, "stored users:ana\n");
        let got = app.verb(&["data", "get", "users:ana"]);
        assert!(
            got.stdout.starts_with("{\n  \"a\": 1\n}\ncreated   20"),
            "{}",
            got.stdout
        );
    });
}

#[test]
fn set_merges_unless_it_overwrites() {
    running_and_not(|app| {
        let set = |args: &[&str]| {
            let all: Vec<&str> = ["data", "set", "k", "--json"]
                .iter()
                .chain(args)
                .copied()
                .collect();
            app.verb(&all).json()["value"].clone()
        };
        assert_eq!(
            set(&[r#"{"a":1,"b":{"x":1}}"#]),
            json!({ "a": 1, "b": { "x": 1 } })
        );
        assert_eq!(set(&[r#"{"b":2,"c":null}"#]), json!({ "a": 1, "b": 2 }));
        assert_eq!(set(&[r#"{"z":1}"#, "--overwrite"]), json!({ "z": 1 }));
    });
}

#[test]
fn a_time_to_live_is_shown_and_label_too() {
    running_and_not(|app| {
        let set = app
            .verb(&["data", "set", "short", "1", "--ttl", "10m", "--json"])
            .json();
        assert_eq!(keys(&set), ["key", "value", "created", "modified", "ttl"]);
        assert!(is_time(&set["ttl"]), "{set}");
        app.write(
            "data.json",
            r#"[{"key":"l","value":1,"label1":"a:b","label5":"c"}]"#,
        );
        app.verb(&["import"]);
        let got = app.verb(&["data", "get", "l", "--json"]).json();
        assert_eq!(
            (&got["label1"], &got["label5"]),
            (&json!("a:b"), &json!("c"))
        );
        assert_eq!(got.get("label2"), None);
        let plain = app.verb(&["data", "get", "l"]).stdout;
        assert!(plain.contains("label1    a:b\n"), "{plain}");
    });
}

#[test]
fn what_is_not_there_exits_with_1() {
    running_and_not(|app| {
        let missing = app.verb(&["data", "get", "none"]);
        assert_eq!((missing.code, missing.stdout.as_str()), (Some(1), ""));
        assert!(
            missing
                .stderr
                .starts_with("error: no item has the key `none`\nhint: ")
        );
        let missing = app.verb(&["data", "get", "none", "--json"]);
        assert_eq!((missing.code, missing.stderr.as_str()), (Some(1), ""));
        assert_eq!(missing.json()["error"]["code"], "not-found");
        let listed = app.verb(&["data", "ls"]);
        assert_eq!(
            (listed.code, listed.stdout.as_str()),
            (Some(0), "0 items\n")
        );
        assert_eq!(app.verb(&["data", "ls", "--json"]).stdout, "[]\n");
        let removed = app.verb(&["data", "rm", "none"]);
        assert_eq!(removed.code, Some(1));
        assert!(
            removed.stderr.contains("no item has the key `none`"),
            "{removed:?}"
        );
        let removed = app.verb(&["data", "rm", "none", "--json"]);
        assert_eq!(
            (removed.code, removed.stdout.as_str()),
            (Some(1), "{\"removed\":false}\n")
        );
    });
}

#[test]
fn rm_removes_one_item() {
    running_and_not(|app| {
        app.verb(&["data", "set", "a", "1"]);
        app.verb(&["data", "set", "b", "1"]);
        let removed = app.verb(&["data", "rm", "a", "--json"]);
        assert_eq!(
            (removed.code, removed.stdout.as_str()),
            (Some(0), "{\"removed\":true}\n")
        );
        let removed = app.verb(&["data", "rm", "b"]);
        assert_eq!(
            (removed.code, removed.stdout.as_str()),
            (Some(0), "removed b\n")
        );
        assert_eq!(app.verb(&["data", "ls"]).stdout, "0 items\n");
    });
}

#[test]
fn ls_takes_the_patterns_that_data_get_takes() {
    running_and_not(|app| {
        let items: Vec<Value> = ["solo", "user:ana", "user:anton", "user:bo", "zoo:1"]
            .iter()
            .map(|key| json!({ "key": key, "value": { "of": key } }))
            .collect();
        app.write("data.json", &json!(items).to_string());
        app.verb(&["import"]);
        let listed = |args: &[&str]| {
            let all: Vec<&str> = ["data", "ls", "--json"]
                .iter()
                .chain(args)
                .copied()
                .collect();
            let listed = app.verb(&all).json();
            let names = listed
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["key"].clone());
            Value::Array(names.collect())
        };
        assert_eq!(
            listed(&[]),
            json!(["solo", "user:ana", "user:anton", "user:bo", "zoo:1"])
        );
        assert_eq!(listed(&["*"]), listed(&[]));
        assert_eq!(
            listed(&["user:*"]),
            json!(["user:ana", "user:anton", "user:bo"])
        );
        assert_eq!(listed(&["user:an*"]), json!(["user:ana", "user:anton"]));
        assert_eq!(listed(&["user:>ana"]), json!(["user:anton", "user:bo"]));
        assert_eq!(listed(&["solo"]), json!(["solo"]));
        assert_eq!(listed(&["user:zoe"]), json!([]));
        assert_eq!(listed(&["--limit", "2"]), json!(["solo", "user:ana"]));
        let table = app.verb(&["data", "ls", "user:*"]);
        assert_eq!(table.code, Some(0));
        let lines: Vec<&str> = table.stdout.lines().collect();
        assert_eq!(lines.len(), 4, "{}", table.stdout);
        assert!(lines[1].starts_with("user:ana "), "{}", table.stdout);
        assert!(
            lines[1].ends_with(r#"{"of":"user:ana"}"#),
            "{}",
            table.stdout
        );
    });
}

#[test]
fn a_listing_that_is_cut_says_so() {
    let app = App::new();
    let items: Vec<Value> = (0..1001)
        .map(|n| json!({ "key": format!("n:{n:04}"), "value": n }))
        .collect();
    app.write("data.json", &json!(items).to_string());
    app.verb(&["import"]);
    let listed = app.verb(&["data", "ls"]);
    assert_eq!(listed.stdout.lines().count(), 1001);
    assert!(listed.stderr.contains("--limit"), "{}", listed.stderr);
    assert!(
        app.verb(&["data", "ls", "--limit", "5000"])
            .stderr
            .is_empty()
    );
    let all = app.verb(&["data", "ls", "--json", "--limit", "2000"]);
    assert_eq!(all.json().as_array().unwrap().len(), 1001);
}

#[test]
fn a_key_that_is_none_is_refused() {
    running_and_not(|app| {
        for line in [
            &["data", "get", "a:"][..],
            &["data", "get", ""],
            &["data", "set", ":a", "1"],
            &["data", "set", "a:*", "1"],
            &["data", "rm", "a:"],
            &["data", "ls", ":x*"],
        ] {
            let refused = app.verb(line);
            assert_eq!(refused.code, Some(1), "{line:?}");
            assert!(
                refused.stderr.contains("Invalid key"),
                "{line:?}: {}",
                refused.stderr
            );
            assert!(
                refused.stderr.contains(&format!("`{}`", line[2])),
                "{line:?}: {}",
                refused.stderr
            );
            assert!(
                refused.stderr.contains("hint: "),
                "{line:?}: {}",
                refused.stderr
            );
        }
        let refused = app.verb(&["data", "set", "a", &"x".repeat(100_000), "--ttl", "soon"]);
        assert_eq!(refused.code, Some(2));
        assert!(
            refused.stderr.contains("write 500ms, 5s, 10m or 2h"),
            "{}",
            refused.stderr
        );
    });
}

#[test]
fn the_app_sees_what_a_verb_stores_and_the_verb_what_the_app_stores() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         ws.on('message', async (c, key) => {
           const value = await data.get(key);
           await data.set('seen', { value });
           await c.send({ value });
         });
         data.on('*:k', (event) => console.log(event.name, event.item.value.n));",
    );
    let dev = app.dev(&[]);
    app.verb(&["data", "set", "k", r#"{"n":7}"#]);
    dev.wait_for_line("created 7");
    let mut client = dev.client();
    client.send("k");
    assert_eq!(client.json(), json!({ "value": { "n": 7 } }));
    let seen = app.verb(&["data", "get", "seen", "--json"]).json();
    assert_eq!(seen["value"], json!({ "value": { "n": 7 } }));
}

#[test]
fn watch_tells_changes_as_they_happen() {
    let app = App::new();
    let dev = app.dev(&[]);
    let mut command = app.command();
    command.args(["data", "watch", "user:*", "--json"]);
    let watcher = Dev::spawn(command);
    // Until the watcher listens, changes pass it by.
    let first = loop {
        app.verb(&["data", "set", "user:probe", "0"]);
        if let Some(first) = watcher.events(json!({})).into_iter().next() {
            break first;
        }
    };
    assert_eq!(first["key"], "user:probe");
    app.verb(&["data", "set", "other", "1"]);
    app.verb(&["data", "set", "user:ana", r#"{"a":1}"#]);
    app.verb(&["data", "set", "user:ana", r#"{"a":2}"#]);
    app.verb(&["data", "rm", "user:ana"]);
    let of_ana = |change: &str| json!({ "key": "user:ana", "change": change });
    let created = watcher.wait_for(of_ana("created"));
    assert_eq!(keys(&created), ["at", "change", "key", "value"]);
    assert_eq!(created["value"], json!({ "a": 1 }));
    assert_eq!(
        watcher.wait_for(of_ana("updated"))["value"],
        json!({ "a": 2 })
    );
    watcher.wait_for(of_ana("deleted"));
    assert_eq!(watcher.events(json!({ "key": "other" })), [json!(null); 0]);
    assert_eq!(dev.stop().code, Some(0));
    assert_eq!(watcher.wait().code, Some(0));
    assert_eq!(app.verb(&["data", "watch"]).code, Some(3));
}
