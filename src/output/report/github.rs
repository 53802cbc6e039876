//! Annotations for GitHub Actions: workflow commands that mark lines of the fixtures.

use std::path::Path;

use super::{Run, title};
use crate::script::outcome::{Outcome, Verdict};

/// The run's failures as workflow commands, one a line.
///
/// Files in the folder `root` are told from there.
pub fn annotations(run: &Run<'_>, root: Option<&Path>) -> String {
    let outcomes = run.outcomes.iter();
    outcomes.flat_map(|outcome| of(outcome, root)).collect()
}

fn of(outcome: &Outcome, root: Option<&Path>) -> Vec<String> {
    let whole = std::path::absolute(&outcome.file).unwrap_or_default();
    let inside = root.and_then(|root| whole.strip_prefix(root).ok());
    let file = property(&inside.unwrap_or(&outcome.file).display().to_string());
    let title = property(&title(outcome));
    let command = |line: usize, message: &str| {
        let message = data(message);
        format!(
            "::error file={file},line={},title={title}::{message}\n",
            line.max(1)
        )
    };
    match &outcome.verdict {
        Verdict::Failed(failure) => {
            let diff: Vec<String> = failure.diff.iter().map(super::json::diff_text).collect();
            let message = format!("{}\n{}", failure.message, diff.join("\n"));
            vec![command(failure.line, message.trim_end())]
        }
        Verdict::Bad(problems) => problems
            .iter()
            .map(|p| command(p.line, &p.message))
            .collect(),
        Verdict::Passed | Verdict::Skipped => Vec::new(),
    }
}

/// The text of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
