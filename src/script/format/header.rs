//! What stands at the top of a fixture: the app, its sandbox's options, and the steps.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::scalar::Millis;
use crate::domain::EnvironmentType;

/// A scripted fixture for `ampt-ws test`: an app, the options of its sandbox, and steps in order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "ampt-ws fixture")]
pub struct Header<'a> {
    /// Lets editors complete this file.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// What the fixture shows, in a few words; the file's name if it is left out.
    pub name: Option<String>,
    /// Anything else a reader should know.
    pub description: Option<String>,
    /// The app's folder or entry file, relative to this file.
    pub app: String,
    /// The environment whose limits apply: `sandbox`, `preview` or `stage`.
    #[schemars(with = "Option<String>", extend("enum" = ["sandbox", "preview", "stage", null]))]
    pub env: Option<EnvironmentType>,
    /// A data file that is imported before the first step, relative to this file.
    pub seed: Option<String>,
    /// Whether rate and burst are enforced; they are unless this says `false`.
    pub limits: Option<bool>,
    /// Messages per second, instead of the environment's.
    #[schemars(range(min = 1))]
    pub rate: Option<u32>,
    /// Burst, instead of the environment's.
    #[schemars(range(min = 1))]
    pub burst: Option<u32>,
    /// Whether work left running after a handler returned is an error.
    pub strict: Option<bool>,
    /// Largest message in bytes.
    pub max_message: Option<usize>,
    /// Largest frame in bytes.
    pub max_frame: Option<usize>,
    /// What happens to a binary message: `close` (the default) or `allow`.
    #[schemars(extend("enum" = ["close", "allow", null]))]
    pub binary: Option<String>,
    /// A connection that was idle for this long is closed.
    pub idle_timeout: Option<Millis>,
    /// A connection is closed this long after it opened.
    pub max_duration: Option<Millis>,
    /// Subprotocols that may be negotiated.
    pub subprotocols: Option<Vec<String>>,
    /// Origins that may connect besides loopback ones.
    pub allow_origins: Option<Vec<String>>,
    /// How long an expectation waits unless it says otherwise; 2 s if this is left out.
    pub within: Option<Millis>,
    /// Whether a handler that throws fails the fixture; `ignore` unless this says `fail`.
    #[schemars(extend("enum" = ["ignore", "fail", null]))]
    pub handler_errors: Option<String>,
    /// Disorder, to bring out races.
    pub chaos: Option<Chaos>,
    /// What happens, in order.
    #[serde(borrow)]
    #[schemars(schema_with = "super::schema::steps")]
    pub steps: Vec<&'a RawValue>,
}

/// Seeded disorder. The fixture runs once for each seed; the same seed brings the same disorder.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chaos {
    /// How many seeds to run, from 1 on; 5 if this is left out.
    #[schemars(range(min = 1, max = 1000))]
    pub seeds: Option<u32>,
    /// Each message, in and out, is held up by a random time up to this one.
    pub delay: Option<Millis>,
    /// Whether delayed messages of one connection may overtake each other on the way to the
    /// handlers; those of different connections always may.
    pub reorder: Option<bool>,
    /// How likely a message is throttled, from 0 to below 1. The fixture's client sends it again.
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub throttle: Option<f64>,
    /// How likely a client vanishes at a message that it sends or gets, from 0 to 1. What the
    /// steps ask of that client is skipped from then on.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub cut: Option<f64>,
    /// The only clients to vanish; any may if this is left out. Expectations that depend on what
    /// these send will fail, so name those that only listen.
    pub cut_clients: Option<Vec<String>>,
}
