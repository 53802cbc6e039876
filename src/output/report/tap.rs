//! The Test Anything Protocol, version 14.

use super::super::visible;
use super::json::diff_text;
use super::{Run, place, title};
use crate::script::outcome::{Outcome, Verdict};

/// The run as TAP.
pub fn document(run: &Run<'_>) -> String {
    let mut tap = format!("TAP version 14\n1..{}\n", run.outcomes.len());
    for (i, outcome) in run.outcomes.iter().enumerate() {
        push_point(&mut tap, i + 1, outcome);
    }
    tap
}

fn push_point(tap: &mut String, number: usize, outcome: &Outcome) {
    let (ok, directive) = match &outcome.verdict {
        Verdict::Passed => ("ok", ""),
        Verdict::Skipped => ("ok", " # SKIP not run"),
        Verdict::Failed(_) | Verdict::Bad(_) => ("not ok", ""),
    };
    tap.push_str(&format!(
        "{ok} {number} - {}{directive}\n",
        description(&title(outcome))
    ));
    let fields = match &outcome.verdict {
        Verdict::Failed(failure) => {
            let diff: Vec<String> = failure.diff.iter().map(diff_text).collect();
            vec![
                ("message", failure.message.clone()),
                ("at", place(&outcome.file, failure.line)),
                ("step", failure.text.clone()),
                ("diff", diff.join("\n")),
            ]
        }
        Verdict::Bad(problems) => problems
            .iter()
            .take(1)
            .flat_map(|problem| {
                let at = place(&outcome.file, problem.line);
                [("message", problem.message.clone()), ("at", at)]
            })
            .collect(),
        _ => return,
    };
    tap.push_str("  ---\n");
    for (key, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        // A JSON string is a YAML string.
        tap.push_str(&format!(
            "  {key}: {}\n",
            serde_json::Value::from(value.as_str())
        ));
    }
    tap.push_str("  ...\n");
}

/// A description holds no line ends, and `#` begins a directive.
fn description(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let text = visible(&text).replace('\\', "\\\\");
    text.replace('#', "\\#")
}
