//! `import`: see the module above for how it stays atomic.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use super::error::TransferError;
use super::item::{self, BadItem, FileItem};
use super::mention::{Mentions, lost};
use super::read::read_items;
use super::{Phase, Progress};
use crate::store::Store;
use crate::store::core::Core;
use crate::store::error::StoreError;
use crate::store::layout::{self, Generation, prefix};
use crate::store::maintain::CHUNK;
use crate::store::refusal::Refusal;
use crate::store::row::encode;
use crate::store::rows::{Place, Rows, index, number};

/// The generation whose items are being merged into the default table.
const APPLYING: &[u8] = b"mapplying";
/// The table that imports fill.
const TABLE: &str = "";

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// Items in the file.
    pub items: u64,
    /// Whether everything else was emptied first.
    pub overwrite: bool,
    /// Of the given connections those that items mentioned before, and none mentions now.
    #[serde(rename = "orphanedConnections")]
    pub orphaned: Vec<String>,
}

/// What an import would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Items in the file.
    pub items: u64,
    /// Of the given connections those that items mention, and none would mention afterwards.
    pub orphaned: Vec<String>,
}

impl Store {
    /// Reads and checks a file without changing anything, and says which of the live `connections`
    /// its import would orphan. For threads that may block.
    ///
    /// # Errors
    /// The file's first mistake, or a failure of the store.
    pub fn plan_import(
        &self,
        path: &Path,
        overwrite: bool,
        connections: &[String],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Plan, TransferError> {
        let mut before = Mentions::of(connections);
        let mut after = Mentions::of(connections);
        let hasher = RandomState::new();
        let mut replaced = HashSet::new();
        let now = self.core().now();
        let items = read_items(path, |index, text| {
            if index > 0 && index % CHUNK == 0 {
                progress(read_so_far(index));
            }
            let item = item::parse(text, now)?;
            if !replaced.insert(hasher.hash_one((item.key.namespace(), item.key.rest()))) {
                return Err(duplicate(&item));
            }
            after.read(text.as_bytes());
            Ok(())
        })?;
        self.read_mentions(&mut before, |_, _| true)?;
        if !overwrite {
            let kept = |namespace: &str, rest: &str| {
                !replaced.contains(&hasher.hash_one((namespace, rest)))
            };
            self.read_mentions(&mut after, kept)?;
        }
        Ok(Plan {
            items,
            orphaned: lost(connections, &before, &after),
        })
    }

    /// Loads a file as one atomic change: each item of it replaces the stored one as a whole; with
    /// `overwrite` all other items are gone. Connection rows are not touched. For threads that may
    /// block; calls made meanwhile run before or after the change, never during it.
    ///
    /// # Errors
    /// The file's first mistake, or a failure of the store. Nothing was changed then.
    pub fn import(
        &self,
        path: &Path,
        overwrite: bool,
        connections: &[String],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Imported, TransferError> {
        let mut before = Mentions::of(connections);
        self.read_mentions(&mut before, |_, _| true)?;
        let staged = self.core().unused_generation()?;
        let done = self.stage(path, staged, progress).and_then(|items| {
            self.apply_staged(staged, overwrite, items, progress)?;
            Ok(items)
        });
        let items = match done {
            Ok(items) => items,
            Err(error) => {
                // A merge that is under way still needs them.
                if self.core().db.get(APPLYING)?.is_none() {
                    self.shared.orders.delete(staged, drop);
                }
                return Err(error);
            }
        };
        let mut after = Mentions::of(connections);
        self.read_mentions(&mut after, |_, _| true)?;
        Ok(Imported {
            items,
            overwrite,
            orphaned: lost(connections, &before, &after),
        })
    }

    /// Writes the file's items to a generation that no table uses.
    fn stage(
        &self,
        path: &Path,
        staged: Generation,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<u64, TransferError> {
        let (db, now) = {
            let core = self.core();
            (core.db.clone(), core.now())
        };
        let mut rows = Rows::default();
        let mut failed = None;
        let mut keys = HashSet::new();
        let hasher = RandomState::new();
        let items = read_items(path, |index_in_file, text| {
            let item = item::parse(text, now)?;
            let at = Place::new(staged, &item.key);
            let hash = hasher.hash_one((at.namespace, at.rest));
            if !keys.insert(hash) {
                return Err(duplicate(&item));
            }
            index(&mut rows, &at, None, Some(&item.head));
            rows.put(at.key(), encode(&item.head, item.json.as_bytes()));
            if rows.len() >= CHUNK {
                let applied = std::mem::take(&mut rows).apply(&db);
                failed = failed.take().or(applied.err());
                progress(read_so_far(index_in_file + 1));
            }
            Ok(())
        })?;
        failed.map_or(Ok(()), Err)?;
        rows.apply(&db)?;
        self.flush()?;
        Ok(items)
    }

    /// Half an import, to be interrupted.
    #[cfg(test)]
    pub(in crate::store) fn stage_for_test(&self, path: &Path, staged: Generation) {
        let staged = self.stage(path, staged, &mut |_| ());
        assert!(staged.is_ok());
    }

    /// Whether the table has no items, expired ones included.
    fn is_empty(&self) -> Result<bool, TransferError> {
        let mut core = self.core();
        let generation = core.generation(TABLE)?;
        let all = layout::generation_prefix(prefix::ITEM, generation);
        Ok(core.db.scan_prefix(all).next().transpose()?.is_none())
    }

    /// Makes staged items visible.
    fn apply_staged(
        &self,
        staged: Generation,
        overwrite: bool,
        items: u64,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), TransferError> {
        self.shared.exclusively(|| {
            // Into an empty table there is nothing to merge.
            if overwrite || self.is_empty()? {
                let old = self.shared.replace_recorded(TABLE, Some(staged))?;
                self.shared.orders.delete(old, drop);
                progress(applied_so_far(items, items));
                return Ok::<_, TransferError>(());
            }
            let marked = self.core().db.insert(APPLYING, &staged.to_be_bytes());
            if let Err(error) = marked
                .map_err(TransferError::from)
                .and_then(|_| Ok(self.flush()?))
            {
                self.core().db.remove(APPLYING)?;
                return Err(error);
            }
            // From here on a failure leaves the mark, and the next start goes on.
            let (mut from, mut applied) = (Vec::new(), 0);
            loop {
                let merged = merge_some(&mut self.core(), staged, from)?;
                applied += merged.items;
                progress(applied_so_far(applied, items));
                match merged.next {
                    Some(next) => from = next,
                    None => break,
                }
            }
            self.shared.orders.delete(staged, drop);
            Ok(())
        })?;
        Ok(self.flush()?)
    }
}

fn applied_so_far(applied: u64, items: u64) -> Progress {
    Progress {
        items: applied,
        total: Some(items),
        phase: Phase::Applying,
    }
}

/// Goes on with a merge that a crash interrupted; before anything else uses the store.
///
/// # Errors
/// If the database fails.
pub(in crate::store) fn resume(core: &mut Core) -> Result<(), StoreError> {
    let Some(staged) = core.db.get(APPLYING)?.and_then(|value| number(&value)) else {
        return Ok(());
    };
    let mut from = Some(Vec::new());
    while let Some(next) = from.take() {
        let merged = merge_some(core, staged, next);
        from = merged
            .map_err(|refusal| StoreError::Failed(refusal.to_string()))?
            .next;
    }
    Ok(())
}

/// A piece of a merge.
struct Merged {
    items: u64,
    /// Where the next piece begins.
    next: Option<Vec<u8>>,
}

/// Replaces some items of the default table by the staged ones, from key `from` on (empty: the
/// first), and takes the mark away after the last. Doing a piece twice changes nothing.
fn merge_some(core: &mut Core, staged: Generation, from: Vec<u8>) -> Result<Merged, Refusal> {
    let all = layout::generation_prefix(prefix::ITEM, staged);
    let end = layout::successor(all.clone());
    let generation = core.generation(TABLE)?;
    let entries = core.db.range(from.max(all)..end).take(CHUNK);
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    let mut rows = Rows::default();
    for (key, row) in &entries {
        let (namespace, rest) =
            layout::item_of(key).ok_or_else(|| Refusal::store("a staged item is damaged"))?;
        let at = Place {
            generation,
            namespace: &namespace,
            rest: &rest,
        };
        let old = core.read(&at.key())?;
        core.replace(&mut rows, &at, old.as_deref(), Some(row.to_vec()))?;
    }
    let next = entries.last().map(|(key, _)| layout::just_after(key));
    if next.is_none() {
        rows.remove(APPLYING.to_vec());
    }
    core.apply(rows)?;
    Ok(Merged {
        items: entries.len() as u64,
        next,
    })
}

fn read_so_far(items: usize) -> Progress {
    Progress {
        items: items as u64,
        total: None,
        phase: Phase::Reading,
    }
}

fn duplicate(item: &FileItem) -> BadItem {
    BadItem {
        key: Some(item.key.as_str().to_owned()),
        problem: "an item before it has the same key".into(),
    }
}
