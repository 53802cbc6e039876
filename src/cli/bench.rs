//! Options of `bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::parse_pair;
use crate::domain::{EnvironmentType, parse_duration};

/// Options of `bench`.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// The app: its folder or entry file [default: .]
    #[arg(value_name = "APP", conflicts_with = "url")]
    pub path: Option<PathBuf>,
    /// Load this ws:// or wss:// URL instead of a sandbox of its own
    #[arg(long, value_name = "URL", conflicts_with_all = ["env", "seed", "node"])]
    pub url: Option<String>,
    /// How many clients
    #[arg(short, long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub connections: u32,
    /// Messages per second of all clients together [default: each sends when it was answered]
    #[arg(long, value_name = "N", value_parser = parse_rate)]
    pub rate: Option<f64>,
    /// How many messages of one client may be unanswered
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "rate", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub in_flight: u16,
    /// For how long
    #[arg(short, long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub duration: Duration,
    /// How long an answer is waited for
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub patience: Duration,
    /// What is sent, in turn if given several times; {{n}} is the message's number, {{i}} the
    /// client's [default: {"n":{{n}}}]
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub message: Vec<String>,
    /// Send the messages of a fixture's clients, to its app
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "message"])]
    pub fixture: Option<PathBuf>,
    /// A query parameter of each client; {{i}} is its number
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub query: Vec<(String, String)>,
    /// Enforce the limits of this environment [default: none are]
    #[arg(long, value_name = "TYPE")]
    pub env: Option<EnvironmentType>,
    /// A data file to import first
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    /// The Node to run, version 20 or newer
    #[arg(long, value_name = "PATH")]
    pub node: Option<PathBuf>,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1e7 => Ok(rate),
        _ => Err("a number of messages a second, such as 2000, is needed".to_owned()),
    }
}
