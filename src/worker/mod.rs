//! The Node child that runs the user's app, and how its code gets there.

pub mod entry;
pub mod loader;
pub mod transpile;
