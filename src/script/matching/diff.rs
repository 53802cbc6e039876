//! The difference between what was expected and what came, line by line.

use serde_json::Value;

use super::captures::{Captures, interpolate};
use super::compare::{compare, same};
use super::pattern::{Pattern, Rule};

/// What a line of a difference says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As expected.
    Same,
    /// Expected, and not there.
    Missing,
    /// There, and not expected.
    Extra,
}

/// One line of a difference, with its indentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub mark: Mark,
    /// JSON text.
    pub text: String,
}

/// Compares a value with a pattern, line by line.
pub fn diff(pattern: &Pattern, came: &Value, captures: &Captures) -> Vec<Line> {
    let mut differ = Differ {
        lines: Vec::new(),
        captures,
    };
    differ.value(pattern, Some(came), "", 0, "");
    differ.lines
}

struct Differ<'a> {
    lines: Vec<Line>,
    captures: &'a Captures,
}

impl Differ<'_> {
    fn value(
        &mut self,
        pattern: &Pattern,
        came: Option<&Value>,
        name: &str,
        depth: usize,
        end: &str,
    ) {
        let Some(value) = came else {
            return self.wanted(pattern, name, depth, end);
        };
        if compare(pattern, came, self.captures).ok {
            return self.json(Mark::Same, value, name, depth, end);
        }
        match (pattern, value) {
            (Pattern::Fields { fields, open }, Value::Object(object)) => {
                self.push(Mark::Same, depth, format!("{name}{{"));
                for (field, pattern) in fields {
                    let name = format!("{}: ", Value::from(field.as_str()));
                    let came = object.get(field);
                    let is_missed = came.is_some() || !allows_absence(pattern);
                    if is_missed {
                        self.value(pattern, came, &name, depth + 1, ",");
                    }
                }
                for (field, value) in object {
                    if !fields.iter().any(|(known, _)| known == field) {
                        let mark = if *open { Mark::Same } else { Mark::Extra };
                        let name = format!("{}: ", Value::from(field.as_str()));
                        self.json(mark, value, &name, depth + 1, ",");
                    }
                }
                self.push(Mark::Same, depth, format!("}}{end}"));
            }
            (Pattern::List(patterns), Value::Array(list)) => {
                self.push(Mark::Same, depth, format!("{name}["));
                self.list(patterns, list, depth + 1);
                self.push(Mark::Same, depth, format!("]{end}"));
            }
            _ => {
                self.wanted(pattern, name, depth, end);
                self.json(Mark::Extra, value, name, depth, end);
            }
        }
    }

    /// Lists of different lengths are laid side by side from both ends.
    fn list(&mut self, patterns: &[Pattern], list: &[Value], depth: usize) {
        let fits =
            |(pattern, value): &(&Pattern, &Value)| compare(pattern, Some(value), self.captures).ok;
        let shorter = patterns.len().min(list.len());
        let front = patterns.iter().zip(list).take_while(fits).count();
        let back = patterns.iter().rev().zip(list.iter().rev());
        let back = match patterns.len() == list.len() {
            true => 0,
            false => back.take(shorter - front).take_while(fits).count(),
        };
        let (wanted, came) = (patterns.len() - back, list.len() - back);
        for i in 0..wanted.max(came) {
            match (patterns[..wanted].get(i), list[..came].get(i)) {
                (Some(pattern), value) => self.value(pattern, value, "", depth, ","),
                (None, Some(value)) => self.json(Mark::Extra, value, "", depth, ","),
                (None, None) => {}
            }
        }
        for value in &list[came..] {
            self.json(Mark::Same, value, "", depth, ",");
        }
    }

    /// What was expected, where nothing or something else is.
    fn wanted(&mut self, pattern: &Pattern, name: &str, depth: usize, end: &str) {
        let wanted = self.as_json(pattern);
        self.json(Mark::Missing, &wanted, name, depth, end);
    }

    /// A pattern as the fixture's author could have written it, captures filled in.
    fn as_json(&self, pattern: &Pattern) -> Value {
        match pattern {
            Pattern::Literal(value) => value.clone(),
            Pattern::Text(text) => {
                interpolate(text, self.captures).unwrap_or_else(|_| Value::String(text.clone()))
            }
            Pattern::List(list) => list.iter().map(|pattern| self.as_json(pattern)).collect(),
            Pattern::Fields { fields, .. } => {
                let fields = fields.iter();
                let fields = fields.map(|(name, pattern)| (name.clone(), self.as_json(pattern)));
                Value::Object(fields.collect())
            }
            Pattern::Rule(rule) => rule_as_json(rule),
        }
    }

    fn json(&mut self, mark: Mark, value: &Value, name: &str, depth: usize, end: &str) {
        let compact = value.to_string();
        let is_short = compact.len() + name.len() + 2 * depth <= 72;
        let in_one_line = is_short && depth > 0;
        let nests = |value: &Value| matches!(value, Value::Array(_) | Value::Object(_));
        match value {
            Value::Object(fields) if !fields.is_empty() && !in_one_line => {
                self.push(mark, depth, format!("{name}{{"));
                for (field, value) in fields {
                    let name = format!("{}: ", Value::from(field.as_str()));
                    self.json(mark, value, &name, depth + 1, ",");
                }
                self.push(mark, depth, format!("}}{end}"));
            }
            Value::Array(list) if list.iter().any(nests) && !is_short => {
                self.push(mark, depth, format!("{name}["));
                for value in list {
                    self.json(mark, value, "", depth + 1, ",");
                }
                self.push(mark, depth, format!("]{end}"));
            }
            _ => self.push(mark, depth, format!("{name}{compact}{end}")),
        }
    }

    fn push(&mut self, mark: Mark, depth: usize, text: String) {
        let text = format!("{}{text}", "  ".repeat(depth));
        self.lines.push(Line { mark, text });
    }
}

