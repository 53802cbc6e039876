//! Which changes are due, and whether they were heard of in order.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::torture::random::Random;
use crate::torture::state::Items;

/// Namespaces that are written to, and keys in each.
const NAMESPACES: usize = 4;
const KEYS: usize = 3;

/// A write and what a handler is to hear of it.
#[derive(Debug)]
pub struct Entry {
    /// Method and arguments.
    pub call: Value,
    /// The changes, in order.
    due: Vec<Due>,
    /// The client was told that it is done.
    pub is_sure: bool,
}

/// A change that a handler may hear of.
#[derive(Debug, Clone, PartialEq)]
struct Due {
    key: String,
    /// What the item says; `None` if it was removed.
    v: Option<u64>,
    /// Whether its write is sure.
    is_sure: bool,
}

/// A change that a handler has heard of.
#[derive(Debug)]
pub struct Heard {
    key: String,
    v: Option<u64>,
    pid: u64,
}

impl Heard {
    pub fn read(line: &Value) -> Self {
        Self {
            key: line["key"].as_str().expect("a key").to_owned(),
            v: (line["name"] != "deleted").then(|| line["v"].as_u64().expect("a number")),
            pid: line["pid"].as_u64().expect("a process id"),
        }
    }
}

/// All writes, in the order in which one client sent them.
#[derive(Debug, Default)]
pub struct Ledger {
    pub entries: Vec<Entry>,
    last: u64,
    /// Keys that the next write removes.
    to_remove: Option<String>,
}

impl Ledger {
    /// The next write.
    pub fn any(&mut self, random: &mut Random) -> &Entry {
        if let Some(key) = self.to_remove.take() {
            let due = vec![(key.clone(), None)];
            return self.push(json!({ "call": "remove", "args": [key] }), due);
        }
        self.last += 1;
        let v = self.last;
        let value = json!({ "v": v, "fails": random.percent(8) });
        if random.percent(15) {
            let keys: Vec<_> = (0..KEYS).map(|n| format!("b:{n}")).collect();
            let items = keys.iter().map(|key| json!({ "key": key, "value": value }));
            let call = json!({ "call": "set", "args": [items.collect::<Vec<_>>()] });
            return self.push(call, keys.into_iter().map(|key| (key, Some(v))).collect());
        }
        let key = format!("q{}:{}", random.below(NAMESPACES), random.below(KEYS));
        self.to_remove = random.percent(20).then(|| key.clone());
        let call = json!({ "call": "set", "args": [key, value, { "overwrite": true }] });
        self.push(call, vec![(key, Some(v))])
    }

    fn push(&mut self, call: Value, due: Vec<(String, Option<u64>)>) -> &Entry {
        let due = due.into_iter().map(|(key, v)| Due {
            key,
            v,
            is_sure: false,
        });
        self.entries.push(Entry {
            call,
            due: due.collect(),
            is_sure: false,
        });
        self.entries.last().expect("pushed just now")
    }

    /// The changes in each namespace.
    fn due(&self) -> BTreeMap<&str, Vec<Due>> {
        let mut all: BTreeMap<&str, Vec<Due>> = BTreeMap::new();
        let mut was_sure = false;
        for entry in &self.entries {
            for due in &entry.due {
                // What is removed right after it was written was there if both are sure.
                let is_sure = entry.is_sure && (due.v.is_some() || was_sure);
                let due_here = all.entry(namespace(&due.key)).or_default();
                due_here.push(Due {
                    is_sure,
                    ..due.clone()
                });
            }
            was_sure = entry.is_sure;
        }
        all
    }

    /// Checks that in each namespace every sure change was heard of, in order, and none again but
    /// after a process had died; gives how many were heard of again.
    pub fn check(&self, heard: &[Heard]) -> u64 {
        let mut again = 0;
        for (name, due) in self.due() {
            let here = heard.iter().filter(|h| namespace(&h.key) == name);
            again += check_namespace(&due, here);
        }
        again
    }

    /// Checks that nobody heard of a write that is not in the store.
    pub fn check_no_phantoms(&self, heard: &[Heard], stored: &Items) {
        for heard in heard {
            let Some(v) = heard.v else { continue };
            let mut later = self.entries.iter().flat_map(|entry| &entry.due);
            let is = |due: &Due| due.key == heard.key && due.v == heard.v;
            later.by_ref().find(|due| is(due)).expect("a write of ours");
            let is_removed = later.any(|due| due.key == heard.key && due.v.is_none());
            let found = stored.get(&heard.key).and_then(|i| i.value["v"].as_u64());
            let is_there = is_removed || found.is_some_and(|found| found >= v);
            assert!(is_there, "{heard:?} was told of, but there is {found:?}");
        }
    }
}

fn namespace(key: &str) -> &str {
    key.split(':').next().expect("a namespace")
}

fn check_namespace<'a>(due: &[Due], heard: impl Iterator<Item = &'a Heard>) -> u64 {
    let (mut at, mut pid, mut again) = (0, 0, 0);
    let is = |due: &Due, heard: &Heard| due.key == heard.key && due.v == heard.v;
    for heard in heard {
        let ahead = due[at..].iter().position(|due| is(due, heard));
        let skipped = ahead.map(|ahead| &due[at..at + ahead]);
        match (ahead, skipped) {
            (Some(ahead), Some(skipped)) if !skipped.iter().any(|due| due.is_sure) => {
                at += ahead + 1;
            }
            _ => {
                let before = due[..at].iter().rposition(|due| is(due, heard));
                let context = || format!("{heard:?}\nwhere {:#?}", due.get(at));
                let before = before.unwrap_or_else(|| panic!("out of order: {}", context()));
                assert!(heard.pid != pid, "again without need: {}", context());
                at = before + 1;
                again += 1;
            }
        }
        pid = heard.pid;
    }
    let missed: Vec<_> = due[at..].iter().filter(|due| due.is_sure).collect();
    assert!(missed.is_empty(), "never heard of: {missed:#?}");
    again
}
