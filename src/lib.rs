//! `ampt-ws`: a local development emulator for Ampt WebSocket apps.
//!
//! # The map of the house
//! ```text
//! client ──ws──▶ gateway ──Inbound──▶ dispatch ──invoke──▶ worker (Node: the user's handlers)
//!    ▲              ▲                   │  ▲                  │
//!    └──frames──────┘◀────send/close────┘  └──frames──────────┘  ws.send, ws.close, data.set …
//!                                       ▼
//!                                     store (sled)
//! ```
//! [`gateway`] owns the sockets and stands for AWS API Gateway; [`worker`] starts Node and owns the
//! JavaScript that runs in it; [`store`] keeps connections and data. They do not know each other:
//! [`dispatch`] joins them. [`ops`] are the operations behind every face: the REPL ([`repl`]) and
//! the verbs of other terminals ([`control`]) perform the same ones. [`app`] builds a sandbox and
//! takes it down; [`commands`] are the verbs of the command line; [`output`] alone writes to the
//! terminal.
//!
//! # What always holds
//! - A socket never waits for a handler, and outlives the app's code.
//! - What was acknowledged is on disk first.
//! - Each `connected` is followed by exactly one `disconnected`, whatever dies.
//! - Nothing reads the machine's clock but [`domain::Clock`].
//! - Every queue is bounded, and says what happens when it is full.
//! - Imports flow one way; a test holds the table.

pub mod app;
pub mod bench;
pub mod cli;
pub mod commands;
pub mod config;
pub mod control;
pub mod descriptors;
pub mod dispatch;
pub mod domain;
pub mod error;
pub mod event;
pub mod gateway;
pub mod iso;
pub mod location;
pub mod ops;
pub mod output;
pub mod repl;
pub mod script;
pub mod store;
pub mod terminal;
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
