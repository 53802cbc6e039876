//! Runs fixtures side by side, and each one's steps in order. Tells what happens and prints nothing.

mod client_steps;
mod data_steps;
mod expect_steps;
mod fixture;
mod http_steps;
mod log_steps;
mod play;
mod updates;
mod wrong;

use fixture::{How, Played};

pub(in crate::script) use client_steps::decode;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::load::Fixture;
use super::outcome::{Outcome, Progress, Verdict};
use super::sandbox::Host;

/// How to run fixtures.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What all sandboxes have in common.
    pub host: Host,
    /// How many fixtures run at once.
    pub jobs: usize,
    /// Whether the first failure ends the run.
    pub fail_fast: bool,
    /// Whether expectations that do not hold are rewritten.
    pub update: bool,
    /// Under which seeds fixtures with disorder run.
    pub seeds: Seeds,
    /// Ends the run early: no more fixtures begin, and those that run are skipped.
    pub stop: CancellationToken,
}

/// Seeds of disorder.
#[derive(Debug, Clone, Copy)]
pub enum Seeds {
    /// As many as each fixture says.
    AsWritten,
    /// So many.
    Count(u32),
    /// This one.
    One(u64),
}

/// Runs the fixtures, and tells how each one went as soon as it ends. Returns when nothing of them
/// runs any more.
pub async fn run(fixtures: Vec<Arc<Fixture>>, plan: &Plan, progress: mpsc::Sender<Progress>) {
    let places = Arc::new(Semaphore::new(plan.jobs.max(1)));
    let stop = plan.stop.child_token();
    let mut tasks = JoinSet::new();
    for fixture in fixtures {
        let failed = Arc::new(AtomicBool::new(false));
        for seed in fixture::seeds(&fixture, plan) {
            let task = One {
                fixture: fixture.clone(),
                seed,
                host: plan.host.clone(),
                fail_fast: plan.fail_fast,
                update: plan.update,
                failed: failed.clone(),
                stop: stop.clone(),
                progress: progress.clone(),
            };
            let places = places.clone();
            tasks.spawn(async move {
                // The semaphore is never closed.
                let _place = places.acquire().await;
                task.run().await;
            });
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// One run of one fixture.
struct One {
    fixture: Arc<Fixture>,
    seed: Option<u64>,
    host: Host,
    fail_fast: bool,
    update: bool,
    /// Whether the fixture has failed under another seed.
    failed: Arc<AtomicBool>,
    stop: CancellationToken,
    progress: mpsc::Sender<Progress>,
}

impl One {
    async fn run(self) {
        // One seed that fails says what there is to know.
        if self.failed.load(Ordering::Relaxed) {
            return;
        }
        let name = self.fixture.name.clone();
        let began = std::time::Instant::now();
        let played = if self.stop.is_cancelled() {
            Played::without_sandbox(Verdict::Skipped)
        } else {
            let begun = Progress::Begun { name: name.clone() };
            let _ = self.progress.send(begun).await;
            let how = How {
                host: &self.host,
                seed: self.seed,
                update: self.update,
                stop: &self.stop,
            };
            fixture::play(&self.fixture, &how).await
        };
        if matches!(played.verdict, Verdict::Failed(_)) {
            self.failed.store(true, Ordering::Relaxed);
            if self.fail_fast {
                self.stop.cancel();
            }
        }
        let (mut verdict, mut updated) = (played.verdict, Vec::new());
        // What was interrupted was not seen to its end, but what was seen is true all the same.
        match played.edits.apply(&self.fixture) {
            Ok(changes) => updated = changes,
            Err(failure) => {
                verdict = Verdict::Failed(Box::new(fixture::failed(&self.fixture, failure)))
            }
        }
        let outcome = Outcome {
            name,
            file: self.fixture.file.clone(),
            seed: self.seed,
            took: began.elapsed(),
            verdict,
            notes: played.notes,
            updated,
        };
        // Nobody listens any more only if the run is being thrown away.
        let _ = self.progress.send(Progress::Ended(Box::new(outcome))).await;
    }
}
