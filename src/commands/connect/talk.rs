//! The conversation over an open WebSocket.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::command::Close;
use super::dial::Socket;
use super::end::Ended;
use super::show::{Place, Shown};
use super::wish::Wish;
use crate::commands::signals::Signals;
use crate::error::{Failure, exit};
use crate::output::ClientEvent;

/// How long the server may take to answer our close frame.
const GOODBYE: Duration = Duration::from_secs(5);

/// How long it may take to hang up after its own.
const HANG_UP: Duration = Duration::from_secs(1);

/// How many messages may wait to be written.
const WAITING: usize = 16;

/// What comes next from the server: nothing at the end.
type Incoming = Option<Result<Message, Error>>;

/// An open connection and what is wished of it.
pub(super) struct Talk<'a> {
    incoming: SplitStream<Socket>,
    outbox: mpsc::Sender<Message>,
    /// How many messages were given to the outbox, and how many it has written.
    queued: u64,
    written: watch::Receiver<u64>,
    wishes: mpsc::Receiver<Wish>,
    /// How long nothing must come, after the last wish, for us to leave.
    quiet: Duration,
    shown: &'a Shown,
    started: Instant,
}

/// Why the conversation is over.
enum Over {
    /// We leave with this close frame, and the program ends with that.
    ByUs(Close, Result<u8, Failure>),
    /// The server sent a close frame.
    ByServer(Option<CloseFrame>),
    /// The connection broke.
    Lost(Option<Error>),
}

impl<'a> Talk<'a> {
    /// Starts writing what will be wished.
    pub(super) fn start(
        socket: Socket,
        wishes: mpsc::Receiver<Wish>,
        quiet: Duration,
        shown: &'a Shown,
    ) -> Self {
        let (sink, incoming) = socket.split();
        let (outbox, waiting) = mpsc::channel(WAITING);
        let (count, written) = watch::channel(0);
        tokio::spawn(write(sink, waiting, count));
        Self {
            incoming,
            outbox,
            queued: 0,
            written,
            wishes,
            quiet,
            shown,
            started: Instant::now(),
        }
    }

    /// Talks until one side has had enough. `is_ours`: the server is a sandbox.
    pub(super) async fn until_end(mut self, signals: &mut Signals, is_ours: bool) -> Ended {
        match self.talk(signals).await {
            Over::ByUs(close, exit) => self.leave(close, exit, signals).await,
            Over::ByServer(frame) => {
                let unsent = self.wishes.try_recv().is_ok() || !self.is_all_written();
                // Our answer to the close frame leaves while we read to the end.
                let _ = tokio::time::timeout(HANG_UP, self.incoming.next()).await;
                Ended::by_server(frame.as_ref(), is_ours, unsent)
            }
            Over::Lost(error) => {
                let ended = Ended::lost(error.as_ref(), is_ours);
                if let Some(code) = ended.answer() {
                    let _ = self.outbox.try_send(frame(code, ""));
                    let _ = tokio::time::timeout(HANG_UP, self.written.changed()).await;
                }
                ended
            }
        }
    }

    async fn talk(&mut self, signals: &mut Signals) -> Over {
        let mut has_wishes = true;
        let mut quiet_at = Instant::now() + self.quiet;
        loop {
            let may_leave = !has_wishes && (self.is_all_written() || self.quiet.is_zero());
            tokio::select! {
                () = self.shown.closed() => return Over::ByUs(Close::normal(), Ok(exit::OK)),
                (place, came) = next_message(&mut self.incoming, self.shown) => {
                    let is_noise = matches!(came, Some(Ok(Message::Ping(_))));
                    if let Some(over) = self.take(place, came) {
                        return over;
                    }
                    if is_noise {
                        continue;
                    }
                }
                wished = next_wish(&mut self.wishes, &self.outbox), if has_wishes => {
                    let Some((place, wish)) = wished else {
                        has_wishes = false;
                        quiet_at = Instant::now() + self.quiet;
                        continue;
                    };
                    let since_start = self.started.elapsed();
                    match carry_out(wish, place, since_start) {
                        Some(over) => return over,
                        None => self.queued += 1,
                    }
                }
                Ok(()) = self.written.changed(), if !has_wishes => {}
                () = tokio::time::sleep_until(quiet_at), if may_leave => {
                    return Over::ByUs(Close::normal(), Ok(exit::OK));
                }
                _ = signals.next() => {
                    return Over::ByUs(Close::going_away(), Ok(exit::INTERRUPTED));
                }
            }
            quiet_at = Instant::now() + self.quiet;
        }
    }

