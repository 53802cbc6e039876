//! Shows how far a verb is that may take long.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Context;
use crate::ops::{Answer, Request};
use crate::output::{Progress, Verbosity, answers};

/// A line is shown at most so often; more cannot be read.
const EVERY: Duration = Duration::from_millis(50);

/// Performs a request about the data file `name`. On a terminal, a line says how far it is; at the
/// end it is taken back.
pub(super) async fn perform(context: &Context<'_>, name: &str, request: Request) -> Answer {
    let style = context.out.style();
    let is_wanted = !style.json && style.verbosity != Verbosity::Quiet;
    let mut line = Progress::new(context.out, is_wanted);
    if !line.is_on() {
        return context.sandbox.perform(request).await;
    }
    let (telling, mut told) = watch::channel(None);
    let mut answer = context.sandbox.perform_telling(request, telling);
    let mut shown: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            Ok(()) = told.changed() => {
                let progress = *told.borrow_and_update();
                let is_due = shown.is_none_or(|at| at.elapsed() >= EVERY);
                if let Some(progress) = progress.filter(|_| is_due) {
                    line.show(&answers::progress(name, &progress));
                    shown = Some(Instant::now());
                }
            }
        }
    }
}
