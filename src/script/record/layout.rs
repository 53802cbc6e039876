//! A recorded fixture as a person would have written it: a step a line.

use serde_json::Value;

use super::compose::Composed;
use crate::script::update::Style;

/// The file's text.
pub(super) fn fixture(composed: &Composed) -> String {
    let style = Style::HAND;
    let mut text = String::from("{\n");
    for (name, value) in &composed.header {
        text.push_str(&format!(
            "  {}: {},\n",
            Value::from(name.as_str()),
            style.in_line(value)
        ));
    }
    text.push_str("  \"steps\": [");
    for (i, step) in composed.steps.iter().enumerate() {
        text.push_str(if i == 0 { "\n    " } else { ",\n    " });
        style.push(&mut text, step, "    ");
    }
    text.push_str(if composed.steps.is_empty() {
        "]\n}\n"
    } else {
        "\n  ]\n}\n"
    });
    text
}
