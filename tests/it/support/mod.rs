//! What the tests stand on: apps in temporary folders, the running program, and its clients.

mod app;
mod client;
mod dev;
mod disk;
mod log;
mod nodes;
mod process;
mod raw;
mod screen;
mod seed;
mod terminal;

use std::time::Duration;

use serde_json::Value;

pub use app::{App, Output, PROGRAM};
pub use client::{Client, dial};
pub use dev::Dev;
pub use disk::Disk;
pub use log::{EventLog, Pattern};
pub use nodes::{each_node, node_script};
pub use process::{children, cpu_ticks, descriptors, eventually, is_running, meanwhile, memory_kb};
pub use raw::{RawSocket, Response};
pub use screen::Screen;
pub use seed::{Random, seed_or};
pub use terminal::{Terminal, key};

/// How long anything may take before a test gives up on it. It bounds failures; no passing test
/// waits for it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The names of an object's fields, in their order.
pub fn keys(object: &Value) -> Vec<&str> {
    let fields = object.as_object().expect("an object");
    fields.keys().map(String::as_str).collect()
}
