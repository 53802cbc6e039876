//! The command line's grammar; the REPL reads its lines with the same definitions.

mod bench;
mod dev;
mod fixtures;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use bench::BenchArgs;
pub use dev::{DevArgs, ExecArgs, SandboxArgs, SdkChoice};
pub use fixtures::{Report, ReportKind, TestArgs};

use crate::domain::{Selector, parse_duration};

/// The forms of `send`, which the parser cannot find out by itself.
const SEND: [&str; 3] = [
    "send <SELECTOR> <DATA>",
    "send --all <DATA>",
    "send --where <KEY=VALUE> <DATA>",
];

/// The forms of `close`.
const CLOSE: [&str; 3] = [
    "close <SELECTOR>...",
    "close --all",
    "close --where <KEY=VALUE>",
];

/// Between two forms; below each other behind `Usage: `.
const NEXT_FORM: &str = "\n       ";

/// A verb's forms as they are written in a shell.
fn in_shell(forms: [&str; 3]) -> String {
    forms.map(|form| format!("ampt-ws {form}")).join(NEXT_FORM)
}

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "ampt-ws", version, about, max_term_width = 100)]
#[command(propagate_version = true, disable_help_subcommand = true)]
// What the REPL shares is written without the program's name.
#[command(mut_subcommand("send", |send| send.override_usage(in_shell(SEND))))]
#[command(mut_subcommand("close", |close| close.override_usage(in_shell(CLOSE))))]
pub struct Cli {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub verb: Verb,
}

/// Options that may stand before or after any verb.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The app's folder [default: the nearest folder upward with a package.json, else .]
    #[arg(short = 'C', long = "app", value_name = "DIR", global = true)]
    pub app: Option<PathBuf>,
    /// Where connections and data are kept [default: <app>/.ampt-ws]
    #[arg(long, value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// Print JSON on standard output, and nothing else there
    #[arg(long, global = true)]
    pub json: bool,
    /// Colour the output: auto (on a terminal, unless NO_COLOR is set), always, never
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    pub color: ColorWhen,
    /// Say less (no messages in the log)
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// If standard output is a terminal and `NO_COLOR` is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Start the sandbox for an app and, on a terminal, the REPL
    Dev(Box<DevArgs>),
    #[command(flatten)]
    #[allow(missing_docs)]
    Sandbox(SandboxVerb),
    /// Talk to the running sandbox, or to any WebSocket URL, as a client
    Connect(ConnectArgs),
    /// Run scripted fixtures, each in a sandbox of its own
    ///
    /// A fixture is a JSON file that plays the clients of an app, and says what has to come of it.
    /// `ampt-ws help fixtures` explains how to write one; `ampt-ws dev --record FILE` writes down
    /// what you do by hand.
    Test(TestArgs),
    /// Run a command, such as a test suite, beside a sandbox of its own
    ///
    /// The command finds the sandbox at AMPT_URL and AMPT_WS_URL. When it has ended, the sandbox
    /// stops, and the exit code is the command's.
    #[command(override_usage = "ampt-ws exec [OPTIONS] -- <COMMAND>...")]
    Exec(Box<ExecArgs>),
    /// Load an app with many clients, and tell how it bore them
    ///
    /// The app runs in a sandbox of its own, on an empty store. What is measured is your app on
    /// this machine; the answer to a message is the next one that comes with its number in it.
    Bench(Box<BenchArgs>),
    /// Ends a command whose `exec` was killed; not for people
    #[command(hide = true)]
    Keeper,
    /// Stop the running sandbox
    Stop,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Explain a verb; `help fidelity` tells how true to the cloud the sandbox is, `help fixtures`
    /// how to write a fixture
    Help(HelpArgs),
}

/// Options of `help`.
#[derive(Debug, Clone, Args)]
pub struct HelpArgs {
    /// A verb, and one of its own; or `fidelity`; or `fixtures`, and one of their steps
    #[arg(value_name = "VERB")]
    pub topic: Vec<String>,
    /// Print the table of `fidelity` as Markdown
    #[arg(long, hide = true)]
    pub markdown: bool,
}

