//! Rows as an operation writes them, and what an item's change means for its index rows.

use sled::{Batch, Db};

use super::key::Key;
use super::layout::{self, Generation, prefix};
use super::refusal::Refusal;
use super::row::{Head, Label, Row};

/// What one operation writes, applied as one atomic change.
#[derive(Default)]
pub(super) struct Rows(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Rows {
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.push((key, Some(value)));
    }

    pub fn remove(&mut self, key: Vec<u8>) {
        self.0.push((key, None));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Applies all rows at once, in memory; a flush makes them durable.
    pub fn apply(mut self, db: &Db) -> Result<(), sled::Error> {
        if self.0.len() > 1 {
            let mut batch = Batch::default();
            for (key, value) in self.0 {
                match value {
                    Some(value) => batch.insert(key, value),
                    None => batch.remove(key),
                }
            }
            return db.apply_batch(batch);
        }
        // A single row is atomic by itself, without a batch's bookkeeping.
        match self.0.pop() {
            Some((key, Some(value))) => db.insert(key, value).map(drop),
            Some((key, None)) => db.remove(key).map(drop),
            None => Ok(()),
        }
    }
}

/// Where an item lives.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub generation: Generation,
    pub namespace: &'a str,
    pub rest: &'a str,
}

impl<'a> Place<'a> {
    pub fn new(generation: Generation, key: &'a Key) -> Self {
        Self {
            generation,
            namespace: key.namespace(),
            rest: key.rest(),
        }
    }

    pub fn key(&self) -> Vec<u8> {
        layout::item_key(self.generation, self.namespace, self.rest)
    }
}

/// Reads a stored row, or says that it is damaged.
pub(super) fn decode(row: &[u8]) -> Result<Row<'_>, Refusal> {
    Row::decode(row).ok_or_else(|| Refusal::store("a stored item is damaged"))
}

pub(super) fn decode_head(row: &[u8]) -> Result<Head, Refusal> {
    decode(row).map(|row| row.head)
}

/// Adds the index rows by which two states of an item differ.
pub(super) fn index(rows: &mut Rows, at: &Place<'_>, old: Option<&Head>, new: Option<&Head>) {
    let item = (at.namespace, at.rest);
    for number in 1..=5u8 {
        let key = |head: &Head| {
            let label = head.labels.get(usize::from(number) - 1)?.as_ref()?;
            let Label {
                namespace, rest, ..
            } = label;
            Some(layout::label_key(
                at.generation,
                number,
                (namespace, rest),
                item,
            ))
        };
        swap(rows, old.and_then(key), new.and_then(key));
    }
    let key = |head: &Head| Some(layout::ttl_key(at.generation, head.ttl?, item));
    swap(rows, old.and_then(key), new.and_then(key));
}

fn swap(rows: &mut Rows, old: Option<Vec<u8>>, new: Option<Vec<u8>>) {
    if old == new {
        return;
    }
    if let Some(old) = old {
        rows.remove(old);
    }
    if let Some(new) = new {
        rows.put(new, Vec::new());
    }
}

/// The key of a change.
pub(super) fn change_key(seq: u64) -> Vec<u8> {
    [&[prefix::CHANGE][..], &seq.to_be_bytes()].concat()
}

/// The sequence number in a change's key.
pub(super) fn seq_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

/// A generation number as it is stored.
pub(super) fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}