    /// Shows what came, unless it is the end.
    fn take(&self, place: Option<Place<'_>>, came: Incoming) -> Option<Over> {
        let message = match came {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Some(Over::Lost(Some(error))),
            None => return Some(Over::Lost(None)),
        };
        let event = match message {
            Message::Text(text) => ClientEvent::Text(text.as_str().to_owned()),
            Message::Binary(bytes) => ClientEvent::Binary(bytes.into()),
            Message::Pong(sent_at) => {
                let sent_at: [u8; 8] = (*sent_at).try_into().ok()?;
                let sent_at = Duration::from_nanos(u64::from_be_bytes(sent_at));
                ClientEvent::Pong(self.started.elapsed().checked_sub(sent_at)?)
            }
            Message::Close(frame) => return Some(Over::ByServer(frame)),
            // Pings are answered where they are read; bare frames are never read.
            Message::Ping(_) | Message::Frame(_) => return None,
        };
        if let Some(place) = place {
            self.shown.put(place, event);
        }
        None
    }

    /// Closes, and shows what still comes until the server has answered.
    async fn leave(
        mut self,
        close: Close,
        exit: Result<u8, Failure>,
        signals: &mut Signals,
    ) -> Ended {
        let answered = async {
            let goodbye = frame(close.code, &close.reason);
            self.outbox.send(goodbye).await.ok()?;
            loop {
                let (place, came) = next_message(&mut self.incoming, self.shown).await;
                match self.take(place, came) {
                    None => {}
                    Some(Over::ByServer(frame)) => return Some(frame),
                    Some(_) => return None,
                }
            }
        };
        let answered = tokio::select! {
            answered = tokio::time::timeout(GOODBYE, answered) => answered.ok().flatten(),
            _ = signals.next() => return Ended::unanswered(Ok(exit::INTERRUPTED)),
        };
        match answered {
            Some(frame) => Ended::by_us(frame.as_ref(), exit),
            None => Ended::unanswered(exit),
        }
    }

    fn is_all_written(&self) -> bool {
        *self.written.borrow() >= self.queued
    }
}

/// Puts a wish's message in its place, unless the wish is to leave.
fn carry_out(wish: Wish, place: mpsc::Permit<'_, Message>, since_start: Duration) -> Option<Over> {
    match wish {
        Wish::Send(text) => place.send(Message::text(text)),
        Wish::Ping => {
            let sent_at = u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX);
            place.send(Message::Ping(sent_at.to_be_bytes().to_vec().into()));
        }
        Wish::Close(close) => return Some(Over::ByUs(close, Ok(exit::OK))),
        Wish::Interrupt => return Some(Over::ByUs(Close::normal(), Ok(exit::INTERRUPTED))),
        Wish::Fail(failure) => return Some(Over::ByUs(Close::normal(), Err(failure))),
    }
    None
}

fn frame(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame {
        code: code.into(),
        reason: reason.into(),
    }))
}

/// The next message, once there is a place to show it in; there is none if nobody looks any more.
async fn next_message<'a>(
    incoming: &mut SplitStream<Socket>,
    shown: &'a Shown,
) -> (Option<Place<'a>>, Incoming) {
    let place = shown.place().await;
    (place, incoming.next().await)
}

/// The next wish, once there is room for what it sends; `None` if there are no more.
async fn next_wish<'a>(
    wishes: &mut mpsc::Receiver<Wish>,
    outbox: &'a mpsc::Sender<Message>,
) -> Option<(mpsc::Permit<'a, Message>, Wish)> {
    match outbox.reserve().await {
        Ok(place) => Some((place, wishes.recv().await?)),
        // Writing failed: that reading fails as well is about to be seen.
        Err(_) => std::future::pending().await,
    }
}

/// Writes messages until a close frame is written or the connection breaks.
async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut waiting: mpsc::Receiver<Message>,
    count: watch::Sender<u64>,
) {
    while let Some(message) = waiting.recv().await {
        let is_last = message.is_close();
        if sink.send(message).await.is_err() || is_last {
            return;
        }
        count.send_modify(|count| *count += 1);
    }
}