/// Verbs about a running sandbox: the same on the command line and in the REPL.
#[derive(Debug, Clone, Subcommand)]
pub enum SandboxVerb {
    /// List the live connections
    #[command(visible_alias = "ls")]
    List,
    /// Send a message to connections
    Send(SendArgs),
    /// Close connections
    Close(CloseArgs),
    /// Load a data file, merging it into the stored items
    Import(ImportArgs),
    /// Write the stored items to a data file
    Export(ExportArgs),
    /// Look into the stored items
    #[command(subcommand)]
    Data(DataVerb),
    /// Tell what runs: URLs, app, limits, connections, handlers
    Status,
    /// Make the sandbox inactive: connection attempts get 403
    Pause,
    /// Make the sandbox active again
    Resume,
    /// Restart the app's code; connections stay open
    Reload,
    /// Show the event log
    Logs(LogsArgs),
    /// Look at or move the sandbox's clock
    Clock(ClockArgs),
}

/// Options of `send`.
#[derive(Debug, Clone, Default, Args)]
#[command(override_usage = SEND.join(NEXT_FORM))]
pub struct SendArgs {
    /// Connection id or a unique prefix of one; left out with --all and --where
    // One id in 64 begins with a hyphen.
    #[arg(value_name = "SELECTOR", allow_hyphen_values = true)]
    pub first: Option<String>,
    /// The message; `-` reads it from standard input (without a last line end)
    #[arg(value_name = "DATA", allow_hyphen_values = true)]
    pub second: Option<String>,
    /// Anything more, which is a mistake that is explained.
    #[arg(hide = true)]
    pub more: Vec<String>,
    /// To every connection
    #[arg(long, conflicts_with = "filter")]
    pub all: bool,
    /// To connections with this query parameter
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = Selector::parse_where)]
    pub filter: Option<Selector>,
}

/// Options of `close`.
#[derive(Debug, Clone, Args)]
#[command(override_usage = CLOSE.join(NEXT_FORM))]
pub struct CloseArgs {
    /// Connection ids or unique prefixes
    // One id in 64 begins with a hyphen. (A list of such words would take in the options, too.)
    #[arg(value_name = "SELECTOR", allow_hyphen_values = true)]
    pub first: Option<String>,
    /// More of them
    #[arg(value_name = "SELECTOR", hide = true)]
    pub more: Vec<String>,
    /// Every connection
    #[arg(long, conflicts_with_all = ["first", "filter"])]
    pub all: bool,
    /// Connections with this query parameter
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = Selector::parse_where, conflicts_with = "first")]
    pub filter: Option<Selector>,
}

/// Options of `import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// The data file [default: data.json in the app's folder]
    pub file: Option<PathBuf>,
    /// Empty the store first
    #[arg(short, long)]
    pub overwrite: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// Options of `export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The data file; `.json` is added [default: data.json in the app's folder]
    pub file: Option<PathBuf>,
    /// Replace an existing file
    #[arg(short, long)]
    pub overwrite: bool,
}

