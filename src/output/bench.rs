//! The report of a load test: numbers, a drawn histogram, and which limits it stands for.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Output;
use super::escape::visible_line;
use super::paint::Paint;
use crate::bench::{Bar, Holds, Report};
use crate::error::Failure;

/// Width of the longest bar.
const BAR: u64 = 40;
const WIDTH: usize = 40;

/// Prints the report, for people or as JSON.
pub fn print(out: &Output, report: &Report) -> Result<(), Failure> {
    match out.is_json() {
        true => out.document(&as_json(report)),
        false => out.text(&for_people(report, out.paint())),
    }
}

fn as_json(report: &Report) -> Value {
    let tally = &report.tally;
    let latency = &tally.latency;
    let known = |value: f64| (!latency.is_empty()).then_some(value);
    json!({
        "target": report.target,
        "limits": report.limits,
        "connections": {
            "wanted": report.wanted, "opened": report.opened, "lost": report.lost,
            "trouble": report.trouble,
        },
        "rate": report.rate,
        "inFlight": report.in_flight,
        "seconds": report.took.as_secs_f64(),
        "messages": {
            "sent": tally.sent, "answered": tally.answered, "throttled": tally.throttled,
            "failed": tally.failed, "unanswered": tally.unanswered, "pushed": tally.pushed,
        },
        "perSecond": report.per_second(),
        "latencyMs": {
            "min": known(tally.percentile(0.0)), "mean": known(latency.mean() / 1000.0),
            "p50": known(tally.percentile(50.0)), "p90": known(tally.percentile(90.0)),
            "p99": known(tally.percentile(99.0)), "p999": known(tally.percentile(99.9)),
            "max": known(tally.percentile(100.0)),
        },
        "histogram": report.bars(),
        "holds": report.holds(),
        "errors": report.errors,
    })
}

fn for_people(report: &Report, paint: Paint) -> String {
    let mut text = String::new();
    push_setting(&mut text, report);
    push_counts(&mut text, report, paint);
    if !report.tally.latency.is_empty() {
        push_latency(&mut text, report);
        push_bars(&mut text, &report.bars(), paint);
    }
    push_holds(&mut text, &report.holds(), paint);
    text
}

fn push_setting(text: &mut String, report: &Report) {
    let limits = match report.limits {
        Some(env) => format!("limits of {env}"),
        None => "no limits".to_owned(),
    };
    let pace = match report.rate {
        Some(rate) => format!("{} messages a second", grouped(rate.round())),
        None => match report.in_flight {
            1 => "each sends when it was answered".to_owned(),
            n => format!("each with {n} messages in flight"),
        },
    };
    let _ = writeln!(
        text,
        "{}: {limits}, {} connections, {pace}, {:.1} s\n",
        visible_line(&report.target),
        grouped(f64::from(report.opened)),
        report.took.as_secs_f64(),
    );
}

#[allow(clippy::cast_precision_loss)]
fn push_counts(text: &mut String, report: &Report, paint: Paint) {
    let tally = &report.tally;
    let count = |n: u64| grouped(n as f64);
    let _ = writeln!(
        text,
        "  messages   {} sent, {} answered: {} a second",
        count(tally.sent),
        count(tally.answered),
        paint.strong(&grouped(report.per_second())),
    );
    let mut line = |n: u64, what: &str, is_bad: bool| {
        if n > 0 {
            let number = count(n);
            let number = if is_bad {
                paint.bad(&number)
            } else {
                paint.warn(&number)
            };
            let _ = writeln!(text, "             {number} {what}");
        }
    };
    line(tally.throttled, "throttled: above the limits", false);
    line(tally.failed, "failed: their handler threw", true);
    line(tally.unanswered, "unanswered in time", true);
    line(tally.pushed, "came without being an answer", false);
    let unopened = u64::from(report.wanted - report.opened);
    line(unopened, "connections did not open", true);
    line(u64::from(report.lost), "connections were lost", true);
    if let Some(trouble) = &report.trouble {
        let _ = writeln!(text, "             the first: {}", visible_line(trouble));
    }
    for error in &report.errors {
        let _ = writeln!(text, "             {}", paint.bad(&visible_line(error)));
    }
}

fn push_latency(text: &mut String, report: &Report) {
    let at = |percent: f64| duration(report.tally.percentile(percent));
    let _ = writeln!(
        text,
        "  latency    p50 {}   p90 {}   p99 {}   p99.9 {}   max {}\n",
        at(50.0),
        at(90.0),
        at(99.0),
        at(99.9),
        at(100.0),
    );
}

#[allow(clippy::cast_precision_loss)]
fn push_bars(text: &mut String, bars: &[Bar], paint: Paint) {
    let all: u64 = bars.iter().map(|bar| bar.count).sum();
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(1).max(1);
    for bar in bars {
        let width = (bar.count * BAR).div_ceil(most);
        let drawn = "█".repeat(usize::try_from(width).unwrap_or_default());
        let drawn = format!("{drawn:WIDTH$}");
        let share = 100.0 * bar.count as f64 / all as f64;
        let bound = format!("< {}", duration(bar.to_ms));
        let _ = writeln!(
            text,
            "  {bound:>9}  {} {share:5.1} %",
            paint.literal(&drawn)
        );
    }
    text.push('\n');
}

fn push_holds(text: &mut String, holds: &[Holds], paint: Paint) {
    for (i, hold) in holds.iter().enumerate() {
        let what = if i == 0 { "holds" } else { "" };
        let name = format!("{} ({} a second)", hold.env, grouped(f64::from(hold.rate)));
        let answer = match hold.holds {
            Some(true) => paint.good("yes"),
            Some(false) => paint.bad("no, not on this machine"),
            None => paint.dim("not tried"),
        };
        let _ = writeln!(text, "  {what:9}  {name:26} {answer}");
    }
}

/// A number of milliseconds, with three digits.
fn duration(ms: f64) -> String {
    let digits = |value: f64| match value {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let (value, unit) = if ms >= 1000.0 {
        (ms / 1000.0, "s")
    } else {
        (ms, "ms")
    };
    format!("{value:.*} {unit}", digits(value))
}

/// A whole number with commas; one below 10 with a digit after the point.
fn grouped(number: f64) -> String {
    if number < 10.0 && number.fract() != 0.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [0.0, 4.25, 12.5, 999.0, 1000.0, 1_234_567.8].map(grouped),
            ["0", "4.2", "12", "999", "1,000", "1,234,568"]
        );
        assert_eq!(
            [0.05, 1.234, 12.34, 123.4, 1500.0].map(duration),
            ["0.05 ms", "1.23 ms", "12.3 ms", "123 ms", "1.50 s"]
        );
    }
}
