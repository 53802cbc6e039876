//! The program: parse, run, return the exit code.

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    let cli = ampt_ws::cli::Cli::parse();
    let ampt_ws::cli::Verb::Dev(args) = cli.verb else {
        return 2.into();
    };
    match ampt_ws::commands::dev::run(&cli.common, &args) {
        Ok(code) => code.into(),
        Err(failure) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "{failure:?}");
            failure.exit.into()
        }
    }
}
