//! `ampt-ws`: a local development emulator for Ampt WebSocket apps.

pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod control;
pub mod dispatch;
pub mod domain;
pub mod error;
pub mod event;
pub mod gateway;
pub mod iso;
pub mod location;
pub mod ops;
pub mod output;
pub mod store;
pub mod verbs;
pub mod watch;
pub mod worker;

use std::ffi::OsString;

use clap::Parser;

/// Runs the program with the arguments of its command line; gives the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match cli::Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return commands::report_usage(&args, &error),
    };
    let out = output::Output::standard(&cli.common);
    match commands::run(cli, &out) {
        Ok(code) => code,
        Err(failure) => {
            out.failure(&failure);
            failure.exit
        }
    }
}
