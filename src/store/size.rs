//! How large DynamoDB takes an item to be (pure).

use serde_json::value::RawValue;

use super::json;
use super::key::Key;
use super::row::{Head, Label, Labels, SCALAR, TAG, TAGGED};

/// Most bytes in an item.
pub const MAX_ITEM: usize = 400 * 1024;

/// A JSON text below this many bytes cannot exceed [`MAX_ITEM`]: every character of it counts for
/// at most four bytes (`[0,0,…]`), and the head for less than 5 KiB.
const SURELY_SMALL: usize = (MAX_ITEM - 5 * 1024) / 4;

/// Whether an item with so many bytes of JSON text cannot be too large.
pub fn surely_small(json_bytes: usize) -> bool {
    json_bytes < SURELY_SMALL
}

/// The size of an item with this head and value, or `None` if it is surely below the limit.
pub fn item_size(key: &Key, head: &Head, json: &[u8]) -> Option<usize> {
    if surely_small(json.len()) {
        return None;
    }
    let value = if head.is(SCALAR) {
        3 + value_size(std::str::from_utf8(json).ok()?, head.is(TAGGED), 0)
    } else {
        let attributes = json::properties(json).ok()?.into_iter();
        attributes
            // The attribute's name is the property's with a `_` before it.
            .map(|(name, value)| {
                1 + json::string_bytes(name) + value_size(value, head.is(TAGGED), 0)
            })
            .sum()
    };
    Some(head_size(key, head) + value)
}

/// `pk`, `sk`, `kv`, `ct`, `md`, `ttl` and the labels.
fn head_size(key: &Key, head: &Head) -> usize {
    let mut size = 2 + key.namespace().len() + 2 + key.rest().len();
    size += if key.is_simple() { 3 } else { 0 };
    size += 2 + integer_size(head.created) + 2 + integer_size(head.modified);
    size += head.ttl.map_or(0, |ttl| 3 + integer_size(ttl));
    size + labels_size(&head.labels)
}

fn labels_size(labels: &Labels) -> usize {
    let size = |label: &Label| {
        3 + label.namespace.len() + 3 + label.rest.len() + if label.simple { 4 } else { 0 }
    };
    labels.iter().flatten().map(size).sum()
}

/// Values nested deeper than this are refused anyway; their text's length will do.
const MAX_DEPTH: usize = 64;

/// The size of a stored value that lies `depth` levels deep.
fn value_size(json: &str, tagged: bool, depth: usize) -> usize {
    if depth > MAX_DEPTH {
        return json.len();
    }
    match json.as_bytes().first() {
        Some(b'"') => json::string_bytes(json),
        Some(b'{') => match json::properties(json.as_bytes()) {
            Ok(properties) => object_size(&properties, tagged, depth),
            Err(_) => json.len(),
        },
        Some(b'[') => match json::elements(json.as_bytes()) {
            Ok(elements) => 3 + elements_size(&elements, tagged, depth),
            Err(_) => json.len(),
        },
        Some(b't' | b'f' | b'n') => 1,
        _ => number_size(json),
    }
}

fn elements_size(elements: &[&RawValue], tagged: bool, depth: usize) -> usize {
    let size = |element: &&RawValue| 1 + value_size(element.get(), tagged, depth + 1);
    elements.iter().map(size).sum()
}

fn object_size(properties: &[(&str, &str)], tagged: bool, depth: usize) -> usize {
    if let [(name, value)] = properties
        && tagged
        && let Some(tag) = name
            .strip_prefix('"')
            .and_then(|name| name.strip_prefix(TAG))
    {
        return tag_size(tag, value, depth);
    }
    let size = |(name, value): &(&str, &str)| {
        1 + json::string_bytes(name) + value_size(value, tagged, depth + 1)
    };
    3 + properties.iter().map(size).sum::<usize>()
}

