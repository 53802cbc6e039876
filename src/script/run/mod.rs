//! Runs fixtures side by side, and each one's steps in order. Tells what happens and prints nothing.

mod client_steps;
mod data_steps;
mod expect_steps;
mod play;
mod wrong;

pub(in crate::script) use client_steps::decode;

use std::sync::Arc;

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
    /// Ends the run early: no more fixtures begin, and those that run are skipped.
    pub stop: CancellationToken,
}

/// Runs the fixtures, and tells how each one went as soon as it ends. Returns when nothing of them
/// runs any more.
pub async fn run(fixtures: Vec<Arc<Fixture>>, plan: &Plan, progress: mpsc::Sender<Progress>) {
    let places = Arc::new(Semaphore::new(plan.jobs.max(1)));
    let stop = plan.stop.child_token();
    let mut tasks = JoinSet::new();
    for fixture in fixtures {
        for seed in play::seeds(&fixture) {
            let task = One {
                fixture: fixture.clone(),
                seed,
                host: plan.host.clone(),
                fail_fast: plan.fail_fast,
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
    stop: CancellationToken,
    progress: mpsc::Sender<Progress>,
}

impl One {
    async fn run(self) {
        let name = self.fixture.name.clone();
        let began = std::time::Instant::now();
        let (verdict, notes) = if self.stop.is_cancelled() {
            (Verdict::Skipped, Vec::new())
        } else {
            let _ = self
                .progress
                .send(Progress::Begun { name: name.clone() })
                .await;
            play::play(&self.fixture, &self.host, self.seed, &self.stop).await
        };
        if self.fail_fast && matches!(verdict, Verdict::Failed(_)) {
            self.stop.cancel();
        }
        let outcome = Outcome {
            name,
            file: self.fixture.file.clone(),
            seed: self.seed,
            took: began.elapsed(),
            verdict,
            notes,
        };
        // Nobody listens any more only if the run is being thrown away.
        let _ = self.progress.send(Progress::Ended(Box::new(outcome))).await;
    }
}