fn allows_absence(pattern: &Pattern) -> bool {
    matches!(pattern, Pattern::Rule(rule) if rule.absent)
}

fn rule_as_json(rule: &Rule) -> Value {
    let mut fields = serde_json::Map::new();
    let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    if rule.absent {
        add("$absent", true.into());
    }
    if let Some(kind) = rule.kind {
        add("$type", kind.name().into());
    }
    if let Some(regex) = &rule.regex {
        add("$regex", regex.as_str().into());
    }
    if let Some(name) = &rule.capture {
        add("$capture", name.as_str().into());
    }
    if fields.is_empty() {
        fields.insert("$any".to_owned(), true.into());
    }
    Value::Object(fields)
}

/// The difference of two texts that are not JSON documents.
pub fn text_diff(wanted: &str, came: &str) -> Vec<Line> {
    let line = |mark, text: &str| Line {
        mark,
        text: Value::from(text).to_string(),
    };
    if same(&wanted.into(), &came.into()) {
        return vec![line(Mark::Same, came)];
    }
    vec![line(Mark::Missing, wanted), line(Mark::Extra, came)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(pattern: Value, open: bool, came: Value) -> Vec<String> {
        let pattern = Pattern::parse(&pattern, open).unwrap();
        let lines = diff(&pattern, &came, &Captures::default());
        let mark = |line: &Line| match line.mark {
            Mark::Same => ' ',
            Mark::Missing => '-',
            Mark::Extra => '+',
        };
        lines
            .iter()
            .map(|l| format!("{}{}", mark(l), l.text))
            .collect()
    }

    #[test]
    fn only_what_differs_is_marked() {
        let wanted = json!({"type": "message", "user": {"name": "ana", "id": {"$type": "string"}}});
        let came = json!({"type": "message", "user": {"id": 5, "name": "ana"}, "at": 1});
        assert_eq!(
            shown(wanted.clone(), false, came.clone()),
            [
                " {",
                "   \"type\": \"message\",",
                "   \"user\": {",
                "     \"name\": \"ana\",",
                "-    \"id\": {\"$type\":\"string\"},",
                "+    \"id\": 5,",
                "   },",
                "+  \"at\": 1,",
                " }",
            ]
        );
        assert!(shown(wanted, true, came).contains(&"   \"at\": 1,".to_owned()));
    }

    #[test]
    fn a_missing_field_and_a_missing_element_are_shown() {
        assert_eq!(
            shown(json!({"a": 1, "b": 2}), false, json!({"a": 1})),
            [" {", "   \"a\": 1,", "-  \"b\": 2,", " }"]
        );
        assert_eq!(
            shown(json!([1, 2, 3]), false, json!([1, 3])),
            [" [", "   1,", "-  2,", "   3,", " ]"]
        );
        assert_eq!(
            shown(json!([1]), false, json!([0, 1])),
            [" [", "+  0,", "   1,", " ]"]
        );
    }
}
