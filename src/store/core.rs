//! The store's state behind its one lock: the tree, the tables' generations, the changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sled::Db;
use tokio::sync::{broadcast, watch};

use super::change::Change;
use super::connections::Connections;
use super::dispatch::Gate;
use super::interest::{ChangeKind, Registration};
use super::layout::{self, prefix};
use super::published::next_number;
use super::refusal::Refusal;
use super::rows::{Place, Rows, change_key, decode_head, index, seq_of};
use super::tables::Tables;
use crate::domain::clock::Clock;

/// How many changes a follower of `data watch` may lag behind before it loses some.
const FEED_CAPACITY: usize = 1024;

/// What `data.on` asked for, as JSON.
const INTEREST: &[u8] = b"minterest";
/// The first sequence number of changes that are staged.
const STAGED_FROM: &[u8] = b"mstaged-changes";

/// See the module.
pub(super) struct Core {
    pub db: Db,
    pub clock: Clock,
    /// Set while an exclusive operation runs.
    pub gate: Gate,
    pub tables: Tables,
    pub connections: Connections,
    registrations: Vec<Registration>,
    next_seq: u64,
    /// The number of the next published event.
    pub next_published: u64,
    /// Set while changes are recorded that are not to be seen yet.
    staging: bool,
    /// How far changes are recorded, for whoever delivers them.
    pub recorded: Arc<Recorded>,
    pub feed: broadcast::Sender<Arc<Change>>,
}

impl Core {
    /// Reads the state that is kept in memory.
    pub fn load(db: Db, clock: Clock) -> Result<Self, sled::Error> {
        drop_staged_changes(&db)?;
        let newest = db.scan_prefix([prefix::CHANGE]).next_back().transpose()?;
        let newest = newest.and_then(|(key, _)| seq_of(&key)).unwrap_or(0);
        let registrations = load_interest(&db)?;
        Ok(Self {
            tables: Tables::load(&db)?,
            connections: Connections::load(&db)?,
            next_published: next_number(&db)?,
            db,
            clock,
            gate: None,
            registrations,
            next_seq: newest + 1,
            staging: false,
            recorded: Arc::new(Recorded::up_to(newest)),
            feed: broadcast::Sender::new(FEED_CAPACITY),
        })
    }

    /// Now, in epoch seconds.
    pub fn now(&self) -> i64 {
        self.clock.now_secs()
    }

    /// Who wants to hear of changes from now on, also after a restart.
    pub fn set_registrations(
        &mut self,
        registrations: Vec<Registration>,
    ) -> Result<(), sled::Error> {
        if registrations != self.registrations {
            let specs: Vec<_> = registrations.iter().map(Registration::specs).collect();
            let specs = serde_json::to_vec(&specs).unwrap_or_default();
            self.db.insert(INTEREST, specs)?;
            self.registrations = registrations;
        }
        Ok(())
    }

    /// Who wants to hear of changes.
    pub fn registrations(&self) -> &[Registration] {
        &self.registrations
    }

    /// Whether anybody would hear of a change of this kind.
    pub fn hears_of(&self, kind: ChangeKind) -> bool {
        self.feed.receiver_count() > 0 || (self.registrations.iter()).any(|wants| wants.hears(kind))
    }

    /// From now on recorded changes are invisible, and forgotten if the process ends, until
    /// [`publish_changes`](Self::publish_changes).
    pub fn stage_changes(&mut self) -> Result<(), sled::Error> {
        self.db.insert(STAGED_FROM, &self.next_seq.to_be_bytes())?;
        self.staging = true;
        Ok(())
    }

    /// Makes staged changes part of the atomic step that `rows` are.
    pub fn publish_changes(&mut self, rows: &mut Rows) {
        rows.remove(STAGED_FROM.to_vec());
        self.staging = false;
    }

    /// Forgets what was staged.
    pub fn discard_changes(&mut self) -> Result<(), sled::Error> {
        self.staging = false;
        drop_staged_changes(&self.db)
    }

    /// Reads an item's row.
    pub fn read(&self, key: &[u8]) -> Result<Option<sled::IVec>, Refusal> {
        Ok(self.db.get(key)?)
    }

