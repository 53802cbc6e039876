//! Stored items, for people.

use serde_json::Value;

use super::escape::visible;
use super::paint::Paint;
use super::payload::push_json;

/// Properties of an item that are neither its key nor its value.
const ABOUT: [&str; 8] = [
    "label1", "label2", "label3", "label4", "label5", "ttl", "created", "modified",
];

/// An item: its value as indented JSON, and what is known about it.
pub fn item(paint: Paint, item: &Value) -> String {
    let value = &item["value"];
    let pretty = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    let mut out = String::new();
    for line in pretty.lines() {
        let indent = line.len() - line.trim_start().len();
        out.push_str(&line[..indent]);
        push_spaced_json(&mut out, paint, &line[indent..]);
        out.push('\n');
    }
    for name in ABOUT {
        if let Some(about) = item.get(name).filter(|about| !about.is_null()) {
            let label = paint.dim(&format!("{name:9}")).to_string();
            out.push_str(&format!("{label} {}\n", plain(about)));
        }
    }
    out
}

/// One line of pretty JSON: a name keeps the space before its value.
fn push_spaced_json(out: &mut String, paint: Paint, line: &str) {
    let mut stream = serde_json::Deserializer::from_str(line).into_iter::<String>();
    let name_end = match stream.next() {
        Some(Ok(_)) => stream.byte_offset(),
        _ => 0,
    };
    match line[name_end..].strip_prefix(": ") {
        Some(rest) if name_end > 0 => {
            let name = paint.json_name(&visible(&line[..name_end])).to_string();
            out.push_str(&format!("{name}: "));
            push_json(out, paint, rest);
        }
        _ => push_json(out, paint, line),
    }
}

/// A string without its quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => visible(text).into_owned(),
        other => visible(&other.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_shows_its_value_and_what_is_known_about_it() {
        let stored = json!({
            "key": "user:1", "value": {"a: b": ["x", 1], "c": {}}, "created": "2024-01-01T00:00:00.000Z",
            "modified": "2024-01-01T00:00:00.000Z", "label1": "l:\u{1b}",
        });
        assert_eq!(
            item(Paint::new(false), &stored),
            "{\n  \"a: b\": [\n    \"x\",\n    1\n  ],\n  \"c\": {}\n}\n\
             label1    l:\\x1b\ncreated   2024-01-01T00:00:00.000Z\nmodified  2024-01-01T00:00:00.000Z\n"
        );
    }
}
