//! Commands that wait for their time, by the sandbox's clock: published events and further tries.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::Command;
use crate::domain::Clock;
use crate::store::published::Published;

/// Most commands that wait to be taken in.
const WAITING: usize = 1024;

/// A command and when it is due, in milliseconds since the epoch.
pub(super) type Timed = (i64, Command);

/// When a published event is to come.
pub(super) fn published(event: Published) -> Timed {
    (event.due_ms, Command::Deliver(event))
}

/// Starts the task that hands commands over when they are due, in the order of their times.
pub(super) fn start(
    clock: Clock,
    commands: mpsc::WeakSender<Command>,
    first: Vec<Timed>,
) -> mpsc::Sender<Timed> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(run(clock, commands, first, receiver));
    sender
}

async fn run(
    clock: Clock,
    commands: mpsc::WeakSender<Command>,
    first: Vec<Timed>,
    mut arrivals: mpsc::Receiver<Timed>,
) {
    // Numbered, so that what is due at the same time comes in the order of its arrival.
    let mut numbers = 0..;
    let mut place =
        |(at, command): Timed| numbers.next().map(|number: u64| ((at, number), command));
    let mut due: BTreeMap<_, _> = first.into_iter().filter_map(&mut place).collect();
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
                let Some(timed) = arrival else { return };
                due.extend(place(timed));
            }
            () = sleep => {
                let Some((_, command)) = due.pop_first() else { continue };
                let Some(commands) = commands.upgrade() else { return };
                if commands.send(command).await.is_err() {
                    return;
                }
            }
        }
    }
}
