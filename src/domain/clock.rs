//! The sandbox's one clock.
//!
//! Everything that takes time (ttl, `created`/`modified`, idle timeouts, connection lifetimes,
//! token buckets) asks this clock, so that `ampt-ws clock advance 10m` moves all of it at once.

use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// A shared handle to the sandbox's clock; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Counts changes, so that sleepers notice a jump.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// Monotonic anchor: virtual time is `anchor_ms` at `anchor` and runs from there unless frozen.
    anchor: Instant,
    anchor_ms: i64,
    frozen: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl Clock {
    /// A clock that starts at the machine's wall-clock time and runs with it.
    pub fn system() -> Self {
        Self::starting_at(wall_ms())
    }

    /// A running clock that shows `epoch_ms` now.
    pub fn starting_at(epoch_ms: i64) -> Self {
        let state = State {
            anchor: Instant::now(),
            anchor_ms: epoch_ms,
            frozen: false,
        };
        Self {
            inner: Arc::new(Inner {
                state: Mutex::new(state),
                changes: watch::Sender::new(0),
            }),
        }
    }

    /// The current time in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.state().now_ms()
    }

    /// The current time in whole seconds since the Unix epoch, rounded down.
    pub fn now_secs(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Whether the clock stands still.
    pub fn is_frozen(&self) -> bool {
        self.state().frozen
    }

    /// How far the clock is ahead of the machine's wall clock, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.now_ms() - wall_ms()
    }

    /// Sets the clock to `epoch_ms`; a frozen clock stays frozen.
    pub fn set(&self, epoch_ms: i64) {
        self.change(|state| {
            state.anchor = Instant::now();
            state.anchor_ms = epoch_ms;
        });
    }

    /// Moves the clock forward by `ms` (backward if negative).
    pub fn advance(&self, ms: i64) {
        self.change(|state| state.anchor_ms = state.anchor_ms.saturating_add(ms));
    }

    /// Stops the clock where it is.
    pub fn freeze(&self) {
        self.change(|state| {
            state.anchor_ms = state.now_ms();
            state.anchor = Instant::now();
            state.frozen = true;
        });
    }

    /// Goes back to the machine's wall clock, running.
    pub fn resume(&self) {
        self.change(|state| {
            state.anchor = Instant::now();
            state.anchor_ms = wall_ms();
            state.frozen = false;
        });
    }

    /// A receiver that is marked changed whenever the clock jumps, freezes or resumes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Completes once the clock shows `epoch_ms` or later, however it gets there.
    pub async fn sleep_until(&self, epoch_ms: i64) {
        let mut changes = self.subscribe();
        loop {
            let state = self.state();
            let left = epoch_ms - state.now_ms();
            if left <= 0 {
                return;
            }
            if state.frozen {
                if changes.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let left = std::time::Duration::from_millis(left.unsigned_abs());
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                _ = changes.changed() => {}
            }
        }
    }

    fn state(&self) -> State {
        *self.inner.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn change(&self, apply: impl FnOnce(&mut State)) {
        apply(&mut self.inner.state.lock().unwrap_or_else(|e| e.into_inner()));
        self.inner.changes.send_modify(|n| *n += 1);
    }
}

impl State {
    fn now_ms(&self) -> i64 {
        if self.frozen {
            return self.anchor_ms;
        }
        let passed = i64::try_from(self.anchor.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.anchor_ms.saturating_add(passed)
    }
}

/// The machine's wall clock in milliseconds since the Unix epoch.
fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let clock = Clock::starting_at(1_000);
        clock.freeze();
        let at = clock.now_ms();
        clock.advance(600_000);
        assert_eq!(clock.now_ms(), at + 600_000);
        clock.set(5_000);
        assert_eq!(clock.now_ms(), 5_000);
        assert!(clock.is_frozen());
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_is_advanced_past_its_time() {
        let clock = Clock::starting_at(0);
        clock.freeze();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(3_600_000).await }
        });
        clock.advance(3_600_000);
        sleeper.await.expect("the sleeper ends");
    }
}
