//! The published JSON Schema of the fixture format, made from its types.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::header::Header;
use super::steps::{Connect, VERBS, schemas};

/// The schema as a JSON document.
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    // Every step is described once, even one that nothing else mentions.
    let _ = generator.subschema_for::<Connect>();
    let mut schema = generator.into_root_schema_for::<Header<'_>>();
    let object = schema.ensure_object();
    if let Some(Value::Object(definitions)) = object.get_mut("$defs") {
        definitions.sort_keys();
    }
    let mut document = schema.to_value();
    forbid_null(&mut document);
    document
}

/// A field that may be left out is optional, which is not the same as `null`; editors should not
/// propose that.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [one] = &types[..] {
                    let one = one.clone();
                    fields.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(choices)) = fields.get_mut("enum") {
                choices.retain(|choice| !choice.is_null());
            }
            if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type") != Some(&"null".into()));
            }
            fields.values_mut().for_each(forbid_null);
        }
        Value::Array(list) => list.iter_mut().for_each(forbid_null),
        _ => {}
    }
}

/// The schema of a list of steps.
pub(super) fn steps(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": generator.subschema_for::<AnyStep>() })
}

/// One step, whichever it is.
struct AnyStep;

impl schemars::JsonSchema for AnyStep {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Step".into()
    }

    /// Chosen by the field that tells a step, so that an editor's complaint is about the step
    /// that was meant and not about all the others.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let choices = VERBS.iter().zip(schemas(generator));
        let all: Vec<Value> = choices
            .map(|(verb, schema)| {
                serde_json::json!({ "if": { "required": [verb] }, "then": schema })
            })
            .collect();
        let any: Vec<Value> = VERBS
            .iter()
            .map(|verb| serde_json::json!({ "required": [verb] }))
            .collect();
        let names = VERBS
            .iter()
            .map(|verb| ((*verb).to_owned(), Value::Bool(true)));
        let properties: serde_json::Map<String, Value> = names.collect();
        json_schema!({
            "type": "object",
            "properties": properties,
            "oneOf": any,
            "allOf": all,
        })
    }
}
