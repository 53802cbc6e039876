//! Calls: from an operation's number and bytes to what is answered, and when.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::core::Core;
use super::interest::ChangeKind;
use super::key::Key;
use super::layout::Generation;
use super::read::{parse_keys, refuse_duplicates};
use super::refusal::Refusal;
use super::rows::{Place, Rows};
use super::shared::Shared;
use super::wire::{self, BatchGet, BatchSet, Check, ItemOut, Read, Reply, Scan, Set, mode, op};
use super::write::{Prepared, Written};

/// Most items or keys in one batch.
const MAX_BATCH: usize = 25;
/// Most calls that wait for an import to end.
const MAX_QUEUED: usize = 100_000;

/// Calls that wait, in order, while an exclusive operation runs; `None` while there is none.
pub(super) type Gate = Option<VecDeque<Job>>;

/// A call that waits.
pub(super) type Job = Box<dyn FnOnce(&mut Core) -> Done + Send>;

/// A call that was carried out and is to be answered.
pub(super) struct Done {
    /// Answering takes an exclusive operation of its own.
    pub is_exclusive: bool,
    pub finish: Box<dyn FnOnce(&Shared) + Send>,
}

/// What a call came to.
enum Outcome {
    /// Nothing was written: answer at once.
    Read(Vec<u8>),
    /// Answer when it is on disk.
    Written(Vec<u8>),
    /// A table was emptied: answer with how many items it had.
    Emptied(Generation),
    /// A table is to be emptied and each deletion recorded, which takes long: the gate is closed.
    Recorded(String),
}

impl Shared {
    /// See [`Store::call`](super::Store::call).
    pub fn call(&self, op: u8, payload: &[u8], done: impl FnOnce(Reply) + Send + 'static) {
        let mut core = self.core();
        let Some(queue) = &mut core.gate else {
            let outcome = core.carry_out_contained(op, payload);
            if let Ok(Outcome::Recorded(_)) = outcome {
                core.gate = Some(VecDeque::new());
            }
            drop(core);
            return match outcome {
                Ok(Outcome::Recorded(table)) => self.orders.empty(table, done),
                outcome => self.finish(outcome, done),
            };
        };
        if queue.len() >= MAX_QUEUED {
            drop(core);
            let busy = Refusal::store("an import is being applied and too many calls wait for it");
            return done(Reply::refused(&busy));
        }
        let payload = payload.to_vec();
        queue.push_back(Box::new(move |core| {
            let outcome = core.carry_out_contained(op, &payload);
            Done {
                is_exclusive: matches!(outcome, Ok(Outcome::Recorded(_))),
                finish: Box::new(move |shared| shared.finish(outcome, done)),
            }
        }));
    }

    fn finish(&self, outcome: Result<Outcome, Refusal>, done: impl FnOnce(Reply) + Send + 'static) {
        match outcome {
            Ok(Outcome::Read(payload)) => done(Reply::ok(payload)),
            Ok(Outcome::Written(payload)) => self.on_durable(move |flushed| match flushed {
                Ok(()) => done(Reply::ok(payload)),
                Err(reason) => done(Reply::refused(&not_durable(reason))),
            }),
            Ok(Outcome::Emptied(old)) => self.answer_emptied(old, done),
            Ok(Outcome::Recorded(table)) => self.empty_closed(&table, done),
            Err(refusal) => done(Reply::refused(&refusal)),
        }
    }
}

pub(super) fn not_durable(reason: &str) -> Refusal {
    Refusal::store(format!("the write is not on disk: {reason}"))
}

fn text(payload: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(payload).map_err(|_| Refusal::store("the request is not text"))
}

fn parse<'a, T: serde::Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(payload)
        .map_err(|error| Refusal::store(format!("the request cannot be read: {error}")))
}

impl Core {
    /// Carries out an operation; sled may panic over a file that was damaged while it was open.
    fn carry_out_contained(&mut self, op: u8, payload: &[u8]) -> Result<Outcome, Refusal> {
        catch_unwind(AssertUnwindSafe(|| self.carry_out(op, payload)))
            .unwrap_or_else(|_| Err(Refusal::store("the database failed: it may be damaged")))
    }

    fn carry_out(&mut self, op: u8, payload: &[u8]) -> Result<Outcome, Refusal> {
        if op::RANGE.contains(&op) {
            let generation = self.generation("")?;
            return self.carry_out_in("", generation, op, payload);
        }
        let mut texts = serde_json::Deserializer::from_slice(payload).into_iter::<String>();
        let table = texts.next().and_then(Result::ok);
        let (Some(table), Some(op)) = (table, op.checked_sub(op::OTHER_TABLE)) else {
            return Err(Refusal::store("the request names no table"));
        };
        let rest = payload.get(texts.byte_offset()..).unwrap_or_default();
        let generation = self.generation(&table)?;
        self.carry_out_in(&table, generation, op, rest)
    }

