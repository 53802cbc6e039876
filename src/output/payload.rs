//! Payloads for people: JSON compact and coloured, other text escaped.

use std::fmt::Write;

use serde::de::IgnoredAny;
use unicode_width::UnicodeWidthChar;

use super::escape::visible;
use super::paint::Paint;

/// A message or value as one line for people. JSON objects and arrays lose their white space and
/// get colours; numbers keep the digits with which they were sent.
pub fn paint_payload(paint: Paint, text: &str) -> String {
    let first = text.trim_start().chars().next();
    let is_json =
        matches!(first, Some('{' | '[')) && serde_json::from_str::<IgnoredAny>(text).is_ok();
    if is_json {
        let mut out = String::with_capacity(text.len() + 32);
        push_json(&mut out, paint, text);
        out
    } else {
        visible(text).into_owned()
    }
}

/// Appends a JSON text that is known to be valid.
pub(super) fn push_json(out: &mut String, paint: Paint, text: &str) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '{' | '}' | '[' | ']' | ':' | ',' => 1,
            c if c.is_ascii_whitespace() => {
                rest = &rest[1..];
                continue;
            }
            _ => rest
                .find([',', '}', ']', ' ', '\n', '\r', '\t'])
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        push_token(out, paint, token, after);
    }
}

fn push_token(out: &mut String, paint: Paint, token: &str, after: &str) {
    // Writing to a String cannot fail.
    let _ = match token.as_bytes()[0] {
        b'"' if after.trim_start().starts_with(':') => {
            write!(out, "{}", paint.json_name(&visible(token)))
        }
        b'"' => write!(out, "{}", paint.json_string(&visible(token))),
        b'{' | b'}' | b'[' | b']' | b':' | b',' => write!(out, "{token}"),
        _ => write!(out, "{}", paint.json_scalar(token)),
    };
}

/// Length of the string literal at the beginning, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (i, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}

/// Shortens a line for people to about `most` characters.
pub(super) fn shorten(text: &str, most: usize) -> (&str, bool) {
    match text.char_indices().nth(most) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    }
}

/// As many of the letters as fit into so many columns.
pub(super) fn start_of(letters: impl Iterator<Item = char>, columns: usize) -> String {
    let mut width = 0;
    let fits = |letter: &char| {
        width += letter.width().unwrap_or(0);
        width <= columns
    };
    letters.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compacted_without_changing_a_digit() {
        let plain = Paint::new(false);
        let text = "{ \"a\" : 1.0, \"b\": [12345678901234567890123, true],\n \"c d\": \"x: , y\" }";
        assert_eq!(
            paint_payload(plain, text),
            r#"{"a":1.0,"b":[12345678901234567890123,true],"c d":"x: , y"}"#
        );
        assert_eq!(paint_payload(plain, "{not json\n"), "{not json\\n");
        assert_eq!(paint_payload(plain, "[\"\u{7f}\"]"), "[\"\\x7f\"]");
    }

    #[test]
    fn names_and_values_have_colours() {
        let painted = paint_payload(Paint::new(true), r#"{"a":"b","c":1}"#);
        assert!(painted.contains("\u{1b}[34m\"a\"\u{1b}[0m:"), "{painted:?}");
        assert!(painted.contains("\u{1b}[32m\"b\"\u{1b}[0m"), "{painted:?}");
        assert!(painted.contains("\u{1b}[33m1\u{1b}[0m"), "{painted:?}");
    }
}
