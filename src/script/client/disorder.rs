//! A client's part in the disorder of a fixture.

use crate::domain::chaos::{Chaos, Way};

/// What disorder does to one connection.
#[derive(Debug, Clone, Copy)]
pub struct Disorder {
    /// How much of it there is.
    pub chaos: Chaos,
    /// The connection's number in the sandbox's present life, from 1.
    pub connection: u32,
    /// Whether this client may vanish.
    pub may_cut: bool,
}

impl Disorder {
    /// Whether the client vanishes at a message.
    pub(super) fn cuts(&self, way: Way, message: u64) -> bool {
        self.may_cut && self.chaos.cuts(way, self.connection, message)
    }

    pub(super) fn throttles(&self, message: u64) -> bool {
        self.chaos.throttles(self.connection, message)
    }
}

/// Whether a message is the gateway's word that one was throttled.
pub(super) fn is_throttle_frame(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Frame {
        message: String,
        #[serde(rename = "connectionId")]
        _connection_id: String,
        #[serde(rename = "requestId")]
        _request_id: String,
    }
    let frame: Result<Frame, _> = serde_json::from_str(text);
    frame.is_ok_and(|frame| frame.message == "Too Many Requests")
}
