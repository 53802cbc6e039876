//! One item of a data file, to a row and back (pure).

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::store::json;
use crate::store::key::Key;
use crate::store::literal::{Literal, exported};
use crate::store::row::{Head, Label, Row, SCALAR, SIMPLE_KEY, TAGGED};
use crate::store::size::{self, MAX_ITEM};

/// A ttl below this many seconds counts from now, as in `data.set`.
const TEN_YEARS: i64 = 315_360_000;

/// An item that was read.
#[derive(Debug)]
pub(super) struct FileItem {
    pub key: Key,
    pub head: Head,
    pub json: String,
}

/// What is wrong with an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadItem {
    pub key: Option<String>,
    pub problem: String,
}

/// Reads an item's JSON text; `now` in epoch seconds stands for dates that are not given.
pub(super) fn parse(text: &str, now: i64) -> Result<FileItem, BadItem> {
    let bad = |key: Option<&str>, problem: String| BadItem {
        key: key.map(str::to_owned),
        problem,
    };
    let fields = json::properties(text.as_bytes())
        .map_err(|_| bad(None, "it is not an object".to_owned()))?;
    let field = |name: &str| {
        let quoted = format!("\"{name}\"");
        let found = fields.iter().rev().find(|(field, _)| *field == quoted);
        found.map(|(_, value)| *value)
    };
    let given = field("key").ok_or_else(|| bad(None, "it has no `key`".into()))?;
    let given: String =
        serde_json::from_str(given).map_err(|_| bad(None, "its `key` is not a string".into()))?;
    let key =
        Key::parse_for_write(&given).map_err(|refusal| bad(Some(&given), refusal.to_string()))?;
    parse_fields(&key, field, now).map_err(|problem| bad(Some(key.as_str()), problem))
}

fn parse_fields<'a>(
    key: &Key,
    field: impl Fn(&str) -> Option<&'a str>,
    now: i64,
) -> Result<FileItem, String> {
    let value = field("value").ok_or("it has no `value`")?;
    let value = Literal::parse(value).map_err(|problem| format!("its `value`: {problem}"))?;
    let date = |name: &str| {
        field(name)
            .filter(|text| *text != "null")
            .map(|text| parse_date(text).map_err(|problem| format!("its `{name}` {problem}")))
            .transpose()
    };
    let mut head = Head {
        created: date("created")?.map_or(now, Given::absolute),
        modified: date("modified")?.map_or(now, Given::absolute),
        ttl: date("ttl")?.map(|ttl| ttl.from_now(now)),
        ..Head::default()
    };
    head.set(SCALAR, value.scalar);
    head.set(TAGGED, value.tagged);
    head.set(SIMPLE_KEY, key.is_simple());
    for (number, slot) in (1..).zip(&mut head.labels) {
        let name = format!("label{number}");
        if let Some(text) = field(&name).filter(|text| *text != "null") {
            let label = serde_json::from_str::<String>(text);
            let label = label.map_err(|_| format!("its `{name}` is not a string"))?;
            let label = Key::parse(&label).map_err(|refusal| format!("its `{name}`: {refusal}"))?;
            *slot = Some(Label::from_key(&label));
        }
    }
    if let Some(size) = size::item_size(key, &head, value.json.as_bytes()).filter(|s| *s > MAX_ITEM)
    {
        let size = size::kilobytes(size);
        return Err(format!("it has {size} KB; an item holds at most 400 KB"));
    }
    Ok(FileItem {
        key: key.clone(),
        head,
        json: value.json,
    })
}

/// A date as a file gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    /// An ISO 8601 date, in epoch seconds.
    Date(i64),
    /// A number of seconds.
    Seconds(i64),
}

impl Given {
    fn absolute(self) -> i64 {
        match self {
            Self::Date(seconds) | Self::Seconds(seconds) => seconds,
        }
    }

    fn from_now(self, now: i64) -> i64 {
        match self {
            Self::Seconds(seconds) if seconds < TEN_YEARS => now.saturating_add(seconds),
            given => given.absolute(),
        }
    }
}

fn parse_date(text: &str) -> Result<Given, &'static str> {
    const WRONG: &str = "is neither an ISO 8601 date nor a whole number of seconds";
    if !text.starts_with('"') {
        return text.parse().map(Given::Seconds).map_err(|_| WRONG);
    }
    let text: Cow<'_, str> = serde_json::from_str(text).map_err(|_| WRONG)?;
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Given::Date(time.as_millisecond().div_euclid(1000)));
    }
    let midnight = text
        .parse::<Date>()
        .and_then(|date| Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)));
    match midnight {
        Ok(midnight) => Ok(Given::Date(midnight.as_second())),
        Err(_) => Err(WRONG),
    }
}

