//! Changes that wait for `data.on`: recorded with the write that made them, kept until delivered.

use std::ops::Bound;

use tokio::sync::watch;

use super::Store;
use super::change::Change;
use super::error::StoreError;
use super::interest::Registration;
use super::rows::{change_key, seq_of};

impl Store {
    /// Says who wants to hear of changes: from now on, also after a restart, those that at least one
    /// registration matches are recorded, in the same atomic step as the write, in the order of the
    /// writes.
    ///
    /// # Errors
    /// If the database fails.
    pub fn set_interest(&self, registrations: Vec<Registration>) -> Result<(), StoreError> {
        Ok(self.core().set_registrations(registrations)?)
    }

    /// Who wants to hear of changes, as last set, in this run or before.
    pub fn interest(&self) -> Vec<Registration> {
        self.core().registrations().to_vec()
    }

    /// The oldest recorded changes on disk after sequence number `after` (0: from the start), at most
    /// `limit`.
    ///
    /// # Errors
    /// If the database fails.
    pub fn pending_changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        let (db, newest) = {
            let core = self.core();
            (core.db.clone(), *core.recorded.told().borrow())
        };
        if after >= newest {
            return Ok(Vec::new());
        }
        let start = Bound::Excluded(change_key(after));
        let end = Bound::Included(change_key(newest));
        let mut changes = Vec::new();
        for entry in db.range((start, end)).take(limit) {
            let (key, value) = entry?;
            // A damaged record cannot be delivered; it must not hold up the others.
            let change = seq_of(&key).and_then(|seq| Change::decode(seq, &value));
            changes.extend(change);
        }
        Ok(changes)
    }

    /// The sequence number of the newest recorded change that is on disk, and every new one.
    pub fn newest_change(&self) -> watch::Receiver<u64> {
        self.core().recorded.told()
    }

    /// Forgets a change that was delivered; durable after [`on_durable`](Self::on_durable).
    ///
    /// # Errors
    /// If the database fails; the change is then delivered again after a restart.
    pub fn acknowledge(&self, seq: u64) -> Result<(), StoreError> {
        self.core().db.remove(change_key(seq))?;
        Ok(())
    }
}
