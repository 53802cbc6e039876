//! Scripted fixtures: WebSocket flows of an app, tested in a sandbox of their own.
//!
//! [`discover`] finds fixture files, [`load`] reads them with the places of their steps, [`check`]
//! finds what could never work, [`run`] plays them and tells how it went; what is said of that is
//! the business of `output::report`. [`matching`] compares what was expected with what came, and knows nothing of the rest.

pub mod check;
mod client;
pub mod discover;
pub mod format;
pub mod load;
pub mod matching;
pub mod outcome;
pub mod problem;
pub mod record;
pub mod run;
pub mod sandbox;
pub mod story;
pub mod update;
pub mod volatile;