/// A time as JSON: an ISO 8601 date with milliseconds, or the number of seconds where there is no
/// such date.
pub(in crate::store) fn push_date(out: &mut Vec<u8>, seconds: i64) {
    match Timestamp::from_second(seconds) {
        Ok(time) => {
            let text = time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
            json::push_string(out, &text);
        }
        Err(_) => json::push_number(out, seconds),
    }
}

/// Writes an item as a file holds it.
pub(super) fn write(out: &mut Vec<u8>, namespace: &str, rest: &str, row: &Row<'_>) {
    out.extend_from_slice(b"{\"key\":");
    json::push_string(out, row.head.key(namespace, rest).as_str());
    out.extend_from_slice(b",\"value\":");
    out.extend_from_slice(&exported(row.json, row.head.is(SCALAR)));
    for (number, label) in (1..).zip(&row.head.labels) {
        let Some(label) = label else { continue };
        out.extend_from_slice(format!(",\"label{number}\":").as_bytes());
        let hidden_rest = label.simple && label.rest != crate::store::key::SIMPLE_REST;
        let shown = if hidden_rest {
            format!("{}:{}", label.namespace, label.rest)
        } else {
            label.shown()
        };
        json::push_string(out, &shown);
    }
    let dates = [
        ("ttl", row.head.ttl),
        ("created", Some(row.head.created)),
        ("modified", Some(row.head.modified)),
    ];
    for (name, seconds) in dates {
        if let Some(seconds) = seconds {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            push_date(out, seconds);
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::row::encode;

    fn problem(text: &str) -> String {
        let bad = parse(text, 0).expect_err("refused");
        format!("{}: {}", bad.key.unwrap_or_default(), bad.problem)
    }

    #[test]
    fn an_item_comes_back_as_it_was_written() {
        let text = r#"{"key":"n:a","value":{"x":{"$ampt:n":"12345678901234567890"}},"label1":"l","label3":"l:m","ttl":"2030-01-02T03:04:05.000Z","created":"1969-12-31T23:59:59.000Z","modified":"2024-01-01T00:00:00.000Z"}"#;
        let item = parse(text, 7).expect("a good item");
        assert_eq!(item.head.created, -1);
        assert_eq!(item.head.modified, 1_704_067_200);
        let stored = encode(&item.head, item.json.as_bytes());
        let row = Row::decode(&stored).expect("a row");
        let mut out = Vec::new();
        write(&mut out, item.key.namespace(), item.key.rest(), &row);
        assert_eq!(String::from_utf8(out).expect("text"), text);
    }

    #[test]
    fn dates_may_be_seconds_and_default_to_now() {
        let item = parse(r#"{"key":"a","value":1,"ttl":60,"label1":null}"#, 100).expect("good");
        assert_eq!((item.head.created, item.head.modified), (100, 100));
        assert_eq!(item.head.ttl, Some(160));
        let item = parse(r#"{"key":"a","value":1,"ttl":1704067200}"#, 100).expect("good");
        assert_eq!(item.head.ttl, Some(1_704_067_200));
        let item = parse(r#"{"key":"a","value":1,"ttl":"2024-01-01"}"#, 100).expect("good");
        assert_eq!(item.head.ttl, Some(1_704_067_200));
    }

    #[test]
    fn a_bad_item_says_what_is_wrong() {
        assert_eq!(problem("5"), ": it is not an object");
        assert_eq!(problem("{}"), ": it has no `key`");
        assert_eq!(problem(r#"{"key":5}"#), ": its `key` is not a string");
        assert_eq!(problem(r#"{"key":":"}"#), ":: Invalid key");
        assert_eq!(problem(r#"{"key":"a"}"#), "a: it has no `value`");
        assert!(problem(r#"{"key":"a","value":1,"ttl":"soon"}"#).contains("`ttl` is neither"));
        assert_eq!(
            problem(r#"{"key":"a","value":1,"label2":5}"#),
            "a: its `label2` is not a string"
        );
        let large = format!(r#"{{"key":"a","value":"{}"}}"#, "x".repeat(409_600));
        assert!(problem(&large).contains("400.0"));
    }
}
