//! Stored items as a table for people.

use serde_json::Value;

use super::escape::visible;
use super::paint::Paint;
use super::payload::shorten;
use super::table::{Cell, Table};
use super::time::{LocalTime, span};

/// Fewer columns of a value than these say little of it: others are left out first.
const PREVIEW: usize = 16;

/// The labels that an item may have.
const LABELS: [&str; 5] = ["label1", "label2", "label3", "label4", "label5"];

/// Items as a table that fits into so many columns; `now_ms` is the time of the clock that rules
/// their ttl. What none of them has gets no column.
pub fn items(paint: Paint, columns: Option<usize>, now_ms: i64, items: &[Value]) -> String {
    if items.is_empty() {
        return "0 items\n".to_owned();
    }
    let is_used = |name: &str| items.iter().any(|item| item.get(name).is_some());
    let labels: Vec<&str> = LABELS.into_iter().filter(|name| is_used(name)).collect();
    let has_ttl = is_used("ttl");
    let names = labels.iter().map(|name| name.to_uppercase());
    let mut heading: Vec<String> = ["KEY".to_owned()].into_iter().chain(names).collect();
    if has_ttl {
        heading.push("TTL".to_owned());
    }
    heading.extend(["MODIFIED".to_owned(), "VALUE".to_owned()]);
    let spare = spare_columns(labels.len(), has_ttl);
    let mut table = Table::new(paint, heading.iter().map(String::as_str));
    let time = LocalTime::system();
    for item in items {
        let key = text(&item["key"]);
        let mut row = vec![Cell::painted(&key, paint.strong(&key))];
        row.extend(labels.iter().map(|name| text(&item[*name]).into()));
        if has_ttl {
            row.push(time_left(&item["ttl"], now_ms).into());
        }
        row.push(modified(&time, &item["modified"], now_ms).into());
        row.push(value(paint, columns, &item["value"]));
        table.row(row);
    }
    table.spare(&spare).preview(PREVIEW).finish(columns)
}

/// Which columns go first where there is no room: further labels, then the time of the last change,
/// the first label, and what is left of the ttl.
fn spare_columns(labels: usize, has_ttl: bool) -> Vec<usize> {
    let ttl = 1 + labels;
    let modified = ttl + usize::from(has_ttl);
    let mut spare: Vec<usize> = (2..=labels).rev().collect();
    spare.push(modified);
    spare.extend((labels > 0).then_some(1));
    spare.extend(has_ttl.then_some(ttl));
    spare
}

/// A string's text on one line; nothing for what is no string.
fn text(value: &Value) -> String {
    visible(value.as_str().unwrap_or_default()).into_owned()
}

/// A value's JSON; no more of it than fits into a terminal's line.
fn value(paint: Paint, columns: Option<usize>, value: &Value) -> Cell {
    let json = value.to_string();
    let (shown, is_cut) = shorten(&json, columns.unwrap_or(usize::MAX));
    let mut shown = visible(shown).into_owned();
    if is_cut {
        shown.push('…');
    }
    Cell::json(paint, shown)
}

/// How long an item is still there; nothing for one that stays.
fn time_left(ttl: &Value, now_ms: i64) -> String {
    let Some(at_ms) = moment(ttl) else {
        return String::new();
    };
    let left = u64::try_from(at_ms.saturating_sub(now_ms)).unwrap_or(0);
    match left {
        // A ttl counts in seconds: an item is still there in the second in which it expires.
        0..1000 => "0 s".to_owned(),
        left => span(left),
    }
}

/// When an item was written last.
fn modified(time: &LocalTime, modified: &Value, now_ms: i64) -> String {
    moment(modified).map_or_else(String::new, |at| time.clock_or_date(at, now_ms))
}

/// The time that an item's field tells, in milliseconds since the epoch: an ISO 8601 date or, where
/// no calendar holds it, a number of seconds.
fn moment(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => {
            let time: jiff::Timestamp = text.parse().ok()?;
            Some(time.as_millisecond())
        }
        Value::Number(seconds) => Some(seconds.as_i64()?.saturating_mul(1000)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_without_anything_are_none() {
        assert_eq!(items(Paint::new(false), None, 0, &[]), "0 items\n");
    }

    #[test]
    fn a_value_is_cut_only_for_a_terminal() {
        let long = json!({"key": "k", "value": "x".repeat(1000)});
        let text = items(Paint::new(false), None, 0, std::slice::from_ref(&long));
        assert!(text.ends_with("xxx\"\n"), "{text}");
        let text = items(Paint::new(false), Some(80), 0, &[long]);
        let line = text.lines().nth(1).unwrap();
        assert!(line.chars().count() == 80 && line.ends_with('…'), "{text}");
    }

    #[test]
    fn further_labels_go_first_and_what_is_left_of_the_ttl_last() {
        assert_eq!(spare_columns(0, false), [1]);
        assert_eq!(spare_columns(1, true), [3, 1, 2]);
        assert_eq!(spare_columns(3, true), [3, 2, 5, 1, 4]);
    }

    #[test]
    fn what_is_left_of_a_ttl_is_never_less_than_nothing() {
        let left = |ttl: Value| time_left(&ttl, 1_704_067_200_900);
        assert_eq!(left(json!("2024-01-01T00:00:00.000Z")), "0 s");
        assert_eq!(left(json!("2024-01-01T00:01:30.000Z")), "1 min 29 s");
        assert_eq!(
            left(json!(i64::MAX)),
            span(i64::MAX as u64 - 1_704_067_200_900)
        );
        assert_eq!(left(Value::Null), "");
    }
}
