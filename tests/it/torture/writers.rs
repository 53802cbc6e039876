//! Who writes, and remembers what was acknowledged.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::random::Random;
use super::state::{IMPORTED, Item, Items, Write, file};
use crate::support::{App, Client};

/// Writes that a client sends without waiting for an answer.
const AHEAD: usize = 8;

/// Keys of a client's own, besides its batches.
const KEYS: usize = 6;

/// What one writer did in one round; only it writes in its namespaces.
pub struct Record {
    /// The namespaces.
    pub namespaces: Vec<String>,
    /// All it asked for, in order.
    pub writes: Vec<Write>,
    /// So many of these are sure: the last one that was acknowledged, and those before it.
    pub sure: usize,
    /// How many were acknowledged.
    pub acknowledged: usize,
}

impl Record {
    fn new(namespaces: Vec<String>) -> Self {
        Self {
            namespaces,
            writes: Vec::new(),
            sure: 0,
            acknowledged: 0,
        }
    }

    fn acknowledge(&mut self, number: usize) {
        self.sure = self.sure.max(number + 1);
        self.acknowledged += 1;
    }

    fn own(&self, items: &Items) -> Items {
        let is_own = |key: &str| {
            let namespace = key.split(':').next().expect("a namespace");
            self.namespaces.iter().any(|own| own == namespace)
        };
        let own = items.iter().filter(|(key, _)| is_own(key));
        own.map(|(key, item)| (key.clone(), item.clone())).collect()
    }

    /// Checks that `found` is what was there before and some of the writes, from the first on:
    /// each that is sure, and none but the whole of it. Gives how many.
    pub fn check(&self, before: &Items, found: &Items) -> usize {
        let found = self.own(found);
        let mut items = self.own(before);
        let mut sure = Items::new();
        for made in 0..=self.writes.len() {
            if made == self.sure {
                sure.clone_from(&items);
            }
            if made >= self.sure && items == found {
                return made;
            }
            if let Some(write) = self.writes.get(made) {
                write.apply(&mut items);
            }
        }
        let differs = |key: &&String| found.get(*key) != sure.get(*key);
        let keys = found.keys().chain(sure.keys()).filter(differs);
        let differences: Vec<_> = keys
            .map(|key| format!("{key}: {:?} is not {:?}", found.get(key), sure.get(key)))
            .collect();
        panic!(
            "in {:?} {} of {} writes are sure, but found differs from them in\n{}\nthe others:\n{:#?}",
            self.namespaces,
            self.sure,
            self.writes.len(),
            differences.join("\n"),
            &self.writes[self.sure..],
        );
    }
}

/// Writes through a handler until the connection is lost.
pub fn through_a_handler(mut client: Client, number: usize, mut random: Random) -> Record {
    let (own, batch) = (format!("w{number}"), format!("b{number}"));
    let mut record = Record::new(vec![own.clone(), batch.clone()]);
    let mut answered = 0;
    loop {
        while record.writes.len() - answered < AHEAD {
            let write = any_write(&mut random, &own, &batch);
            let (call, args) = write.call();
            let message = json!({ "n": record.writes.len(), "call": call, "args": args });
            record.writes.push(write);
            if !client.try_send(&message.to_string()) {
                return record;
            }
        }
        let Some(answer) = client.try_text() else {
            return record;
        };
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let number = answer["n"].as_u64().unwrap_or_else(|| panic!("{answer}"));
        record.acknowledge(number as usize);
        answered += 1;
    }
}

fn any_write(random: &mut Random, own: &str, batch: &str) -> Write {
    let key = format!("{own}:k{}", random.below(KEYS));
    let v = random.next() >> 12;
    let label = format!("{own}:l{}", random.below(4));
    let namespace = batch.to_owned();
    match random.below(16) {
        0..3 => Write::Set { key, v, label },
        3..5 => Write::Merge {
            key,
            name: format!("p{}", random.below(3)),
            v,
        },
        5..8 => Write::Label {
            key,
            number: 1 + random.below(3),
            label: random.percent(60).then_some(label),
        },
        8..10 => Write::Add { key },
        10 => Write::AddAndSet { key, v },
        11 => Write::Remove { key },
        12..15 => Write::Batch { namespace, v },
        _ => Write::BatchRemove { namespace },
    }
}

/// Writes through verbs until `stop`, or one of them fails; `before` is what is there.
pub fn through_verbs(app: &App, stop: &AtomicBool, mut random: Random) -> Record {
    let mut record = Record::new(vec!["cli".to_owned(), "im".to_owned()]);
    while !stop.load(Ordering::Relaxed) {
        let v = random.next() >> 12;
        let output = if random.percent(50) {
            let key = format!("cli:{}", random.below(2));
            let output = app.verb(&["data", "set", &key, &v.to_string()]);
            record.writes.push(Write::Verb { key, v });
            output
        } else {
            app.write("im.json", &file("im", v, IMPORTED).to_string());
            let namespace = "im".to_owned();
            record.writes.push(Write::Import { namespace, v });
            app.verb(&["import", "im.json"])
        };
        if output.code != Some(0) {
            break;
        }
        record.acknowledge(record.writes.len() - 1);
    }
    record
}

/// All items, as `export` writes them.
pub fn exported(app: &App) -> Items {
    let output = app.verb(&["export", "--overwrite", "out.json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let items: Vec<Value> = serde_json::from_str(&app.read("out.json")).expect("JSON");
    items.iter().map(Item::read).collect()
}
