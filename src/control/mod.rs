//! The local socket by which verbs reach a running sandbox.
//!
//! A sandbox listens on a Unix socket in a folder that only its user can enter, and writes
//! `sandbox.json` into its data folder when it is ready. A verb reads that file, connects, and
//! sends one JSON line for each request; the answer is one line, or a stream of lines that ends
//! with a line of a single dot. Control never goes over HTTP: any web page can reach a port.

mod announcement;
mod client;
mod place;
mod server;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

pub use announcement::{Announced, Announcement};
pub use client::Client;
pub use server::{Listener, in_use, serve};
