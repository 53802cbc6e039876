//! How a new value is laid out, so that it looks like the old one.

use std::ops::Range;

use serde_json::Value;

/// Widest line that a value in one line may lead to.
const WIDTH: usize = 100;

/// The text for a value that takes the place of `range` in `text`.
pub(super) fn in_place_of(text: &str, range: Range<usize>, value: &Value) -> String {
    let line_start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let line = &text[line_start..];
    let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
    let style = Style {
        padded: text.contains("{ \""),
        spaced: text.contains("\": "),
    };
    let in_line = style.in_line(value);
    let column = range.start - line_start;
    let was_in_line = !text[range.clone()].contains('\n');
    if was_in_line && (column + in_line.len() <= WIDTH || in_line.len() <= text[range].len()) {
        return in_line;
    }
    let mut laid_out = String::new();
    style.push_lines(&mut laid_out, value, &line[..indent]);
    laid_out
}

/// How a file writes its JSON.
pub struct Style {
    /// `{ "a" … }` rather than `{"a" … }`.
    padded: bool,
    /// `"a": 1` rather than `"a":1`.
    spaced: bool,
}

impl Style {
    /// As people write fixtures.
    pub const HAND: Self = Self {
        padded: true,
        spaced: true,
    };

    /// Appends a value that stands in a line with this indentation: in one line if it fits.
    pub fn push(&self, out: &mut String, value: &Value, indent: &str) {
        let in_line = self.in_line(value);
        match indent.len() + in_line.len() <= WIDTH {
            true => out.push_str(&in_line),
            false => self.push_lines(out, value, indent),
        }
    }

    /// A value in one line.
    pub fn in_line(&self, value: &Value) -> String {
        let comma = if self.spaced { ", " } else { "," };
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                let colon = if self.spaced { ": " } else { ":" };
                let pad = if self.padded { " " } else { "" };
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| {
                        let name = Value::from(name.as_str());
                        format!("{name}{colon}{}", self.in_line(value))
                    })
                    .collect();
                format!("{{{pad}{}{pad}}}", fields.join(comma))
            }
            Value::Array(list) => {
                let list: Vec<String> = list.iter().map(|value| self.in_line(value)).collect();
                format!("[{}]", list.join(comma))
            }
            other => other.to_string(),
        }
    }

    /// One field or element a line, as far as it does not fit into one.
    fn push_lines(&self, out: &mut String, value: &Value, indent: &str) {
        let deeper = format!("{indent}  ");
        let (open, close, parts): (char, char, Vec<(String, &Value)>) = match value {
            Value::Object(fields) if !fields.is_empty() => {
                let named =
                    |(name, value)| (format!("{}: ", Value::from(String::clone(name))), value);
                ('{', '}', fields.iter().map(named).collect())
            }
            Value::Array(list) if !list.is_empty() => (
                '[',
                ']',
                list.iter().map(|value| (String::new(), value)).collect(),
            ),
            other => return out.push_str(&other.to_string()),
        };
        out.push(open);
        for (i, (name, value)) in parts.iter().enumerate() {
            out.push_str(if i == 0 { "\n" } else { ",\n" });
            out.push_str(&format!("{deeper}{name}"));
            let in_line = self.in_line(value);
            match deeper.len() + name.len() + in_line.len() <= WIDTH {
                true => out.push_str(&in_line),
                false => self.push_lines(out, value, &deeper),
            }
        }
        out.push_str(&format!("\n{indent}{close}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn replaced(text: &str, old: &str, new: Value) -> String {
        let start = text.find(old).unwrap();
        in_place_of(text, start..start + old.len(), &new)
    }

    #[test]
    fn a_value_looks_like_the_rest_of_the_file() {
        let new = json!({"a": [1, {"b": "c"}]});
        assert_eq!(
            replaced("{ \"x\": 1 }", "1", new.clone()),
            r#"{ "a": [1, { "b": "c" }] }"#
        );
        assert_eq!(
            replaced("{\"x\":1}", "1", new.clone()),
            r#"{"a":[1,{"b":"c"}]}"#
        );
        assert_eq!(
            replaced("{\"x\": 1}", "1", new),
            r#"{"a": [1, {"b": "c"}]}"#
        );
    }

    #[test]
    fn several_lines_stay_several_lines() {
        let text = "[\n  { \"expect\": \"ana\", \"message\": {\n    \"a\": 1\n  } }\n]";
        let new = replaced(text, "{\n    \"a\": 1\n  }", json!({"a": 2, "b": [1, 2]}));
        assert_eq!(new, "{\n    \"a\": 2,\n    \"b\": [1, 2]\n  }");
    }
}
