//! Expectations that do not hold, and are to be rewritten.

use serde_json::Value;

use super::play::Play;
use super::wrong::{Done, Wrong};
use crate::script::load::Placed;
use crate::script::matching::{Pattern, compare};
use crate::script::update::{self, Edits, Fix};

/// What `--update` has found so far.
#[derive(Default)]
pub(super) struct Updates {
    pub edits: Edits,
    /// Of the step that is being run.
    pub fixes: Vec<Fix>,
    /// What the fixture's clients have sent.
    pub given: Vec<Value>,
}

impl Play<'_> {
    /// Lets an expectation that does not hold pass if it is to be rewritten.
    pub fn unless_fixed(&mut self, wrong: Wrong) -> Done {
        match (&mut self.updates, wrong.fix) {
            (Some(updates), Some(fix)) => {
                updates.fixes.push(*fix);
                Ok(())
            }
            (_, fix) => Err(Wrong { fix, ..wrong }),
        }
    }

    /// The same with everything that would have to be rewritten in the step.
    pub fn unless_all_fixed(&mut self, wrong: Wrong, mut fixes: Vec<Fix>) -> Done {
        let last = fixes.pop();
        match &mut self.updates {
            Some(updates) => updates.fixes.append(&mut fixes),
            None => fixes.clear(),
        }
        self.unless_fixed(wrong.fix(last))
    }

    /// An expectation that holds for what came, as near as possible to the old one. What the old
    /// one captured is captured.
    pub fn reconciled(&mut self, old: &Value, open: bool, came: &Value) -> Option<Value> {
        let updates = self.updates.as_ref()?;
        let mut steady = update::steady(&self.captures, now_ms());
        updates
            .given
            .iter()
            .for_each(|given| steady.note_given(given));
        let new = update::reconcile(old, open, came, &self.captures, &mut steady);
        if let Ok(pattern) = Pattern::parse(&new, open) {
            let matched = compare(&pattern, Some(came), &self.captures);
            self.captures.extend(matched.captured);
        }
        Some(new)
    }

    /// Notes what the step that has just been run is to be instead.
    pub(super) fn note_fixes(&mut self, placed: &Placed) -> Done {
        let Some(updates) = &mut self.updates else {
            return Ok(());
        };
        for fix in std::mem::take(&mut updates.fixes) {
            let added = updates.edits.add(self.fixture, placed, fix);
            added.map_err(|why| {
                Wrong::new("this expectation does not hold, and cannot be rewritten").hint(why)
            })?;
        }
        Ok(())
    }
}

/// The machine's time in milliseconds since the epoch.
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
