//! The token bucket behind the rate limit; pure, time is a parameter.

use super::limits::RateLimits;

/// Tokens are counted in thousandths, so that a refill per millisecond stays a whole number.
const SCALE: u64 = 1000;

/// A token bucket: `burst` tokens at most, `rate` of them coming back per second.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    limits: RateLimits,
    /// Thousandths of tokens left.
    level: u64,
    /// When `level` was true, in milliseconds since the epoch.
    at_ms: i64,
}

impl TokenBucket {
    /// A full bucket at `now_ms`.
    pub fn full(limits: RateLimits, now_ms: i64) -> Self {
        let level = u64::from(limits.burst) * SCALE;
        Self {
            limits,
            level,
            at_ms: now_ms,
        }
    }

    /// Takes one token; false if there is none. Always true when the limits are not enforced.
    /// A clock that is set back refills nothing; from there it counts anew.
    pub fn take(&mut self, now_ms: i64) -> bool {
        if !self.limits.enforced {
            return true;
        }
        self.refill(now_ms);
        if self.level < SCALE {
            return false;
        }
        self.level -= SCALE;
        true
    }

    fn refill(&mut self, now_ms: i64) {
        let passed = now_ms.saturating_sub(self.at_ms);
        self.at_ms = now_ms;
        let Ok(passed @ 1..) = u64::try_from(passed) else {
            return;
        };
        let refill = passed.saturating_mul(u64::from(self.limits.rate));
        let capacity = u64::from(self.limits.burst) * SCALE;
        self.level = self.level.saturating_add(refill).min(capacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(rate: u32, burst: u32) -> TokenBucket {
        TokenBucket::full(
            RateLimits {
                rate,
                burst,
                enforced: true,
            },
            0,
        )
    }

    #[test]
    fn a_full_bucket_gives_burst_tokens_and_then_rate_per_second() {
        let mut bucket = bucket(10, 10);
        assert_eq!((0..20).filter(|_| bucket.take(0)).count(), 10);
        assert!(!bucket.take(99));
        assert!(bucket.take(100));
        assert!(!bucket.take(100));
        assert_eq!((0..20).filter(|_| bucket.take(60_000)).count(), 10);
    }

    #[test]
    fn over_any_second_no_more_than_burst_and_rate_pass() {
        let mut bucket = bucket(100, 50);
        let passed = (0..1000).filter(|ms| bucket.take(*ms)).count();
        assert_eq!(passed, 50 + 99);
    }

    #[test]
    fn a_clock_set_back_neither_refills_nor_overflows() {
        let mut bucket = bucket(10, 1);
        assert!(bucket.take(10_000));
        assert!(!bucket.take(0));
        assert!(!bucket.take(i64::MIN));
        assert!(!bucket.take(i64::MIN + 99));
        assert!(bucket.take(i64::MIN + 100), "it counts on from there");
        assert!(bucket.take(i64::MAX));
    }

    #[test]
    fn without_enforcement_everything_passes() {
        let mut bucket = TokenBucket::full(
            RateLimits {
                rate: 0,
                burst: 0,
                enforced: false,
            },
            0,
        );
        assert!((0..1000).all(|_| bucket.take(0)));
    }
}
