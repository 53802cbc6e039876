//! `completions`: a script that lets a shell complete the command line.

use clap::CommandFactory;
use serde_json::json;

use crate::cli::Cli;
use crate::error::{Failure, exit};
use crate::output::Output;

pub(super) fn run(shell: clap_complete::Shell, out: &Output) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ampt-ws", &mut script);
    if out.is_json() {
        let script = String::from_utf8_lossy(&script);
        out.document(&json!({ "shell": shell.to_string(), "script": script }))?;
    } else {
        out.write(&script)?;
    }
    Ok(exit::OK)
}
