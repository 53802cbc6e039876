//! From the options of a sandbox to one validated configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::{DevArgs, ExecArgs, SandboxArgs, SdkChoice};
use crate::domain::{Chaos, ConnectionLimits, EnvironmentType, RateLimits};
use crate::error::Failure;
use crate::location::Location;

/// The default port; the next ones are tried if it is taken.
pub const DEFAULT_PORT: u16 = 8810;

/// The data file that is meant where none is named.
const DATA_FILE: &str = "data.json";

/// Everything that a sandbox is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// The app's folder, absolute.
    pub app_dir: PathBuf,
    /// The entry file from the command line.
    pub entry: Option<PathBuf>,
    /// Where connections and data are kept, absolute.
    pub data_dir: PathBuf,
    /// Address to listen on.
    pub host: String,
    /// Port given by hand.
    pub port: Option<u16>,
    /// The environment type.
    pub env: EnvironmentType,
    /// Rate and burst.
    pub rate: RateLimits,
    /// The bounds of each connection.
    pub limits: ConnectionLimits,
    /// How long a client may take over its handshake.
    pub handshake_timeout: Duration,
    /// Most connections at a time.
    pub max_connections: usize,
    /// Whether a client is told that its handler failed or its message was throttled.
    pub error_frames: bool,
    /// Data file to import at start.
    pub seed: Option<PathBuf>,
    /// Import it again whenever it changes.
    pub reseed: bool,
    /// Begin with an empty store.
    pub fresh: bool,
    /// Serve with TLS.
    pub tls: bool,
    /// More origins that may connect, lower case.
    pub allow_origin: Vec<String>,
    /// More host names, lower case.
    pub allow_host: Vec<String>,
    /// Any credentials will do for the management API.
    pub allow_any_credentials: bool,
    /// Subprotocols that may be negotiated.
    pub subprotocols: Vec<String>,
    /// Reload when a file is saved.
    pub watch: bool,
    /// The Node to run.
    pub node: PathBuf,
    /// How long the app's code may take to load.
    pub load_time: Duration,
    /// Options for Node.
    pub node_args: Vec<String>,
    /// Which `@ampt/sdk` the app gets.
    pub sdk: SdkChoice,
    /// Work left running after a return is an error.
    pub strict: bool,
    /// Disorder between clients and handlers.
    pub chaos: Option<Chaos>,
}

impl Config {
    /// Validates the options of `dev`; the folders are resolved already.
    pub fn of_dev(args: &DevArgs, location: Location) -> Result<Self, Failure> {
        let config = Self::new(&args.sandbox, location)?;
        let reseeded = args.reseed.then(|| config.app_dir.join(DATA_FILE));
        Ok(Self {
            port: args.port,
            seed: config.seed.or(reseeded),
            reseed: args.reseed,
            watch: !args.no_watch,
            chaos: args.chaos.as_deref().map(chaos).transpose()?,
            ..config
        })
    }

    /// Validates the options of `exec`. The app is not reloaded: a suite that saves files would
    /// have its own sandbox change under it.
    pub fn of_exec(args: &ExecArgs, location: Location) -> Result<Self, Failure> {
        let config = Self::new(&args.sandbox, location)?;
        Ok(Self {
            port: args.port.or(Some(0)),
            ..config
        })
    }

