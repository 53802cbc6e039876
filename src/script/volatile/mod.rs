//! Values that are another each time: ids and times. In a fixture they are captures or rules.

mod kinds;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use kinds::{Kind, number_kind, spans, string_kind};

/// Turns what an app said into what a fixture expects of it.
#[derive(Debug, Default)]
pub struct Steady {
    /// The time about which times are taken for the present, in milliseconds since the epoch.
    pub now_ms: i64,
    /// Values that have a name in the fixture, by value.
    names: Vec<(String, String)>,
    /// Strings and numbers that clients brought in: the script itself says them again.
    given: BTreeSet<String>,
    /// Values that come up again and are to be captured.
    wanted: BTreeSet<String>,
    captured: usize,
}

impl Steady {
    /// With this time as the present.
    pub fn at(now_ms: i64) -> Self {
        Self {
            now_ms,
            ..Self::default()
        }
    }

    /// Gives a value a name: from now on it is written `${name}`.
    pub fn name(&mut self, value: impl Into<String>, name: impl Into<String>) {
        let value = value.into();
        self.names.retain(|(known, _)| *known != value);
        self.names.push((value, name.into()));
    }

    /// Notes what a client brought in.
    pub fn note_given(&mut self, value: &Value) {
        scalars(value, &mut |scalar| {
            self.given.insert(scalar.to_owned());
        });
    }

    /// Has a value captured where it first comes up in what the app says.
    pub fn want(&mut self, value: String) {
        self.wanted.insert(value);
    }

    /// What a client said, with names for what it cannot know beforehand.
    pub fn said(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.with_names(text)),
            Value::Array(list) => list.iter().map(|value| self.said(value)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter();
                let said = fields.map(|(name, value)| (self.with_names(name), self.said(value)));
                Value::Object(said.collect())
            }
            Value::Number(number) => match self.name_of(&number.to_string()) {
                Some(name) => format!("${{{name}}}").into(),
                None => value.clone(),
            },
            other => other.clone(),
        }
    }

    /// What the app said, as an expectation that holds the next time too.
    pub fn expected(&mut self, value: &Value) -> Value {
        self.expect_at(None, value)
    }

    fn expect_at(&mut self, field: Option<&str>, value: &Value) -> Value {
        match value {
            Value::String(text) => self.expect_string(field, text),
            Value::Number(number) => {
                let text = number.to_string();
                let kind = number_kind(field, number, self.now_ms);
                self.expect_scalar(&text, kind, "number")
                    .unwrap_or_else(|| value.clone())
            }
            Value::Array(list) => list
                .iter()
                .map(|value| self.expect_at(field, value))
                .collect(),
            Value::Object(fields) => {
                let mut expected = Map::new();
                for (name, value) in fields {
                    expected.insert(name.clone(), self.expect_at(Some(name), value));
                }
                match fields.keys().any(|name| name.starts_with('$')) {
                    true => json!({ "$literal": fields }),
                    false => Value::Object(expected),
                }
            }
            other => other.clone(),
        }
    }

    fn expect_string(&mut self, field: Option<&str>, text: &str) -> Value {
        let kind = string_kind(field, text, self.now_ms);
        if let Some(expected) = self.expect_scalar(text, kind, "string") {
            return expected;
        }
        let named = self.with_names(text);
        let is_named = named != escaped(text);
        let strange = spans(text, self.now_ms);
        let strange: Vec<_> = strange
            .into_iter()
            .filter(|span| {
                !self
                    .given
                    .iter()
                    .any(|given| given.contains(&text[span.clone()]))
            })
            .filter(|span| {
                !self
                    .names
                    .iter()
                    .any(|(value, _)| value == &text[span.clone()])
            })
            .collect();
        if strange.is_empty() || self.given.contains(text) {
            return named.into();
        }
        // A rule cannot mention captures; what has a name is left open, too.
        let named_spans = self
            .names
            .iter()
            .filter(|_| is_named)
            .flat_map(|(value, _)| {
                text.match_indices(value.as_str())
                    .map(|(at, found)| at..at + found.len())
            });
        let mut open: Vec<_> = strange.into_iter().chain(named_spans).collect();
        open.sort_by_key(|span| span.start);
        json!({ "$regex": regex_around(text, &open) })
    }

    /// A whole value that has a name, gets one, or is left open; `None` if it is to stay.
    fn expect_scalar(&mut self, text: &str, kind: Option<Kind>, json_type: &str) -> Option<Value> {
        if let Some(name) = self.name_of(text) {
            return Some(format!("${{{name}}}").into());
        }
        let kind = kind?;
        if self.given.contains(text) {
            return None;
        }
        if !self.wanted.contains(text) {
            return Some(json!({ "$type": json_type }));
        }
        self.captured += 1;
        let name = format!("{}{}", kind.word(), self.captured);
        self.name(text, name.clone());
        Some(json!({ "$capture": name, "$type": json_type }))
    }

    fn name_of(&self, text: &str) -> Option<&str> {
        let found = self.names.iter().find(|(value, _)| value == text);
        found.map(|(_, name)| name.as_str())
    }

    /// A string as it stands in a fixture, with names where it holds what has one.
    fn with_names(&self, text: &str) -> String {
        let mut named = escaped(text);
        for (value, name) in self.names.iter().filter(|(value, _)| value.len() >= 6) {
            named = named.replace(value.as_str(), &format!("${{{name}}}"));
        }
        if named == escaped(text)
            && let Some(name) = self.name_of(text)
        {
            return format!("${{{name}}}");
        }
        named
    }
}

