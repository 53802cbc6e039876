//! Closes connections whose idle timeout or lifetime has run out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::mpsc;

use super::Gateway;
use super::registry::Connection;
use crate::domain::CloseReason;

/// Most openings that wait for the reaper's attention; it drains them at every turn.
pub(super) const ARRIVALS: usize = 1024;

/// Watches the connections that come through `arrivals`, by the sandbox's clock. One task for
/// all: a timer each would cost every idle connection its memory.
pub(super) async fn run(gateway: Arc<Gateway>, mut arrivals: mpsc::Receiver<u32>) {
    let mut due: BTreeSet<(i64, u32)> = BTreeSet::new();
    loop {
        let next = due.first().map(|(at, _)| *at);
        let sleep = async {
            match next {
                Some(at) => gateway.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = gateway.stop.cancelled() => return,
            () = sleep => reap(&gateway, &mut due),
            arrival = arrivals.recv() => match arrival {
                Some(handle) => enlist(&gateway, &mut due, handle),
                None => return,
            },
        }
        while let Ok(handle) = arrivals.try_recv() {
            enlist(&gateway, &mut due, handle);
        }
    }
}

fn enlist(gateway: &Gateway, due: &mut BTreeSet<(i64, u32)>, handle: u32) {
    if let Some(connection) = gateway.registry.by_handle(handle) {
        due.insert((deadline(gateway, &connection), handle));
    }
}

/// Closes what is overdue; what was active meanwhile gets its next turn.
fn reap(gateway: &Gateway, due: &mut BTreeSet<(i64, u32)>) {
    let now = gateway.clock.now_ms();
    while let Some(first) = due.first().copied().filter(|(at, _)| *at <= now) {
        due.remove(&first);
        let Some(connection) = gateway.registry.by_handle(first.1) else {
            continue;
        };
        let at = deadline(gateway, &connection);
        if at <= now {
            connection.close(CloseReason::GOING_AWAY);
        } else {
            due.insert((at, first.1));
        }
    }
}

/// When the connection has to be looked at again, in milliseconds since the epoch.
fn deadline(gateway: &Gateway, connection: &Connection) -> i64 {
    let ms = |d: std::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    let active = connection.traffic.last_active_at.load(Relaxed);
    let idle = active.saturating_add(ms(gateway.limits.idle_timeout));
    let old = connection
        .connected_at
        .saturating_add(ms(gateway.limits.max_duration));
    idle.min(old)
}
