//! The worker: the Node process that runs the user's app.

pub mod assets;
pub mod link;
mod output;
pub mod process;
pub mod wire;

pub use link::{Link, LinkError};
pub use process::{Exit, Launch, WorkerProcess};
