//! Who wants to hear of which changes of data: the registrations of `data.on`.
//!
//! A new worker may register its handlers a little late, for example after an `import()` that its
//! top level does not wait for. What the code before it wanted to hear of is therefore recorded, and
//! kept, for a moment more.

use std::time::{Duration, Instant};

use super::Dispatcher;
use super::crew::Worker;
use crate::event::Level;
use crate::store::interest::Registration;

/// How long after the app was loaded its handlers may come, so that no change is lost.
const LATE: Duration = Duration::from_secs(1);

impl Worker {
    /// Until when changes that no handler wants wait for one that does.
    pub(super) fn claims_until(&self) -> Instant {
        self.since + LATE
    }

    /// What its handlers want to hear of.
    pub(super) fn interest(&self) -> impl Iterator<Item = &Registration> {
        self.listeners.iter().map(|(registration, _)| registration)
    }
}

impl Dispatcher {
    /// Records from now on what the code that runs, is being loaded, or ran just before wants to
    /// hear of.
    pub(super) fn apply_interest(&mut self) {
        let loading = self.crew.loading.as_ref().map(|l| &*l.worker);
        let workers = self.crew.active.as_deref().into_iter().chain(loading);
        let all = workers.flat_map(Worker::interest);
        let wanted = distinct(all.chain(&self.former_interest));
        if let Err(error) = self.store.set_interest(wanted) {
            self.bus
                .log(Level::Error, format!("data.on cannot be set up: {error}"));
        }
    }

    /// The code that runs is about to be replaced, or has ended: what it wanted to hear of is kept.
    pub(super) fn hand_over_interest(&mut self) {
        let active = self.crew.active.as_deref().into_iter();
        let all = active.flat_map(Worker::interest);
        self.former_interest = distinct(all.chain(&self.former_interest));
    }

    /// When the code that runs has had its time to register handlers, if anything depends on it.
    pub(super) fn interest_due(&self) -> Option<Instant> {
        let waits = !self.former_interest.is_empty() || !self.changes.unclaimed.is_empty();
        let active = self.crew.active.as_deref().filter(|_| waits)?;
        Some(active.claims_until())
    }

    /// Forgets what earlier code wanted once the code that runs has had its time.
    pub(super) fn settle_interest(&mut self) {
        if self.interest_due().is_some_and(|due| due <= self.now) {
            self.former_interest.clear();
            self.apply_interest();
            self.changes.claim_again();
        }
    }
}

fn distinct<'a>(all: impl Iterator<Item = &'a Registration>) -> Vec<Registration> {
    let mut distinct: Vec<Registration> = Vec::new();
    for registration in all {
        if !distinct.contains(registration) {
            distinct.push(registration.clone());
        }
    }
    distinct
}
