//! Work in the background: deleting the rows of generations that no table uses any more, sweeping
//! items that expired long ago, and emptying a table whose deletions somebody hears of.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use sled::{Batch, Db};

use super::core::Core;
use super::error::{StoreError, explain};
use super::layout::{self, Generation, prefix};
use super::refusal::Refusal;
use super::rows::{Place, Rows};
use super::shared::Shared;
use super::tables::{dead_generations, dead_key};
use super::wire::Reply;

/// An expired item is kept so long (seconds), as DynamoDB promises to purge "within 48 hours".
const KEEP_EXPIRED: i64 = 48 * 3600;
/// DynamoDB takes a ttl that is further in the past for a mistake and leaves the item alone.
const TOO_LONG_AGO: i64 = 5 * 365 * 86_400;
/// How often expired items are looked for (real time; one look at an index costs microseconds).
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Rows handled in one go.
pub(super) const CHUNK: usize = 256;

/// Told how many items a dead generation had.
type Counted = Box<dyn FnOnce(Result<u64, String>) + Send>;

/// What the background thread is asked for.
enum Order {
    /// Count a dead generation's items, then delete its rows.
    Delete(Generation, Counted),
    /// Empty a table and record each deletion; the gate is closed.
    Empty(String, Box<dyn FnOnce(Reply) + Send>),
    /// Come to an end.
    Stop,
}

/// Where orders for the background thread are left.
pub(super) struct Orders(Sender<Order>);

/// Where that thread finds them.
pub(super) struct Received(Receiver<Order>);

/// A queue of orders. They are few: an import, a truncate and the end give one each.
pub(super) fn orders() -> (Orders, Received) {
    let (sender, receiver) = channel();
    (Orders(sender), Received(receiver))
}

impl Orders {
    /// Counts a dead generation's items, tells the number once everything applied so far is on disk,
    /// and deletes the rows.
    pub fn delete(
        &self,
        generation: Generation,
        counted: impl FnOnce(Result<u64, String>) + Send + 'static,
    ) {
        // The thread outlives whoever gives orders, unless it panicked: then the caller of `counted`
        // finds out by its being dropped.
        let _ = self.0.send(Order::Delete(generation, Box::new(counted)));
    }

    /// Empties a table whose deletions are recorded; the gate is closed, and opened at the end.
    pub fn empty(&self, table: String, done: impl FnOnce(Reply) + Send + 'static) {
        let _ = self.0.send(Order::Empty(table, Box::new(done)));
    }
}

/// The background thread.
pub(super) struct Maintenance {
    orders: Sender<Order>,
    thread: JoinHandle<()>,
}

impl Maintenance {
    /// Starts the thread; it first goes on with what an earlier run left undone.
    ///
    /// # Errors
    /// If the database fails, or the operating system gives no thread.
    pub fn start(shared: Arc<Shared>, received: Received) -> Result<Self, StoreError> {
        let orders = shared.orders.0.clone();
        let db = shared.core().db.clone();
        let dead = dead_generations(&db)?.into();
        let mut worker = Worker { shared, db, dead };
        let thread = std::thread::Builder::new()
            .name("store-maintenance".into())
            .spawn(move || worker.run(&received.0))
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self { orders, thread })
    }

    /// Whether the calling thread is the background thread.
    pub fn is_this_thread(&self) -> bool {
        self.thread.thread().id() == std::thread::current().id()
    }

    /// Ends the thread, once it has done what it was asked for before. Not to be called by it.
    pub fn stop(self) {
        let _ = self.orders.send(Order::Stop);
        let _ = self.thread.join();
    }
}

struct Worker {
    shared: Arc<Shared>,
    db: Db,
    /// Generations whose rows are to be deleted. Only these: one that was just marked is not to be
    /// touched before it was counted, or while an import fills it.
    dead: VecDeque<Generation>,
}

impl Worker {
    fn run(&mut self, orders: &Receiver<Order>) {
        loop {
            let order = if self.dead.is_empty() {
                match orders.recv_timeout(SWEEP_EVERY) {
                    Err(RecvTimeoutError::Disconnected) => return,
                    order => order.ok(),
                }
            } else {
                match orders.try_recv() {
                    Err(TryRecvError::Disconnected) => return,
                    order => order.ok(),
                }
            };
            match (order, self.dead.front().copied()) {
                (Some(Order::Stop), _) => {
                    // What a call that had waited at the gate asked for since.
                    orders.try_iter().for_each(|order| self.obey(order));
                    return;
                }
                (Some(order), _) => self.obey(order),
                (None, Some(generation)) => self.delete_some(generation),
                // What cannot be swept now is tried again later.
                (None, None) => drop(self.shared.sweep()),
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Delete(generation, counted) => {
                counted(self.count(generation));
                self.dead.push_back(generation);
            }
            Order::Empty(table, done) => self.shared.empty_and_open(&table, done),
            Order::Stop => {}
        }
    }

    /// Counts the items of a dead generation, after a flush.
    fn count(&self, generation: Generation) -> Result<u64, String> {
        self.shared.flush().map_err(|error| error.to_string())?;
        let items = layout::generation_prefix(prefix::ITEM, generation);
        self.db.scan_prefix(items).keys().try_fold(0, |count, key| {
            key.map(|_| count + 1).map_err(|error| explain(&error))
        })
    }

    /// Deletes some rows of a dead generation, and its mark with the last ones.
    fn delete_some(&mut self, generation: Generation) {
        let done = [prefix::ITEM, prefix::LABEL, prefix::TTL]
            .into_iter()
            .try_fold(true, |done, kind| {
                let rows = layout::generation_prefix(kind, generation);
                Ok(done && self.delete_chunk(&rows)? < CHUNK)
            })
            .and_then(|done: bool| {
                if done {
                    self.db.remove(dead_key(generation))?;
                }
                Ok::<_, sled::Error>(done)
            });
        // Whatever fails now is found by its mark at the next start.
        if done.unwrap_or(true) {
            self.dead.pop_front();
        }
    }

    fn delete_chunk(&self, rows: &[u8]) -> Result<usize, sled::Error> {
        let keys = self.db.scan_prefix(rows).keys().take(CHUNK);
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let count = keys.len();
        let mut batch = Batch::default();
        keys.into_iter().for_each(|key| batch.remove(key));
        self.db.apply_batch(batch)?;
        Ok(count)
    }
}

impl Shared {
    /// Removes items whose ttl passed long ago.
    pub fn sweep(&self) -> Result<(), Refusal> {
        let generations = self.core().tables.generations();
        let mut swept = 0;
        for generation in generations {
            loop {
                let some = sweep_some(&mut self.core(), generation)?;
                swept += some;
                if some < CHUNK {
                    break;
                }
            }
        }
        if swept > 0 {
            // Nobody waits for it, but handlers are to hear of it.
            self.on_durable(|_| {});
        }
        Ok(())
    }
}

/// Removes up to [`CHUNK`] expired items of a generation; tells how many.
fn sweep_some(core: &mut Core, generation: Generation) -> Result<usize, Refusal> {
    if core.gate.is_some() {
        return Ok(0);
    }
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
