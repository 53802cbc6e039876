//! Whether a value is as a pattern wants it.

use serde_json::Value;

use super::captures::{Captures, interpolate};
use super::pattern::{Pattern, Rule};

/// How a comparison went.
#[derive(Debug, Default)]
pub struct Matched {
    /// Whether the value is as the pattern wants it.
    pub ok: bool,
    /// What the pattern captured; to be kept only if it matched.
    pub captured: Vec<(String, Value)>,
}

/// Compares a value (`None`: it is not there) with a pattern.
pub fn compare(pattern: &Pattern, value: Option<&Value>, captures: &Captures) -> Matched {
    let mut matched = Matched::default();
    matched.ok = holds(pattern, value, captures, &mut matched.captured);
    matched
}

fn holds(
    pattern: &Pattern,
    value: Option<&Value>,
    captures: &Captures,
    captured: &mut Vec<(String, Value)>,
) -> bool {
    if let Pattern::Rule(rule) = pattern {
        return rule_holds(rule, value, captured);
    }
    let Some(value) = value else {
        return false;
    };
    match (pattern, value) {
        (Pattern::Literal(wanted), value) => same(wanted, value),
        (Pattern::Text(text), value) => text_holds(text, value, captures, captured),
        (Pattern::List(patterns), Value::Array(list)) => {
            patterns.len() == list.len()
                && patterns
                    .iter()
                    .zip(list)
                    .all(|(pattern, value)| holds(pattern, Some(value), captures, captured))
        }
        (Pattern::Fields { fields, open }, Value::Object(object)) => {
            let known = |name: &String| fields.iter().any(|(field, _)| field == name);
            (*open || object.keys().all(known))
                && fields
                    .iter()
                    .all(|(name, pattern)| holds(pattern, object.get(name), captures, captured))
        }
        _ => false,
    }
}

/// A string pattern may mention what the same pattern captured further up.
fn text_holds(
    text: &str,
    value: &Value,
    captures: &Captures,
    captured: &[(String, Value)],
) -> bool {
    let filled = match captured {
        [] => interpolate(text, captures),
        captured => {
            let mut all = captures.clone();
            all.extend(captured.iter().cloned());
            interpolate(text, &all)
        }
    };
    filled.is_ok_and(|wanted| same(&wanted, value))
}

fn rule_holds(rule: &Rule, value: Option<&Value>, captured: &mut Vec<(String, Value)>) -> bool {
    let Some(value) = value else {
        return rule.absent;
    };
    let has_kind = rule.kind.is_none_or(|kind| kind.holds(value));
    let has_text = match &rule.regex {
        None => true,
        Some(regex) => value.as_str().is_some_and(|text| regex.is_match(text)),
    };
    if let Some(name) = &rule.capture {
        captured.push((name.clone(), value.clone()));
    }
    !rule.absent && has_kind && has_text
}

/// Whether two values are the same JSON: the order of fields does not count, and 1 is 1.0.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len()
                && x.iter()
                    .all(|(name, x)| y.get(name).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(pattern: Value, open: bool, value: Value) -> bool {
        let pattern = Pattern::parse(&pattern, open).unwrap();
        compare(&pattern, Some(&value), &Captures::default()).ok
    }

    #[test]
    fn an_exact_pattern_allows_nothing_more_and_nothing_less() {
        assert!(matches(
            json!({"a": 1, "b": [true]}),
            false,
            json!({"b": [true], "a": 1.0})
        ));
        assert!(!matches(json!({"a": 1}), false, json!({"a": 1, "b": 2})));
        assert!(!matches(json!({"a": 1, "b": 2}), false, json!({"a": 1})));
        assert!(!matches(json!([1, 2]), false, json!([2, 1])));
        assert!(!matches(json!("1"), false, json!(1)));
    }

    #[test]
    fn an_open_pattern_allows_more_fields_at_every_depth() {
        assert!(matches(
            json!({"a": {"b": 1}}),
            true,
            json!({"a": {"b": 1, "c": 2}, "d": 3})
        ));
        assert!(matches(json!([{"b": 1}]), true, json!([{"b": 1, "c": 2}])));
        assert!(!matches(json!([{"b": 1}]), true, json!([{"b": 1}, 2])));
    }

    #[test]
    fn rules_may_be_combined() {
        let id = json!({"$type": "string", "$regex": "^u-\\d+$"});
        assert!(matches(id.clone(), false, json!("u-17")));
        assert!(!matches(id.clone(), false, json!("u-")));
        assert!(!matches(id, false, json!(17)));
        assert!(matches(json!({"$any": true}), false, json!(null)));
        assert!(matches(json!({"$type": "integer"}), false, json!(1.0)));
        assert!(!matches(json!({"$type": "integer"}), false, json!(1.5)));
        assert!(!matches(json!({"a": {"$any": true}}), true, json!({})));
        assert!(matches(json!({"a": {"$absent": true}}), false, json!({})));
        assert!(!matches(
            json!({"a": {"$absent": true}}),
            false,
            json!({"a": null})
        ));
        assert!(matches(
            json!({"$literal": {"$any": "${x}"}}),
            false,
            json!({"$any": "${x}"})
        ));
    }

    #[test]
    fn a_capture_can_be_mentioned_in_the_same_pattern() {
        let pattern = json!({"id": {"$capture": "id"}, "again": "${id}"});
        let pattern = Pattern::parse(&pattern, false).unwrap();
        let value = json!({"id": 7, "again": 7});
        let matched = compare(&pattern, Some(&value), &Captures::default());
        assert!(matched.ok);
        assert_eq!(matched.captured, [("id".to_owned(), json!(7))]);
    }
}
