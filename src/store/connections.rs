//! Rows of connections: who is owed a `disconnected`, whatever dies.
//!
//! Connections that open together share a row, and those that end together are taken out of it
//! together: a crowd that comes or goes costs a few writes, not one each.

use rustc_hash::FxHashMap;
use sled::{Batch, Db};

use super::Store;
use super::error::StoreError;
use super::layout::prefix;
use crate::domain::{ConnectionId, ID_LENGTH};

/// Most connections of one row: so much is written again when one of them ends alone.
const GROUP: usize = 32;

/// A connection's part of a row: its id, and whether its `disconnected` has begun.
const PART: usize = ID_LENGTH + 1;

/// In format 1 each connection had a row under its id; this stood in that of one whose `disconnected`
/// had begun.
const BEGUN_1: &[u8] = b"disconnected";

/// A connection that was kept and not forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The connection id.
    pub id: ConnectionId,
    /// Whether its `disconnected` had begun and may have written something.
    pub has_begun: bool,
}

/// What the rows say.
#[derive(Debug, Default)]
pub(super) struct Connections {
    groups: FxHashMap<u64, Vec<Kept>>,
    group_of: FxHashMap<ConnectionId, u64>,
    last_group: u64,
}

impl Connections {
    /// Reads the rows. Those of format 1 are written anew.
    pub fn load(db: &Db) -> Result<Self, sled::Error> {
        let mut this = Self::default();
        let mut single = Vec::new();
        let mut rewritten = Batch::default();
        for entry in db.scan_prefix([prefix::CONNECTION]) {
            let (key, row) = entry?;
            let name = key.get(1..).unwrap_or_default();
            if let Ok(number) = name.try_into() {
                let number = u64::from_be_bytes(number);
                this.insert(number, row.chunks_exact(PART).filter_map(decode).collect());
                this.last_group = number;
            } else {
                single.extend(kept(name, row == BEGUN_1));
                rewritten.remove(key);
            }
        }
        for group in single.chunks(GROUP) {
            let number = this.add(group.to_vec());
            rewritten.insert(&key(number), encode(group));
        }
        db.apply_batch(rewritten)?;
        Ok(this)
    }

    fn insert(&mut self, number: u64, group: Vec<Kept>) {
        self.group_of.extend(group.iter().map(|c| (c.id, number)));
        self.groups.insert(number, group);
    }

    /// Adds a group; gives its number.
    fn add(&mut self, group: Vec<Kept>) -> u64 {
        self.last_group += 1;
        self.insert(self.last_group, group);
        self.last_group
    }

    fn begin(&mut self, id: ConnectionId) -> Option<u64> {
        let number = *self.group_of.get(&id)?;
        let mut group = self.groups.get_mut(&number)?.iter_mut();
        group.find(|kept| kept.id == id)?.has_begun = true;
        Some(number)
    }

    fn forget(&mut self, id: ConnectionId) -> Option<u64> {
        let number = self.group_of.remove(&id)?;
        let group = self.groups.get_mut(&number)?;
        group.retain(|kept| kept.id != id);
        if group.is_empty() {
            self.groups.remove(&number);
        }
        Some(number)
    }

    /// Writes a row as it is now.
    fn write(&self, db: &Db, number: u64) -> Result<(), sled::Error> {
        let key = key(number);
        match self.groups.get(&number) {
            Some(group) => db.insert(key, encode(group))?,
            None => db.remove(key)?,
        };
        Ok(())
    }
}

impl Store {
    /// Keeps connections that have opened; durable after [`on_durable`](Self::on_durable).
    ///
    /// # Errors
    /// If the database fails.
    pub fn put_connections(&self, ids: &[ConnectionId]) -> Result<(), StoreError> {
        let core = &mut *self.core();
        for group in ids.chunks(GROUP) {
            let opened = |id: &ConnectionId| Kept {
                id: *id,
                has_begun: false,
            };
            let number = core.connections.add(group.iter().map(opened).collect());
            core.connections.write(&core.db, number)?;
        }
        Ok(())
    }

    /// Notes that the `disconnected` of a connection has begun and may write something now. Whatever
    /// is written later is on disk only if this is.
    ///
    /// # Errors
    /// If the database fails.
    pub fn begin_disconnected(&self, id: ConnectionId) -> Result<(), StoreError> {
        let core = &mut *self.core();
        if let Some(number) = core.connections.begin(id) {
            core.connections.write(&core.db, number)?;
        }
        Ok(())
    }

    /// Forgets connections; durable after [`on_durable`](Self::on_durable).
    ///
    /// # Errors
    /// If the database fails.
    pub fn remove_connections(&self, ids: &[ConnectionId]) -> Result<(), StoreError> {
        let core = &mut *self.core();
        let forgotten = ids.iter().filter_map(|id| core.connections.forget(*id));
        let mut groups: Vec<u64> = forgotten.collect();
        groups.sort_unstable();
        groups.dedup();
        for number in groups {
            core.connections.write(&core.db, number)?;
        }
        Ok(())
    }

    /// All connections that were kept and not forgotten, in the order of their ids.
    pub fn connections(&self) -> Vec<Kept> {
        let core = self.core();
        let mut all: Vec<Kept> = core
            .connections
            .groups
            .values()
            .flatten()
            .copied()
            .collect();
        all.sort_unstable_by_key(|kept| kept.id);
        all
    }
}

fn key(number: u64) -> [u8; 9] {
    let mut key = [prefix::CONNECTION; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

fn encode(group: &[Kept]) -> Vec<u8> {
    let parts = group.iter().flat_map(|kept| {
        let begun = [u8::from(kept.has_begun)];
        kept.id.as_bytes().iter().copied().chain(begun)
    });
    parts.collect()
}

fn decode(part: &[u8]) -> Option<Kept> {
    let (begun, id) = part.split_last()?;
    kept(id, *begun != 0)
}

fn kept(id: &[u8], has_begun: bool) -> Option<Kept> {
    let id = std::str::from_utf8(id).ok()?.parse().ok()?;
    Some(Kept { id, has_begun })
}
