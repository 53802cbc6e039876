//! Commands that wait for their time, by the sandbox's clock: published events and further tries.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::Command;
use crate::domain::Clock;

/// Most commands that wait to be taken in.
const WAITING: usize = 1024;

/// A command and when it is due, in milliseconds since the epoch.
pub(super) type Timed = (i64, Command);

/// Starts the task that hands commands over when they are due, in the order of their times.
pub(super) fn start(clock: Clock, commands: mpsc::WeakSender<Command>) -> mpsc::Sender<Timed> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(run(clock, commands, receiver));
    sender
}

async fn run(
    clock: Clock,
    commands: mpsc::WeakSender<Command>,
    mut arrivals: mpsc::Receiver<Timed>,
) {
    let mut due: BTreeMap<(i64, u64), Command> = BTreeMap::new();
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
                let Some((at, command)) = arrival else { return };
                number += 1;
                due.insert((at, number), command);
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