/// What to do with the stored items.
#[derive(Debug, Clone, Subcommand)]
pub enum DataVerb {
    /// Show one item
    Get {
        /// Its key
        key: String,
    },
    /// List items
    Ls {
        /// `ns:*`, `ns:a*`, `ns:>a` …, or a key [default: all items]
        pattern: Option<String>,
        /// Show at most this many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Store a value
    Set {
        /// Its key
        key: String,
        /// JSON; anything that is not JSON is taken as a string
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Replace the stored value instead of merging into it
        #[arg(short, long)]
        overwrite: bool,
        /// Time to live
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        ttl: Option<Duration>,
    },
    /// Remove an item
    Rm {
        /// Its key
        key: String,
    },
    /// Follow changes as they happen
    Watch {
        /// As in `ls`
        pattern: Option<String>,
        /// Follow no more; for the sandbox's prompt, where Ctrl-C on an empty line does it, too
        #[arg(long, conflicts_with = "pattern")]
        off: bool,
    },
}

/// Options of `logs`.
#[derive(Debug, Clone, Args)]
pub struct LogsArgs {
    /// Go on with what happens from now on
    #[arg(short, long)]
    pub follow: bool,
}

/// Options of `clock`.
#[derive(Debug, Clone, Args)]
pub struct ClockArgs {
    /// What to do
    #[command(subcommand)]
    pub change: Option<ClockVerb>,
}

/// What to do with the clock.
#[derive(Debug, Clone, Subcommand)]
pub enum ClockVerb {
    /// Show it
    Show,
    /// Set it
    Set {
        /// ISO 8601, for example 2030-01-02T03:04:05Z or 2030-01-02 (UTC)
        #[arg(value_parser = parse_time)]
        time: jiff::Timestamp,
    },
    /// Stop it
    Freeze,
    /// Move it forward; everything due happens at once, in order
    Advance {
        /// For example 500ms, 5s, 10m, 2h
        #[arg(value_parser = parse_duration, allow_hyphen_values = true)]
        by: Duration,
    },
    /// Back to the machine's time, running
    Resume,
}

/// Options of `connect`.
#[derive(Debug, Clone, Default, Args)]
pub struct ConnectArgs {
    /// ws:// or wss:// URL [default: the running sandbox]
    pub url: Option<String>,
    /// A query parameter; it is encoded, and may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub query: Vec<(String, String)>,
    /// A header of the handshake; may be given several times
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// A subprotocol to ask for; may be given several times
    #[arg(long, value_name = "NAME")]
    pub subprotocol: Vec<String>,
    /// Send this, print what comes, and go; may be given several times
    #[arg(short = 'x', long, value_name = "DATA", allow_hyphen_values = true)]
    pub execute: Vec<String>,
    /// Go when nothing came for so long after the last line of -x or of standard input
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    pub wait: u64,
}

/// A line of the REPL.
#[derive(Debug, Parser)]
#[command(name = "", no_binary_name = true)]
#[command(disable_help_subcommand = true, subcommand_required = true)]
#[command(override_usage = "<COMMAND>", subcommand_help_heading = "Commands")]
pub struct ReplLine {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub verb: ReplVerb,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What the REPL understands.
#[derive(Debug, Clone, Subcommand)]
pub enum ReplVerb {
    #[command(flatten)]
    #[allow(missing_docs)]
    Sandbox(SandboxVerb),
    /// Show the sandbox's URLs
    Url,
    /// Clear the screen
    Clear,
    /// Show the version
    Version,
    /// Explain the verbs, or one
    #[command(alias = "?")]
    Help {
        /// A verb, and one of its own
        verb: Vec<String>,
    },
    /// Stop the sandbox and leave
    #[command(visible_alias = "exit", alias = "stop")]
    Quit,
}

/// Reads a time in ISO 8601; without a zone it is UTC, and without a time of day midnight.
fn parse_time(text: &str) -> Result<jiff::Timestamp, String> {
    let utc = || {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::Offset::UTC.to_timestamp(local).ok()
    };
    let time = text.parse().ok().or_else(utc);
    time.ok_or_else(|| format!("`{text}` is not a time; write 2030-01-02T03:04:05Z or 2030-01-02"))
}

/// Reads `key=value`.
fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not of the form key=value")),
    }
}

/// Whether `--json` stands on a command line that could not be parsed.
pub fn wants_json(args: &[OsString]) -> bool {
    let before_command = args.iter().take_while(|a| *a != "--");
    before_command.into_iter().any(|a| a == "--json")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
        ReplLine::command().debug_assert();
    }

    #[test]
    fn bounds_that_no_test_waits_for_are_the_documented_ones() {
        let cli = Cli::try_parse_from(["ampt-ws", "dev"]).unwrap();
        let Verb::Dev(args) = cli.verb else {
            panic!("not `dev`");
        };
        let args = args.sandbox;
        assert_eq!(args.handshake_timeout, Duration::from_secs(10));
        assert_eq!(args.max_connections, 50_000);
    }

    #[test]
    fn import_takes_its_option_in_either_order() {
        for line in [
            ["import", "--overwrite", "x.json"],
            ["import", "x.json", "-o"],
        ] {
            let parsed = ReplLine::try_parse_from(line).unwrap();
            let ReplVerb::Sandbox(SandboxVerb::Import(args)) = parsed.verb else {
                panic!("{parsed:?}");
            };
            assert!(args.overwrite);
            assert_eq!(args.file, Some(PathBuf::from("x.json")));
        }
    }
}
