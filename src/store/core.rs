//! The store's state behind its one lock: the tree, the tables' generations, the changes.

use std::collections::HashMap;
use std::sync::Arc;

use sled::{Batch, Db};
use tokio::sync::{broadcast, watch};

use super::change::Change;
use super::dispatch::Gate;
use super::interest::{ChangeKind, Registration};
use super::key::Key;
use super::layout::{self, Generation, prefix};
use super::refusal::Refusal;
use super::row::{Head, Labels, Row};
use crate::domain::clock::Clock;

/// How many changes a follower of `data watch` may lag behind before it loses some.
const FEED_CAPACITY: usize = 1024;

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

/// See the module.
pub(super) struct Core {
    pub db: Db,
    pub clock: Clock,
    /// Set while an exclusive operation runs.
    pub gate: Gate,
    tables: HashMap<String, Generation>,
    next_generation: Generation,
    registrations: Vec<Registration>,
    next_seq: u64,
    /// The sequence number of the newest change, for whoever delivers them.
    pub newest_change: watch::Sender<u64>,
    pub feed: broadcast::Sender<Arc<Change>>,
}

const NEXT_GENERATION: &[u8] = b"mnext-generation";

impl Core {
    /// Reads the state that is kept in memory.
    pub fn load(db: Db, clock: Clock) -> Result<Self, sled::Error> {
        let mut tables = HashMap::new();
        for entry in db.scan_prefix([prefix::TABLE]) {
            let (key, value) = entry?;
            if let (Some(name), Some(generation)) = (key.get(1..), number(&value)) {
                tables.insert(String::from_utf8_lossy(name).into_owned(), generation);
            }
        }
        let next_generation = db.get(NEXT_GENERATION)?.and_then(|value| number(&value));
        let newest = db.scan_prefix([prefix::CHANGE]).next_back().transpose()?;
        let newest = newest.and_then(|(key, _)| seq_of(&key)).unwrap_or(0);
        Ok(Self {
            db,
            clock,
            gate: None,
            tables,
            next_generation: next_generation.unwrap_or(1),
            registrations: Vec::new(),
            next_seq: newest + 1,
            newest_change: watch::Sender::new(newest),
            feed: broadcast::Sender::new(FEED_CAPACITY),
        })
    }

    /// The generation in which a table's items live; a table comes into being when it is first used.
    pub fn generation(&mut self, table: &str) -> Result<Generation, sled::Error> {
        if let Some(&generation) = self.tables.get(table) {
            return Ok(generation);
        }
        let mut rows = Rows::default();
        let generation = self.new_generation(&mut rows)?;
        self.point_table(&mut rows, table, generation);
        rows.apply(&self.db)?;
        self.tables.insert(table.to_owned(), generation);
        Ok(generation)
    }

    /// All generations that hold items.
    pub fn generations(&self) -> Vec<Generation> {
        self.tables.values().copied().collect()
    }

    /// Takes a generation number that was never used; `rows` remember that it is taken.
    pub fn new_generation(&mut self, rows: &mut Rows) -> Result<Generation, sled::Error> {
        let generation = self.next_generation;
        self.next_generation = generation.checked_add(1).ok_or_else(|| {
            sled::Error::Unsupported("all generation numbers are used".to_owned())
        })?;
        rows.put(
            NEXT_GENERATION.to_vec(),
            self.next_generation.to_be_bytes().to_vec(),
        );
        Ok(generation)
    }

    fn point_table(&self, rows: &mut Rows, table: &str, generation: Generation) {
        let key = [&[prefix::TABLE], table.as_bytes()].concat();
        rows.put(key, generation.to_be_bytes().to_vec());
    }

    /// Gives a table a new generation and hands back the old one, whose rows are marked for deletion
    /// in the same atomic change.
    pub fn replace_generation(
        &mut self,
        table: &str,
        new: Option<Generation>,
    ) -> Result<Generation, sled::Error> {
        let old = self.generation(table)?;
        let mut rows = Rows::default();
        let new = match new {
            Some(new) => {
                rows.remove(dead_key(new));
                new
            }
            None => self.new_generation(&mut rows)?,
        };
        self.point_table(&mut rows, table, new);
        rows.put(dead_key(old), Vec::new());
        rows.apply(&self.db)?;
        self.tables.insert(table.to_owned(), new);
        Ok(old)
    }

