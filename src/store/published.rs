//! Published events that wait for their time or their handlers: kept from the publish on until the
//! handlers have finished.

use super::Store;
use super::error::StoreError;
use super::layout::prefix;

/// A published event that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its number, under which it is forgotten.
    pub number: u64,
    /// When it is due, in milliseconds since the epoch.
    pub due_ms: i64,
    /// The event as JSON.
    pub json: String,
}

impl Store {
    /// Keeps a published event and gives its number; durable after [`on_durable`](Self::on_durable).
    ///
    /// # Errors
    /// If the database fails.
    pub fn keep_published(&self, due_ms: i64, json: &[u8]) -> Result<u64, StoreError> {
        let mut core = self.core();
        let number = core.next_published;
        let row = [&due_ms.to_be_bytes(), json].concat();
        core.db.insert(key(number), row)?;
        core.next_published += 1;
        Ok(number)
    }

    /// Has one that is kept come again, at another time; durable after
    /// [`on_durable`](Self::on_durable).
    ///
    /// # Errors
    /// If the database fails; the event then comes as it was kept before, after a restart.
    pub fn postpone_published(&self, event: &Published) -> Result<(), StoreError> {
        let row = [&event.due_ms.to_be_bytes(), event.json.as_bytes()].concat();
        self.core().db.insert(key(event.number), row)?;
        Ok(())
    }

    /// Forgets one whose handlers have finished; durable after [`on_durable`](Self::on_durable).
    ///
    /// # Errors
    /// If the database fails; the event is then delivered again after a restart.
    pub fn forget_published(&self, number: u64) -> Result<(), StoreError> {
        self.core().db.remove(key(number))?;
        Ok(())
    }

    /// All that were kept and not forgotten, in the order in which they were published.
    ///
    /// # Errors
    /// If the database fails.
    pub fn published(&self) -> Result<Vec<Published>, StoreError> {
        let db = self.core().db.clone();
        let mut all = Vec::new();
        for entry in db.scan_prefix([prefix::PUBLISHED]) {
            let (key, row) = entry?;
            // A damaged row cannot be delivered; it must not hold up the others.
            all.extend(decode(&key, &row));
        }
        Ok(all)
    }
}

/// The number that the next published event gets.
pub(super) fn next_number(db: &sled::Db) -> Result<u64, sled::Error> {
    let newest = db
        .scan_prefix([prefix::PUBLISHED])
        .next_back()
        .transpose()?;
    let newest = newest.and_then(|(key, _)| number_of(&key));
    Ok(newest.map_or(1, |number| number + 1))
}

fn key(number: u64) -> Vec<u8> {
    [&[prefix::PUBLISHED][..], &number.to_be_bytes()].concat()
}

fn number_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

fn decode(key: &[u8], row: &[u8]) -> Option<Published> {
    let (due, json) = row.split_first_chunk()?;
    Some(Published {
        number: number_of(key)?,
        due_ms: i64::from_be_bytes(*due),
        json: String::from_utf8(json.to_vec()).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Clock;

    #[test]
    fn what_was_published_is_there_until_it_is_forgotten() {
        let dir = tempfile::tempdir().expect("a folder");
        let open = || Store::open(dir.path(), Clock::system()).expect("a store");
        let store = open();
        let numbers: Vec<u64> = [5, -5, 7]
            .iter()
            .map(|&due| store.keep_published(due, b"{}").expect("room"))
            .collect();
        store.forget_published(numbers[1]).expect("it is there");
        let again = Published {
            number: numbers[2],
            due_ms: 9,
            json: "[]".to_owned(),
        };
        store.postpone_published(&again).expect("room");
        drop(store);
        let store = open();
        let kept = store.published().expect("rows");
        assert_eq!(kept.len(), 2);
        assert_eq!((kept[0].number, kept[0].due_ms), (numbers[0], 5));
        assert_eq!(kept[1], again);
        let next = store.keep_published(9, b"{}").expect("room");
        assert!(next > numbers[2], "no number is used twice at a time");
    }

    #[test]
    fn a_damaged_row_is_passed_over() {
        assert_eq!(decode(&key(1), b"short"), None);
        assert_eq!(decode(&key(1), b"12345678\xff"), None);
        assert_eq!(decode(b"e", b"12345678{}"), None);
    }
}
