//! The worker: the Node process that runs the user's app, and how the app's code gets there.

pub mod assets;
pub mod entry;
pub mod link;
pub mod loader;
mod output;
pub mod process;
pub mod transpile;
pub mod wire;

pub use link::{Link, LinkError};
pub use process::{Exit, Launch, WorkerProcess};
