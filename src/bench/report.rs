//! What came of a load test.

use std::time::Duration;

use serde::Serialize;

use super::tally::{Tally, millis};
use crate::domain::EnvironmentType;

/// A share of a rate that counts as the rate: clocks and the last second are not exact.
const NEARLY: f64 = 0.98;

/// A finished load test.
#[derive(Debug)]
pub struct Report {
    /// What was loaded: the app's folder, or a URL.
    pub target: String,
    /// The environment whose limits were on.
    pub limits: Option<EnvironmentType>,
    /// How many connections were wanted.
    pub wanted: u32,
    /// How many were opened.
    pub opened: u32,
    /// How many were lost before the end.
    pub lost: u32,
    /// Why the first one that failed did not open, or was lost.
    pub trouble: Option<String>,
    /// Messages per second that were asked for, if any were.
    pub rate: Option<f64>,
    /// How many messages of one client could be unanswered.
    pub in_flight: usize,
    /// How long messages were sent and answers waited for.
    pub took: Duration,
    /// The counts.
    pub tally: Tally,
    /// The first errors of handlers, as the sandbox told them.
    pub errors: Vec<String>,
}

/// Whether the app kept up with an environment's rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holds {
    /// The environment.
    pub env: EnvironmentType,
    /// Its messages per second.
    pub rate: u32,
    /// Yes, no, or not known because fewer were sent.
    pub holds: Option<bool>,
}

/// Answers whose latency lies between two bounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bar {
    /// From this many milliseconds.
    pub from_ms: f64,
    /// To below this many.
    pub to_ms: f64,
    /// How many.
    pub count: u64,
}

impl Report {
    /// Answered messages per second.
    #[allow(clippy::cast_precision_loss)]
    pub fn per_second(&self) -> f64 {
        self.tally.answered as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// Whether everything went well.
    pub fn is_clean(&self) -> bool {
        let tally = &self.tally;
        tally.failed + tally.unanswered == 0 && self.lost == 0 && self.opened == self.wanted
    }

    /// For each environment, whether its rate was kept up with. Nothing can be said of one whose
    /// rate was not reached because fewer messages were asked for, or let through.
    pub fn holds(&self) -> Vec<Holds> {
        use EnvironmentType::{Preview, Sandbox, Stage};
        let bounds = self.limits.map(|env| f64::from(env.rate_and_burst().0));
        let tried = self.rate.unwrap_or(f64::INFINITY);
        let tried = tried.min(bounds.unwrap_or(f64::INFINITY));
        let all = [Sandbox, Preview, Stage].into_iter();
        all.map(|env| {
            let rate = env.rate_and_burst().0;
            let wanted = f64::from(rate) * NEARLY;
            let holds = match self.per_second() >= wanted {
                true => Some(self.is_clean()),
                false if tried < wanted => None,
                false => Some(false),
            };
            Holds { env, rate, holds }
        })
        .collect()
    }

    /// The latencies in a few bars with round bounds: 1, 2, 5, 10, …
    pub fn bars(&self) -> Vec<Bar> {
        let latency = &self.tally.latency;
        let mut bars = Vec::new();
        if latency.is_empty() {
            return bars;
        }
        let mut from = 0;
        for to in round_bounds() {
            let count = latency.count_between(from, to - 1);
            if count > 0 || !bars.is_empty() {
                bars.push(Bar {
                    from_ms: millis(from),
                    to_ms: millis(to),
                    count,
                });
            }
            if to > latency.max() {
                break;
            }
            from = to;
        }
        bars
    }
}

/// 10, 20, 50, 100, … microseconds.
fn round_bounds() -> impl Iterator<Item = u64> {
    (1..9).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rate: Option<f64>, limits: Option<EnvironmentType>, answered: u64) -> Report {
        let mut tally = Tally::new();
        for _ in 0..answered {
            tally.answer(Duration::from_micros(1500));
        }
        Report {
            target: String::new(),
            limits,
            wanted: 1,
            opened: 1,
            lost: 0,
            trouble: None,
            rate,
            in_flight: 1,
            took: Duration::from_secs(1),
            tally,
            errors: Vec::new(),
        }
    }

    fn verdicts(report: &Report) -> Vec<Option<bool>> {
        report.holds().into_iter().map(|h| h.holds).collect()
    }

    #[test]
    fn an_environment_is_held_failed_or_was_not_tried() {
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(verdicts(&report(None, None, 500)), [yes, yes, no]);
        assert_eq!(verdicts(&report(Some(500.0), None, 495)), [yes, yes, None]);
        assert_eq!(verdicts(&report(Some(500.0), None, 50)), [yes, no, None]);
        let limited = report(None, Some(EnvironmentType::Preview), 100);
        assert_eq!(verdicts(&limited), [yes, yes, None]);
        let mut failing = report(None, None, 500);
        failing.tally.failed = 1;
        assert_eq!(verdicts(&failing), [no, no, no]);
    }

    #[test]
    fn bars_have_round_bounds_and_hold_everything() {
        let mut report = report(None, None, 3);
        report.tally.answer(Duration::from_millis(30));
        let bars = report.bars();
        let shown: Vec<_> = bars.iter().map(|b| (b.from_ms, b.to_ms, b.count)).collect();
        assert_eq!(shown.first(), Some(&(1.0, 2.0, 3)));
        assert_eq!(shown.last(), Some(&(20.0, 50.0, 1)));
        assert_eq!(bars.iter().map(|b| b.count).sum::<u64>(), 4);
    }
}
