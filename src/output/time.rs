//! Times as people and programs read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Appends a time as ISO 8601 in UTC, with milliseconds and `Z`; written by hand, as the JSON line
/// of each message under load carries one.
pub(super) fn push_iso(out: &mut Vec<u8>, at_ms: i64) {
    let at_ms = at_ms.clamp(
        Timestamp::MIN.as_millisecond().max(-62_167_219_200_000),
        Timestamp::MAX.as_millisecond(),
    );
    let (days, ms) = (at_ms.div_euclid(86_400_000), at_ms.rem_euclid(86_400_000));
    let (year, month, day) = civil_date(days);
    push_digits(out, year, 4);
    out.push(b'-');
    push_digits(out, month, 2);
    out.push(b'-');
    push_digits(out, day, 2);
    out.push(b'T');
    push_time(out, ms);
    out.push(b'Z');
}

/// `HH:MM:SS.mmm` of a number of milliseconds since midnight.
fn push_time(out: &mut Vec<u8>, ms: i64) {
    push_digits(out, ms / 3_600_000, 2);
    out.push(b':');
    push_digits(out, ms / 60_000 % 60, 2);
    out.push(b':');
    push_digits(out, ms / 1000 % 60, 2);
    out.push(b'.');
    push_digits(out, ms % 1000, 3);
}

fn push_digits(out: &mut Vec<u8>, number: i64, width: u32) {
    for place in (0..width).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}

/// The proleptic Gregorian date of a number of days since 1970-01-01, by counting in 400-year
/// eras of 146,097 days that begin on the first of March (so that a leap day is a year's last).
fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The machine's time zone, for times that people read.
#[derive(Debug, Clone)]
pub(super) struct LocalTime {
    zone: TimeZone,
}

impl LocalTime {
    pub(super) fn system() -> Self {
        Self {
            zone: TimeZone::system(),
        }
    }

    #[cfg(test)]
    pub(super) fn utc() -> Self {
        Self {
            zone: TimeZone::UTC,
        }
    }

    /// `HH:MM:SS.mmm`.
    pub(super) fn clock(&self, at_ms: i64) -> String {
        let mut out = Vec::with_capacity(12);
        push_time(&mut out, self.local(at_ms).rem_euclid(86_400_000));
        String::from_utf8(out).unwrap_or_default()
    }

    /// `HH:MM:SS` on the day of `now_ms`, else `YYYY-MM-DD`.
    pub(super) fn clock_or_date(&self, at_ms: i64, now_ms: i64) -> String {
        let day = self.local(at_ms).div_euclid(86_400_000);
        if day == self.local(now_ms).div_euclid(86_400_000) {
            return self.clock(at_ms)[..8].to_owned();
        }
        let (year, month, day) = civil_date(day);
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// The time in this zone as if it were UTC.
    fn local(&self, at_ms: i64) -> i64 {
        let offset_ms = Timestamp::from_millisecond(at_ms)
            .map_or(0, |at| i64::from(self.zone.to_offset(at).seconds()) * 1000);
        at_ms.saturating_add(offset_ms)
    }
}

/// A span as people say it: `850 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`.
pub(super) fn span(ms: u64) -> String {
    let (s, min, h, d) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    let two = |big: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {unit}"),
        small => format!("{big} {unit} {small} {small_unit}"),
    };
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{s} s"),
        60_000..3_600_000 => two(min, "min", s % 60, "s"),
        3_600_000..86_400_000 => two(h, "h", min % 60, "min"),
        _ => two(d, "d", h % 24, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(at_ms: i64) -> String {
        let mut out = Vec::new();
        push_iso(&mut out, at_ms);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn iso_agrees_with_the_calendar() {
        for ms in [
            0,
            1,
            -1,
            951_782_399_999,
            951_868_800_000,
            1_700_000_000_123,
            4_107_542_399_000,
            -2_203_891_200_000,
        ] {
            assert_eq!(iso(ms), crate::iso::from_ms(ms));
        }
        assert_eq!(iso(i64::MAX).len(), 24);
        assert_eq!(iso(i64::MIN), "0000-01-01T00:00:00.000Z");
    }

    #[test]
    fn spans_read_well() {
        assert_eq!(span(850), "850 ms");
        assert_eq!(span(185_000), "3 min 5 s");
        assert_eq!(span(7_200_000), "2 h");
    }

    #[test]
    fn the_clock_shows_local_time() {
        assert_eq!(LocalTime::utc().clock(1_700_000_000_123), "22:13:20.123");
        let shown = |now_ms| LocalTime::utc().clock_or_date(1_700_000_000_123, now_ms);
        assert_eq!(shown(1_700_000_000_000), "22:13:20");
        assert_eq!(shown(1_700_006_400_000), "2023-11-14");
    }
}
