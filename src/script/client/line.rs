//! The sending half of a client's connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::disorder::{Disorder, is_throttle_frame};
use super::inbox::Inbox;
use crate::domain::chaos::Way;

/// How long a client that leaves may take to send throttled messages again.
const SETTLE: Duration = Duration::from_secs(5);

type Sink = SplitSink<WebSocketStream<TcpStream>, Message>;

/// Sends messages, and again those that disorder throttles.
pub(super) struct Line {
    sending: Mutex<Sending>,
    inbox: Arc<Inbox>,
    disorder: Option<Disorder>,
    /// Throttle frames that are on their way and are nobody's business.
    unsettled: AtomicU64,
    retries: TaskTracker,
    /// Cancelled when the client vanishes, so that the receiving half goes as well.
    pub gone: CancellationToken,
}

struct Sending {
    /// `None` once the connection has ended.
    sink: Option<Sink>,
    /// How many messages were sent.
    sent: u64,
}

impl Line {
    pub fn new(sink: Sink, inbox: Arc<Inbox>, disorder: Option<Disorder>) -> Self {
        let retries = TaskTracker::new();
        // Waiting for none is done at once.
        retries.close();
        Self {
            sending: Mutex::new(Sending {
                sink: Some(sink),
                sent: 0,
            }),
            inbox,
            disorder,
            unsettled: AtomicU64::new(0),
            retries,
            gone: CancellationToken::new(),
        }
    }

    /// Sends a message; what disorder has in store for it happens.
    pub async fn send(self: &Arc<Self>, message: Message) -> Result<(), String> {
        let Some(disorder) = &self.disorder else {
            return self.put(message).await;
        };
        let mut sending = self.sending.lock().await;
        let number = sending.sent;
        sending.sent += 1;
        if disorder.cuts(Way::In, number) {
            sending.sink = None;
            self.gone.cancel();
            self.inbox.cut();
            return Ok(());
        }
        let is_throttled = disorder.throttles(number);
        if is_throttled {
            self.unsettled.fetch_add(1, Ordering::Relaxed);
            self.retry(
                message.clone(),
                disorder.chaos.retry_after(disorder.connection, number),
            );
        }
        self.send_locked(&mut sending, message).await
    }

    /// Sends a message that was throttled again, as a good client does.
    fn retry(self: &Arc<Self>, message: Message, after: Duration) {
        let line = self.clone();
        self.retries.spawn(async move {
            tokio::time::sleep(after).await;
            // A connection that has ended meanwhile has told so itself.
            let _ = Box::pin(line.send(message)).await;
        });
    }

    /// Sends a message as it is.
    pub async fn put(&self, message: Message) -> Result<(), String> {
        let mut sending = self.sending.lock().await;
        self.send_locked(&mut sending, message).await
    }

    async fn send_locked(&self, sending: &mut Sending, message: Message) -> Result<(), String> {
        let sent = match &mut sending.sink {
            Some(sink) => sink.send(message).await.map_err(|error| error.to_string()),
            None => Err("it has vanished".to_owned()),
        };
        sent.map_err(|error| match self.inbox.ending() {
            Some(ending) => format!("its connection has ended: {ending}"),
            None => error,
        })
    }

    /// Waits until no message is to be sent again any more.
    pub async fn settle(&self) {
        let _ = tokio::time::timeout(SETTLE, self.retries.wait()).await;
    }

    /// Drops this half of the connection.
    pub async fn cut(&self) {
        self.sending.lock().await.sink = None;
        self.gone.cancel();
    }

    /// Whether a message is only the answer to one that is sent again.
    pub fn swallows(&self, text: &str) -> bool {
        self.disorder.is_some()
            && self.unsettled.load(Ordering::Relaxed) > 0
            && is_throttle_frame(text)
            && self
                .unsettled
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok()
    }

    /// Whether the client vanishes when this message comes.
    pub fn is_cut_at(&self, received: u64) -> bool {
        self.disorder
            .is_some_and(|disorder| disorder.cuts(Way::Out, received))
    }
}
