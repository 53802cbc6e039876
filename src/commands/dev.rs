//! `dev`: starts the sandbox for an app.

use crate::cli::{Common, DevArgs};
use crate::error::Failure;

/// Runs the sandbox until it is stopped; gives the exit code.
pub fn run(common: Common, args: DevArgs) -> Result<u8, Failure> {
    let _ = (common, args);
    Err(Failure::new("dev", "the sandbox cannot be started yet"))
}
