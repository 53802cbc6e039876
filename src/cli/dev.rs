//! The options of a sandbox: of `dev`, and of what else runs one.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::domain::{BinaryMessages, EnvironmentType, parse_duration};

/// Options of `dev`.
#[derive(Debug, Clone, Args)]
pub struct DevArgs {
    /// The app: its folder or entry file [default: .]
    #[arg(value_name = "APP")]
    pub path: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub sandbox: SandboxArgs,
    /// Port to listen on; 0 takes any free one [default: 8810, or the next free one]
    #[arg(long)]
    pub port: Option<u16>,
    /// Import the seed file again whenever it changes; alone, it means --seed as well
    #[arg(long)]
    pub reseed: bool,
    /// Do not reload when a file is saved
    #[arg(long)]
    pub no_watch: bool,
    /// Do not read commands from the terminal
    #[arg(long)]
    pub no_repl: bool,
    /// Write what happens as a fixture that `ampt-ws test` replays
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Disorder between clients and handlers, as JSON: for `ampt-ws test`
    #[arg(long, hide = true, value_name = "JSON")]
    pub chaos: Option<String>,
    /// Stop as soon as standard input is closed: for a sandbox that another program holds
    #[arg(long, hide = true)]
    pub attended: bool,
}

/// Options of `exec`.
#[derive(Debug, Clone, Args)]
pub struct ExecArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub sandbox: SandboxArgs,
    /// Port to listen on [default: any free one]
    #[arg(long)]
    pub port: Option<u16>,
    /// The command and its arguments
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub command: Vec<OsString>,
}

/// What a sandbox is like.
#[derive(Debug, Clone, Args)]
pub struct SandboxArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// The environment whose limits apply
    #[arg(long, value_name = "TYPE", default_value = "sandbox")]
    pub env: EnvironmentType,
    /// Messages per second, instead of the environment's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Burst, instead of the environment's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub burst: Option<u32>,
    /// Do not enforce rate and burst
    #[arg(long, conflicts_with_all = ["rate", "burst"])]
    pub no_limits: bool,
    /// Import a data file at start [default FILE: data.json in the app's folder]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub seed: Option<Option<PathBuf>>,
    /// Begin with an empty store
    #[arg(long)]
    pub fresh: bool,
    /// Serve wss:// and https:// with a local certificate, made on first use
    #[arg(long)]
    pub tls: bool,
    /// Let pages of this origin connect too
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// Accept requests for this host name too
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,
    /// Accept management requests signed with any credentials
    #[arg(long)]
    pub allow_any_credentials: bool,
    /// A WebSocket subprotocol that may be negotiated
    #[arg(long, value_name = "NAME")]
    pub subprotocol: Vec<String>,
    /// Let a debugger attach to Node
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:9229")]
    pub inspect: Option<String>,
    /// The same, and wait for the debugger before the app's first line
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:9229", conflicts_with = "inspect")]
    pub inspect_brk: Option<String>,
    /// The Node to run, version 20 or newer
    #[arg(long, value_name = "PATH", default_value = "node")]
    pub node: PathBuf,
    /// Which @ampt/sdk the app gets
    #[arg(long, value_name = "WHICH", default_value = "bundled")]
    pub sdk: SdkChoice,
    /// How long the app's code may take to load
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub load_timeout: Duration,
    /// Treat work left running after a handler returned as an error
    #[arg(long)]
    pub strict: bool,
    /// Largest message in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 131_072)]
    pub max_message: usize,
    /// Largest frame in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 32_768)]
    pub max_frame: usize,
    /// What to do with a binary message; allowed, the app can also post such ones to its clients
    #[arg(long, value_name = "WHAT", default_value = "close")]
    pub binary: BinaryMessages,
    /// Do not tell a client that its handler failed or its message was throttled
    #[arg(long)]
    pub no_error_frames: bool,
    /// Give up on a client that takes longer over its handshake
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub handshake_timeout: Duration,
    /// Most connections at a time; who comes then gets 503
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub max_connections: usize,
    /// Close a connection that was idle for this long
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    pub idle_timeout: Duration,
    /// Let a client's ping reset the idle timeout
    #[arg(long)]
    pub ping_resets_idle: bool,
    /// Close a connection this long after it opened
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = parse_duration)]
    pub max_duration: Duration,
}

/// Which `@ampt/sdk` the app gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SdkChoice {
    /// The one inside this program.
    Bundled,
    /// The one in the app's own node_modules.
    Installed,
}
