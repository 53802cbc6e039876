//! The sandbox's one clock.
//!
//! Everything that takes time (ttl, `created`/`modified`, idle timeouts, connection lifetimes,
//! token buckets) asks this clock, so that `ampt-ws clock advance 10m` moves all of it at once.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// How long a sleeper trusts the operating system's timer, which stands still while the machine
/// sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

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

/// It follows the machine's wall clock, also over the machine's sleep and its corrections: unless the
/// user moved it, it shows what `Date.now()` shows.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Runs, this many milliseconds ahead of the wall clock.
    Ahead(i64),
    /// Stands still at this time.
    Frozen(i64),
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl Clock {
    /// A clock that starts at the machine's wall-clock time and runs with it.
    pub fn system() -> Self {
        Self::new(State::Ahead(0))
    }

    /// A running clock that shows `epoch_ms` now.
    pub fn starting_at(epoch_ms: i64) -> Self {
        Self::new(State::Ahead(epoch_ms.saturating_sub(wall_ms())))
    }

    fn new(state: State) -> Self {
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
        matches!(self.state(), State::Frozen(_))
    }

    /// How far the clock is ahead of the machine's wall clock, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        match self.state() {
            State::Ahead(offset) => offset,
            State::Frozen(now) => now.saturating_sub(wall_ms()),
        }
    }

    /// Sets the clock to `epoch_ms`; a frozen clock stays frozen.
    pub fn set(&self, epoch_ms: i64) {
        self.change(|state| match state {
            State::Ahead(offset) => *offset = epoch_ms.saturating_sub(wall_ms()),
            State::Frozen(now) => *now = epoch_ms,
        });
    }

    /// Moves the clock forward by `ms` (backward if negative).
    pub fn advance(&self, ms: i64) {
        self.change(|state| {
            let (State::Ahead(time) | State::Frozen(time)) = state;
            *time = time.saturating_add(ms);
        });
    }

    /// Stops the clock where it is.
    pub fn freeze(&self) {
        self.change(|state| *state = State::Frozen(state.now_ms()));
    }

    /// Goes back to the machine's wall clock, running.
    pub fn resume(&self) {
        self.change(|state| *state = State::Ahead(0));
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
            if matches!(state, State::Frozen(_)) {
                if changes.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let left = Duration::from_millis(left.unsigned_abs());
            tokio::select! {
                () = tokio::time::sleep(left.min(LONGEST_SLEEP)) => {}
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
        match self {
            Self::Ahead(offset) => wall_ms().saturating_add(*offset),
            Self::Frozen(now) => *now,
        }
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

    #[test]
    fn left_alone_it_shows_the_wall_clock() {
        let clock = Clock::system();
        let before = wall_ms();
        let now = clock.now_ms();
        assert!((before..=wall_ms()).contains(&now));
        assert_eq!(clock.offset_ms(), 0);
        clock.advance(90_000);
        assert_eq!(clock.offset_ms(), 90_000);
        clock.freeze();
        assert!(clock.offset_ms() <= 90_000);
        clock.resume();
        assert_eq!((clock.offset_ms(), clock.is_frozen()), (0, false));
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