    fn new(args: &SandboxArgs, location: Location) -> Result<Self, Failure> {
        let Location {
            app_dir,
            entry,
            data_dir,
        } = location;
        let (rate, burst) = args.env.rate_and_burst();
        if args.max_frame == 0 || args.max_message < args.max_frame.min(125) {
            return Err(Failure::usage("`--max-message` and `--max-frame` are sizes in bytes; a message holds at least a frame")
                .hint("for example: --max-message 1048576 --max-frame 65536"));
        }
        for (option, duration) in [
            ("--idle-timeout", args.idle_timeout),
            ("--max-duration", args.max_duration),
            ("--load-timeout", args.load_timeout),
            ("--handshake-timeout", args.handshake_timeout),
        ] {
            if duration.is_zero() {
                return Err(
                    Failure::usage(format!("`{option}` must be longer than nothing"))
                        .hint(format!("for example: {option} 10m")),
                );
            }
        }
        let seed = match &args.seed {
            Some(Some(file)) => Some(absolute(file)?),
            Some(None) => Some(app_dir.join(DATA_FILE)),
            None => None,
        };
        Ok(Self {
            app_dir,
            entry,
            data_dir,
            host: args.host.clone(),
            port: None,
            env: args.env,
            rate: RateLimits {
                rate: args.rate.unwrap_or(rate),
                burst: args.burst.unwrap_or(burst),
                enforced: !args.no_limits,
            },
            limits: limits(args),
            handshake_timeout: args.handshake_timeout,
            max_connections: args.max_connections,
            error_frames: !args.no_error_frames,
            seed,
            reseed: false,
            fresh: args.fresh,
            tls: args.tls,
            allow_origin: args
                .allow_origin
                .iter()
                .map(|o| origin(o))
                .collect::<Result<_, _>>()?,
            allow_host: args
                .allow_host
                .iter()
                .map(|h| host(h))
                .collect::<Result<_, _>>()?,
            allow_any_credentials: args.allow_any_credentials,
            subprotocols: args.subprotocol.clone(),
            watch: false,
            node: args.node.clone(),
            load_time: args.load_timeout,
            node_args: node_args(args),
            sdk: args.sdk,
            strict: args.strict,
            chaos: None,
        })
    }
}

/// An origin as browsers send it, in lower case: a scheme and a host, perhaps a port, no path.
/// Anything else would never be equal to what comes.
fn origin(text: &str) -> Result<String, Failure> {
    let lower = text.to_ascii_lowercase();
    if lower == "null" {
        return Ok(lower);
    }
    if let Some((scheme, host)) = lower.split_once("://") {
        let host = host.strip_suffix('/').unwrap_or(host);
        let names_a_host = !host.is_empty() || scheme == "file";
        if names_a_host && !scheme.is_empty() && !host.contains(['/', '?', '#', '*', ' ']) {
            return Ok(format!("{scheme}://{host}"));
        }
    }
    Err(Failure::usage(format!(
        "`{text}` is not an origin; no page would be let in"
    ))
    .hint("a browser sends scheme, host and port: --allow-origin https://my.site:3000"))
}

/// A host name in lower case, without a port: whatever the port, it is ours.
fn host(text: &str) -> Result<String, Failure> {
    if !text.is_empty() && !text.contains(['/', ':', '*', ' ']) || text.starts_with('[') {
        return Ok(text.to_ascii_lowercase());
    }
    Err(
        Failure::usage(format!("`{text}` is not the name of a host"))
            .hint("without scheme and port, for example: --allow-host my.test"),
    )
}

/// Reads the disorder that `ampt-ws test` asks for.
fn chaos(text: &str) -> Result<Chaos, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::usage(format!("`--chaos` cannot be `{text}`: {error}")))
}

fn limits(args: &SandboxArgs) -> ConnectionLimits {
    ConnectionLimits {
        max_message: args.max_message,
        max_frame: args.max_frame,
        binary: args.binary,
        idle_timeout: args.idle_timeout,
        ping_resets_idle: args.ping_resets_idle,
        max_duration: args.max_duration,
    }
}

fn node_args(args: &SandboxArgs) -> Vec<String> {
    let inspect = args.inspect.as_ref().map(|at| format!("--inspect={at}"));
    let brk = args
        .inspect_brk
        .as_ref()
        .map(|at| format!("--inspect-brk={at}"));
    inspect.into_iter().chain(brk).collect()
}

/// A path from the command line, made independent of the working directory.
pub fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| {
        Failure::usage(format!(
            "`{}` is not a usable path: {error}",
            path.display()
        ))
    })
}