/// The strings and numbers in what an app said that look as if they were others the next time.
/// With each, whether it looks like an id.
pub fn strangers(value: &Value, now_ms: i64) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    scalars(value, &mut |text| {
        if let Some(kind) = string_kind(None, text, now_ms) {
            found.push((text.to_owned(), kind == Kind::Id));
        }
    });
    found
}

/// Visits each string and number, as text.
pub fn scalars(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Number(number) => visit(&number.to_string()),
        Value::Array(list) => list.iter().for_each(|value| scalars(value, visit)),
        Value::Object(fields) => fields.values().for_each(|value| scalars(value, visit)),
        _ => {}
    }
}

/// A string that a fixture takes as it is.
fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

/// A regular expression for a text of which some parts are left open.
fn regex_around(text: &str, open: &[std::ops::Range<usize>]) -> String {
    let mut regex = String::from("^");
    let mut at = 0;
    for span in open {
        if span.start < at {
            continue;
        }
        regex.push_str(&regex::escape(&text[at..span.start]));
        regex.push_str(".+");
        at = span.end;
    }
    regex.push_str(&regex::escape(&text[at..]));
    regex.push('$');
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_764_000_000_000;

    #[test]
    fn ids_and_times_are_left_open_and_the_rest_stays() {
        let mut steady = Steady::at(NOW);
        let said = json!({
            "id": "5f0c8f4e-3c2b-4d0e-9a51-0d2f7c1b6a11",
            "at": NOW + 5,
            "iso": "2025-11-24T16:00:00.000Z",
            "epoch": "1999-01-01T00:00:00Z",
            "text": "hello",
            "n": 7,
            "random": 0.123_456_789_012,
        });
        assert_eq!(
            steady.expected(&said),
            json!({
                "id": {"$type": "string"},
                "at": {"$type": "number"},
                "iso": {"$type": "string"},
                "epoch": "1999-01-01T00:00:00Z",
                "text": "hello",
                "n": 7,
                "random": {"$type": "number"},
            })
        );
    }

    #[test]
    fn what_comes_up_again_is_captured_and_then_named() {
        let id = "5f0c8f4e-3c2b-4d0e-9a51-0d2f7c1b6a11";
        let mut steady = Steady::at(NOW);
        steady.name("AAAAAAAAAAAAAAA=", "ana.connectionId");
        steady.want(id.to_owned());
        let first = steady.expected(&json!({"id": id, "from": "AAAAAAAAAAAAAAA="}));
        let captured = json!({"$capture": "id1", "$type": "string"});
        assert_eq!(
            first,
            json!({"id": captured, "from": "${ana.connectionId}"})
        );
        assert_eq!(
            steady.said(&json!({"open": id, "t": format!("#{id}")})),
            json!({"open": "${id1}", "t": "#${id1}"})
        );
        assert_eq!(steady.expected(&json!([id])), json!(["${id1}"]));
    }

    #[test]
    fn what_a_client_brought_in_stays() {
        let id = "5f0c8f4e-3c2b-4d0e-9a51-0d2f7c1b6a11";
        let mut steady = Steady::at(NOW);
        steady.note_given(&json!({"id": id, "at": NOW}));
        assert_eq!(
            steady.expected(&json!({"echo": {"id": id, "at": NOW}})),
            json!({"echo": {"id": id, "at": NOW}})
        );
    }

    #[test]
    fn texts_with_strange_parts_become_regular_expressions() {
        let mut steady = Steady::at(NOW);
        steady.name("AAAAAAAAAAAAAAA=", "ana.connectionId");
        let expected = steady.expected(&json!("[16:00:01] you are AAAAAAAAAAAAAAA= (new)"));
        assert_eq!(
            expected,
            json!({"$regex": "^\\[.+\\] you are .+ \\(new\\)$"})
        );
        assert_eq!(
            steady.expected(&json!("you are AAAAAAAAAAAAAAA=")),
            json!("you are ${ana.connectionId}")
        );
        assert_eq!(steady.expected(&json!("costs ${5}")), json!("costs $${5}"));
    }
}
