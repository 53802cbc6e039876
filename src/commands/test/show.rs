//! Shows what the runner tells, and writes the reports.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::{ReportKind, TestArgs};
use crate::error::{Failure, exit, reason};
use crate::output::report::{self, Run};
use crate::output::{Output, Progress};
use crate::script::outcome::{self, Outcome};

/// Shows what the runner tells, and keeps the outcomes.
pub(super) struct Show<'a> {
    out: &'a Output,
    shows_people: bool,
    progress: Progress<'a>,
    outcomes: Vec<Outcome>,
}

impl<'a> Show<'a> {
    pub(super) fn new(args: &TestArgs, out: &'a Output) -> Self {
        let prints_report = args.report.iter().any(|report| report.file.is_none());
        let shows_people = !out.is_json() && !prints_report;
        Self {
            out,
            shows_people,
            progress: Progress::new(out, shows_people),
            outcomes: Vec::new(),
        }
    }

    pub(super) fn told(&mut self, progress: outcome::Progress) -> Result<(), Failure> {
        match progress {
            outcome::Progress::Begun { name } => {
                let done = self.outcomes.len();
                self.progress.show(&format!("{done} done, running: {name}"));
                Ok(())
            }
            outcome::Progress::Ended(outcome) => self.ended(*outcome),
        }
    }

    pub(super) fn ended(&mut self, outcome: Outcome) -> Result<(), Failure> {
        if self.shows_people {
            self.progress.clear();
            self.out
                .text(&report::human::ended(self.out.paint(), &outcome))?;
        }
        self.outcomes.push(outcome);
        Ok(())
    }

    /// Writes the reports; gives the exit code.
    pub(super) fn finish(mut self, args: &TestArgs, took: Duration) -> Result<u8, Failure> {
        self.progress.clear();
        let key = |outcome: &Outcome| (outcome.file.clone(), outcome.seed);
        self.outcomes.sort_by_key(key);
        let run = Run {
            outcomes: &self.outcomes,
            took,
        };
        if self.shows_people {
            self.out
                .text(&report::human::summary(self.out.paint(), &run))?;
        }
        if self.out.is_json() {
            self.out.document(&report::json::document(&run))?;
        }
        for wanted in &args.report {
            let text = match wanted.kind {
                ReportKind::Junit => report::junit::document(&run),
                ReportKind::Json => format!("{:#}\n", report::json::document(&run)),
                ReportKind::Tap => report::tap::document(&run),
            };
            match &wanted.file {
                None => self.out.text(&text)?,
                Some(file) => write_report(file, &text)?,
            }
        }
        self.annotate(&run)?;
        let totals = run.totals();
        Ok(match (totals.bad, totals.failed) {
            (1.., _) => exit::USAGE,
            (0, 1..) => exit::FAILED,
            (0, 0) => exit::OK,
        })
    }

    /// On GitHub Actions, marks the failures in the files.
    fn annotate(&self, run: &Run<'_>) -> Result<(), Failure> {
        let on_github = std::env::var_os("GITHUB_ACTIONS");
        if on_github.is_none_or(|value| value.is_empty() || value == "false") {
            return Ok(());
        }
        // Files are told from the repository's root, wherever in it the fixtures are run.
        let root = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
        let annotations = report::github::annotations(run, root.as_deref());
        match self.shows_people {
            true => self.out.text(&annotations),
            false => {
                self.out.error_text(&annotations);
                Ok(())
            }
        }
    }
}

fn write_report(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|e| {
        let message = format!(
            "cannot write the report `{}`: {}",
            file.display(),
            reason(&e)
        );
        Failure::new("report", message).hint("name a file in a folder that exists")
    })
}
