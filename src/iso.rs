//! Times as text.

use jiff::Timestamp;

/// ISO 8601 in UTC with milliseconds, as JavaScript's `toISOString`; times that no calendar
/// holds are shown as the nearest one it does.
pub fn from_ms(epoch_ms: i64) -> String {
    let time = Timestamp::from_millisecond(epoch_ms).unwrap_or(match epoch_ms {
        ..0 => Timestamp::MIN,
        _ => Timestamp::MAX,
    });
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_a_z() {
        assert_eq!(from_ms(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(from_ms(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert!(from_ms(i64::MAX).starts_with("9999-12-"));
    }
}
