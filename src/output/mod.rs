//! Everything the program says: the only writers of standard output and standard error.
//!
//! [`Output`] prints the answers and failures of one command. [`Printer`] is the thread that
//! prints a sandbox's events as they happen. Both render through [`Style`]: for people or as JSON.

pub mod answers;
pub mod bench;
mod changes;
mod client;
mod code_frame;
mod escape;
mod events;
pub mod fidelity;
pub mod fixtures;
pub mod items;
mod json;
pub mod listing;
pub mod overview;
mod paint;
mod payload;
mod printer;
mod progress;
pub mod report;
mod screen;
mod style;
mod table;
#[cfg(test)]
pub mod testing;
mod time;
mod wrap;
mod writer;

pub use changes::ChangeLines;
pub use client::{ClientEvent, ClientEvents};
pub use escape::visible;
pub use json::{document, push_event as push_event_json};
pub use paint::Paint;
pub use payload::paint_payload;
pub use printer::{Printer, Renderer};
pub use progress::Progress;
pub use screen::Screen;
pub use style::{Style, Verbosity, wants_color};
pub use writer::Output;
