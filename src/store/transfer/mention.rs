//! Which connections items mention: for the warning that an import loses them.

use std::collections::HashSet;

use crate::store::Store;
use crate::store::layout::{self, prefix};

use super::error::TransferError;

/// A connection id is this long and ends in `=`.
const ID_BYTES: usize = 16;

/// Collects those of some connection ids that occur in texts.
pub(super) struct Mentions<'a> {
    wanted: HashSet<&'a [u8]>,
    found: HashSet<&'a [u8]>,
}

impl<'a> Mentions<'a> {
    pub fn of(ids: &'a [String]) -> Self {
        let ids = ids.iter().map(String::as_bytes);
        Self {
            wanted: ids
                .filter(|id| id.len() == ID_BYTES && id.ends_with(b"="))
                .collect(),
            found: HashSet::new(),
        }
    }

    /// Looks for ids in a text.
    pub fn read(&mut self, text: &[u8]) {
        if self.found.len() == self.wanted.len() {
            return;
        }
        for (at, &byte) in text.iter().enumerate() {
            if byte != b'=' {
                continue;
            }
            let end = at + 1;
            let id = end
                .checked_sub(ID_BYTES)
                .and_then(|start| text.get(start..end));
            if let Some(&id) = id.and_then(|id| self.wanted.get(id)) {
                self.found.insert(id);
            }
        }
    }

    pub fn contains(&self, id: &str) -> bool {
        self.found.contains(id.as_bytes())
    }

    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }
}

/// The ids that were mentioned before and are not any more, in their order.
pub(super) fn lost(ids: &[String], before: &Mentions<'_>, after: &Mentions<'_>) -> Vec<String> {
    let lost = |id: &&String| before.contains(id) && !after.contains(id);
    ids.iter().filter(lost).cloned().collect()
}

impl Store {
    /// Looks for ids in all items whose key `keep` accepts (namespace and rest).
    pub(super) fn read_mentions(
        &self,
        mentions: &mut Mentions<'_>,
        keep: impl Fn(&str, &str) -> bool,
    ) -> Result<(), TransferError> {
        if mentions.is_empty() {
            return Ok(());
        }
        let (db, generation) = {
            let mut core = self.wait_open();
            (core.db.clone(), core.generation("")?)
        };
        for entry in db.scan_prefix(layout::generation_prefix(prefix::ITEM, generation)) {
            let (key, row) = entry?;
            match layout::item_of(&key) {
                Some((namespace, rest)) if keep(&namespace, &rest) => {
                    mentions.read(&key);
                    mentions.read(&row);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_wherever_they_stand() {
        let ids = ["AAAAAAAAAAAAAAA=", "BBBBBBBBBBBBBBA=", "short="].map(str::to_owned);
        let mut mentions = Mentions::of(&ids);
        mentions.read(b"==x=\"connection:AAAAAAAAAAAAAAA=\"");
        mentions.read(b"BBBBBBBBBBBBBBB= short=");
        assert!(mentions.contains(&ids[0]));
        assert!(!mentions.contains(&ids[1]));
        assert!(!mentions.contains(&ids[2]));
        let before = Mentions::of(&ids);
        assert_eq!(lost(&ids, &mentions, &before), [ids[0].clone()]);
    }
}
