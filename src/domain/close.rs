//! Why a connection ended.

use std::borrow::Cow;

/// How a connection ended: the WebSocket close code and the text that the `disconnected` handler
/// gets as its reason.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CloseReason {
    /// The close code (RFC 6455, section 7.4); 1005 and 1006 are never sent on the wire.
    pub code: u16,
    /// The text that goes with it.
    pub reason: Cow<'static, str>,
}

impl CloseReason {
    /// `ws.close`, `ampt-ws close` or the management API's DELETE.
    pub const CLOSED_BY_SERVER: Self = Self::fixed(1000, "Connection Closed Normally");
    /// The idle timeout or the connection's lifetime ran out, or the sandbox stops.
    pub const GOING_AWAY: Self = Self::fixed(1001, "Going away");
    /// The client sent a close frame without a code.
    pub const NO_STATUS: Self = Self::fixed(1005, "Client-side close frame status not set");
    /// The TCP connection went away without a close frame.
    pub const VANISHED: Self = Self::fixed(1006, "Connection lost without a close frame");
    /// A binary message came.
    pub const BINARY: Self = Self::fixed(1003, "Binary messages are not supported");
    /// A frame or message above the limits came.
    pub const TOO_BIG: Self = Self::fixed(1009, "Message too big");
    /// The client broke the WebSocket protocol.
    pub const PROTOCOL_ERROR: Self = Self::fixed(1002, "Protocol error");
    /// A text message was not UTF-8.
    pub const NOT_UTF8: Self = Self::fixed(1007, "Invalid UTF-8 in a text message");
    /// The client reads too slowly and its queue is full.
    pub const TOO_SLOW: Self = Self::fixed(1008, "Client reads too slowly");
    /// The sandbox died while the connection was open; told to the handler at its next start.
    pub const SANDBOX_DIED: Self = Self::fixed(
        1006,
        "The sandbox ended unexpectedly while the connection was open",
    );

    const fn fixed(code: u16, reason: &'static str) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
        }
    }

    /// A close frame that the client sent.
    pub fn by_client(code: u16, reason: &str) -> Self {
        Self {
            code,
            reason: Cow::Owned(reason.to_owned()),
        }
    }

    /// Whether the code may stand in a close frame on the wire.
    pub fn is_sendable(&self) -> bool {
        !matches!(self.code, 1004..=1006 | 1015)
    }
}
