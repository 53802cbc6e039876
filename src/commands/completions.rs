//! `completions`: a script that lets a shell complete the command line.

use clap::CommandFactory;

use crate::cli::Cli;
use crate::error::{Failure, exit};
use crate::output::Output;

pub(super) fn run(shell: clap_complete::Shell, out: &Output) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ampt-ws", &mut script);
    out.write(&script)?;
    Ok(exit::OK)
}
