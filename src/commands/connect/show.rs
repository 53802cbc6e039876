//! The thread that prints what happens, so that a terminal held up holds up nothing else.

use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::domain::Clock;
use crate::error::{Failure, reason};
use crate::output::{ClientEvent, ClientEvents};

/// How many events may wait to be printed; while more come, the server's messages wait.
const WAITING: usize = 256;

/// How long the last lines may take: a terminal stopped with Ctrl-S must not keep the program
/// from ending.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The way to the screen.
pub(super) struct Shown {
    queue: mpsc::Sender<(i64, ClientEvent)>,
    ended: std_mpsc::Receiver<Result<(), Failure>>,
    clock: Clock,
}

/// A place in the queue.
pub(super) type Place<'a> = mpsc::Permit<'a, (i64, ClientEvent)>;

impl Shown {
    /// Starts printing.
    pub(super) fn start(events: ClientEvents) -> Result<Self, Failure> {
        let (queue, mut waiting) = mpsc::channel::<(i64, ClientEvent)>(WAITING);
        let (ending, ended) = std_mpsc::sync_channel(1);
        let print = move || {
            let mut result = Ok(());
            while let Some((at_ms, event)) = waiting.blocking_recv() {
                result = events.show(at_ms, &event);
                if result.is_err() || events.is_closed() {
                    break;
                }
            }
            // Whoever has more to show learns from this that nobody reads it.
            drop(waiting);
            let _ = ending.send(result);
        };
        thread::Builder::new()
            .name("printer".into())
            .spawn(print)
            .map_err(|e| Failure::new("internal", format!("no thread: {}", reason(&e))))?;
        Ok(Self {
            queue,
            ended,
            clock: Clock::system(),
        })
    }

    /// Waits for a place in the queue; `None` if nobody reads the output any more.
    pub(super) async fn place(&self) -> Option<Place<'_>> {
        self.queue.reserve().await.ok()
    }

    /// Completes when nobody reads the output any more.
    pub(super) async fn closed(&self) {
        self.queue.closed().await;
    }

    /// Shows an event in its place.
    pub(super) fn put(&self, place: Place<'_>, event: ClientEvent) {
        place.send((self.clock.now_ms(), event));
    }

    /// Shows an event as soon as there is a place for it.
    pub(super) async fn show(&self, event: ClientEvent) {
        if let Some(place) = self.place().await {
            self.put(place, event);
        }
    }

    /// Waits until everything is printed.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Self { queue, ended, .. } = self;
        drop(queue);
        ended.recv_timeout(LAST_LINES).unwrap_or(Ok(()))
    }
}
