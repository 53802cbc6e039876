//! Rows of connections: who is owed a `disconnected`, whatever dies.

use super::Store;
use super::error::StoreError;
use super::layout::prefix;

/// The row of a connection whose `disconnected` may have left something in the store.
const BEGUN: &[u8] = b"disconnected";

/// A connection that was kept and not forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The connection id.
    pub id: String,
    /// Whether its `disconnected` had begun and may have written something.
    pub has_begun: bool,
}

impl Store {
    /// Keeps what the gateway knows of a connection; durable after [`on_durable`](Self::on_durable).
    ///
    /// # Errors
    /// If the database fails.
    pub fn put_connection(&self, id: &str, row: &[u8]) -> Result<(), StoreError> {
        self.core().db.insert(key(id), row)?;
        Ok(())
    }

    /// Notes that the `disconnected` of a connection has begun and may write something now. Whatever
    /// is written later is on disk only if this is.
    ///
    /// # Errors
    /// If the database fails.
    pub fn begin_disconnected(&self, id: &str) -> Result<(), StoreError> {
        self.put_connection(id, BEGUN)
    }

    /// Forgets a connection; durable after [`on_durable`](Self::on_durable).
    ///
    /// # Errors
    /// If the database fails.
    pub fn remove_connection(&self, id: &str) -> Result<(), StoreError> {
        self.core().db.remove(key(id))?;
        Ok(())
    }

    /// All connections that were kept and not forgotten, in the order of their ids.
    ///
    /// # Errors
    /// If the database fails.
    pub fn connections(&self) -> Result<Vec<Kept>, StoreError> {
        let db = self.core().db.clone();
        let rows = db.scan_prefix([prefix::CONNECTION]).map(|entry| {
            let (key, row) = entry?;
            let id = String::from_utf8_lossy(key.get(1..).unwrap_or_default());
            Ok(Kept {
                id: id.into_owned(),
                has_begun: row == BEGUN,
            })
        });
        rows.collect()
    }
}

fn key(id: &str) -> Vec<u8> {
    [&[prefix::CONNECTION], id.as_bytes()].concat()
}
