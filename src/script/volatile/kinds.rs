//! How ids and times look.

use std::ops::Range;
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use serde_json::Number;

/// A time that is this near counts as the present.
const NEAR_MS: i64 = 24 * 3600 * 1000;

/// What a value that changes stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    Time,
    Other,
}

impl Kind {
    /// What a capture of it is called.
    pub fn word(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Time => "time",
            Self::Other => "value",
        }
    }
}

/// A pattern that is known to be right.
fn known(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// UUIDs, the ids of connections and requests, and signed tokens, wherever they stand.
static ID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    known(
        r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b|[A-Za-z0-9_-]{14}[AEIMQUYcgkosw048]=|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
    )
});

/// Times of day and dates as JavaScript prints them, wherever they stand.
static CLOCK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    known(
        r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [A-Za-z0-9]{2,3} [A-Za-z0-9]{2,3},? [0-9]{4} )?\b[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?\b(?: ?[AP]M\b)?(?: GMT(?:[+-][0-9]{4})?(?: \([A-Za-z ]+\))?)?",
    )
});

/// ISO 8601, wherever it stands.
static ISO: LazyLock<Option<Regex>> = LazyLock::new(|| {
    known(
        r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})",
    )
});

/// Addresses of this machine with a port, wherever they stand.
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| known(r"(?:127\.0\.0\.1|localhost|\[::1\]):[0-9]{2,5}\b"));

/// Milliseconds since the epoch, wherever they stand.
static EPOCH: LazyLock<Option<Regex>> = LazyLock::new(|| known(r"\b1[0-9]{12}\b"));

/// Whether a string as a whole is something that changes.
pub(super) fn string_kind(field: Option<&str>, text: &str, now_ms: i64) -> Option<Kind> {
    if matches_whole(&ID, text) || looks_random(text) {
        return Some(Kind::Id);
    }
    let is_time = matches_whole(&ISO, text) && is_near(text, now_ms) || matches_whole(&CLOCK, text);
    if is_time {
        return Some(Kind::Time);
    }
    let number: Option<Number> = text.parse().ok();
    number.and_then(|number| number_kind(field, &number, now_ms))
}

/// Whether a number is something that changes.
pub(super) fn number_kind(field: Option<&str>, number: &Number, now_ms: i64) -> Option<Kind> {
    if let Some(whole) = number.as_i64() {
        let near = |ms: i64| (ms - now_ms).abs() < NEAR_MS;
        if near(whole) || whole > 0 && near(whole.saturating_mul(1000)) {
            return Some(Kind::Time);
        }
    } else {
        let text = number.to_string();
        let digits = text
            .split_once('.')
            .map_or(0, |(_, fraction)| fraction.len());
        if digits >= 9 {
            return Some(Kind::Other);
        }
    }
    field.filter(|name| measures(name)).map(|_| Kind::Other)
}

/// Whether a field's name says that it holds a measurement of this very run.
fn measures(field: &str) -> bool {
    let lower = field.to_ascii_lowercase();
    let ends = [
        "tookms",
        "took",
        "elapsed",
        "elapsedms",
        "latency",
        "latencyms",
        "uptime",
        "uptimems",
        "rtt",
        "pid",
    ];
    ends.contains(&lower.as_str())
}

/// The parts of a text that change.
pub(super) fn spans(text: &str, now_ms: i64) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut add = |pattern: &LazyLock<Option<Regex>>, holds: &dyn Fn(&str) -> bool| {
        let matches = pattern.iter().flat_map(|regex| regex.find_iter(text));
        for span in matches
            .filter(|span| holds(span.as_str()))
            .map(|span| span.range())
        {
            if !found
                .iter()
                .any(|other| other.start < span.end && span.start < other.end)
            {
                found.push(span);
            }
        }
    };
    add(&ID, &|_| true);
    add(&ADDRESS, &|_| true);
    add(&ISO, &|iso| is_near(iso, now_ms));
    add(&EPOCH, &|digits| {
        digits
            .parse()
            .is_ok_and(|ms: i64| (ms - now_ms).abs() < NEAR_MS)
    });
    // A time of day inside of a date that is not near is no time of its own.
    let has_date = ISO.iter().any(|regex| regex.is_match(text));
    if !has_date {
        add(&CLOCK, &|_| true);
    }
    found.sort_by_key(|span| span.start);
    found
}

