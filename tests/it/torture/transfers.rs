//! A kill in the middle of an import or an export: the old items or the new ones, the old file or
//! the new one, and nothing of the attempt is left lying about.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::random::Random;
use super::state::file;
use super::writers::exported;
use super::{many, rounds};
use crate::support::{App, Dev};

/// Items of an import.
const MANY: usize = 3000;

/// The same where each item's change is delivered to a handler.
const HEARD: usize = 400;

/// Counts the items that a label leads to.
const COUNTER: &str = r#"
import { ws } from '@ampt/sdk';
import { data } from '@ampt/data';
ws.on('message', { timeout: 30000 }, async (connection, key) => {
  let count = 0;
  let page = await data.getByLabel('label1', key, { limit: 1000 });
  for (;;) {
    count += page.items.length;
    if (!page.next) break;
    page = await page.next();
  }
  await connection.send(count);
});
"#;

/// Hears of each item that comes or goes.
const LISTENER: &str = "data.on(['created', 'deleted'], () => {});\ndata.on('*:*:*', () => {});";

/// A verb that runs and is to be cut off, alone or with the sandbox that does the work.
struct Attempt {
    dev: Option<Dev>,
    verb: Child,
}

impl Attempt {
    fn begin(app: &App, dev: Option<Dev>, args: &[&str]) -> Self {
        let mut command = app.command();
        command.args(args).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let verb = command.spawn().expect("the program starts");
        Self { dev, verb }
    }

    /// Kills whoever does the work; whether the verb had told of its success.
    fn kill(mut self) -> bool {
        match self.dev {
            Some(dev) => drop(dev.kill()),
            None => self.verb.kill().expect("a child of ours"),
        }
        self.verb.wait().expect("a child of ours").success()
    }
}

/// How long a verb takes if nobody cuts it off.
fn time(app: &App, args: &[&str]) -> Duration {
    let start = Instant::now();
    let output = app.verb(args);
    assert_eq!(output.code, Some(0), "{output:?}");
    start.elapsed()
}

/// A running sandbox, or none.
fn maybe(app: &App, random: &mut Random) -> Option<Dev> {
    random
        .percent(60)
        .then(|| app.dev(&["--no-limits", "--no-watch"]))
}

#[test]
fn an_import_that_is_killed_leaves_the_old_items_or_the_new_ones() {
    imports(3, MANY, COUNTER);
}

#[test]
fn an_import_that_is_killed_while_handlers_hear_of_it_is_whole() {
    imports(3, HEARD, &format!("{COUNTER}{LISTENER}"));
}

#[test]
#[ignore = "long"]
fn torture_an_import_that_is_killed_leaves_the_old_items_or_the_new_ones() {
    imports(many(), MANY, COUNTER);
}

#[test]
#[ignore = "long"]
fn torture_an_import_that_is_killed_while_handlers_hear_of_it_is_whole() {
    imports(many(), HEARD, &format!("{COUNTER}{LISTENER}"));
}

fn imports(count: u64, items: usize, code: &str) {
    let app = App::esm(code);
    let import = ["import", "--overwrite", "--yes", "new.json"];
    app.write("new.json", &file("s0", 0, items).to_string());
    let took = time(&app, &import);
    let (mut stored, mut next, mut done) = (0, 0, 0);
    rounds(count, |random| {
        next += 1;
        let dev = maybe(&app, random);
        if let Some(dev) = &dev {
            let label = format!("s{stored}:v{stored}");
            assert_eq!(dev.client().ask(&label), items.to_string());
        }
        app.write(
            "new.json",
            &file(&format!("s{next}"), next, items).to_string(),
        );
        let attempt = Attempt::begin(&app, dev, &import);
        thread::sleep(random.within(took.mul_f64(1.5)));
        let is_sure = attempt.kill();
        stored = check_whole(&app, items, [stored, next]);
        assert!(!is_sure || stored == next, "an import was lost");
        done += u64::from(stored == next);
    });
    eprintln!("{count} kills: the new items {done} times, the old ones else");
}

/// Checks that all the items of one import are there, and no others; says which.
fn check_whole(app: &App, count: usize, either: [u64; 2]) -> u64 {
    let items = exported(app);
    let (key, first) = items.first_key_value().expect("items");
    let v = first.value["v"].as_u64().expect("a number");
    assert!(either.contains(&v), "{key}: {first:?} of {either:?}");
    assert_eq!(items.len(), count);
    let all: Vec<Value> = serde_json::from_value(file(&format!("s{v}"), v, count)).expect("items");
    for item in all {
        let (key, item) = super::state::Item::read(&item);
        assert_eq!(items.get(&key), Some(&item), "{key}");
    }
    v
}

#[test]
fn an_export_that_is_killed_leaves_the_old_file_or_the_new_one() {
    exports(3);
}

#[test]
#[ignore = "long"]
fn torture_an_export_that_is_killed_leaves_the_old_file_or_the_new_one() {
    exports(many());
}

fn exports(count: u64) {
    let app = App::new();
    app.write("new.json", &file("s", 1, MANY).to_string());
    time(&app, &["import", "new.json"]);
    time(&app, &["data", "set", "marker", "0"]);
    let export = ["export", "--overwrite", "kept.json"];
    let took = time(&app, &export);
    let mut old = app.read("kept.json");
    let (mut marker, mut done) = (0_u64, 0);
    rounds(count, |random| {
        marker += 1;
        time(&app, &["data", "set", "marker", &marker.to_string()]);
        let dev = maybe(&app, random);
        let attempt = Attempt::begin(&app, dev, &export);
        thread::sleep(random.within(took.mul_f64(1.5)));
        let is_sure = attempt.kill();
        let found = app.read("kept.json");
        let is_old = found == old;
        assert!(!is_sure || !is_old, "an export was lost");
        if !is_old {
            check_new(&found, marker);
            done += 1;
        }
        old = found;
    });
    time(&app, &export);
    let names = fs::read_dir(app.dir()).expect("the app's folder");
    let names: Vec<_> = names
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    let strangers: Vec<_> = names
        .iter()
        .filter(|name| {
            !["kept.json", "new.json", ".ampt-ws"]
                .iter()
                .any(|known| name == known)
        })
        .collect();
    assert!(strangers.is_empty(), "left behind: {strangers:?}");
    eprintln!("{count} kills: the new file {done} times, the old one else");
}

fn check_new(text: &str, marker: u64) {
    let items: Vec<Value> = serde_json::from_str(text).expect("a whole file");
    assert_eq!(items.len(), MANY + 1);
    let found = items.iter().find(|item| item["key"] == "marker");
    assert_eq!(found.expect("the marker")["value"], marker);
}
