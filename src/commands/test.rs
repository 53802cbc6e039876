//! `ampt-ws test`: runs fixtures and reports how they went.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::{ReportKind, TestArgs};
use crate::error::{Failure, exit, reason};
use crate::output::report::{self, Run};
use crate::output::{Output, Progress};
use crate::script::load::{self, Fixture};
use crate::script::outcome::{self, Outcome, Verdict};
use crate::script::run::{self, Plan};
use crate::script::sandbox::Host;
use crate::script::{check, discover, format};

/// Progress that waits to be shown.
const QUEUE: usize = 64;

pub(super) fn run(args: TestArgs, out: &Output) -> Result<u8, Failure> {
    if args.schema {
        out.text(&format!("{:#}\n", format::schema::document()))?;
        return Ok(exit::OK);
    }
    super::block_on(run_once(&args, out))
}

/// Runs the fixtures that the arguments name.
async fn run_once(args: &TestArgs, out: &Output) -> Result<u8, Failure> {
    let began = Instant::now();
    let (fixtures, bad) = read_all(args)?;
    let stop = CancellationToken::new();
    let plan = Plan {
        host: host(args)?,
        jobs: args.jobs.map_or_else(|| 2 * cores(), usize::from),
        fail_fast: args.fail_fast,
        stop: stop.clone(),
    };
    let shows_people = !out.is_json() && !prints_report(args);
    let mut show = Show {
        out,
        shows_people,
        progress: Progress::new(out, shows_people),
        outcomes: Vec::new(),
    };
    for outcome in bad {
        show.ended(outcome)?;
    }
    let (sender, mut told) = mpsc::channel(QUEUE);
    let mut running = std::pin::pin!(run::run(fixtures, &plan, sender));
    let mut interrupted = false;
    let mut ended = false;
    while !ended {
        tokio::select! {
            biased;
            Some(progress) = told.recv() => show.told(progress)?,
            () = &mut running, if !ended => ended = true,
            Ok(()) = tokio::signal::ctrl_c() => {
                if interrupted {
                    return Ok(exit::INTERRUPTED);
                }
                interrupted = true;
                stop.cancel();
            }
        }
    }
    while let Ok(progress) = told.try_recv() {
        show.told(progress)?;
    }
    show.finish(args, began.elapsed())
        .map(|code| if interrupted { exit::INTERRUPTED } else { code })
}

/// Reads the fixtures; those with mistakes are outcomes already.
fn read_all(args: &TestArgs) -> Result<(Vec<Arc<Fixture>>, Vec<Outcome>), Failure> {
    let (mut fixtures, mut bad) = (Vec::new(), Vec::new());
    for file in discover::find(&args.paths)? {
        let read = load::read(&file).and_then(|fixture| match check::check(&fixture) {
            problems if problems.is_empty() => Ok(fixture),
            problems => Err(problems),
        });
        let is_wanted = |name: &str| {
            let text = args.filter.as_deref().unwrap_or_default();
            name.contains(text) || file.to_string_lossy().contains(text)
        };
        match read {
            Ok(fixture) if is_wanted(&fixture.name) => fixtures.push(Arc::new(fixture)),
            Err(problems) if is_wanted("") => bad.push(Outcome {
                name: load::name_of(&file),
                file,
                seed: None,
                took: Duration::ZERO,
                verdict: Verdict::Bad(problems),
                notes: Vec::new(),
            }),
            _ => {}
        }
    }
    match (&args.filter, fixtures.is_empty() && bad.is_empty()) {
        (Some(text), true) => Err(Failure::usage(format!(
            "no fixture's name or file holds `{text}`"
        ))
        .hint("leave --filter out to see all of them")),
        _ => Ok((fixtures, bad)),
    }
}

fn host(args: &TestArgs) -> Result<Host, Failure> {
    let program = std::env::current_exe().map_err(|e| {
        Failure::new(
            "internal",
            format!("this program cannot find itself: {}", reason(&e)),
        )
    })?;
    let node = args
        .node
        .as_deref()
        .map(crate::config::absolute)
        .transpose()?;
    Ok(Host { program, node })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Whether a report goes to standard output in place of the lines for people.
fn prints_report(args: &TestArgs) -> bool {
    args.report.iter().any(|report| report.file.is_none())
}

/// Shows what the runner tells, and keeps the outcomes.
struct Show<'a> {
    out: &'a Output,
    shows_people: bool,
    progress: Progress<'a>,
    outcomes: Vec<Outcome>,
}

impl Show<'_> {
    fn told(&mut self, progress: outcome::Progress) -> Result<(), Failure> {
        match progress {
            outcome::Progress::Begun { name } => {
                let done = self.outcomes.len();
                self.progress.show(&format!("{done} done, running: {name}"));
                Ok(())
            }
            outcome::Progress::Ended(outcome) => self.ended(*outcome),
        }
    }

    fn ended(&mut self, outcome: Outcome) -> Result<(), Failure> {
        if self.shows_people {
            self.progress.clear();
            self.out
                .text(&report::human::ended(self.out.paint(), &outcome))?;
        }
        self.outcomes.push(outcome);
        Ok(())
    }

    /// Writes the reports; gives the exit code.
    fn finish(mut self, args: &TestArgs, took: Duration) -> Result<u8, Failure> {
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
        if std::env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
            return Ok(());
        }
        let annotations = report::github::annotations(run);
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
