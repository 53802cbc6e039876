//! The end of a store: when it comes back, the folder can be opened again.
//!
//! Only handles own this; the store's threads do not, so that none of them, late with the last
//! answer, keeps the folder taken after the last handle went.

use std::fs::File;
use std::sync::Arc;

use super::maintain::Maintenance;
use super::seal::Seal;
use super::shared::Shared;

/// Closes the store when it is dropped.
pub(super) struct Closing {
    open: Option<Open>,
}

struct Open {
    maintenance: Maintenance,
    shared: Arc<Shared>,
    seal: Seal,
    lock: File,
}

impl Closing {
    pub fn new(maintenance: Maintenance, shared: Arc<Shared>, seal: Seal, lock: File) -> Self {
        let open = Open {
            maintenance,
            shared,
            seal,
            lock,
        };
        Self { open: Some(open) }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        // An answer may have owned the last handle: a thread cannot wait for its own end.
        if open.shared.is_flushing_thread() || open.maintenance.is_this_thread() {
            let _ = std::thread::Builder::new()
                .name("store-close".into())
                .spawn(move || open.close());
        } else {
            open.close();
        }
    }
}

impl Open {
    /// First the threads, which use the database, then the database, last the folder's lock.
    fn close(self) {
        self.maintenance.stop();
        let Some(shared) = Arc::into_inner(self.shared) else {
            return;
        };
        drop(shared);
        self.seal.close();
        drop(self.lock);
    }
}
