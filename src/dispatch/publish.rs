//! Published events that wait for their time, by the sandbox's clock.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::Command;
use crate::domain::Clock;

/// Most publications that wait to be taken in.
const WAITING: usize = 1024;

/// An event that a handler published.
#[derive(Debug)]
pub(super) struct Publication {
    /// When it is due, in milliseconds since the epoch.
    pub due_ms: i64,
    /// Its full name.
    pub name: String,
    /// The event as JSON.
    pub json: String,
}

/// Starts the task that delivers publications when they are due, in the order of their times.
pub(super) fn start(
    clock: Clock,
    commands: mpsc::WeakSender<Command>,
) -> mpsc::Sender<Publication> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(run(clock, commands, receiver));
    sender
}

async fn run(
    clock: Clock,
    commands: mpsc::WeakSender<Command>,
    mut arrivals: mpsc::Receiver<Publication>,
) {
    let mut due: BTreeMap<(i64, u64), Publication> = BTreeMap::new();
    let mut number = 0;
    loop {
        let next = due.first_key_value().map(|((at, _), _)| *at);
        let sleep = async {
            match next {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            arrival = arrivals.recv() => {
                let Some(publication) = arrival else { return };
                number += 1;
                due.insert((publication.due_ms, number), publication);
            }
            () = sleep => {
                let Some((_, Publication { name, json, .. })) = due.pop_first() else { continue };
                let Some(commands) = commands.upgrade() else { return };
                if commands.send(Command::Deliver { name, json }).await.is_err() {
                    return;
                }
            }
        }
    }
}
