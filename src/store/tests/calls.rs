//! Operations through [`Store::call`](crate::store::Store::call).

use std::sync::mpsc;
use std::time::Duration;

use super::{Bench, START};
use crate::domain::ConnectionId;
use crate::store::connections::Kept;
use crate::store::interest::{ChangeKind, Registration};
use crate::store::wire::op;

#[test]
fn objects_are_merged_at_their_root() {
    let bench = Bench::new();
    assert_eq!(
        bench.set("o", r#"{"a":1,"b":{"x":1}}"#),
        r#"0{"a":1,"b":{"x":1}}"#
    );
    assert_eq!(
        bench.set("o", r#"{"b":2,"c":3}"#),
        r#"0{"a":1,"b":2,"c":3}"#
    );
    let removed = bench.set_with("o", r#"{"r":["a"],"a":[["b","0.1"]]}"#, "{}");
    assert_eq!(removed, r#"0{"b":2.1,"c":3}"#);
    assert_eq!(bench.get("o"), r#"0{"b":2.1,"c":3}"#);
    assert_eq!(bench.get("o:0"), r#"0{"b":2.1,"c":3}"#);
    assert_eq!(
        bench.set("o", "5"),
        "!Cannot convert an existing object to a simple value."
    );
}

#[test]
fn a_malformed_request_is_refused_not_fatal() {
    let bench = Bench::new();
    for op in 0..=255 {
        for payload in [
            "",
            "{",
            "null",
            "@",
            "@[",
            "@[\"a\"]",
            "@[\"a\",null,5]",
            "\"t\"",
            "[[]]",
            "\u{1}",
        ] {
            let _ = bench.reply(op, payload);
        }
    }
    bench
        .store
        .call(op::GET, &[0xff, 0xfe], |reply| assert_eq!(reply.status, 1));
}

#[test]
fn unawaited_operations_apply_in_their_order() {
    let bench = Bench::new();
    let (done, replies) = mpsc::channel();
    for number in 1..=64 {
        let done = done.clone();
        let payload = format!("H[\"k\",null,{number}]");
        bench.store.call(op::SET, payload.as_bytes(), move |reply| {
            done.send(reply.payload).expect("a listener");
        });
        assert_eq!(bench.get("k"), format!("2{number}"));
    }
    let replies: Vec<_> = replies.iter().take(64).collect();
    let expected: Vec<_> = (1..=64).map(|n| format!("2{n}").into_bytes()).collect();
    assert_eq!(replies, expected);
}

#[test]
fn another_table_has_items_of_its_own() {
    let bench = Bench::new();
    let other =
        |op: u8, request: &str| bench.call(op + op::OTHER_TABLE, &format!("\"other\"{request}"));
    assert_eq!(other(op::SET, "H[\"k\",null,1]"), "21");
    assert_eq!(bench.get("k"), "");
    assert_eq!(bench.set("k", "2"), "22");
    assert_eq!(other(op::TRUNCATE, ""), "1");
    assert_eq!(other(op::GET, "k"), "");
    assert_eq!(bench.get("k"), "22");
}

#[test]
fn an_emptied_table_is_empty_at_once_and_after_a_restart() {
    let bench = Bench::new();
    for number in 0..700 {
        bench.set_with(
            &format!("n:{number}"),
            r#"{"l":[[1,"l:a"]],"t":[100]}"#,
            "1",
        );
    }
    assert_eq!(bench.call(op::TRUNCATE, ""), "700");
    assert_eq!(bench.keys("*"), [""; 0]);
    bench.set("n:1", "2");
    let bench = bench.reopened();
    assert_eq!(bench.keys("*"), ["n:1"]);
    assert_eq!(bench.call(op::TRUNCATE, ""), "1");
}

#[test]
fn connections_are_kept_apart_from_items() {
    let bench = Bench::new();
    let id = |number| ConnectionId::from_random([number; 11]);
    bench.store.put_connections(&[id(2), id(1)]).expect("kept");
    bench.store.put_connections(&[id(3)]).expect("kept");
    bench.store.put_connections(&[id(4)]).expect("kept");
    bench.store.begin_disconnected(id(3)).expect("noted");
    let gone = [id(4), id(2)];
    bench.store.remove_connections(&gone).expect("forgotten");
    bench.set("k", "1");
    bench.call(op::TRUNCATE, "");
    let bench = bench.reopened();
    assert_eq!(
        bench.store.connections(),
        [(1, false), (3, true)].map(|(number, has_begun)| Kept {
            id: id(number),
            has_begun
        })
    );
    bench.store.put_connections(&[id(5)]).expect("kept");
    assert_eq!(bench.reopened().store.connections().len(), 3);
}

#[test]
fn rows_of_the_first_format_are_read() {
    let bench = Bench::new();
    let id = |number| ConnectionId::from_random([number; 11]);
    let key = |number| [b"c", id(number).as_bytes().as_slice()].concat();
    let core = bench.store.core();
    for number in 1..=40 {
        let row: &[u8] = if number == 7 {
            b"disconnected"
        } else {
            b"1764500000000"
        };
        core.db.insert(key(number), row).expect("written");
    }
    drop(core);
    let mut bench = bench;
    for _ in 0..2 {
        bench = bench.reopened();
        let kept = bench.store.connections();
        assert_eq!(kept.len(), 40);
        let begun: Vec<_> = kept.iter().filter(|kept| kept.has_begun).collect();
        assert_eq!(begun.len(), 1);
        assert_eq!(begun[0].id, id(7));
        assert_eq!(bench.store.core().db.scan_prefix("c").count(), 2);
    }
}

#[test]
fn long_expired_items_are_swept_and_their_deletion_is_heard_of() {
    let bench = Bench::new();
    let deleted = Registration::parse(["deleted"]).expect("a name");
    bench.store.set_interest(vec![deleted]).expect("set");
    bench.set_with("short", r#"{"t":[10]}"#, "1");
    bench.set_with(
        "ancient",
        &format!(r#"{{"t":{}}}"#, START - 6 * 365 * 86_400),
        "1",
    );
    bench.set("lasting", "1");
    bench.clock.advance(47 * 3_600_000);
    assert_eq!(bench.get("short"), "");
    assert!(
        bench
            .store
            .pending_changes(0, 9)
            .expect("changes")
            .is_empty()
    );
    bench.clock.advance(2 * 3_600_000);
    let mut newest = bench.store.newest_change();
    let swept = std::iter::repeat_with(|| std::thread::sleep(Duration::from_millis(50)))
        .take(400)
        .any(|()| newest.has_changed().expect("a store"));
    assert!(swept && *newest.borrow_and_update() == 1);
    let changes = bench.store.pending_changes(0, 9).expect("changes");
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].kind, ChangeKind::Deleted);
    assert_eq!(changes[0].key().expect("a key").as_str(), "short");
    let scanned = bench.call(op::SCAN, "{}");
    assert!(
        scanned.contains("ancient") && !scanned.contains("short"),
        "{scanned}"
    );
}

#[test]
fn changes_are_recorded_with_their_writes_and_survive_a_restart() {
    let bench = Bench::new();
    bench.set("unheard", "1");
    let all = || vec![Registration::parse(["*:n:*"]).expect("a name")];
    bench.store.set_interest(all()).expect("set");
    bench.set("n:1", "1");
    bench.set("n:1", "1");
    bench.set("n:1", "2");
    bench.set("other", "1");
    bench.call(op::REMOVE, "n:1");
    bench.set("n:2", "1");
    assert_eq!(bench.call(op::TRUNCATE, ""), "3");
    let bench = bench.reopened();
    bench.set("n:3", "1");
    let changes = bench.store.pending_changes(0, 99).expect("changes");
    let told: Vec<_> = changes
        .iter()
        .map(|change| format!("{} {} {}", change.seq, change.kind.name(), change.rest))
        .collect();
    let expected = [
        "1 created 1",
        "2 updated 1",
        "3 deleted 1",
        "4 created 2",
        "5 deleted 2",
        "6 created 3",
    ];
    assert_eq!(told, expected);
    assert_eq!(bench.store.pending_changes(2, 2).expect("changes").len(), 2);
    bench.store.acknowledge(1).expect("forgotten");
    assert_eq!(
        bench.store.pending_changes(0, 1).expect("changes")[0].seq,
        2
    );
}

#[test]
fn a_watcher_sees_changes_that_nobody_registered_for() {
    let bench = Bench::new();
    let mut feed = bench.store.watch();
    bench.set("n:1", r#"{"a":1}"#);
    let view = feed
        .try_recv()
        .expect("a change")
        .view()
        .expect("sound rows");
    let shown = serde_json::to_string(&view).expect("JSON");
    assert_eq!(
        shown,
        r#"{"event":"created","item":{"key":"n:1","value":{"a":1},"created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z"}}"#
    );
    assert!(
        bench
            .store
            .pending_changes(0, 9)
            .expect("changes")
            .is_empty()
    );
}

#[test]
fn the_command_line_reads_and_writes_as_data_does() {
    let bench = Bench::new();
    let put = |key: &str, value: &str| bench.store.put_item(key, value, false, None);
    put("n:1", r#"{ "a": 1, "b": 2 }"#).expect("written");
    let item = put("n:1", r#"{"a":null,"c":"x"}"#).expect("written");
    assert_eq!(item.value.get(), r#"{"b":2,"c":"x"}"#);
    assert!(put("n:1", "5").is_err());
    assert!(put("n:1", "{").is_err());
    assert!(put("n:*", "5").is_err());
    put("n:2", "12345678901234567890").expect("written");
    let item = bench.store.get_item("n:2").expect("read").expect("there");
    assert_eq!(item.value.get(), r#"{"$ampt:n":"12345678901234567890"}"#);
    assert_eq!(bench.keys("n:>=2"), ["n:2"]);
    assert_eq!(bench.keys("*"), ["n:1", "n:2"]);
    let all = super::super::view::Pattern::ALL;
    let (items, more) = bench.store.list_items(&all, None, 1).expect("a list");
    assert!(more && items[0].key == "n:1");
    let (items, more) = bench
        .store
        .list_items(&all, Some("n:1"), 1)
        .expect("a list");
    assert!(!more && items[0].key == "n:2");
    assert!(bench.store.remove_item("n:2").expect("removed"));
    assert!(!bench.store.remove_item("n:2").expect("removed"));
}