    fn carry_out_in(
        &mut self,
        table: &str,
        generation: Generation,
        op: u8,
        payload: &[u8],
    ) -> Result<Outcome, Refusal> {
        use Outcome::{Read as Found, Written};
        match op {
            op::GET => self.get(generation, text(payload)?).map(Found),
            op::READ => {
                let read: Read<'_> = parse(payload)?;
                self.query(generation, &read).map(Found)
            }
            op::BATCH_GET => {
                let batch: BatchGet<'_> = parse(payload)?;
                check_batch_size(batch.keys.len())?;
                self.batch_get(generation, &batch).map(Found)
            }
            op::SCAN => {
                let scan: Scan<'_> = parse(payload)?;
                self.scan(generation, &scan).map(Found)
            }
            op::SET => self.set(generation, payload).map(Written),
            op::BATCH_SET => self.batch_set(generation, payload).map(Written),
            op::REMOVE => {
                let key = Key::parse(text(payload)?)?;
                key.refuse_conditional_remove()?;
                self.remove_all(generation, &[key]).map(Written)
            }
            op::BATCH_REMOVE => {
                let keys: Vec<Cow<'_, str>> = parse(payload)?;
                check_batch_size(keys.len())?;
                let keys = parse_keys(&keys)?;
                self.remove_all(generation, &keys).map(Written)
            }
            op::TRUNCATE if self.hears_of(ChangeKind::Deleted) => {
                Ok(Outcome::Recorded(table.to_owned()))
            }
            op::TRUNCATE => {
                let old = self.replace_generation(Rows::default(), table, None)?;
                Ok(Outcome::Emptied(old))
            }
            op::CHECK => {
                let check: Check<'_> = parse(payload)?;
                Err(make_check(&check))
            }
            _ => Err(Refusal::store("there is no such operation")),
        }
    }

    fn set(&mut self, generation: Generation, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        let Some((&mode, payload)) = payload.split_first() else {
            return Err(Refusal::store("the request is empty"));
        };
        let set: Set<'_> = parse(payload)?;
        let prepared = Prepared::new(mode, &set, self.now())?;
        let written = self.write(generation, &prepared)?;
        Ok(answer(mode, &prepared.key, &written))
    }

    fn batch_set(&mut self, generation: Generation, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        let batch: BatchSet<'_> = parse(payload)?;
        check_batch_size(batch.items.len() + usize::from(batch.items.is_empty()))?;
        let now = self.now();
        let prepared = (batch.items.iter())
            .map(|(mode, set)| Prepared::new(mode | mode::OVERWRITE, set, now))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(check) = &batch.check {
            return Err(make_check(check));
        }
        refuse_duplicates(prepared.iter().map(|set| &set.key))?;
        let mut rows = Rows::default();
        let mut out = vec![wire::PAGE, b'['];
        for set in &prepared {
            let written = self.write_into(&mut rows, generation, set)?;
            if out.len() > 2 {
                out.push(b',');
            }
            push_written(&mut out, &set.key, &written);
        }
        out.push(b']');
        self.apply(rows)?;
        Ok(out)
    }

    fn remove_all(&mut self, generation: Generation, keys: &[Key]) -> Result<Vec<u8>, Refusal> {
        let mut rows = Rows::default();
        for key in keys {
            self.remove_into(&mut rows, &Place::new(generation, key))?;
        }
        self.apply(rows)?;
        Ok(Vec::new())
    }
}

/// Refuses what the JavaScript side should not have let through.
fn check_batch_size(count: usize) -> Result<(), Refusal> {
    if (1..=MAX_BATCH).contains(&count) {
        return Ok(());
    }
    Err(Refusal::store("a batch holds 1 to 25 items"))
}

/// Always an error: the first text that is no key, or the caller's own.
fn make_check(check: &Check<'_>) -> Refusal {
    let key = check.key.iter().map(|key| Key::parse_for_write(key));
    let labels = check.labels.iter().map(|label| Key::parse(label));
    let wrong = key.chain(labels).find_map(Result::err);
    wrong.unwrap_or_else(Refusal::deferred)
}

/// The reply to a single write: nothing after an overwrite without metadata, as the caller has the
/// value; else the value, or the item with its metadata.
fn answer(mode: u8, key: &Key, written: &Written) -> Vec<u8> {
    let overwrite = mode & mode::OVERWRITE != 0;
    if mode & mode::META != 0 {
        let mut out = vec![wire::ITEM];
        if overwrite {
            push_written(&mut out, key, written);
        } else {
            let item = ItemOut {
                key,
                head: &written.head,
                json: &written.json,
            };
            item.push(&mut out, true);
        }
        return out;
    }
    if overwrite {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(written.json.len() + 1);
    out.push(wire::value_flags(&written.head));
    out.extend_from_slice(&written.json);
    out
}

/// Appends an item with its metadata but without its value.
fn push_written(out: &mut Vec<u8>, key: &Key, written: &Written) {
    let item = ItemOut {
        key,
        head: &written.head,
        json: &[],
    };
    item.push(out, true);
}
