//! Whether a worker still turns its event loop.
//!
//! What is given to a worker that is blocked for good dies with it. So one that has work and has
//! been silent for a while is asked first, and gets nothing until it has answered. It is given up
//! only when a handler is past its timeout: long computations are allowed.

use std::time::{Duration, Instant};

use crate::worker::wire;

/// A worker that has work and said nothing for this long may be blocked.
const SILENCE: Duration = Duration::from_millis(100);

/// A worker with a handler past its timeout that has not answered for this long is blocked.
const PONG_TIME: Duration = Duration::from_secs(1);

/// One worker's signs of life.
#[derive(Debug)]
pub struct Pulse {
    heard: Instant,
    owes_pong: bool,
    suspicion: Option<Suspicion>,
}

/// Handlers past their timeouts since the worker was asked.
#[derive(Debug)]
struct Suspicion {
    since: Instant,
    /// How far it had come by then.
    reached: Option<u32>,
    first: String,
    others: usize,
}

impl Pulse {
    /// That of a worker that was just started.
    pub fn new(now: Instant) -> Self {
        Self {
            heard: now,
            owes_pong: false,
            suspicion: None,
        }
    }

    /// Something came from it.
    pub fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Asks it for an answer, if it does not owe one already.
    pub fn ask(&mut self, out: &mut Vec<u8>) {
        if !self.owes_pong {
            self.owes_pong = true;
            wire::ping(out, 0);
        }
    }

    /// It answered.
    pub fn answered(&mut self) {
        self.owes_pong = false;
        self.suspicion = None;
    }

    /// Whether it was asked and has not answered.
    pub fn owes_pong(&self) -> bool {
        self.owes_pong
    }

    /// Whether it has said nothing for a while.
    pub fn is_silent(&self, now: Instant) -> bool {
        now.duration_since(self.heard) >= SILENCE
    }

    /// A handler did not return in time; `what` names it and says whether it ran, `reached` how far
    /// the worker has come.
    pub fn suspect(&mut self, what: &str, reached: Option<u32>, now: Instant) {
        match &mut self.suspicion {
            Some(suspicion) => suspicion.others += 1,
            None => {
                self.suspicion = Some(Suspicion {
                    since: now,
                    reached,
                    first: what.to_owned(),
                    others: 0,
                });
            }
        }
    }

    /// When it counts as blocked, if it does not answer.
    pub fn limit(&self) -> Option<Instant> {
        self.suspicion.as_ref().map(|s| s.since + PONG_TIME)
    }

    /// What to say of it if it is blocked. One that still begins invocations is not: the question
    /// waits behind them.
    pub fn blocked(&mut self, now: Instant, reached: impl Fn() -> Option<u32>) -> Option<String> {
        let suspicion = self.suspicion.as_mut()?;
        if now.duration_since(suspicion.since) < PONG_TIME {
            return None;
        }
        let reached = reached();
        if reached != suspicion.reached {
            suspicion.reached = reached;
            suspicion.since = now;
            return None;
        }
        let first = &suspicion.first;
        let running = match suspicion.others {
            0 => first.clone(),
            others => format!("{first}, and {others} more"),
        };
        Some(format!(
            "Node did not respond while {running} (an endless loop?)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_in_time_is_blocked_and_an_answer_clears_it() {
        let t0 = Instant::now();
        let mut pulse = Pulse::new(t0);
        let mut out = Vec::new();
        pulse.suspect("the message handler of A ran", None, t0);
        pulse.suspect("the message handler of B ran", None, t0);
        pulse.ask(&mut out);
        let asked = out.len();
        pulse.ask(&mut out);
        assert!(asked > 0 && out.len() == asked, "it is asked once");
        let limit = pulse.limit().expect("a limit");
        let still = || None;
        assert_eq!(pulse.blocked(limit - Duration::from_millis(1), still), None);
        let said = pulse.blocked(limit, still).expect("it is blocked");
        assert!(said.contains("the message handler of A ran, and 1 more"));
        assert_eq!(pulse.blocked(limit, || Some(7)), None, "it goes on");
        assert!(pulse.blocked(limit, || Some(7)).is_none());
        assert!(pulse.blocked(limit + PONG_TIME, || Some(7)).is_some());
        pulse.answered();
        assert_eq!((pulse.blocked(limit, still), pulse.limit()), (None, None));
        assert!(!pulse.owes_pong());
    }

    #[test]
    fn silence_is_counted_from_the_last_word() {
        let t0 = Instant::now();
        let mut pulse = Pulse::new(t0);
        assert!(pulse.is_silent(t0 + SILENCE));
        pulse.hear(t0 + SILENCE);
        assert!(!pulse.is_silent(t0 + SILENCE));
    }
}
