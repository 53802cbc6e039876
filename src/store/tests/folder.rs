//! The data folder: its lock, its format, damage.

use super::Bench;
use crate::domain::clock::Clock;
use crate::store::{Store, StoreError};

#[test]
fn a_second_store_on_one_folder_is_told_so() {
    let bench = Bench::new();
    let second = Store::open(bench.path(), Clock::system());
    let error = second.err().expect("refused");
    assert_eq!(error.code(), "data-in-use");
    assert!(error.hint().contains("ampt-ws stop"));
}

#[test]
fn what_was_acknowledged_is_there_after_a_restart() {
    let bench = Bench::new();
    bench.set("k", r#"{"a":1}"#);
    let bench = bench.reopened();
    assert_eq!(bench.get("k"), r#"0{"a":1}"#);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("written");
    let error = Store::open(&file.join("data"), Clock::system()).err();
    assert!(matches!(error, Some(StoreError::NotWritable { .. })));
}

#[test]
fn a_damaged_database_is_kept_aside() {
    let bench = Bench::new();
    bench.set("k", "1");
    let Bench { folder, store, .. } = bench;
    drop(store);
    let conf = folder.path().join("db").join("conf");
    std::fs::write(&conf, b"nonsense").expect("written");
    let error = Store::open(folder.path(), Clock::system())
        .err()
        .expect("refused");
    let StoreError::Damaged { kept, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(std::fs::read(kept.join("conf")).expect("kept"), b"nonsense");
    assert!(error.hint().contains("start again"));
    Store::open(folder.path(), Clock::system()).expect("an empty store");
}

#[test]
fn a_database_from_the_future_is_left_alone() {
    let bench = Bench::new();
    bench
        .store
        .core()
        .db
        .insert(b"mformat", &9u32.to_be_bytes())
        .expect("written");
    let Bench { folder, store, .. } = bench;
    drop(store);
    let error = Store::open(folder.path(), Clock::system())
        .err()
        .expect("refused");
    assert_eq!(error.code(), "data-future-version");
    assert!(error.to_string().contains("format 9"));
}