    /// Adds to `rows` what replacing `old` by `new` takes: item, index rows, change. Writing what is
    /// there already takes nothing.
    pub fn replace(
        &mut self,
        rows: &mut Rows,
        at: &Place<'_>,
        old: Option<&[u8]>,
        new: Option<Vec<u8>>,
    ) -> Result<(), Refusal> {
        if old == new.as_deref() {
            return Ok(());
        }
        let old_head = old.map(decode_head).transpose()?;
        let new_head = new.as_deref().map(decode_head).transpose()?;
        index(rows, at, old_head.as_ref(), new_head.as_ref());
        self.record(rows, at, old, new.as_deref())?;
        let key = layout::item_key(at.generation, at.namespace, at.rest);
        match new {
            Some(new) => rows.put(key, new),
            None => rows.remove(key),
        }
        Ok(())
    }

    /// Records a change for `data.on` if somebody wants it, and shows it to `data watch`.
    pub fn record(
        &mut self,
        rows: &mut Rows,
        at: &Place<'_>,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<(), Refusal> {
        let watched = self.feed.receiver_count() > 0;
        if self.registrations.is_empty() && !watched {
            return Ok(());
        }
        let (kind, item, previous) = match (old, new) {
            (None, Some(new)) => (ChangeKind::Created, new, None),
            (Some(old), Some(new)) => (ChangeKind::Updated, new, Some(old.to_vec())),
            (Some(old), None) => (ChangeKind::Deleted, old, None),
            (None, None) => return Ok(()),
        };
        let key = decode_head(item)?.key(at.namespace, at.rest);
        let wanted = (self.registrations.iter()).any(|wants| wants.matches(kind, &key));
        if !wanted && !watched {
            return Ok(());
        }
        let change = Change {
            seq: self.next_seq,
            kind,
            namespace: at.namespace.into(),
            rest: at.rest.into(),
            item: item.to_vec(),
            previous,
        };
        if wanted {
            self.next_seq += 1;
            rows.put(change_key(change.seq), change.encode());
        }
        if watched {
            // Nobody listening any more is no error.
            let _ = self.feed.send(Arc::new(change));
        }
        Ok(())
    }

    /// Applies rows; the changes among them are told of after the next flush.
    pub fn apply(&mut self, rows: Rows) -> Result<(), Refusal> {
        rows.apply(&self.db)?;
        self.note_changes();
        Ok(())
    }

    /// Lets the next flush tell of the changes so far, unless they are staged.
    pub fn note_changes(&mut self) {
        if !self.staging {
            self.recorded.note(self.next_seq - 1);
        }
    }
}

/// How far changes are recorded, as sequence numbers. A handler hears of a change only when its
/// write is on disk: else it could act on something that a crash takes back.
pub(super) struct Recorded {
    /// The newest that is in memory.
    newest: AtomicU64,
    /// The newest that is on disk.
    told: watch::Sender<u64>,
}

impl Recorded {
    fn up_to(newest: u64) -> Self {
        Self {
            newest: AtomicU64::new(newest),
            told: watch::Sender::new(newest),
        }
    }

    fn note(&self, newest: u64) {
        self.newest.store(newest, Ordering::Release);
    }

    /// The newest change that a flush which begins now makes durable.
    pub fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// Tells that everything up to this change is on disk.
    pub fn tell(&self, newest: u64) {
        self.told
            .send_if_modified(|told| std::mem::replace(told, newest) != newest);
    }

    /// The newest change that is on disk, and every new one.
    pub fn told(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }
}

/// Forgets changes whose atomic step never came.
fn drop_staged_changes(db: &Db) -> Result<(), sled::Error> {
    let Some(from) = db.get(STAGED_FROM)? else {
        return Ok(());
    };
    let from = [&[prefix::CHANGE][..], &from].concat();
    for key in db
        .range(from..layout::successor(vec![prefix::CHANGE]))
        .keys()
    {
        db.remove(key?)?;
    }
    db.remove(STAGED_FROM).map(drop)
}

fn load_interest(db: &Db) -> Result<Vec<Registration>, sled::Error> {
    let stored = db.get(INTEREST)?;
    let specs: Vec<Vec<String>> = stored
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default();
    let parse = |specs: &Vec<String>| Registration::parse(specs.iter().map(String::as_str)).ok();
    Ok(specs.iter().filter_map(parse).collect())
}
