//! Environment types and the limits that come with them.

use std::fmt;
use std::time::Duration;

/// The kind of environment that the sandbox stands for; it decides the limits.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentType {
    /// A developer's own environment: 10 messages a second, burst 10.
    Sandbox,
    /// A preview of a branch: 100 messages a second, burst 50.
    Preview,
    /// A permanent environment: 10,000 messages a second, burst 5,000.
    Stage,
}

impl EnvironmentType {
    /// The lower-case name, as on the command line and in `AMPT_ENVIRONMENT_TYPE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Preview => "preview",
            Self::Stage => "stage",
        }
    }

    /// The published rate limit (messages per second) and burst limit (concurrent requests).
    pub fn rate_and_burst(self) -> (u32, u32) {
        match self {
            Self::Sandbox => (10, 10),
            Self::Preview => (100, 50),
            Self::Stage => (10_000, 5_000),
        }
    }
}

impl fmt::Display for EnvironmentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often clients may connect and send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RateLimits {
    /// Tokens that come back per second.
    pub rate: u32,
    /// Tokens that can be saved up, and invocations that may run at once.
    pub burst: u32,
    /// Whether the two are enforced at all.
    pub enforced: bool,
}

/// What to do with a binary message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BinaryMessages {
    /// Close the connection with 1003, as API Gateway does.
    Close,
    /// Give the handler its bytes, base64-encoded.
    Allow,
}

/// The bounds of one connection. Sizes are in bytes.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Largest message: 128 KB on API Gateway.
    pub max_message: usize,
    /// Largest frame: 32 KB on API Gateway.
    pub max_frame: usize,
    /// What happens to a binary message.
    pub binary: BinaryMessages,
    /// A connection that sends and receives nothing for this long is closed: 10 minutes.
    pub idle_timeout: Duration,
    /// Whether a client's ping counts as activity. What API Gateway does is not known.
    pub ping_resets_idle: bool,
    /// A connection is closed this long after it opened: 2 hours.
    pub max_duration: Duration,
}

impl ConnectionLimits {
    /// API Gateway's largest message.
    const MAX_MESSAGE: usize = 128 * 1024;

    /// Largest message to a client, in bytes: what API Gateway takes, or more where larger ones
    /// are let in.
    pub fn max_sent(&self) -> usize {
        self.max_message.max(Self::MAX_MESSAGE)
    }
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            max_message: Self::MAX_MESSAGE,
            max_frame: 32 * 1024,
            binary: BinaryMessages::Close,
            idle_timeout: Duration::from_secs(600),
            ping_resets_idle: false,
            max_duration: Duration::from_secs(7200),
        }
    }
}
