//! Compares what was expected with what came. Nothing here waits, reads or prints.

mod captures;
mod compare;
pub mod diff;
mod pattern;

pub use captures::{Captures, interpolate, interpolate_text, names_in};
pub use compare::{Matched, compare, same};
pub use pattern::{Kind, Pattern, PatternError, RULES, Rule};
