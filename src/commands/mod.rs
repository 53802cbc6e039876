//! The command line's verbs: one file per verb.

mod bench;
mod completions;
pub mod connect;
pub mod dev;
mod exec;
mod foreground;
mod help;
pub mod offline;
mod record;
mod sandbox;
mod signals;
mod stop;
mod test;
mod usage;

use crate::cli::{Cli, Verb};
use crate::error::{Failure, reason};
use crate::location::{Location, quoted};
use crate::output::Output;

pub use usage::report as report_usage;

/// Runs what the command line asks for; gives the exit code.
pub fn run(cli: Cli, out: &Output) -> Result<u8, Failure> {
    let Cli { common, verb } = cli;
    match verb {
        Verb::Dev(args) => dev::run(&common, &args),
        Verb::Sandbox(verb) => block_on(sandbox::run(&common, verb, out)),
        Verb::Connect(args) => block_on(connect::run(&common, args, out)),
        Verb::Test(args) => test::run(args, out),
        Verb::Exec(args) => exec::run(&common, &args, out),
        Verb::Bench(args) => block_on(bench::run(&common, &args, out)),
        Verb::Keeper => exec::keep(out),
        Verb::Stop => block_on(stop::run(&common, out)),
        Verb::Completions { shell } => completions::run(shell, out),
        Verb::Help(args) => help::run(&args, out),
    }
}

/// Runs a verb on a small runtime of its own.
fn block_on(verb: impl Future<Output = Result<u8, Failure>>) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new("runtime", format!("cannot start: {}", reason(&e))))?;
    let result = runtime.block_on(verb);
    // A read from the terminal that never returns must not hold up the end.
    runtime.shutdown_background();
    result
}

/// No sandbox runs for this app, and how to start one.
fn no_sandbox(location: &Location) -> Failure {
    let app = location.app_dir.display();
    let mut start = "ampt-ws dev".to_owned();
    let is_here = std::env::current_dir()
        .and_then(|dir| dir.canonicalize())
        .is_ok_and(|dir| dir == location.app_dir);
    if !is_here {
        start.push(' ');
        start.push_str(&quoted(&location.app_dir));
    }
    if location.data_dir != location.app_dir.join(".ampt-ws") {
        start.push_str(&format!(" --data-dir {}", quoted(&location.data_dir)));
    }
    Failure::new("no-sandbox", format!("no sandbox is running for `{app}`"))
        .hint(format!("start one with `{start}`"))
        .exiting(crate::error::exit::NO_SANDBOX)
}
