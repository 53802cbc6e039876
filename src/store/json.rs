//! JSON texts taken apart without copying (pure).

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The properties of an object's JSON text: each name with its quotes, and each value, as written.
/// Names are compared in that form: `JSON.stringify` writes a name in one way only.
pub struct Properties<'a>(pub Vec<(&'a str, &'a str)>);

impl<'de: 'a, 'a> Deserialize<'de> for Properties<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(&'de str, &'de str)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut properties = Vec::new();
                while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    properties.push((name.get(), value.get()));
                }
                Ok(properties)
            }
        }
        deserializer.deserialize_map(Collect).map(Properties)
    }
}

/// Splits an object's text into its properties.
///
/// # Errors
/// If the text is not an object.
pub fn properties(text: &[u8]) -> Result<Vec<(&str, &str)>, serde_json::Error> {
    serde_json::from_slice::<Properties<'_>>(text).map(|properties| properties.0)
}

/// Splits an array's text into its elements.
///
/// # Errors
/// If the text is not an array.
pub fn elements(text: &[u8]) -> Result<Vec<&RawValue>, serde_json::Error> {
    serde_json::from_slice(text)
}

/// Writes an object from its properties.
pub fn write_object<'a>(properties: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut text = vec![b'{'];
    for (name, value) in properties {
        if text.len() > 1 {
            text.push(b',');
        }
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        text.extend_from_slice(value.as_bytes());
    }
    text.push(b'}');
    text
}

/// Appends a text as a JSON string.
pub fn push_string(json: &mut Vec<u8>, text: &str) {
    // Writing into a Vec cannot fail, and neither can writing a string.
    let _ = serde_json::to_writer(json, text);
}

/// Appends a number.
pub fn push_number(json: &mut Vec<u8>, number: i64) {
    let _ = serde_json::to_writer(json, &number);
}

/// The number of bytes of a JSON string's content, from its text with the quotes. An escaped lone
/// surrogate counts as the three bytes of U+FFFD, which is what a database would store.
pub fn string_bytes(quoted: &str) -> usize {
    let inner = quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default();
    if !inner.contains('\\') {
        return inner.len();
    }
    let mut bytes = inner.bytes();
    let mut count = 0;
    while let Some(byte) = bytes.next() {
        count += 1;
        if byte == b'\\' && bytes.next() == Some(b'u') {
            let code = bytes
                .by_ref()
                .take(4)
                .filter_map(|digit| (digit as char).to_digit(16))
                .fold(0, |code, digit| code * 16 + digit);
            count += match code {
                0..0x80 => 0,
                0x80..0x800 => 1,
                // Half of a pair that makes four bytes together.
                0xd800..0xdc00 => 1,
                0xdc00..0xe000 => 1,
                _ => 2,
            };
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_split_and_written_back() {
        let text = br#"{"a":1,"b\"":{"c":[1,{"d":"}"}]},"":null}"#;
        let split = properties(text).expect("an object");
        assert_eq!(
            split,
            [
                (r#""a""#, "1"),
                (r#""b\"""#, r#"{"c":[1,{"d":"}"}]}"#),
                (r#""""#, "null")
            ]
        );
        assert_eq!(write_object(split.into_iter()), text);
        assert!(properties(b"[1]").is_err());
        assert!(properties(br#"{"a":}"#).is_err());
    }

    #[test]
    fn lone_surrogates_do_not_disturb_the_split() {
        let text = br#"{"\ud800":"\udfff"}"#;
        assert_eq!(
            properties(text).expect("an object"),
            [(r#""\ud800""#, r#""\udfff""#)]
        );
    }

    #[test]
    fn string_lengths_are_utf8_bytes() {
        assert_eq!(string_bytes(r#""abc""#), 3);
        assert_eq!(string_bytes("\"é\""), 2);
        assert_eq!(string_bytes(r#""\n\"\\""#), 3);
        assert_eq!(string_bytes(r#""\u0001\u00e9""#), 3);
        assert_eq!(string_bytes(r#""\ud83d\ude00""#), 4);
    }
}
