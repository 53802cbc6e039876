//! The store: items, labels and connection rows in one sled database.
//!
//! * Operations run on the calling thread, in the order of the calls, against sled's memory; a write
//!   is answered when it is on disk ([`commit`]). A read is answered before the call returns.
//! * Each operation is one atomic change: item, index rows and recorded change together.
//! * Nothing long runs on the caller's thread: emptying a table is giving it a new generation
//!   ([`layout`]), the rest is done in the background ([`maintain`]).
//! * The rules about keys, conditions, merging, sizes and labels are the published package's; the
//!   JavaScript side only translates values and shapes results ([`wire`]).
//!
//! Where the package leaves a choice: a batch get answers in the order of its keys; equal labels come
//! in the order of their primary keys' UTF-8 bytes, a scan in the reverse of it; an expired item
//! stays, hidden, for two days, then it is removed and `data.on` hears `deleted` (one that expired
//! more than five years ago stays for ever, as at AWS).

pub mod change;
mod commit;
mod core;
pub mod decimal;
mod dispatch;
pub mod error;
mod exclusive;
mod expression;
pub mod interest;
pub mod json;
pub mod key;
pub mod layout;
pub mod literal;
mod maintain;
mod open;
pub mod outbox;
mod read;
pub mod refusal;
pub mod row;
mod rows;
mod size;
mod tables;
#[cfg(test)]
mod tests;
pub mod transfer;
pub mod view;
pub mod wire;
mod write;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

pub use error::StoreError;
pub use refusal::Refusal;
pub use wire::Reply;

use crate::domain::clock::Clock;
use commit::Committer;
use core::Core;
use layout::prefix;
use maintain::Maintenance;

/// A handle to the open store; clones share it. The last one to go flushes and closes it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// Fields end in this order: first the threads, which use the database, last the folder's lock.
struct Shared {
    maintenance: Maintenance,
    committer: Committer,
    core: Arc<Mutex<Core>>,
    /// Wakes who waits for an exclusive operation to end.
    opened: Condvar,
    _lock: File,
}

impl Store {
    /// Opens the store in `dir`, which is made if it does not exist.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open(dir: &Path, clock: Clock) -> Result<Self, StoreError> {
        let lock = open::lock(dir)?;
        let db = open::database(dir, &clock)?;
        let mut core = Core::load(db.clone(), clock)?;
        transfer::resume(&mut core)?;
        let core = Arc::new(Mutex::new(core));
        let no_thread = |error: std::io::Error| StoreError::Failed(error.to_string());
        let flush = Box::new(move || db.flush().map(drop).map_err(|error| error.to_string()));
        let committer = Committer::start(flush).map_err(no_thread)?;
        let maintenance = Maintenance::start(Arc::clone(&core)).map_err(StoreError::Failed)?;
        Ok(Self {
            shared: Arc::new(Shared {
                maintenance,
                committer,
                core,
                opened: Condvar::new(),
                _lock: lock,
            }),
        })
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        lock_core(&self.shared.core)
    }

    /// Has `done` called once everything applied so far is on disk, or with the reason why not.
    pub fn on_durable(&self, done: impl FnOnce(Result<(), &str>) + Send + 'static) {
        self.shared.committer.after_flush(Box::new(done));
    }

    /// Waits until everything applied so far is on disk. For threads that may block.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn flush(&self) -> Result<(), StoreError> {
        let (done, outcome) = std::sync::mpsc::sync_channel(1);
        self.on_durable(move |result| {
            let _ = done.send(result.map_err(str::to_owned));
        });
        match outcome.recv() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(StoreError::Failed(reason)),
            Err(_) => Err(StoreError::Failed("the flushing thread ended".into())),
        }
    }

    /// Keeps what the gateway knows of a connection; durable after [`on_durable`](Self::on_durable).
    ///
    /// # Errors
    /// If the database fails.
    pub fn put_connection(&self, id: &str, row: &[u8]) -> Result<(), StoreError> {
        self.core().db.insert(connection_key(id), row)?;
        Ok(())
    }

    /// Forgets a connection; durable after [`on_durable`](Self::on_durable).
    ///
    /// # Errors
    /// If the database fails.
    pub fn remove_connection(&self, id: &str) -> Result<(), StoreError> {
        self.core().db.remove(connection_key(id))?;
        Ok(())
    }

    /// All connections that were kept and not forgotten, in the order of their ids.
    ///
    /// # Errors
    /// If the database fails.
    pub fn connections(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let db = self.core().db.clone();
        let rows = db.scan_prefix([prefix::CONNECTION]).map(|entry| {
            let (key, row) = entry?;
            let id = String::from_utf8_lossy(key.get(1..).unwrap_or_default());
            Ok((id.into_owned(), row.to_vec()))
        });
        rows.collect()
    }
}

/// The core, also after a thread died holding it: every operation changes it in one step.
fn lock_core(core: &Mutex<Core>) -> MutexGuard<'_, Core> {
    core.lock().unwrap_or_else(|e| e.into_inner())
}

fn connection_key(id: &str) -> Vec<u8> {
    [&[prefix::CONNECTION], id.as_bytes()].concat()
}
