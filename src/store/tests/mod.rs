//! Tests of the open store.

mod calls;
mod folder;
mod property;
mod transfers;

use std::path::Path;
use std::sync::mpsc;

use tempfile::TempDir;

use super::wire::op;
use super::{Reply, Store};
use crate::domain::clock::Clock;

/// 2024-01-01T00:00:00Z, where the clocks of tests stand still.
const START: i64 = 1_704_067_200;

/// A store in a folder of its own.
struct Bench {
    folder: TempDir,
    clock: Clock,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::starting_at(START * 1000);
        clock.freeze();
        let store = Store::open(folder.path(), clock.clone()).expect("a store");
        Self {
            folder,
            clock,
            store,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Closes the store and opens it again.
    fn reopened(self) -> Self {
        let Self {
            folder,
            clock,
            store,
        } = self;
        drop(store);
        let store = Store::open(folder.path(), clock.clone()).expect("a store");
        Self {
            folder,
            clock,
            store,
        }
    }

    fn reply(&self, op: u8, payload: &str) -> Reply {
        let (done, reply) = mpsc::channel();
        self.store.call(op, payload.as_bytes(), move |reply| {
            done.send(reply).expect("a listener");
        });
        reply.recv().expect("a reply")
    }

    /// The answer's text; a refusal's message after `!`.
    fn call(&self, op: u8, payload: &str) -> String {
        let reply = self.reply(op, payload);
        let text = String::from_utf8(reply.payload).expect("text");
        if reply.status == 0 {
            return text;
        }
        let refusal: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        format!("!{}", refusal["message"].as_str().expect("a message"))
    }

    /// `set` of an object or another value, without options.
    fn set(&self, key: &str, json: &str) -> String {
        self.set_with(key, "null", json)
    }

    fn set_with(&self, key: &str, options: &str, json: &str) -> String {
        let mode = if json.starts_with('{') { '@' } else { 'H' };
        self.call(op::SET, &format!("{mode}[\"{key}\",{options},{json}]"))
    }

    fn get(&self, key: &str) -> String {
        self.call(op::GET, key)
    }

    /// The keys of a page.
    fn keys(&self, expression: &str) -> Vec<String> {
        let (items, _) = self
            .store
            .list_items(
                &super::view::Pattern::parse(expression).expect("a pattern"),
                None,
                10_000,
            )
            .expect("a list");
        items.into_iter().map(|item| item.key).collect()
    }
}
