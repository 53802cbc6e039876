//! The program: parse, run, return the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(ampt_ws::run(std::env::args_os()))
}
