//! Notices when so much goes on that Node had better not disturb the sandbox.
//!
//! Each time Node is given something it wakes, and the kernel lets it take the processor from the
//! sandbox, which has more for it and could send what handlers have answered. In a crowd that costs
//! both of them more than it saves anybody: so Node waits until a processor is free.
//!
//! On a machine that others keep busy, waiting for a processor takes milliseconds. Then the events
//! do not follow each other closely any more, and all is as it was.

use std::time::{Duration, Instant};

/// So many events at the worker are many, and so many are few.
const MANY: usize = 8;
const FEW: usize = 4;

/// How often there must have been many, and few, until a crowd has come together, or is gone.
const OFTEN: u32 = 16;

/// Events that are further apart do not follow each other closely.
const APART: Duration = Duration::from_millis(1);

/// What one worker is given, as far as it tells of a crowd.
#[derive(Debug)]
pub struct Crowd {
    /// How often there were many, less how often there were few: 0 to [`OFTEN`].
    level: u32,
    last: Instant,
    is_crowd: bool,
}

impl Crowd {
    /// There is none.
    pub fn new(now: Instant) -> Self {
        Self {
            level: 0,
            last: now,
            is_crowd: false,
        }
    }

    /// Events were laid down for the worker, which has `in_flight` of them with these. Gives whether
    /// there is a crowd, if that is new.
    pub fn given(&mut self, in_flight: usize, now: Instant) -> Option<bool> {
        let is_close = now.duration_since(self.last) < APART;
        self.last = now;
        self.level = match in_flight {
            _ if !is_close => 0,
            MANY.. => OFTEN.min(self.level + 1),
            FEW.. => self.level,
            _ => self.level.saturating_sub(1),
        };
        let was_crowd = self.is_crowd;
        self.is_crowd = self.level == OFTEN || (was_crowd && self.level > 0);
        (was_crowd != self.is_crowd).then_some(self.is_crowd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives events `apart` from each other until there is a crowd; how many times that took.
    fn until_crowd(crowd: &mut Crowd, now: &mut Instant, apart: Duration) -> Option<u32> {
        (1..100).find(|_| {
            *now += apart;
            crowd.given(MANY, *now) == Some(true)
        })
    }

    #[test]
    fn a_crowd_is_many_events_that_follow_each_other_closely() {
        let mut now = Instant::now();
        let mut crowd = Crowd::new(now);
        assert_eq!(until_crowd(&mut crowd, &mut now, APART), None);
        let close = Duration::from_micros(100);
        assert_eq!(until_crowd(&mut crowd, &mut now, close), Some(OFTEN));
        // Some fewer are still a crowd, and it is told once.
        assert_eq!(crowd.given(FEW, now), None);
    }

    #[test]
    fn it_ends_with_few_events_and_with_a_pause() {
        let mut now = Instant::now();
        let mut crowd = Crowd::new(now);
        let close = Duration::from_micros(100);
        until_crowd(&mut crowd, &mut now, close);
        let last = (1..100).find(|_| crowd.given(FEW - 1, now) == Some(false));
        assert_eq!(last, Some(OFTEN));
        until_crowd(&mut crowd, &mut now, close);
        assert_eq!(crowd.given(MANY, now + APART), Some(false));
    }
}
