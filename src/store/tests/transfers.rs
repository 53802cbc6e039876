//! Import and export.

use std::path::PathBuf;
use std::sync::mpsc;

use super::Bench;
use crate::store::interest::Registration;
use crate::store::transfer::{Imported, TransferError};
use crate::store::wire::op;

impl Bench {
    fn file(&self, text: &str) -> PathBuf {
        let path = self.path().join("data.json");
        std::fs::write(&path, text).expect("written");
        path
    }

    fn import(&self, text: &str, overwrite: bool) -> Result<Imported, TransferError> {
        let path = self.file(text);
        self.store.import(&path, overwrite, &[], &mut |_| ())
    }

    fn exported(&self) -> String {
        let path = self.path().join("out");
        let (path, _) = self
            .store
            .export(&path, true, &mut |_| ())
            .expect("exported");
        std::fs::read_to_string(path).expect("a file")
    }
}

#[test]
fn an_export_is_restored_exactly() {
    let bench = Bench::new();
    bench.set_with(
        "n:1",
        r#"{"l":[[1,"l:m"],[5,"x"]],"t":[100]}"#,
        r#"{"a":null,"b":[1,{"c":"é😀\n"}]}"#,
    );
    bench.call(op::SET, r#"D["n:2",null,{"s":{"$ampt:ss":["a"]},"b":{"$ampt:b":"AAE="},"m":{"$ampt:m":{"$ampt:n":1}}}]"#);
    bench.set("n:3", r#"{"$ampt:n":"5"}"#);
    bench.set("simple", "0.5");
    bench.set("simple:x", "[]");
    bench.clock.advance(5_000);
    bench.set_with("big", r#"{"p":"12345678901234567890123"}"#, "null");
    let first = bench.exported();
    let scan = bench.call(op::SCAN, r#"{"m":true}"#);
    assert_eq!(first.lines().count(), 8);
    bench.clock.advance(5_000);
    bench.set("extra", "1");
    let imported = bench.import(&first, true).expect("imported");
    assert_eq!((imported.items, imported.overwrite), (6, true));
    assert_eq!(bench.call(op::SCAN, r#"{"m":true}"#), scan);
    assert_eq!(bench.exported(), first);
    let bench = bench.reopened();
    assert_eq!(bench.exported(), first);
    let by_label = bench.call(op::READ, r#"{"k":"l:*","l":1}"#);
    assert!(by_label.contains("n:1"), "{by_label}");
}

#[test]
fn a_merge_replaces_the_named_items_and_leaves_the_others() {
    let bench = Bench::new();
    bench.set_with("a", r#"{"l":[[1,"old"]],"t":[9]}"#, r#"{"x":1}"#);
    bench.set("b", "2");
    let imported = bench.import(
        r#"[{"key":"a","value":{"y":2}},{"key":"c","value":3}]"#,
        false,
    );
    assert_eq!(imported.expect("imported").items, 2);
    assert_eq!(bench.keys("*"), ["a", "b", "c"]);
    assert_eq!(bench.get("a"), r#"0{"y":2}"#);
    assert_eq!(
        bench.call(op::READ, r#"{"k":"old","l":1}"#),
        r#"@{"items":[]}"#
    );
}

#[test]
fn a_bad_file_changes_nothing_and_says_what_is_wrong() {
    let bench = Bench::new();
    bench.set("a", "1");
    let message = |text: &str| {
        let error = bench.import(text, true).expect_err("refused");
        assert_eq!(bench.keys("*"), ["a"]);
        error
            .to_string()
            .split_once("data.json")
            .expect("a path")
            .1
            .to_owned()
    };
    assert_eq!(
        message("[\n {\"key\":\"b\",\"value\":1},\n {\"key\" 5}]"),
        ":3:9`: expected `:`"
    );
    assert!(
        message("[").starts_with(":1:1`: the file ends"),
        "{}",
        message("[")
    );
    assert!(
        message("{}").contains("holds an object"),
        "{}",
        message("{}")
    );
    assert!(
        message("[] x").starts_with(":1:4`: trailing"),
        "{}",
        message("[] x")
    );
    let many: Vec<_> = (0..600)
        .map(|n| format!("{{\"key\":\"n:{n}\",\"value\":1}}"))
        .collect();
    let with = |last: &str| format!("[{},{last}]", many.join(","));
    assert_eq!(
        message(&with("{\"key\":\"x:*\"}")),
        "`: the item at index 600 (key `x:*`): Invalid key: Key names in collections cannot contain the '|' or the '*' characters."
    );
    assert_eq!(
        message(&with("{\"key\":\"n:7\",\"value\":2}")),
        "`: the item at index 600 (key `n:7`): an item before it has the same key"
    );
    let missing = bench
        .store
        .import(&bench.path().join("none.json"), false, &[], &mut |_| ());
    assert_eq!(missing.expect_err("refused").code(), "file-not-found");
}

#[test]
fn an_export_does_not_replace_a_file_unasked() {
    let bench = Bench::new();
    bench.set("a", "1");
    let export = |name: &str, overwrite| {
        bench
            .store
            .export(&bench.path().join(name), overwrite, &mut |_| ())
    };
    let (path, items) = export("new", false).expect("exported");
    assert!(path.ends_with("new.json") && items == 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(
        export("new.json", false).expect_err("refused").code(),
        "file-exists"
    );
    export("new.json", true).expect("exported");
    assert_eq!(
        export("new.txt", true).expect_err("refused").code(),
        "file-extension"
    );
    assert_eq!(
        export("none/x", true).expect_err("refused").code(),
        "file-not-found"
    );
    let files = std::fs::read_dir(bench.path()).expect("a folder").count();
    assert_eq!(
        files, 4,
        "database, lock, seal and export, nothing temporary"
    );
}

#[test]
fn orphaned_connections_are_named_before_and_after() {
    let bench = Bench::new();
    let ids = ["AAAAAAAAAAAAAAA=", "BBBBBBBBBBBBBBA=", "CCCCCCCCCCCCCCA="].map(str::to_owned);
    bench.set(&format!("connection:{}", ids[0]), "{}");
    bench.set("other", &format!("\"{}\"", ids[1]));
    let text = format!(r#"[{{"key":"other","value":"{}"}}]"#, ids[0]);
    let path = bench.file(&text);
    let plan = |overwrite| {
        bench
            .store
            .plan_import(&path, overwrite, &ids, &mut |_| ())
            .expect("a plan")
    };
    assert_eq!(plan(false).orphaned, [ids[1].clone()]);
    assert_eq!(plan(true).orphaned, [ids[1].clone()]);
    assert_eq!(bench.keys("*").len(), 2);
    let imported = bench
        .store
        .import(&path, true, &ids, &mut |_| ())
        .expect("imported");
    assert_eq!(imported.orphaned, [ids[1].clone()]);
    assert_eq!(bench.keys("*"), ["other"]);
}

#[test]
fn a_merge_that_a_crash_interrupted_is_completed_at_the_next_start() {
    let bench = Bench::new();
    bench.set("kept", "1");
    bench.set("n:1", "\"old\"");
    let many: Vec<_> = (0..600)
        .map(|n| format!("{{\"key\":\"n:{n}\",\"value\":\"new\"}}"))
        .collect();
    // What the disk holds when the process dies between two pieces of the merge.
    let staged = {
        let path = bench.file(&format!("[{}]", many.join(",")));
        let staged = bench
            .store
            .core()
            .unused_generation()
            .expect("a generation");
        bench.store.stage_for_test(&path, staged);
        staged
    };
    bench
        .store
        .core()
        .db
        .insert(b"mapplying", &staged.to_be_bytes())
        .expect("marked");
    let bench = bench.reopened();
    assert_eq!(bench.keys("*").len(), 601);
    assert_eq!(bench.get("n:1"), "2\"new\"");
    assert_eq!(bench.get("kept"), "21");
    assert!(
        bench
            .store
            .core()
            .db
            .get(b"mapplying")
            .expect("read")
            .is_none()
    );
}

#[test]
fn an_import_that_a_crash_interrupted_before_that_leaves_nothing() {
    let bench = Bench::new();
    bench.set("kept", "1");
    let path = bench.file(r#"[{"key":"a","value":1}]"#);
    let staged = bench
        .store
        .core()
        .unused_generation()
        .expect("a generation");
    bench.store.stage_for_test(&path, staged);
    let bench = bench.reopened();
    assert_eq!(bench.keys("*"), ["kept"]);
}

#[test]
fn calls_made_during_an_import_run_before_or_after_it() {
    let bench = Bench::new();
    let many: Vec<_> = (0..3_000)
        .map(|n| format!("{{\"key\":\"n:{n}\",\"value\":0}}"))
        .collect();
    let path = bench.file(&format!("[{}]", many.join(",")));
    let (done, replies) = mpsc::channel();
    let store = bench.store.clone();
    let importer = std::thread::spawn(move || store.import(&path, true, &[], &mut |_| ()));
    let mut asked = 0;
    while !importer.is_finished() {
        let done = done.clone();
        bench
            .store
            .call(op::READ, br#"{"k":"n:*","n":1000}"#, move |reply| {
                let text = String::from_utf8(reply.payload).expect("text");
                done.send(text.matches("n:").count()).expect("a listener");
            });
        asked += 1;
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    importer.join().expect("no panic").expect("imported");
    for count in replies.iter().take(asked) {
        // 1000 items and the last key, or none.
        assert!(count == 0 || count == 1001, "{count}");
    }
}

#[test]
fn overwriting_is_heard_of_as_deletions_and_creations() {
    let bench = Bench::new();
    let all = Registration::parse(["*"]).expect("a name");
    bench.store.set_interest(vec![all]).expect("set");
    bench.set("a", "1");
    bench.set("b", "1");
    bench
        .import(r#"[{"key":"b","value":1},{"key":"c","value":1}]"#, true)
        .expect("imported");
    bench
        .import(r#"[{"key":"b","value":2}]"#, false)
        .expect("imported");
    let changes = bench.store.pending_changes(2, 99).expect("changes");
    let told: Vec<_> = changes
        .iter()
        .map(|c| format!("{} {}", c.kind.name(), c.namespace))
        .collect();
    assert_eq!(
        told,
        [
            "deleted a",
            "deleted b",
            "created b",
            "created c",
            "updated b"
        ]
    );
}

#[test]
fn an_import_into_an_empty_table_is_heard_of_as_creations() {
    let bench = Bench::new();
    let all = Registration::parse(["*"]).expect("a name");
    bench.store.set_interest(vec![all]).expect("set");
    let text = r#"[{"key":"a","value":1,"label1":"l"},{"key":"n:b","value":{"x":2}}]"#;
    bench.import(text, false).expect("imported");
    let changes = bench.store.pending_changes(0, 99).expect("changes");
    let told: Vec<_> = changes
        .iter()
        .map(|c| format!("{} {}", c.kind.name(), c.namespace))
        .collect();
    assert_eq!(told, ["created a", "created n"]);
    let by_label = bench.call(op::READ, r#"{"k":"l","l":1}"#);
    assert!(by_label.contains("\"a\""), "{by_label}");
    // The same once more is a merge, which leaves the same items.
    let first = bench.exported();
    bench.import(text, false).expect("imported");
    assert_eq!(bench.exported(), first);
}
