//! Which generation of rows is each table's now ([`layout`](super::layout) says what that means).

use std::collections::HashMap;

use sled::Db;

use super::core::Core;
use super::layout::{self, Generation, prefix};
use super::rows::{Rows, number};

const NEXT: &[u8] = b"mnext-generation";

/// The generations in use and the next one.
pub(super) struct Tables {
    current: HashMap<String, Generation>,
    next: Generation,
}

impl Tables {
    pub fn load(db: &Db) -> Result<Self, sled::Error> {
        let mut current = HashMap::new();
        for entry in db.scan_prefix([prefix::TABLE]) {
            let (key, value) = entry?;
            if let (Some(name), Some(generation)) = (key.get(1..), number(&value)) {
                current.insert(String::from_utf8_lossy(name).into_owned(), generation);
            }
        }
        let next = db.get(NEXT)?.and_then(|value| number(&value)).unwrap_or(1);
        Ok(Self { current, next })
    }

    /// All generations that hold items.
    pub fn generations(&self) -> Vec<Generation> {
        self.current.values().copied().collect()
    }

    /// Takes a generation number that was never used; `rows` remember that it is taken.
    fn take(&mut self, rows: &mut Rows) -> Result<Generation, sled::Error> {
        let generation = self.next;
        self.next = generation.checked_add(1).ok_or_else(|| {
            sled::Error::Unsupported("all generation numbers are used".to_owned())
        })?;
        rows.put(NEXT.to_vec(), self.next.to_be_bytes().to_vec());
        Ok(generation)
    }
}

impl Core {
    /// The generation in which a table's items live; a table comes into being when it is first used.
    pub fn generation(&mut self, table: &str) -> Result<Generation, sled::Error> {
        if let Some(&generation) = self.tables.current.get(table) {
            return Ok(generation);
        }
        let mut rows = Rows::default();
        let generation = self.tables.take(&mut rows)?;
        rows.put(table_key(table), generation.to_be_bytes().to_vec());
        rows.apply(&self.db)?;
        self.tables.current.insert(table.to_owned(), generation);
        Ok(generation)
    }

    /// A generation that no table uses: dead until [`replace_generation`](Self::replace_generation)
    /// makes it a table's own, so that a crash before leaves nothing behind.
    pub fn unused_generation(&mut self) -> Result<Generation, sled::Error> {
        let mut rows = Rows::default();
        let generation = self.tables.take(&mut rows)?;
        rows.put(dead_key(generation), Vec::new());
        rows.apply(&self.db)?;
        Ok(generation)
    }

    /// Gives a table another generation, a fresh one or `new`, and hands back the old one, which is
    /// marked as dead in the same atomic change. `rows` are applied with it.
    pub fn replace_generation(
        &mut self,
        mut rows: Rows,
        table: &str,
        new: Option<Generation>,
    ) -> Result<Generation, sled::Error> {
        let old = self.generation(table)?;
        let new = match new {
            Some(new) => new,
            None => self.tables.take(&mut rows)?,
        };
        rows.remove(dead_key(new));
        rows.put(table_key(table), new.to_be_bytes().to_vec());
        rows.put(dead_key(old), Vec::new());
        rows.apply(&self.db)?;
        self.tables.current.insert(table.to_owned(), new);
        Ok(old)
    }
}

/// The generations whose rows are to be deleted.
pub(super) fn dead_generations(db: &Db) -> Result<Vec<Generation>, sled::Error> {
    let keys = db.scan_prefix([prefix::DEAD]).keys();
    keys.filter_map(|key| match key {
        Ok(key) => key.get(1..).and_then(number).map(Ok),
        Err(error) => Some(Err(error)),
    })
    .collect()
}

/// The key of a dead generation's mark.
pub(super) fn dead_key(generation: Generation) -> Vec<u8> {
    layout::generation_prefix(prefix::DEAD, generation)
}

fn table_key(table: &str) -> Vec<u8> {
    [&[prefix::TABLE], table.as_bytes()].concat()
}
