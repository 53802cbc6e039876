//! The data folder: its lock, its format, damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use tempfile::TempDir;

use super::Bench;
use crate::domain::clock::Clock;
use crate::store::interest::Registration;
use crate::store::wire::op;
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
    fs::write(&file, "x").expect("written");
    let error = Store::open(&file.join("data"), Clock::system()).err();
    assert!(matches!(error, Some(StoreError::NotWritable { .. })));
}

/// Fills a store, closes it, lets `spoil` change the database's bytes, and opens it again.
fn reopen_spoiled(items: u32, spoil: impl FnOnce(&mut Vec<u8>)) {
    let bench = Bench::new();
    for number in 0..items {
        let payload = format!("H[\"n:{number}\",null,\"{}\"]", "x".repeat(300));
        bench.store.call(op::SET, payload.as_bytes(), |_| ());
    }
    let Bench { folder, store, .. } = bench;
    drop(store);
    let seal = fs::read_to_string(folder.path().join("seal")).expect("a seal");
    assert!(seal.starts_with("closed "), "{seal}");
    let file = folder.path().join("db").join("db");
    let mut bytes = fs::read(&file).expect("read");
    spoil(&mut bytes);
    fs::write(&file, &bytes).expect("written");
    let error = Store::open(folder.path(), Clock::system())
        .err()
        .expect("refused");
    let StoreError::Damaged { kept, .. } = &error else {
        panic!("{error}");
    };
    assert!(kept.join("db").exists());
    assert!(error.hint().contains("start again"));
    Store::open(folder.path(), Clock::system()).expect("an empty store");
}

#[test]
fn a_damaged_database_is_kept_aside() {
    reopen_spoiled(10, |bytes| bytes.fill(7));
    reopen_spoiled(10, Vec::clear);
    reopen_spoiled(50, |bytes| bytes.truncate(bytes.len() / 2));
    reopen_spoiled(5_000, |bytes| bytes[..4096].fill(0));
    reopen_spoiled(5_000, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle..middle + 65_536].fill(0);
    });
}

#[test]
fn after_a_crash_a_file_without_anything_readable_is_kept_aside() {
    let Bench { folder, store, .. } = Bench::new();
    drop(store);
    fs::write(folder.path().join("seal"), "open").expect("written");
    fs::write(folder.path().join("db").join("db"), [7; 9_999]).expect("written");
    let error = Store::open(folder.path(), Clock::system())
        .err()
        .expect("refused");
    assert_eq!(error.code(), "data-damaged");
    Store::open(folder.path(), Clock::system()).expect("an empty store");
}

/// The folder as a kill would leave it now.
fn after_a_kill(bench: &Bench) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(bench.path(), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("room");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("room");
        }
    }
}

fn written(count: u32) -> Bench {
    let bench = Bench::new();
    for number in 0..count {
        bench.set(&format!("n:{number}"), "1");
    }
    bench
}

/// What is in the folder of a damaged database that was kept aside.
fn kept_after(folder: &TempDir, detail: &str) -> PathBuf {
    let opened = Store::open(folder.path(), Clock::system());
    match opened.err().expect("refused") {
        StoreError::Damaged {
            kept, detail: told, ..
        } => {
            assert_eq!(told, detail);
            kept
        }
        error => panic!("{error}"),
    }
}

fn spoil_end(file: &Path) -> Vec<u8> {
    let mut bytes = fs::read(file).expect("a file");
    let used = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .expect("something");
    bytes[used - 40] ^= 1;
    fs::write(file, &bytes).expect("written");
    bytes
}

