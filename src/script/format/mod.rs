//! The fixture format: the types that a fixture's JSON is read into, and its published schema.

mod header;
mod scalar;
pub mod schema;
mod steps;

pub use header::{Chaos, Header};
pub use scalar::{Millis, Names, True};
pub use steps::*;
