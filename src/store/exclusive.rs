//! Operations that nobody may see half done: emptying a table whose items' deletion somebody hears
//! of, and applying an import. They run on a thread that may block while calls wait in a queue.

use std::collections::VecDeque;
use std::sync::MutexGuard;

use super::core::Core;
use super::dispatch::{Job, not_durable};
use super::interest::ChangeKind;
use super::layout::{self, Generation, prefix};
use super::maintain::CHUNK;
use super::refusal::Refusal;
use super::rows::{Place, Rows};
use super::shared::Shared;
use super::wire::Reply;

/// Lets the waiting calls run, also if the exclusive operation panicked.
struct Closed<'a>(&'a Shared);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.run_waiting();
    }
}

impl Shared {
    /// Runs `work` while calls wait. Waits for another exclusive operation to end first: for threads
    /// that may block.
    pub fn exclusively<T>(&self, work: impl FnOnce() -> T) -> T {
        self.wait_open().gate = Some(VecDeque::new());
        let closed = Closed(self);
        let outcome = work();
        drop(closed);
        outcome
    }

    /// The core, once no exclusive operation runs.
    pub fn wait_open(&self) -> MutexGuard<'_, Core> {
        let closed = |core: &mut Core| core.gate.is_some();
        self.opened
            .wait_while(self.core(), closed)
            .unwrap_or_else(|e| e.into_inner())
    }

    /// Runs the calls that waited, in order, then lets new ones run at once.
    fn run_waiting(&self) {
        let waiting = self.core().gate.as_ref().map_or(0, VecDeque::len);
        for _ in 0..waiting {
            let mut core = self.core();
            let Some(job) = next_job(&mut core) else {
                break;
            };
            let done = job(&mut core);
            drop(core);
            (done.finish)(self);
        }
        self.run_the_rest();
    }

    /// Runs what came meanwhile while whoever calls now has to wait: otherwise calls that come
    /// faster than they are carried out would keep the gate closed for good.
    fn run_the_rest(&self) {
        let mut answers = Vec::new();
        let mut core = self.core();
        while let Some(job) = next_job(&mut core) {
            let done = job(&mut core);
            answers.push(done.finish);
            if done.is_exclusive {
                drop(core);
                answers.drain(..).for_each(|answer| answer(self));
                core = self.core();
            }
        }
        core.gate = None;
        self.opened.notify_all();
        drop(core);
        answers.into_iter().for_each(|answer| answer(self));
    }

    /// Empties a table while the gate is closed, recording what is deleted, and opens the gate.
    pub fn empty_and_open(&self, table: &str, done: impl FnOnce(Reply) + Send + 'static) {
        let closed = Closed(self);
        self.empty_closed(table, done);
        drop(closed);
    }

    /// Empties a table while the gate is closed, recording what is deleted.
    pub fn empty_closed(&self, table: &str, done: impl FnOnce(Reply) + Send + 'static) {
        match self.replace_recorded(table, None) {
            Ok(old) => self.answer_emptied(old, done),
            Err(refusal) => done(Reply::refused(&refusal)),
        }
    }

    /// Answers a truncate with the number of items that the old generation had.
    pub fn answer_emptied(&self, old: Generation, done: impl FnOnce(Reply) + Send + 'static) {
        self.orders.delete(old, |total| {
            done(match total {
                Ok(total) => Reply::ok(total.to_string().into_bytes()),
                Err(reason) => Reply::refused(&not_durable(&reason)),
            });
        });
    }

    /// Gives a table a new generation (`new`, or an empty one): one atomic step, in which all old
    /// items count as deleted and all new ones as created. The gate is closed.
    pub fn replace_recorded(
        &self,
        table: &str,
        new: Option<Generation>,
    ) -> Result<Generation, Refusal> {
        let recorded = self.record_replacement(table, new);
        let mut core = self.core();
        let mut rows = Rows::default();
        let replaced = recorded.and_then(|()| {
            core.publish_changes(&mut rows);
            Ok(core.replace_generation(rows, table, new)?)
        });
        match replaced {
            Ok(old) => {
                core.note_changes();
                Ok(old)
            }
            Err(refusal) => {
                core.discard_changes()?;
                Err(refusal)
            }
        }
    }

    fn record_replacement(&self, table: &str, new: Option<Generation>) -> Result<(), Refusal> {
        let old = {
            let mut core = self.core();
            core.stage_changes()?;
            core.generation(table)?
        };
        self.record_all(old, false)?;
        new.map_or(Ok(()), |new| self.record_all(new, true))
    }

    /// Records all items of a generation as created or deleted, without changing them.
    fn record_all(&self, generation: Generation, created: bool) -> Result<(), Refusal> {
        let mut from = layout::generation_prefix(prefix::ITEM, generation);
        let end = layout::successor(from.clone());
        let kind = match created {
            true => ChangeKind::Created,
            false => ChangeKind::Deleted,
        };
        loop {
            let mut core = self.core();
            if !core.hears_of(kind) {
                return Ok(());
            }
            let entries = core.db.range(from..end.clone()).take(CHUNK);
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            let mut rows = Rows::default();
            for (key, row) in &entries {
                let (namespace, rest) = layout::item_of(key)
                    .ok_or_else(|| Refusal::store("an item's row is damaged"))?;
                let at = Place {
                    generation,
                    namespace: &namespace,
                    rest: &rest,
                };
                let (old, new) = if created {
                    (None, Some(&**row))
                } else {
                    (Some(&**row), None)
                };
                core.record(&mut rows, &at, old, new)?;
            }
            core.apply(rows)?;
            match entries.last() {
                Some((key, _)) => from = layout::just_after(key),
                None => return Ok(()),
            }
        }
    }
}

fn next_job(core: &mut Core) -> Option<Job> {
    core.gate.as_mut().and_then(VecDeque::pop_front)
}