/// The size of a tagged value; `tag` still has the closing quote.
fn tag_size(tag: &str, value: &str, depth: usize) -> usize {
    let members = || json::elements(value.as_bytes()).unwrap_or_default();
    match tag {
        "n\"" => number_size(value.trim_matches('"')),
        "b\"" => base64_bytes(value),
        "ns\"" => members()
            .iter()
            .map(|n| number_size(n.get().trim_matches('"')))
            .sum(),
        "ss\"" => members().iter().map(|s| json::string_bytes(s.get())).sum(),
        "bs\"" => members().iter().map(|b| base64_bytes(b.get())).sum(),
        // A user's object that looks like a tag.
        _ => value_size(value, true, depth + 1),
    }
}

/// The bytes that a quoted base64 text stands for.
fn base64_bytes(quoted: &str) -> usize {
    let text = quoted.trim_matches('"');
    text.trim_end_matches('=').len() * 3 / 4
}

fn integer_size(number: i64) -> usize {
    number_size(&number.to_string())
}

/// The size of a number: half a byte per digit of the rounded number, pairs of zeros at either end
/// not counted, and one or two bytes more. What is measured is JavaScript's `toFixed()`.
fn number_size(text: &str) -> usize {
    let number: f64 = text.parse().unwrap_or_default();
    if number == 0.0 {
        return 1;
    }
    let digits = if number.abs() < 1e21 {
        format!("{:.0}", number.abs().round())
    } else {
        exponential_digits(number.abs())
    };
    let mut digits = digits.as_str();
    while let Some(shorter) = digits.strip_prefix("00") {
        digits = shorter;
    }
    while let Some(shorter) = digits.strip_suffix("00") {
        digits = shorter;
    }
    (digits.len().div_ceil(2) + 1 + usize::from(number < 0.0)).min(21)
}

/// `1.25e+22` as the package measures it: each side of the point filled up to pairs, joined.
fn exponential_digits(number: f64) -> String {
    let text = format!("{number:e}").replacen('e', "e+", 1);
    let Some((before, after)) = text.split_once('.') else {
        return text;
    };
    let fill = |part: &str| {
        if part.len().is_multiple_of(2) {
            ""
        } else {
            "Z"
        }
    };
    format!("{}{before}{after}{}", fill(before), fill(after))
}

/// `400.02`: a size in kilobytes with two decimals, halves rounded up as JavaScript's `toFixed`.
pub fn kilobytes(size: usize) -> String {
    let hundredths = (size * 100 + 512) / 1024;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::row::SIMPLE_KEY;

    #[test]
    fn the_largest_string_is_the_one_the_package_takes() {
        let key = Key::parse("big").expect("a key");
        let head = Head {
            flags: SCALAR | SIMPLE_KEY,
            created: 1_704_067_200,
            modified: 1_704_067_200,
            ..Head::default()
        };
        let size = |characters: usize| {
            let json = format!("\"{}\"", "x".repeat(characters));
            item_size(&key, &head, json.as_bytes())
        };
        assert_eq!(size(409_572), Some(MAX_ITEM));
        assert_eq!(kilobytes(size(409_590).unwrap_or_default()), "400.02");
        assert_eq!(kilobytes(size(409_700).unwrap_or_default()), "400.13");
    }

    #[test]
    fn values_are_sized_by_kind() {
        assert_eq!(value_size("0", false, 0), 1);
        assert_eq!(value_size("1", false, 0), 2);
        assert_eq!(value_size("-123", false, 0), 4);
        assert_eq!(value_size("1704067200", false, 0), 5);
        assert_eq!(value_size("-0.4", false, 0), 3);
        assert_eq!(value_size("0.4", false, 0), 2);
        assert_eq!(value_size("-4.5", false, 0), 3);
        assert_eq!(value_size("100", false, 0), 2);
        assert_eq!(value_size("1e21", false, 0), 4);
        assert_eq!(value_size("1.25e22", false, 0), 5);
        assert_eq!(value_size("true", false, 0), 1);
        assert_eq!(value_size(r#"["a",1]"#, false, 0), 3 + 2 + 3);
        assert_eq!(value_size(r#"{"ab":null}"#, false, 0), 3 + 1 + 2 + 1);
        assert_eq!(value_size(r#"{"$ampt:b":"AAEC"}"#, true, 0), 3);
        assert_eq!(value_size(r#"{"$ampt:ss":["ab","c"]}"#, true, 0), 3);
    }
}