#[test]
fn after_a_kill_everything_acknowledged_is_there_or_the_database_is_kept_as_it_was() {
    let bench = written(20);
    let sound = after_a_kill(&bench);
    let store = Store::open(sound.path(), Clock::system()).expect("sound");
    assert!(store.get_item("n:19").expect("read").is_some());
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    assert_eq!(
        names(sound.path()),
        ["db", "lock", "seal"],
        "no copy is left"
    );

    let damaged = after_a_kill(&bench);
    let bytes = spoil_end(&damaged.path().join("db/db"));
    let kept = kept_after(&damaged, "what was written last is missing");
    assert!(fs::read(kept.join("db")).expect("kept") == bytes);
    Store::open(damaged.path(), Clock::system()).expect("an empty store");
}

#[test]
fn a_kill_in_the_middle_of_an_open_does_no_damage() {
    let folder = after_a_kill(&written(20));
    let unfinished = folder.path().join("db/snap.7FFFFFFFFFFFFFFF.generating");
    fs::write(&unfinished, "half").expect("written");
    let store = Store::open(folder.path(), Clock::system()).expect("sound");
    assert!(store.get_item("n:19").expect("read").is_some());
    assert!(!unfinished.exists());
}

#[test]
fn after_another_boot_the_end_may_be_missing() {
    let folder = after_a_kill(&written(20));
    spoil_end(&folder.path().join("db/db"));
    let file = folder.path().join("db/acknowledged");
    let told = fs::read_to_string(&file).expect("it is there");
    let number = told.split(' ').next().expect("a number");
    fs::write(&file, format!("{number} another-boot\n")).expect("written");
    let store = Store::open(folder.path(), Clock::system()).expect("what there is");
    assert!(store.get_item("n:5").expect("read").is_some());
}

#[test]
fn a_copy_that_an_earlier_start_made_is_what_is_kept() {
    let folder = after_a_kill(&written(20));
    let (db, found) = (folder.path().join("db"), folder.path().join("db.found"));
    spoil_end(&db.join("db"));
    fs::create_dir(&found).expect("room");
    copy(&db, &found);
    let original = fs::read(found.join("db")).expect("a copy");
    // As if sled had mended it before that start was killed.
    fs::write(db.join("db"), &original[..original.len() / 2]).expect("written");
    let kept = kept_after(&folder, "what was written last is missing");
    assert!(fs::read(kept.join("db")).expect("kept") == original);
    assert!(!found.exists());
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

#[test]
fn a_folder_can_be_opened_again_as_soon_as_the_last_handle_went() {
    let mut bench = Bench::new();
    let (done, answered) = mpsc::channel();
    for round in 0..20 {
        let all = Registration::parse(["*"]).expect("a name");
        bench.store.set_interest(vec![all]).expect("set");
        for (op, payload) in [
            (op::SET, "H[\"n:1\",null,1]"),
            (op::TRUNCATE, ""),
            (op::SET, "H[\"n:2\",null,2]"),
            (op::TRUNCATE, ""),
            (op::SET, "H[\"n:3\",null,3]"),
        ] {
            let done = done.clone();
            bench.store.call(op, payload.as_bytes(), move |reply| {
                done.send((round, reply.status)).expect("a listener");
            });
        }
        bench = bench.reopened();
        let answers: Vec<_> = answered.try_iter().collect();
        assert_eq!(answers, [(round, 0); 5], "closing answers every call");
        assert_eq!(bench.keys("*"), ["n:3"]);
    }
}

#[test]
fn an_answer_may_own_the_last_handle() {
    let Bench {
        folder,
        clock,
        store,
    } = Bench::new();
    let (release, released) = mpsc::channel::<()>();
    let owner = store.clone();
    store.call(op::SET, b"H[\"k\",null,1]", move |_| {
        let _ = released.recv();
        drop(owner);
    });
    drop(store);
    drop(release);
    // The closing runs aside then: the folder's lock says when it is over.
    let lock = fs::File::open(folder.path().join("lock")).expect("a lock");
    lock.lock().expect("waited");
    drop(lock);
    let store = Store::open(folder.path(), clock).expect("a store");
    assert!(store.get_item("k").expect("read").is_some());
}
