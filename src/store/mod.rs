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

mod acknowledged;
pub mod change;
mod closing;
mod commit;
pub mod connections;
mod core;
pub mod decimal;
mod dispatch;
pub mod error;
mod exclusive;
mod found;
pub mod interest;
pub mod json;
pub mod key;
pub mod layout;
pub mod literal;
mod maintain;
mod open;
pub mod outbox;
pub mod published;
mod read;
pub mod refusal;
pub mod row;
mod rows;
mod seal;
mod shared;
mod size;
mod tables;
#[cfg(test)]
mod tests;
pub mod transfer;
pub mod view;
pub mod wire;
mod write;

use std::path::Path;
use std::sync::{Arc, MutexGuard};

pub use error::StoreError;
pub use refusal::Refusal;
pub use wire::Reply;

use crate::domain::clock::Clock;
use closing::Closing;
use core::Core;
use maintain::Maintenance;
use open::{Database, Folder};
use shared::Shared;

/// A handle to the open store; clones share it. When the last one has gone, everything is on disk,
/// every call is answered, and the folder can be opened again.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    _closing: Arc<Closing>,
}

impl Store {
    /// Opens the store in `dir`, which is made if it does not exist.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open(dir: &Path, clock: Clock) -> Result<Self, StoreError> {
        let lock = open::lock(dir)?;
        let (database, seal) = open::database(dir, &clock)?;
        let (shared, maintenance) = match Self::start(database, clock, Folder::of(dir, &lock)) {
            Ok(started) => started,
            Err(error) => {
                seal.close();
                return Err(error);
            }
        };
        let closing = Closing::new(maintenance, Arc::clone(&shared), seal, lock);
        Ok(Self {
            shared,
            _closing: Arc::new(closing),
        })
    }

    fn start(
        Database { db, acknowledged }: Database,
        clock: Clock,
        folder: Folder,
    ) -> Result<(Arc<Shared>, Maintenance), StoreError> {
        let mut core = Core::load(db, clock)?;
        transfer::resume(&mut core)?;
        let (orders, received) = maintain::orders();
        let shared = Arc::new(Shared::new(core, orders, folder, acknowledged)?);
        let maintenance = Maintenance::start(Arc::clone(&shared), received)?;
        // A merge that was gone on with may have recorded changes.
        shared.on_durable(|_| {});
        Ok((shared, maintenance))
    }

    /// The core, once no exclusive operation runs. For threads that may block.
    fn wait_open(&self) -> MutexGuard<'_, Core> {
        self.shared.wait_open()
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.shared.core()
    }

    /// Carries out one operation of `@ampt/data`; `op` and `payload` are described in [`wire`].
    ///
    /// Runs on the calling thread and never blocks for long. `done` is called before this returns for
    /// a read or a refusal, on one of the store's threads for a write; while an import is being
    /// applied, the call waits its turn and all of it happens on the import's thread.
    pub fn call(&self, op: u8, payload: &[u8], done: impl FnOnce(Reply) + Send + 'static) {
        self.shared.call(op, payload, done);
    }

    /// Has the writes that are called for until what this gives is dropped made durable together,
    /// which is far cheaper than one after the other. Not to be kept across a wait.
    pub fn gather(&self) -> impl Drop + use<> {
        self.shared.gather()
    }

    /// Has `done` called once everything applied so far is on disk, or with the reason why not.
    pub fn on_durable(&self, done: impl FnOnce(Result<(), &str>) + Send + 'static) {
        self.shared.on_durable(done);
    }

    /// Waits until everything applied so far is on disk. For threads that may block.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.shared.flush()
    }

    /// Removes the items that are to be removed by now, as otherwise happens within a second. For
    /// threads that may block.
    ///
    /// # Errors
    /// If the database fails; it is tried again later.
    pub fn sweep(&self) -> Result<(), Refusal> {
        self.shared.sweep()
    }
}
