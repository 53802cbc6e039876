//! Captured values, and `${name}` in strings.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values by name. Names with a point, such as `ana.connectionId`, are given by the runner.
#[derive(Debug, Clone, Default)]
pub struct Captures {
    values: BTreeMap<String, Value>,
}

impl Captures {
    /// A captured value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Keeps a value.
    pub fn set(&mut self, name: impl Into<String>, value: Value) {
        self.values.insert(name.into(), value);
    }

    /// Keeps many.
    pub fn extend(&mut self, more: impl IntoIterator<Item = (String, Value)>) {
        self.values.extend(more);
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.values.iter()
    }
}

/// A piece of a string: text, or the name of a capture.
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Cuts a string at its `${name}`s. `$${` stands for `${` itself.
fn pieces(mut text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    while let Some(at) = text.find("${") {
        if text[..at].ends_with('$') {
            pieces.push(Piece::Text(&text[..at - 1]));
            pieces.push(Piece::Text("${"));
            text = &text[at + 2..];
            continue;
        }
        let Some(length) = text[at..].find('}') else {
            break;
        };
        pieces.push(Piece::Text(&text[..at]));
        pieces.push(Piece::Name(&text[at + 2..at + length]));
        text = &text[at + length + 1..];
    }
    pieces.push(Piece::Text(text));
    pieces
}

/// The captures that a string mentions.
pub fn names_in(text: &str) -> Vec<&str> {
    let names = pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    });
    names.collect()
}

/// A string with its captures filled in. One that is nothing but a capture is that value, whatever
/// its type; inside longer text a string stands as it is and anything else as JSON.
///
/// # Errors
/// The name of a capture that is not set.
pub fn interpolate(text: &str, captures: &Captures) -> Result<Value, String> {
    let pieces = pieces(text);
    if let [Piece::Text(""), Piece::Name(name), Piece::Text("")] = pieces[..] {
        return captures.get(name).cloned().ok_or_else(|| name.to_owned());
    }
    let mut filled = String::with_capacity(text.len());
    for piece in pieces {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Name(name) => match captures.get(name) {
                Some(Value::String(value)) => filled.push_str(value),
                Some(value) => filled.push_str(&value.to_string()),
                None => return Err(name.to_owned()),
            },
        }
    }
    Ok(Value::String(filled))
}

/// The same, always as text.
pub fn interpolate_text(text: &str, captures: &Captures) -> Result<String, String> {
    match interpolate(text, captures)? {
        Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn captures() -> Captures {
        let mut captures = Captures::default();
        captures.set("id", json!(7));
        captures.set("name", json!("ana"));
        captures
    }

    #[test]
    fn a_lone_capture_keeps_its_type() {
        assert_eq!(interpolate("${id}", &captures()), Ok(json!(7)));
        assert_eq!(
            interpolate("user:${name}:${id}", &captures()),
            Ok(json!("user:ana:7"))
        );
        assert_eq!(interpolate_text("${id}", &captures()), Ok("7".to_owned()));
        assert_eq!(
            interpolate("${nobody}", &captures()),
            Err("nobody".to_owned())
        );
    }

    #[test]
    fn a_doubled_dollar_is_text() {
        assert_eq!(interpolate("$${id}", &captures()), Ok(json!("${id}")));
        assert_eq!(
            interpolate("a $${b} ${id}", &captures()),
            Ok(json!("a ${b} 7"))
        );
        assert_eq!(interpolate("${open", &captures()), Ok(json!("${open")));
        assert_eq!(interpolate("5 $ {x}", &captures()), Ok(json!("5 $ {x}")));
        assert_eq!(names_in("$${x} ${a} ${b}"), ["a", "b"]);
    }
}
