//! What is counted while messages fly.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest latency that is told apart, in microseconds.
const LONGEST: u64 = 600_000_000;

/// Counts of messages, and how long answers took.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Messages sent.
    pub sent: u64,
    /// Messages that were answered.
    pub answered: u64,
    /// Messages that the token bucket kept from the handler.
    pub throttled: u64,
    /// Messages whose handler failed.
    pub failed: u64,
    /// Messages without an answer in time.
    pub unanswered: u64,
    /// Messages that came without being an answer: of other clients, or pushed.
    pub pushed: u64,
    /// Latencies in microseconds, exact to three digits.
    pub latency: Histogram<u64>,
}

impl Tally {
    /// Nothing yet.
    pub fn new() -> Self {
        let latency = Histogram::new_with_max(LONGEST, 3);
        Self {
            sent: 0,
            answered: 0,
            throttled: 0,
            failed: 0,
            unanswered: 0,
            pushed: 0,
            latency: latency.unwrap_or_else(|_| unreachable!("three digits and a bound are fine")),
        }
    }

    /// Counts an answer.
    pub fn answer(&mut self, latency: Duration) {
        self.answered += 1;
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST);
        self.latency.saturating_record(micros);
    }

    /// A percentile in milliseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        millis(self.latency.value_at_percentile(percent))
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

/// Microseconds as milliseconds.
#[allow(clippy::cast_precision_loss)]
pub(super) fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}
