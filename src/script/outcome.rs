//! What a run of fixtures came to; what reporters are told.

use std::path::PathBuf;
use std::time::Duration;

use super::matching::diff::Line;
use super::problem::Problem;
use super::story::Section;
use super::update::Change;

/// What the runner tells while it works.
#[derive(Debug)]
pub enum Progress {
    /// A fixture begins.
    Begun {
        /// Its name.
        name: String,
    },
    /// A fixture has ended.
    Ended(Box<Outcome>),
}

/// How one run of one fixture ended.
#[derive(Debug)]
pub struct Outcome {
    /// The fixture's name.
    pub name: String,
    /// Its file, as it was named.
    pub file: PathBuf,
    /// The seed of its disorder, if there was any.
    pub seed: Option<u64>,
    /// How long it took.
    pub took: Duration,
    /// How it went.
    pub verdict: Verdict,
    /// What a reader should know although nothing failed.
    pub notes: Vec<String>,
    /// What `--update` has rewritten.
    pub updated: Vec<Change>,
}

/// How a fixture went.
#[derive(Debug)]
pub enum Verdict {
    /// As it should.
    Passed,
    /// A step failed.
    Failed(Box<StepFailure>),
    /// The file is not a fixture that could be run.
    Bad(Vec<Problem>),
    /// It was not run, because another one failed or the run was interrupted.
    Skipped,
}

/// A step that failed.
#[derive(Debug)]
pub struct StepFailure {
    /// The step's line, from 1; 0 if no step is to blame.
    pub line: usize,
    /// Which step, for example `step 3` or `step 4 (round 2), its step 1`.
    pub step: String,
    /// The step as it stands in the file.
    pub text: String,
    /// What went wrong.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Expected and came, line by line.
    pub diff: Vec<Line>,
    /// The last events.
    pub story: Vec<Section>,
}

/// A whole run in numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Fixtures that passed.
    pub passed: usize,
    /// Fixtures that failed.
    pub failed: usize,
    /// Files that could not be run.
    pub bad: usize,
    /// Fixtures that were not run.
    pub skipped: usize,
}

impl Totals {
    /// Counts one more.
    pub fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::Bad(_) => self.bad += 1,
            Verdict::Skipped => self.skipped += 1,
        }
    }
}
