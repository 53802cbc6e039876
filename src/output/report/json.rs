//! One JSON document: what `--json` prints and `--report json=FILE` writes.

use serde_json::{Value, json};

use super::Run;
use crate::script::matching::diff::{Line, Mark};
use crate::script::outcome::{Outcome, StepFailure, Verdict};
use crate::script::story::Section;
use crate::script::update::Change;

/// The run as a document.
pub fn document(run: &Run<'_>) -> Value {
    let totals = run.totals();
    json!({
        "passed": totals.passed,
        "failed": totals.failed,
        "bad": totals.bad,
        "skipped": totals.skipped,
        "tookMs": ms(run.took),
        "fixtures": run.outcomes.iter().map(fixture).collect::<Vec<_>>(),
    })
}

fn ms(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn fixture(outcome: &Outcome) -> Value {
    let verdict = match &outcome.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed(_) => "failed",
        Verdict::Bad(_) => "bad",
        Verdict::Skipped => "skipped",
    };
    let mut value = json!({
        "name": outcome.name,
        "file": outcome.file.display().to_string(),
        "verdict": verdict,
        "tookMs": ms(outcome.took),
    });
    if let Some(seed) = outcome.seed {
        value["seed"] = seed.into();
    }
    if !outcome.notes.is_empty() {
        value["notes"] = json!(outcome.notes);
    }
    if !outcome.updated.is_empty() {
        value["updated"] = outcome.updated.iter().map(updated).collect();
    }
    match &outcome.verdict {
        Verdict::Failed(failure) => value["failure"] = self::failure(failure),
        Verdict::Bad(problems) => value["problems"] = json!(problems),
        _ => {}
    }
    value
}

fn failure(failure: &StepFailure) -> Value {
    json!({
        "line": failure.line,
        "step": failure.step,
        "text": failure.text,
        "message": failure.message,
        "hint": failure.hint,
        "diff": failure.diff.iter().map(diff_text).collect::<Vec<_>>(),
        "events": failure.story.iter().map(section).collect::<Vec<_>>(),
    })
}

/// A line of a difference with its mark.
pub(super) fn diff_text(line: &Line) -> String {
    let mark = match line.mark {
        Mark::Same => ' ',
        Mark::Missing => '-',
        Mark::Extra => '+',
    };
    format!("{mark} {}", line.text)
}

fn updated(change: &Change) -> Value {
    json!({
        "file": change.file.display().to_string(),
        "line": change.line,
        "diff": change.diff.iter().map(diff_text).collect::<Vec<_>>(),
    })
}

fn section(section: &Section) -> Value {
    let entries = section.entries.iter().map(|entry| {
        let mut value = json!({ "afterMs": ms(entry.after), "text": entry.text });
        if !entry.more.is_empty() {
            value["more"] = json!(entry.more);
        }
        value
    });
    json!({
        "about": section.title,
        "earlier": section.earlier,
        "entries": entries.collect::<Vec<_>>(),
    })
}
