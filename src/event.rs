//! The facts that the log, the REPL, `--json`, reporters and the recorder consume.

mod bus;
mod wire;

use std::sync::Arc;

use serde::Serialize;

use crate::domain::{ConnectionId, RateLimits};
pub use bus::{Batch, EventBus, Subscription};
pub use wire::{Closer, Recording, Wire};

/// Something that happened in the sandbox, and when.
#[derive(Debug, Clone)]
pub struct Event {
    /// Milliseconds since the epoch, on the sandbox's clock.
    pub at_ms: i64,
    /// What happened.
    pub fact: Fact,
}

/// The text of a message, shortened if it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The text, or its beginning.
    pub text: Arc<str>,
    /// Size of the whole message in bytes.
    pub bytes: usize,
}

impl Payload {
    /// Longest text that an event carries, in bytes.
    pub const SHOWN: usize = 4096;

    /// The event's copy of a message.
    pub fn of(text: &str) -> Self {
        let mut end = text.len().min(Self::SHOWN);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            text: text[..end].into(),
            bytes: text.len(),
        }
    }

    /// Whether only the beginning of the message is there.
    pub fn is_cut(&self) -> bool {
        self.text.len() < self.bytes
    }
}

/// A place in the user's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Place {
    /// File, relative to the app where it is inside.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// Why a handler's work failed, as the worker described it.
#[derive(Debug, Clone, Default, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JsError {
    /// The error's name, for example `TypeError`.
    pub name: String,
    /// Its message.
    pub message: String,
    /// Its stack, source-mapped to the user's files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// File of the first frame in the user's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line of that frame, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column of that frame, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The lines around that place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_frame: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What it says caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<JsError>>,
    /// The errors that it stands for, if it is an `AggregateError`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<JsError>,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// What there is to know of a sandbox that is ready.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the fields are named as in the JSON line that docs describe"
)]
pub struct Ready {
    pub url: String,
    pub ws_url: String,
    pub pid: u32,
    pub app: String,
    pub env: &'static str,
    pub data_dir: String,
    pub limits: RateLimits,
    /// Events with a registered handler; not in the JSON line.
    pub handlers: Vec<String>,
}

/// What happened. Each message is one, so what is large and rare is kept apart.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the fields are named as in the JSON lines that docs describe"
)]
pub enum Fact {
    /// A client can connect and the app's handlers are registered.
    Ready(Box<Ready>),
    Connected {
        connection_id: ConnectionId,
        query: Vec<(String, String)>,
        remote_address: String,
    },
    /// A message came from a client.
    Message {
        connection_id: ConnectionId,
        data: Payload,
    },
    /// A message went to a client.
    Sent {
        connection_id: ConnectionId,
        data: Payload,
    },
    Disconnected {
        connection_id: ConnectionId,
        code: u16,
        reason: String,
    },
    /// The token bucket was empty: a handshake got 429, or a message the throttle frame.
    Throttled {
        connection_id: Option<ConnectionId>,
        hint: String,
    },
    /// A request or handshake was refused.
    Rejected {
        status: u16,
        reason: String,
        hint: Option<String>,
    },
    /// A handler threw, ran past its timeout, or was lost with its worker.
    HandlerError {
        /// `connected`, `message`, `disconnected`, `data.on`, `load` …
        handler: String,
        connection_id: Option<ConnectionId>,
        request_id: Option<String>,
        error: Box<JsError>,
    },
    /// A line from the app, or (`source: "sandbox"`) from us.
    Log {
        level: Level,
        text: String,
        /// Whether the line had not ended when it was told.
        partial: bool,
        source: &'static str,
    },
    /// The worker was replaced, or could not be.
    Reload {
        /// What caused it: changed files, or `reload`.
        cause: String,
        ok: bool,
        /// Whether code that ran before goes on; not in the JSON line.
        kept: bool,
        took_ms: u64,
        error: Option<Box<JsError>>,
    },
    Import {
        file: String,
        items: u64,
        overwrite: bool,
        orphaned: Vec<ConnectionId>,
    },
    Stopping {
        cause: String,
    },
}

impl Fact {
    /// Whether it is a message to or from a client.
    fn is_message(&self) -> bool {
        matches!(self, Self::Message { .. } | Self::Sent { .. })
    }
}
