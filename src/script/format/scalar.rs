//! Small values of the fixture format.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::domain::parse_duration;

/// A span of time: `"500ms"`, `"2s"`, `"10m"`, or a whole number of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Millis(pub Duration);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Millis;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"500ms\", \"2s\" or a number of milliseconds")
            }
            fn visit_u64<E: Error>(self, ms: u64) -> Result<Millis, E> {
                Ok(Millis(Duration::from_millis(ms)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Millis, E> {
                parse_duration(text).map(Millis).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Millis {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration such as \"500ms\", \"2s\", \"10m\" or \"2h\"; a number is milliseconds.",
            "oneOf": [
                { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?\\s*(ms|s|m|h|d)$" },
                { "type": "integer", "minimum": 0 },
            ],
        })
    }
}

/// One name, or a list of names: the clients that a step is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Names;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Names, E> {
                Ok(Names(vec![name.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                match names.is_empty() {
                    true => Err(A::Error::custom("the list of names is empty")),
                    false => Ok(Names(names)),
                }
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Names {
    fn schema_name() -> Cow<'static, str> {
        "Names".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A name, or several.",
            "oneOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 },
            ],
        })
    }
}

/// The only value of a step that has nothing to say but its name: `{ "pause": true }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct True;

impl<'de> Deserialize<'de> for True {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match bool::deserialize(deserializer)? {
            true => Ok(Self),
            false => Err(D::Error::custom(
                "expected `true`; leave the line out instead",
            )),
        }
    }
}

impl Serialize for True {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

impl JsonSchema for True {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "True".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_or_is_in_milliseconds() {
        let read = |text: &str| serde_json::from_str::<Millis>(text).map(|d| d.0);
        assert_eq!(read("\"2s\"").unwrap(), Duration::from_secs(2));
        assert_eq!(read("250").unwrap(), Duration::from_millis(250));
        for bad in ["\"2\"", "-1", "1.5", "true", "\"soon\""] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_one_or_several() {
        let read = |text: &str| serde_json::from_str::<Names>(text).map(|n| n.0);
        assert_eq!(read("\"ana\"").unwrap(), ["ana"]);
        assert_eq!(read("[\"ana\",\"bob\"]").unwrap(), ["ana", "bob"]);
        assert!(read("[]").is_err());
        assert!(read("[1]").is_err());
    }
}
