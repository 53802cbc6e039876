//! Messages that go to clients together: each socket is written to once.

use std::sync::Arc;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::outbox::{Put, Staged};
use super::{Connection, Gateway};

/// Longest message that its sender writes itself. Longer ones are shared by their receivers.
const MAX_LENGTH: usize = 16 * 1024;

/// Bytes that are laid down before they are written in any case.
const FULL: usize = 256 * 1024;

/// Most buffers that are kept, and the largest of them.
const BUFFERS: usize = 256;
const BUFFER: usize = 4096;

/// Messages on their way: laid down at their connections, and written by [`Self::flush`].
#[derive(Debug, Default)]
pub struct Posting {
    /// Connections with something to write.
    touched: Vec<Arc<Connection>>,
    /// How much that is.
    bytes: usize,
    /// Buffers for the next messages.
    buffers: Vec<Vec<u8>>,
}

impl Posting {
    /// Sends a text, of which `whole` makes a copy for the case that it has to wait.
    pub fn send(
        &mut self,
        gateway: &Gateway,
        connection: Arc<Connection>,
        text: &str,
        whole: impl FnOnce() -> Utf8Bytes,
        now_ms: i64,
    ) -> Put {
        let buffers = &mut self.buffers;
        let staged = match text.len() <= MAX_LENGTH {
            true => connection
                .outbox
                .stage(text, || buffers.pop().unwrap_or_default()),
            false => Staged::Refused,
        };
        if staged == Staged::Refused {
            return connection.outbox.put(whole());
        }
        gateway.note_sent(&connection, text, text.len(), now_ms);
        self.bytes += text.len();
        if staged == Staged::First {
            self.touched.push(connection);
        }
        if self.bytes > FULL {
            self.flush();
        }
        Put::Queued
    }

    /// Writes everything.
    pub fn flush(&mut self) {
        self.bytes = 0;
        for connection in self.touched.drain(..) {
            let buffer = connection.outbox.write_now();
            if let Some(buffer) = buffer
                && self.buffers.len() < BUFFERS
                && buffer.capacity() <= BUFFER
            {
                self.buffers.push(buffer);
            }
        }
    }
}
