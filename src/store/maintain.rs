//! Work in the background: deleting the rows of generations that no table uses any more, and
//! sweeping items that expired long ago.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use sled::Batch;

use super::core::{Core, Place, Rows, dead_key};
use super::layout::{self, Generation, prefix};
use super::lock_core;
use super::refusal::Refusal;

/// An expired item is kept so long (seconds), as DynamoDB promises to purge "within 48 hours".
const KEEP_EXPIRED: i64 = 48 * 3600;
/// DynamoDB takes a ttl that is further in the past for a mistake and leaves the item alone.
const TOO_LONG_AGO: i64 = 5 * 365 * 86_400;
/// How often expired items are looked for (real time; one look at an index costs microseconds).
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Rows deleted in one go.
const CHUNK: usize = 256;

/// Told how many items a deleted generation had.
type Counted = Box<dyn FnOnce(Result<u64, String>) + Send>;

/// The background thread's other end.
pub(super) struct Maintenance {
    orders: Option<Sender<(Generation, Counted)>>,
    thread: Option<JoinHandle<()>>,
}

impl Maintenance {
    /// Starts the thread; it first goes on with what an earlier run left undone.
    pub fn start(core: Arc<Mutex<Core>>) -> std::io::Result<Self> {
        let (orders, received) = channel();
        let thread = std::thread::Builder::new()
            .name("store-maintenance".into())
            .spawn(move || run(&core, &received))?;
        Ok(Self {
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    /// Counts a generation's items, tells the number once the table's new generation is on disk, and
    /// deletes the rows.
    pub fn delete(
        &self,
        generation: Generation,
        counted: impl FnOnce(Result<u64, String>) + Send + 'static,
    ) {
        if let Some(orders) = &self.orders
            && let Err(unsent) = orders.send((generation, Box::new(counted)))
        {
            let (_, counted) = unsent.0;
            counted(Err("the maintenance thread ended".into()));
        }
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.orders = None;
        let thread = self.thread.take();
        if let Some(thread) = thread.filter(|t| t.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

fn run(core: &Mutex<Core>, orders: &Receiver<(Generation, Counted)>) {
    loop {
        match orders.recv_timeout(SWEEP_EVERY) {
            Ok((generation, counted)) => counted(count(core, generation)),
            // What cannot be deleted or swept now is tried again later.
            Err(RecvTimeoutError::Timeout) => drop(sweep(core)),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while let Ok((generation, counted)) = orders.try_recv() {
            counted(count(core, generation));
        }
        let _ = delete_dead(core, orders);
    }
}

/// Counts the items of a generation that no table uses any more, after a flush.
fn count(core: &Mutex<Core>, generation: Generation) -> Result<u64, String> {
    let db = lock_core(core).db.clone();
    db.flush().map_err(|error| error.to_string())?;
    let items = db.scan_prefix(layout::generation_prefix(prefix::ITEM, generation));
    items.keys().try_fold(0, |count, key| {
        key.map(|_| count + 1).map_err(|error| error.to_string())
    })
}

/// Deletes the rows of all dead generations; stops early if there is something else to do.
fn delete_dead(
    core: &Mutex<Core>,
    orders: &Receiver<(Generation, Counted)>,
) -> Result<(), sled::Error> {
    let db = lock_core(core).db.clone();
    for entry in db.scan_prefix([prefix::DEAD]).keys() {
        let marker = entry?;
        let Some(generation) = marker.get(1..).and_then(super::core::number) else {
            continue;
        };
        for kind in [prefix::ITEM, prefix::LABEL, prefix::TTL] {
            let rows = layout::generation_prefix(kind, generation);
            loop {
                let keys: Vec<_> = db
                    .scan_prefix(&rows)
                    .keys()
                    .take(CHUNK)
                    .collect::<Result<_, _>>()?;
                if keys.is_empty() {
                    break;
                }
                let mut batch = Batch::default();
                keys.into_iter().for_each(|key| batch.remove(key));
                db.apply_batch(batch)?;
            }
        }
        db.remove(dead_key(generation))?;
    }
    let _ = orders;
    Ok(())
}

/// Removes items whose ttl passed long ago.
fn sweep(core: &Mutex<Core>) -> Result<(), Refusal> {
    let generations = lock_core(core).generations();
    for generation in generations {
        while sweep_some(&mut lock_core(core), generation)? == CHUNK {}
    }
    Ok(())
}

/// Removes up to [`CHUNK`] expired items of a generation; tells how many.
fn sweep_some(core: &mut Core, generation: Generation) -> Result<usize, Refusal> {
    let now = core.now();
    let due = layout::ttl_range(generation, now - TOO_LONG_AGO, now - KEEP_EXPIRED);
    let entries = core.db.range(due).keys().take(CHUNK);
    let keys = entries.collect::<Result<Vec<_>, _>>()?;
    let mut rows = Rows::default();
    for key in &keys {
        let Some((namespace, rest)) = layout::item_of(key) else {
            continue;
        };
        let at = Place {
            generation,
            namespace: &namespace,
            rest: &rest,
        };
        if !core.remove_into(&mut rows, &at)? {
            rows.remove(key.to_vec());
        }
    }
    core.apply(rows)?;
    Ok(keys.len())
}