fn matches_whole(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    let found = pattern.as_ref().and_then(|regex| regex.find(text));
    found.is_some_and(|found| found.range() == (0..text.len()))
}

fn is_near(iso: &str, now_ms: i64) -> bool {
    let time: Option<Timestamp> = iso.parse().ok();
    time.is_some_and(|time| (time.as_millisecond() - now_ms).abs() < NEAR_MS)
}

/// Whether a string looks like a ULID, a nanoid, a cuid or long hexadecimal digits.
fn looks_random(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !(16..=128).contains(&text.len()) || !text.chars().all(is_plain) {
        return false;
    }
    let count = |is: fn(&char) -> bool| text.chars().filter(is).count();
    let digits = count(char::is_ascii_digit);
    let (upper, lower) = (
        count(char::is_ascii_uppercase),
        count(char::is_ascii_lowercase),
    );
    let is_hex = text.chars().all(|c| c.is_ascii_hexdigit());
    // A word or two with a number behind them has its digits in one place.
    let places = text
        .as_bytes()
        .windows(2)
        .filter(|pair| pair.iter().all(u8::is_ascii_alphanumeric))
        .filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit())
        .count();
    match (upper > 0, lower > 0) {
        _ if is_hex => digits > 0 && upper + lower > 0,
        (true, true) => digits > 0 && places >= 3 || text.len() >= 20 && places >= 2,
        (true, false) | (false, true) => digits >= 3 && places >= 4,
        (false, false) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_looking_ids_are_told_from_words() {
        for id in [
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "V1StGXR8_Z5jdHi6B-myT",
            "cjld2cjxh0000qzrmn831i7rn",
            "d41d8cd98f00b204e9800998ecf8427e",
        ] {
            assert!(looks_random(id), "{id}");
        }
        for word in [
            "current_location",
            "a-rather-long-room-name-2",
            "ThisIsACamelCaseWord",
            "2025-11-24-backup-file",
            "1234567890123456",
            "short1",
            "with spaces in it 123 and 4 5 6",
        ] {
            assert!(!looks_random(word), "{word}");
        }
    }

    #[test]
    fn times_near_the_present_are_found_in_a_text() {
        let now = 1_764_000_000_000;
        let found = |text: &str| {
            spans(text, now)
                .into_iter()
                .map(|s| text[s].to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found("at 2025-11-24T16:00:00Z ok"),
            ["2025-11-24T16:00:00Z"]
        );
        assert_eq!(found("at 1999-11-24T16:00:00Z ok"), Vec::<String>::new());
        assert_eq!(found("4:05:06 PM: hi"), ["4:05:06 PM"]);
        assert_eq!(
            found("id AAAAAAAAAAAAAAA=, 1764000000001"),
            ["AAAAAAAAAAAAAAA=", "1764000000001"]
        );
        let date = "Mon Nov 24 2025 16:00:00 GMT+0000 (Coordinated Universal Time)";
        assert_eq!(found(date), [date]);
    }

    #[test]
    fn numbers_are_left_open_if_they_are_times_or_measurements() {
        let now = 1_764_000_000_000;
        let kind = |field, text: &str| number_kind(field, &text.parse().unwrap(), now);
        assert_eq!(kind(None, "1764000000123"), Some(Kind::Time));
        assert_eq!(kind(None, "1764000001"), Some(Kind::Time));
        assert_eq!(kind(None, "59.3"), None);
        assert_eq!(kind(None, "0.8234987234987"), Some(Kind::Other));
        assert_eq!(kind(Some("tookMs"), "3"), Some(Kind::Other));
        assert_eq!(kind(Some("count"), "3"), None);
    }
}
