//! Turns the outcomes of a run into text. Nothing here writes anything.

pub mod github;
pub mod human;
pub mod json;
pub mod junit;
pub mod tap;

use std::path::Path;
use std::time::Duration;

use crate::script::outcome::{Outcome, StepFailure, Totals};

/// A finished run.
pub struct Run<'a> {
    /// How each fixture ended, in the order of their files.
    pub outcomes: &'a [Outcome],
    /// How long all of it took.
    pub took: Duration,
}

impl Run<'_> {
    /// The run in numbers.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.outcomes
            .iter()
            .for_each(|outcome| totals.add(&outcome.verdict));
        totals
    }
}

/// `file:line`, or the file alone.
fn place(file: &Path, line: usize) -> String {
    match line {
        0 => file.display().to_string(),
        line => format!("{}:{line}", file.display()),
    }
}

/// A fixture's name, with its seed.
fn title(outcome: &Outcome) -> String {
    match outcome.seed {
        Some(seed) => format!("{} (seed {seed})", outcome.name),
        None => outcome.name.clone(),
    }
}

/// How to run one fixture again.
fn again(outcome: &Outcome) -> String {
    let file = crate::location::quoted(&outcome.file);
    match outcome.seed {
        Some(seed) => format!("ampt-ws test {file} --chaos-seed {seed}"),
        None => format!("ampt-ws test {file}"),
    }
}

/// A failure as plain lines, for formats that hold text.
fn plain(outcome: &Outcome, failure: &StepFailure) -> String {
    let paint = super::Paint::new(false);
    human::failure(paint, outcome, failure)
}
