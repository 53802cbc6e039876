//! The text that a worker sent last: its link names it for the next receiver instead of writing it
//! again.

use std::sync::Arc;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::gateway::outbox::Put;
use crate::gateway::posting::Posting;
use crate::gateway::{Connection, Gateway};

/// A text, and a copy that receivers share, once there is one who has to keep it.
#[derive(Debug, Default)]
pub struct LastText {
    text: String,
    shared: Option<Utf8Bytes>,
}

/// Beyond this, a text's room is not kept for the next one.
const KEPT: usize = 64 * 1024;

impl LastText {
    /// Another text. The worker's link writes nothing but UTF-8.
    pub fn set(&mut self, text: &[u8]) {
        self.shared = None;
        self.text.clear();
        self.text.shrink_to(KEPT);
        self.text.push_str(&String::from_utf8_lossy(text));
    }

    /// Sends it.
    pub fn send(
        &mut self,
        posting: &mut Posting,
        gateway: &Gateway,
        connection: Arc<Connection>,
        now_ms: i64,
    ) -> Put {
        let Self { text, shared } = self;
        let whole = || shared.get_or_insert_with(|| text.as_str().into()).clone();
        posting.send(gateway, connection, text, whole, now_ms)
    }
}
