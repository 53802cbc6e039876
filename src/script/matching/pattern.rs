//! What is expected of a JSON value.

use regex::Regex;
use serde_json::{Map, Value};

use super::captures::names_in;
use crate::script::problem::meant;

/// What a value must be.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// Exactly this number, boolean or null.
    Literal(Value),
    /// Exactly this string; it may mention captures.
    Text(String),
    /// Elements in order, as many as there are.
    List(Vec<Pattern>),
    /// Fields by name. If `open`, others may stand beside them.
    Fields {
        /// Those that must be there.
        fields: Vec<(String, Pattern)>,
        /// Whether others may be there.
        open: bool,
    },
    /// Whatever the rule allows.
    Rule(Box<Rule>),
}

/// `{"$any": true}` and its like; all that is said must hold.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// `$type`
    pub kind: Option<Kind>,
    /// `$regex`: the string must hold a match.
    pub regex: Option<Regex>,
    /// `$capture`: the name under which the value is kept.
    pub capture: Option<String>,
    /// `$absent`: the field must not be there.
    pub absent: bool,
}

/// The types that `$type` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    String,
    Number,
    Integer,
    Boolean,
    Object,
    Array,
    Null,
}

impl Kind {
    const ALL: [(&'static str, Self); 7] = [
        ("string", Self::String),
        ("number", Self::Number),
        ("integer", Self::Integer),
        ("boolean", Self::Boolean),
        ("object", Self::Object),
        ("array", Self::Array),
        ("null", Self::Null),
    ];

    fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| *kind)
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }

    /// Whether a value is of this type.
    pub fn holds(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => value.as_f64().is_some_and(|n| n.fract() == 0.0),
            Self::Boolean => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::Null => value.is_null(),
        }
    }
}

/// Why a value is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Where, as `.user.id`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// The rules: name, an example, and what it means.
pub const RULES: [(&str, &str, &str); 6] = [
    ("$any", r#"{"$any": true}"#, "Anything."),
    (
        "$type",
        r#"{"$type": "string"}"#,
        "Any string; likewise `number`, `integer`, `boolean`, `object`, `array`, `null`.",
    ),
    (
        "$regex",
        r#"{"$regex": "^hi"}"#,
        "A string in which the regular expression is found.",
    ),
    (
        "$capture",
        r#"{"$capture": "id"}"#,
        "Anything; later steps know it as `${id}`. It may stand beside `$type` or `$regex`.",
    ),
    (
        "$absent",
        r#"{"$absent": true}"#,
        "The field must not be there.",
    ),
    (
        "$literal",
        r#"{"$literal": {"$a": 1}}"#,
        "An object whose own fields begin with `$`.",
    ),
];

impl Pattern {
    /// Reads a pattern. Whether fields that are not named may be there is told by `open`.
    pub fn parse(value: &Value, open: bool) -> Result<Self, PatternError> {
        parse(value, open, &mut String::new())
    }

    /// Visits each capture that is mentioned (`false`) or made (`true`), in order.
    pub fn captures(&self, visit: &mut dyn FnMut(&str, bool)) {
        match self {
            Self::Literal(_) => {}
            Self::Text(text) => names_in(text)
                .into_iter()
                .for_each(|name| visit(name, false)),
            Self::List(list) => list.iter().for_each(|pattern| pattern.captures(visit)),
            Self::Fields { fields, .. } => {
                fields
                    .iter()
                    .for_each(|(_, pattern)| pattern.captures(visit));
            }
            Self::Rule(rule) => rule.capture.iter().for_each(|name| visit(name, true)),
        }
    }
}

fn parse(value: &Value, open: bool, path: &mut String) -> Result<Pattern, PatternError> {
    match value {
        Value::String(text) => Ok(Pattern::Text(text.clone())),
        Value::Array(list) => {
            let mut patterns = Vec::with_capacity(list.len());
            for (i, value) in list.iter().enumerate() {
                let step = format!("[{i}]");
                patterns.push(below(path, &step, |path| parse(value, open, path))?);
            }
            Ok(Pattern::List(patterns))
        }
        Value::Object(fields) if fields.keys().any(|name| name.starts_with('$')) => {
            parse_rule(fields, path)
        }
        Value::Object(fields) => {
            let mut patterns = Vec::with_capacity(fields.len());
            for (name, value) in fields {
                let pattern = below(path, &format!(".{name}"), |path| parse(value, open, path))?;
                patterns.push((name.clone(), pattern));
            }
            Ok(Pattern::Fields {
                fields: patterns,
                open,
            })
        }
        literal => Ok(Pattern::Literal(literal.clone())),
    }
}

fn below<T>(path: &mut String, step: &str, then: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    path.push_str(step);
    let result = then(path);
    path.truncate(length);
    result
}

fn parse_rule(fields: &Map<String, Value>, path: &str) -> Result<Pattern, PatternError> {
    let error = |message: String, hint: String| PatternError {
        path: path.to_owned(),
        message,
        hint,
    };
    let mut rule = Rule::default();
    for (name, value) in fields {
        let text = value.as_str();
        match (name.as_str(), text, value) {
            ("$literal", _, value) if fields.len() == 1 => return Ok(literal(value)),
            ("$any", _, Value::Bool(true)) => {}
            ("$absent", _, Value::Bool(true)) => rule.absent = true,
            ("$capture", Some(name), _) if !name.is_empty() => rule.capture = Some(name.to_owned()),
            ("$type", Some(name), _) => {
                let names = Kind::ALL.map(|(name, _)| name);
                let unknown = || {
                    error(
                        format!("`{name}` is not a type of JSON"),
                        meant(name, &names),
                    )
                };
                rule.kind = Some(Kind::parse(name).ok_or_else(unknown)?);
            }
            ("$regex", Some(text), _) => {
                let bad = |e: regex::Error| {
                    let why = e.to_string();
                    let why = why.lines().last().unwrap_or_default();
                    error(
                        format!("`{text}` is not a regular expression: {why}"),
                        "backslashes are doubled in JSON: \"^\\\\d+$\"".to_owned(),
                    )
                };
                rule.regex = Some(Regex::new(text).map_err(bad)?);
            }
            (known, ..) if RULES.iter().any(|(rule, ..)| *rule == known) => {
                return Err(error(
                    format!("`{known}` cannot be `{value}` here"),
                    example(known).to_owned(),
                ));
            }
            (unknown, ..) => {
                let hint = meant(unknown, &RULES.map(|(rule, ..)| rule));
                let literal = "a field that begins with `$` goes into {\"$literal\": {…}}";
                return Err(error(
                    format!("there is no rule `{unknown}`"),
                    format!("{hint}\n{literal}"),
                ));
            }
        }
    }
    Ok(Pattern::Rule(Box::new(rule)))
}

fn example(rule: &str) -> &'static str {
    match rule {
        "$any" => "write {\"$any\": true}",
        "$type" => "write {\"$type\": \"string\"}",
        "$regex" => "write {\"$regex\": \"^a\"}",
        "$capture" => "write {\"$capture\": \"name\"}",
        "$absent" => "write {\"$absent\": true}",
        _ => "write {\"$literal\": …} with nothing beside it",
    }
}

