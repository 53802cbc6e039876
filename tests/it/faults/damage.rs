//! Database files that were damaged in any place: either it is noticed, and the damaged database is
//! kept aside untouched, or everything can still be read. Nothing panics and nothing is made up.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{App, Output, Random, seed_or};

const WRITES: &str = "import { ws } from '@ampt/sdk';
     import { data } from '@ampt/data';
     ws.on('message', async (c, [n, version]) => {
       await data.set(`k:${n}`, `${version} `.repeat(500 + 40 * n), { label1: `l:${n}` });
       await c.send('written');
     });";

/// Items in the database.
const ITEMS: usize = 40;

fn value(n: usize, version: usize) -> String {
    format!("{version} ").repeat(500 + 40 * n)
}

/// How a database was left.
#[derive(Clone, Copy, PartialEq)]
enum Left {
    /// The sandbox was stopped.
    Closed,
    /// The sandbox was killed.
    Killed,
    /// It was killed when it had written much more than what there is.
    KilledLate,
}

impl Left {
    /// How often each item was written; the last version is 1.
    fn versions(self) -> usize {
        if self == Self::KilledLate { 12 } else { 1 }
    }
}

/// A data folder with a database.
fn database(app: &App, left: Left) -> PathBuf {
    let dev = app.dev(&["--no-limits", "--no-watch", "--fresh"]);
    let mut client = dev.client();
    for version in (1..=left.versions()).rev() {
        for n in 0..ITEMS {
            assert_eq!(client.ask(&format!("[{n},{version}]")), "written");
        }
    }
    match left {
        Left::Closed => drop(dev.stop()),
        _ => drop(dev.kill()),
    }
    let kept = app.path("whole");
    fs::rename(app.path(".ampt-ws/store"), &kept).expect("a database");
    kept
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("a copy")),
        }
    }
}

/// Damages the bytes of a file in one of several ways; what was done, in words.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) -> String {
    let at = random.below(bytes.len());
    let most = bytes.len() - at;
    match random.below(6) {
        0 => {
            bytes[at] ^= 1 << random.below(8);
            format!("one bit at {at}")
        }
        1 => {
            let length = (1 + random.below(64)).min(most);
            bytes[at..at + length].fill_with(|| random.next() as u8);
            format!("{length} random bytes at {at}")
        }
        2 => {
            let length = 4096.min(most);
            bytes[at..at + length].fill(0);
            format!("{length} zeros at {at}")
        }
        3 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        4 => {
            let length = (1 + random.below(512)).min(most);
            bytes.drain(at..at + length);
            format!("{length} bytes left out at {at}")
        }
        _ => {
            let from = random.below(bytes.len());
            let length = 512.min(most).min(bytes.len() - from);
            bytes.copy_within(from..from + length, at);
            format!("{length} bytes of {from} at {at}")
        }
    }
}

/// The files of the database that hold data.
fn files(store: &Path) -> Vec<PathBuf> {
    let mut files = vec![store.join("db/db")];
    let more = ["db/conf", "db/blobs"].map(|name| store.join(name));
    for path in more {
        match fs::read_dir(&path) {
            Ok(entries) => files.extend(entries.map(|entry| entry.expect("an entry").path())),
            Err(_) if path.is_file() => files.push(path),
            Err(_) => {}
        }
    }
    files
}

/// What was right before is right, as it once was, or missing now, and nothing else is there.
/// How much is right.
fn nothing_made_up(output: &Output, left: Left, what: &str) -> usize {
    let items = output.json();
    let items = items.as_array().expect("an array");
    let mut right = 0;
    for item in items {
        let n: usize = (item["key"].as_str())
            .and_then(|key| key.strip_prefix("k:")?.parse().ok())
            .unwrap_or_else(|| panic!("{what}: {item}"));
        let mut versions = (1..=left.versions()).map(|version| value(n, version));
        assert!(
            n < ITEMS && versions.any(|value| item["value"] == value),
            "{what}: {item}"
        );
        right += usize::from(item["value"] == value(n, 1));
    }
    right
}

/// Damages one database again and again; how often that was noticed.
fn damaged_at_random(left: Left, rounds: usize, random: &mut Random) -> usize {
    let app = App::esm(WRITES);
    let whole = database(&app, left);
    let store = app.path(".ampt-ws/store");
    let mut noticed = 0;
    for _ in 0..rounds {
        fs::remove_dir_all(app.path(".ampt-ws")).expect("a folder");
        copy(&whole, &store);
        let files = files(&store);
        // Mostly the log, which is nearly all of it.
        let file = match random.below(4) {
            0 => &files[random.below(files.len())],
            _ => &files[0],
        };
        let mut bytes = fs::read(file).expect("a file");
        if bytes.is_empty() {
            continue;
        }
        let what = format!("{}: {}", file.display(), damage(&mut bytes, random));
        fs::write(file, &bytes).expect("a damaged file");
        let output = app.verb(&["data", "ls", "k:*", "--json"]);
        assert!(
            !output.stderr.contains("panicked"),
            "{what}: {}",
            output.stderr
        );
        if output.code == Some(0) {
            let found = nothing_made_up(&output, left, &what);
            assert_eq!(found, ITEMS, "{what}: some lost without a word");
            continue;
        }
        noticed += 1;
        let failure = output.failure();
        assert_eq!(failure["code"], "data-damaged", "{what}: {failure}");
        assert!(
            failure["hint"].to_string().contains("start again"),
            "{failure}"
        );
        let message = failure["message"].as_str().expect("a message");
        let kept = message.rsplit('`').nth(1).expect("where it is kept");
        let name = file
            .strip_prefix(store.join("db"))
            .expect("a file of the database");
        assert!(
            fs::read(Path::new(kept).join(name)).expect("kept") == bytes,
            "{what}: changed"
        );
        // The next start begins empty and works.
        assert_eq!(
            app.verb(&["data", "set", "new", "1"]).code,
            Some(0),
            "{what}"
        );
        assert!(Path::new(kept).exists(), "{what}");
    }
    noticed
}

fn damaged(rounds: usize, seed: u64) {
    let mut random = Random::new(seed);
    let [closed, killed, late] = [Left::Closed, Left::Killed, Left::KilledLate]
        .map(|left| damaged_at_random(left, rounds, &mut random));
    eprintln!(
        "of {rounds} damages each were noticed: {closed} after a stop, {killed} after a kill, \
         {late} after one that came late"
    );
}

#[test]
fn damage_anywhere_is_noticed_or_harmless() {
    damaged(4, seed_or(6));
}

#[test]
#[ignore = "takes minutes: cargo test --release -- --ignored torture"]
fn torture_of_damaged_databases_loses_nothing_without_a_word() {
    damaged(300, seed_or(20_260_103));
}
