//! The program: parse, run, return the exit code.

use std::process::ExitCode;

/// Connections come and go in thousands, each with a dozen allocations of all sizes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(ampt_ws::run(std::env::args_os()))
}