    /// Now, in epoch seconds.
    pub fn now(&self) -> i64 {
        self.clock.now_secs()
    }

    /// Who wants to hear of changes from now on.
    pub fn set_registrations(&mut self, registrations: Vec<Registration>) {
        self.registrations = registrations;
    }

    /// Reads an item's row.
    pub fn read(&self, key: &[u8]) -> Result<Option<sled::IVec>, Refusal> {
        Ok(self.db.get(key)?)
    }

    /// Adds to `rows` what replacing `old` by `new` takes: item, index rows, change. Writing what is
    /// there already takes nothing.
    pub fn replace(
        &mut self,
        rows: &mut Rows,
        at: &Place<'_>,
        old: Option<&[u8]>,
        new: Option<Vec<u8>>,
    ) -> Result<(), Refusal> {
        if old == new.as_deref() {
            return Ok(());
        }
        let old_head = old.map(decode_head).transpose()?;
        let new_head = new.as_deref().map(decode_head).transpose()?;
        index(rows, at, old_head.as_ref(), new_head.as_ref());
        self.record(
            rows,
            at,
            old,
            new.as_deref(),
            new_head.as_ref().or(old_head.as_ref()),
        );
        let key = layout::item_key(at.generation, at.namespace, at.rest);
        match new {
            Some(new) => rows.put(key, new),
            None => rows.remove(key),
        }
        Ok(())
    }

    /// Records a change for `data.on` if somebody wants it, and shows it to `data watch`.
    fn record(
        &mut self,
        rows: &mut Rows,
        at: &Place<'_>,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        head: Option<&Head>,
    ) {
        let watched = self.feed.receiver_count() > 0;
        let (Some(head), false) = (head, self.registrations.is_empty() && !watched) else {
            return;
        };
        let (kind, item, previous) = match (old, new) {
            (None, Some(new)) => (ChangeKind::Created, new, None),
            (Some(old), Some(new)) => (ChangeKind::Updated, new, Some(old.to_vec())),
            (Some(old), None) => (ChangeKind::Deleted, old, None),
            (None, None) => return,
        };
        let key: Key = head.key(at.namespace, at.rest);
        let wanted = (self.registrations.iter()).any(|wants| wants.matches(kind, &key));
        if !wanted && !watched {
            return;
        }
        let change = Change {
            seq: self.next_seq,
            kind,
            namespace: at.namespace.into(),
            rest: at.rest.into(),
            item: item.to_vec(),
            previous,
        };
        if wanted {
            self.next_seq += 1;
            rows.put(change_key(change.seq), change.encode());
        }
        if watched {
            // Nobody listening any more is no error.
            let _ = self.feed.send(Arc::new(change));
        }
    }

    /// Applies rows and tells of the changes among them.
    pub fn apply(&mut self, rows: Rows) -> Result<(), Refusal> {
        rows.apply(&self.db)?;
        let newest = self.next_seq - 1;
        self.newest_change
            .send_if_modified(|seq| std::mem::replace(seq, newest) != newest);
        Ok(())
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

fn decode_head(row: &[u8]) -> Result<Head, Refusal> {
    decode(row).map(|row| row.head)
}

/// Adds the index rows by which two states of an item differ.
fn index(rows: &mut Rows, at: &Place<'_>, old: Option<&Head>, new: Option<&Head>) {
    const NONE: &Labels = &[None, None, None, None, None];
    let item = (at.namespace, at.rest);
    let labels = |head: Option<&'_ Head>| head.map_or(NONE.clone(), |head| head.labels.clone());
    for (number, (old, new)) in (1u8..).zip(labels(old).iter().zip(&labels(new))) {
        let key = |label: &super::row::Label| {
            layout::label_key(at.generation, number, (&label.namespace, &label.rest), item)
        };
        let (old, new) = (old.as_ref().map(key), new.as_ref().map(key));
        swap(rows, old, new);
    }
    let ttl = |head: Option<&Head>| {
        head.and_then(|head| head.ttl)
            .map(|ttl| layout::ttl_key(at.generation, ttl, item))
    };
    swap(rows, ttl(old), ttl(new));
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

/// The key of a generation that is to be deleted.
pub(super) fn dead_key(generation: Generation) -> Vec<u8> {
    layout::generation_prefix(prefix::DEAD, generation)
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
