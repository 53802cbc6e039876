//! Annotations for GitHub Actions: workflow commands that mark lines of the fixtures.

use super::{Run, title};
use crate::script::outcome::{Outcome, Verdict};

/// The run's failures as workflow commands, one a line.
pub fn annotations(run: &Run<'_>) -> String {
    run.outcomes.iter().flat_map(of).collect()
}

fn of(outcome: &Outcome) -> Vec<String> {
    let file = property(&outcome.file.display().to_string());
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
