//! `data.on` from end to end: in order, side by side, again after a failure, and never lost.

mod kept;
mod order;
mod pending;
mod retries;

use serde_json::{Value, json};

use crate::support::{App, Dev};

/// `status --json`'s `pending`.
fn pending(app: &App) -> Value {
    app.verb(&["status", "--json"]).json()["pending"].clone()
}

/// How many changes no handler has finished.
fn waiting(app: &App) -> u64 {
    pending(app)["dataEvents"].as_u64().expect("a number")
}

/// Stores an item.
fn set(app: &App, key: &str, value: &str) {
    let set = app.verb(&["data", "set", key, value]);
    assert_eq!(set.code, Some(0), "{set:?}");
}

fn clock(app: &App, args: &[&str]) {
    let all: Vec<&str> = ["clock"].iter().chain(args).copied().collect();
    let moved = app.verb(&all);
    assert_eq!(moved.code, Some(0), "{moved:?}");
}

/// Waits until this many handlers have failed, and gives the errors.
fn failures(dev: &Dev, count: usize) -> Vec<Value> {
    dev.wait_for_all(
        count,
        json!({ "event": "handler-error", "handler": "data.on" }),
    )
}

/// Waits until all changes were delivered.
fn settle(app: &App) {
    while waiting(app) > 0 {}
}

/// The lines that the app prints, once there are so many.
fn lines(dev: &Dev, count: usize) -> Vec<String> {
    dev.wait_for_all(count, json!({ "event": "log", "source": "app" }));
    dev.lines()
}

/// The printed lines that begin with a word, in order.
fn lines_with(dev: &Dev, word: &str) -> Vec<String> {
    let lines = dev.lines().into_iter();
    lines.filter(|line| line.starts_with(word)).collect()
}
