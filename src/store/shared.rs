//! What the store's handles and its threads share.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use super::acknowledged::Acknowledged;
use super::commit::{Committer, Gathering};
use super::core::Core;
use super::error::{StoreError, explain};
use super::maintain::Orders;
use super::open::Folder;

/// Fields end in this order: the flushing thread uses the database.
pub(super) struct Shared {
    committer: Committer,
    core: Mutex<Core>,
    /// Wakes who waits for an exclusive operation to end.
    pub opened: Condvar,
    /// What the maintenance thread is asked for.
    pub orders: Orders,
}

impl Shared {
    /// `core` is ready for calls; the maintenance thread serves the other end of `orders`.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn new(
        core: Core,
        orders: Orders,
        folder: Folder,
        mut acknowledged: Acknowledged,
    ) -> Result<Self, StoreError> {
        let db = core.db.clone();
        let recorded = Arc::clone(&core.recorded);
        let flush = Box::new(move || {
            let newest = recorded.newest();
            let flushed = acknowledged.before_flush().and_then(|()| db.flush());
            flushed.map_err(|error| explain(&error))?;
            folder.is_there()?;
            acknowledged.after_flush();
            recorded.tell(newest);
            Ok(())
        });
        let committer =
            Committer::start(flush).map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self {
            committer,
            core: Mutex::new(core),
            opened: Condvar::new(),
            orders,
        })
    }

    /// The core, also after a thread died holding it: every operation changes it in one step.
    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Has `done` called once everything applied so far is on disk, or with the reason why not.
    pub fn on_durable(&self, done: impl FnOnce(Result<(), &str>) + Send + 'static) {
        self.committer.after_flush(Box::new(done));
    }

    /// Keeps flushes from beginning until what this gives is dropped.
    pub fn gather(&self) -> Gathering {
        self.committer.gather()
    }

    /// Waits until everything applied so far is on disk.
    pub fn flush(&self) -> Result<(), StoreError> {
        let (done, outcome): (SyncSender<Result<(), String>>, _) = sync_channel(1);
        self.on_durable(move |result| {
            let _ = done.send(result.map_err(str::to_owned));
        });
        match outcome.recv() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(StoreError::Failed(reason)),
            Err(_) => Err(StoreError::Failed("the flushing thread ended".into())),
        }
    }

    /// Whether the calling thread is the flushing thread.
    pub fn is_flushing_thread(&self) -> bool {
        self.committer.is_this_thread()
    }
}
