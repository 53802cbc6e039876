//! What has come to a client and was not asked for yet.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::line::Line;

/// Most bytes that may wait for steps that never ask.
const MOST_BYTES: usize = 64 << 20;

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// 1005 for a close frame without a code, 1006 for none at all.
    pub code: u16,
    /// The reason that came with it.
    pub reason: String,
}

impl Ending {
    fn vanished() -> Self {
        Self {
            code: 1006,
            reason: String::new(),
        }
    }

    fn of(frame: Option<CloseFrame>) -> Self {
        match frame {
            None => Self {
                code: 1005,
                reason: String::new(),
            },
            Some(frame) => Self {
                code: frame.code.into(),
                reason: frame.reason.to_string(),
            },
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.reason.as_str()) {
            (1006, _) => f.write_str("1006, without a close frame"),
            (code, "") => write!(f, "{code}, without a reason"),
            (code, reason) => write!(f, "{code} `{reason}`"),
        }
    }
}

/// Messages in the order in which they came, and the end.
pub(super) struct Inbox {
    held: Mutex<Held>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Held {
    messages: VecDeque<String>,
    bytes: usize,
    ending: Option<Ending>,
    is_cut: bool,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            held: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }
}

impl Inbox {
    pub fn take(&self, mut wanted: impl FnMut(usize, &str) -> bool) -> Option<String> {
        let mut held = self.lock();
        let mut places = held.messages.iter().enumerate();
        let at = places.find_map(|(i, text)| wanted(i, text).then_some(i))?;
        let text = held.messages.remove(at)?;
        held.bytes -= text.len();
        Some(text)
    }

    pub fn waiting(&self) -> Vec<String> {
        self.lock().messages.iter().cloned().collect()
    }

    pub fn ending(&self) -> Option<Ending> {
        self.lock().ending.clone()
    }

    pub fn is_cut(&self) -> bool {
        self.lock().is_cut
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Keeps a message; false if there are too many.
    fn put(&self, text: String) -> bool {
        let mut held = self.lock();
        held.bytes += text.len();
        held.messages.push_back(text);
        let has_room = held.bytes <= MOST_BYTES;
        drop(held);
        self.changes.send_modify(|n| *n += 1);
        has_room
    }

    fn end(&self, ending: Ending) {
        self.lock().ending = Some(ending);
        self.changes.send_modify(|n| *n += 1);
    }

    /// Notes that disorder has ended the connection.
    pub fn cut(&self) {
        self.lock().is_cut = true;
        self.end(Ending::vanished());
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts into the inbox what comes, until the connection ends.
pub(super) async fn receive(
    mut stream: SplitStream<WebSocketStream<TcpStream>>,
    inbox: Arc<Inbox>,
    line: Arc<Line>,
) {
    let mut ending = Ending::vanished();
    let mut received = 0;
    loop {
        let next = tokio::select! {
            next = stream.next() => next,
            () = line.gone.cancelled() => return,
        };
        let text = match next {
            Some(Ok(Message::Text(text))) => text.to_string(),
            Some(Ok(Message::Binary(bytes))) => STANDARD.encode(bytes),
            Some(Ok(Message::Close(frame))) => {
                // Reading on sends the answer; the step need not wait for the last packet.
                ending = Ending::of(frame);
                inbox.end(ending.clone());
                continue;
            }
            Some(Ok(_)) => continue,
            Some(Err(_)) | None => break,
        };
        if line.swallows(&text) {
            continue;
        }
        if line.is_cut_at(received) {
            line.cut().await;
            inbox.cut();
            return;
        }
        received += 1;
        if !inbox.put(text) {
            ending.reason = "the fixture left more than 64 MB unread".to_owned();
            break;
        }
    }
    if !inbox.is_cut() {
        inbox.end(ending);
    }
    // The server waits for our end of the socket, which closes only with both its halves.
    line.cut().await;
}