/// A pattern that only the value itself matches, whatever stands in it.
fn literal(value: &Value) -> Pattern {
    match value {
        Value::String(text) => Pattern::Text(text.replace("${", "$${")),
        Value::Array(list) => Pattern::List(list.iter().map(literal).collect()),
        Value::Object(fields) => Pattern::Fields {
            fields: fields
                .iter()
                .map(|(name, value)| (name.clone(), literal(value)))
                .collect(),
            open: false,
        },
        other => Pattern::Literal(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(value: Value) -> PatternError {
        Pattern::parse(&value, true).unwrap_err()
    }

    #[test]
    fn a_wrong_rule_is_told_with_its_place() {
        let unknown = error(json!({"user": {"tags": [{"$rgex": "a"}]}}));
        assert_eq!(unknown.path, ".user.tags[0]");
        assert!(
            unknown.hint.starts_with("did you mean `$regex`?"),
            "{unknown:?}"
        );
        let kind = error(json!({"a": {"$type": "strng"}}));
        assert_eq!(kind.hint, "did you mean `string`?");
        let regex = error(json!({"$regex": "("}));
        assert!(regex.message.contains("unclosed group"), "{regex:?}");
        assert_eq!(error(json!({"$any": 1})).hint, "write {\"$any\": true}");
        assert_eq!(
            error(json!({"$capture": ""})).message,
            "`$capture` cannot be `\"\"` here"
        );
    }

    #[test]
    fn captures_are_visited_in_order() {
        let value = json!({"a": {"$capture": "x"}, "b": ["${x}", "${y}"]});
        let mut seen = Vec::new();
        let pattern = Pattern::parse(&value, true).unwrap();
        pattern.captures(&mut |name, made| seen.push((name.to_owned(), made)));
        assert_eq!(
            seen,
            [
                ("x".to_owned(), true),
                ("x".to_owned(), false),
                ("y".to_owned(), false)
            ]
        );
    }
}
