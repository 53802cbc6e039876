//! Spans of time as people write them.

use std::time::Duration;

/// Reads a duration: a whole or decimal number and `ms`, `s`, `m`, `h` or `d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let explain = || format!("`{text}` is not a duration; write 500ms, 5s, 10m or 2h");
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .ok_or_else(explain)?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.trim().parse().map_err(|_| explain())?;
    let seconds = match unit {
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => return Err(explain()),
    };
    let most = 366.0 * 100.0 * 86_400.0;
    if !(0.0..=most).contains(&seconds) {
        return Err(explain());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| explain())
}

/// A duration as people say it.
pub fn spell_duration(time: Duration) -> String {
    let ms = time.as_millis();
    match ms {
        0..1000 => format!("{ms}ms"),
        1000..60_000 if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        1000..60_000 => format!("{:.1}s", time.as_secs_f64()),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ => format!("{}m {}s", ms / 60_000, ms / 1000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_duration("1.5h"), Ok(Duration::from_secs(5400)));
        for bad in ["", "5", "s", "-5s", "5 parsecs", "1e400s", "NaNs"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
