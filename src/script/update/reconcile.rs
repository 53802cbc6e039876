//! An expectation that holds for what came, as near as possible to the old one.

use serde_json::{Map, Value};

use crate::script::matching::{Captures, Pattern, compare};
use crate::script::volatile::Steady;

/// The old expectation with what no longer holds replaced. Where fields that are not named may
/// stand beside the others (`open`), none are added.
pub fn reconcile(
    old: &Value,
    open: bool,
    came: &Value,
    captures: &Captures,
    steady: &mut Steady,
) -> Value {
    let pattern = Pattern::parse(old, open);
    let holds = pattern.is_ok_and(|pattern| compare(&pattern, Some(came), captures).ok);
    if holds {
        return old.clone();
    }
    match (old, came) {
        (Value::Object(fields), Value::Object(object)) if !is_rule(fields) => {
            let mut new = Map::new();
            for (name, old) in fields {
                match object.get(name) {
                    Some(came) => {
                        new.insert(name.clone(), reconcile(old, open, came, captures, steady));
                    }
                    None if old.get("$absent").is_some() => {
                        new.insert(name.clone(), old.clone());
                    }
                    None => {}
                }
            }
            let others = object
                .iter()
                .filter(|(name, _)| !open && !fields.contains_key(*name));
            for (name, came) in others {
                new.insert(name.clone(), steady.expected(came));
            }
            Value::Object(new)
        }
        (Value::Array(old), Value::Array(list)) => {
            let old = old.iter().map(Some).chain(std::iter::repeat(None));
            let pairs = list.iter().zip(old);
            pairs
                .map(|(came, old)| match old {
                    Some(old) => reconcile(old, open, came, captures, steady),
                    None => steady.expected(came),
                })
                .collect()
        }
        _ => steady.expected(came),
    }
}

fn is_rule(fields: &Map<String, Value>) -> bool {
    fields.keys().any(|name| name.starts_with('$'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn new(old: Value, open: bool, came: Value) -> Value {
        let mut captures = Captures::default();
        captures.set("id", json!("an-id-of-some-length"));
        let mut steady = super::super::steady(&captures, 1_764_000_000_000);
        reconcile(&old, open, &came, &captures, &mut steady)
    }

    #[test]
    fn what_still_holds_stays_as_it_was_written() {
        assert_eq!(
            new(
                json!({"id": {"$capture": "x"}, "ref": "${id}", "text": "old", "gone": 1}),
                false,
                json!({"id": 7, "ref": "an-id-of-some-length", "text": "new", "more": "an-id-of-some-length"})
            ),
            json!({"id": {"$capture": "x"}, "ref": "${id}", "text": "new", "more": "${id}"})
        );
    }

    #[test]
    fn a_partial_expectation_gets_no_more_fields() {
        let old = json!({"list": [{"a": {"$type": "string"}}, {"a": "x"}]});
        let came = json!({"list": [{"a": 5, "b": 1}, {"a": "x", "b": 2}, {"a": "y"}], "n": 1});
        assert_eq!(
            new(old, true, came),
            json!({"list": [{"a": 5}, {"a": "x"}, {"a": "y"}]})
        );
    }
}
