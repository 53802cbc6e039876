//! Opening the data folder: the lock, the format number, damage.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sled::Db;

use super::acknowledged::Acknowledged;
use super::error::{StoreError, is_full};
use super::found::Found;
use super::seal::{Seal, State};
use crate::domain::clock::Clock;
use crate::error::reason;

/// The newest format this program reads and writes.
const FORMAT: u32 = 2;
const FORMAT_KEY: &[u8] = b"mformat";
/// The database's folder and the lock's file in the data folder.
const DATABASE: &str = "db";
const LOCK: &str = "lock";
/// sled's cache; its default is 1 GiB.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// How often the lock is tried, and the pause in between. A store that this process closed just now
/// can seem locked for a moment: a child that was forked meanwhile, Node for example, holds every
/// descriptor until it becomes another program.
const LOCK_TRIES: u32 = 12;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Takes the folder's lock; it is given back when the file is closed, also by the end of the process.
///
/// # Errors
/// If the folder cannot be written, or another process holds the lock.
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    let unwritable = |source: io::Error| not_writable(dir, source);
    std::fs::create_dir_all(dir).map_err(unwritable)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let file = options.open(dir.join(LOCK)).map_err(unwritable)?;
    let mut tries = LOCK_TRIES;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(not_writable(dir, source)),
            Err(TryLockError::WouldBlock) => {}
        }
        tries -= 1;
        if tries == 0 {
            return Err(StoreError::InUse { dir: dir.into() });
        }
        std::thread::sleep(LOCK_PAUSE);
    }
}

/// The folder of an open database, to notice that somebody deletes it: what is written then is gone
/// with the last descriptor.
pub(super) struct Folder {
    dir: PathBuf,
    /// The lock's file, if there was a descriptor to spare.
    lock: Option<File>,
}

impl Folder {
    /// The folder with this lock.
    pub fn of(dir: &Path, lock: &File) -> Self {
        Self {
            dir: dir.into(),
            lock: lock.try_clone().ok(),
        }
    }

    /// # Errors
    /// Says that the folder was deleted.
    pub fn is_there(&self) -> Result<(), String> {
        let links = self.lock.as_ref().map(|lock| lock.metadata());
        match links {
            Some(Ok(file)) if file.nlink() == 0 => Err(format!(
                "the data folder `{}` was deleted while it was in use: restart the sandbox",
                self.dir.display()
            )),
            _ => Ok(()),
        }
    }
}

/// The open database.
pub(super) struct Database {
    pub db: Db,
    pub acknowledged: Acknowledged,
}

/// Opens the database in the folder; the caller holds the lock. The seal is to be closed after it.
///
/// # Errors
/// A damaged database is moved aside untouched, and that is an error, too: starting with an empty
/// store is the user's decision.
pub(super) fn database(dir: &Path, clock: &Clock) -> Result<(Database, Seal), StoreError> {
    let path = dir.join(DATABASE);
    let unwritable = |source: io::Error| io_error(dir, source);
    let state = Seal::inspect(dir, &path).map_err(unwritable)?;
    let wrong = match state {
        State::Changed if path.exists() => Some("its files are not those that were written"),
        State::Foreign => Some("it is no database of ampt-ws"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        return Err(keep_aside(dir, &path, None, clock, wrong.to_owned()));
    }
    let state = if path.exists() { state } else { State::New };
    // Without room for a copy the start goes on all the same.
    let found = match state {
        State::Crashed => Found::copy(dir, &path).ok().flatten(),
        _ => None,
    };
    let seal = Seal::break_open(dir, &path, state).map_err(unwritable)?;
    let wrong = match quietly(|| open_sound(&path, state)) {
        Some(Ok(Ok(database))) => {
            let format = settle_format(dir, &database.db, &seal);
            found.map_or(Ok(()), Found::forget).map_err(unwritable)?;
            if let Err(error) = format {
                drop(database);
                seal.close();
                return Err(error);
            }
            return Ok((database, seal));
        }
        Some(Ok(Err(wrong))) => wrong.to_owned(),
        Some(Err(sled::Error::Corruption { .. })) => "a checksum does not match".to_owned(),
        Some(Err(sled::Error::Io(source))) => return Err(unwritable(source)),
        Some(Err(error)) => error.to_string(),
        None => "it cannot be read".to_owned(),
    };
    Err(keep_aside(dir, &path, found, clock, wrong))
}

/// Opens the database, or says what is wrong with what can be read of it.
fn open_sound(path: &Path, state: State) -> Result<Result<Database, &'static str>, sled::Error> {
    remove_unfinished_snapshots(path)?;
    let db = open_sled(path)?;
    // sled takes a file that holds nothing it knows for an empty database.
    if state != State::New && !db.contains_key(FORMAT_KEY)? {
        return Ok(Err("nothing in it can be read"));
    }
    let Some(acknowledged) = Acknowledged::open(&db, path)? else {
        return Ok(Err("what was written last is missing"));
    };
    if state == State::Crashed {
        // sled looks at a checksum when it reads what it stands for, so everything is read once.
        for row in db.iter() {
            row?;
        }
    }
    Ok(Ok(Database { db, acknowledged }))
}

/// A kill in the middle of an open leaves a snapshot that is half written, and sled takes it for a
/// damaged one. It replaces the one before, and the log is cut, only when it is whole.
fn remove_unfinished_snapshots(path: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes the format number into a new database, or compares what stands there.
fn settle_format(dir: &Path, db: &Db, seal: &Seal) -> Result<(), StoreError> {
    match db.get(FORMAT_KEY)? {
        Some(found) if found == FORMAT.to_be_bytes() => {}
        found => {
            found.map_or(Ok(()), |found| check_format(dir, &found))?;
            // First: rows of older formats are read by this program, newer ones not by an older.
            db.insert(FORMAT_KEY, &FORMAT.to_be_bytes())?;
            db.flush()?;
        }
    }
    seal.in_use().map_err(|source| io_error(dir, source))
}

/// Runs what may panic over a file that it did not write itself; `None` if it did. The panic's
/// message would tell the user nothing: it is not printed.
fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let hook = std::panic::take_hook();
    let this_thread = std::thread::current().id();
    let loud = Arc::new(hook);
    let others = Arc::clone(&loud);
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() != this_thread {
            others(info);
        }
    }));
    let outcome = catch_unwind(AssertUnwindSafe(work)).ok();
    drop(std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| loud(info)));
    outcome
}

fn open_sled(path: &Path) -> Result<Db, sled::Error> {
    sled::Config::new()
        .path(path)
        .mode(sled::Mode::HighThroughput)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None)
        .open()
}

fn check_format(dir: &Path, found: &[u8]) -> Result<(), StoreError> {
    let found = super::rows::number(found).unwrap_or(u32::MAX);
    if found > FORMAT {
        return Err(StoreError::FutureVersion {
            dir: dir.into(),
            found,
            known: FORMAT,
        });
    }
    Ok(())
}

fn not_writable(dir: &Path, source: io::Error) -> StoreError {
    StoreError::NotWritable {
        dir: dir.into(),
        source,
    }
}

fn io_error(dir: &Path, source: io::Error) -> StoreError {
    match source.kind() {
        _ if is_full(&source) => StoreError::DiskFull { dir: dir.into() },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            not_writable(dir, source)
        }
        _ => StoreError::Failed(format!(
            "the database in `{}` cannot be opened: {}",
            dir.display(),
            reason(&source)
        )),
    }
}

/// Moves a damaged database to a name of its own, as it was found.
fn keep_aside(
    dir: &Path,
    path: &Path,
    found: Option<Found>,
    clock: &Clock,
    detail: String,
) -> StoreError {
    let stamp = jiff::Timestamp::from_millisecond(clock.now_ms())
        .map(|time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
        .unwrap_or_else(|_| clock.now_ms().to_string());
    let kept = (0..)
        .map(|attempt: u32| match attempt {
            0 => format!("{DATABASE}.damaged-{stamp}"),
            _ => format!("{DATABASE}.damaged-{stamp}-{attempt}"),
        })
        .map(|name| dir.join(name))
        .find(|candidate| !candidate.exists())
        .unwrap_or_else(|| PathBuf::from(path));
    let moved = match found {
        Some(found) => found.keep(path, &kept),
        None => std::fs::rename(path, &kept),
    };
    match moved.and_then(|()| Seal::forget(dir)) {
        Ok(()) => StoreError::Damaged {
            dir: dir.into(),
            kept,
            detail,
        },
        Err(source) => not_writable(dir, source),
    }
}
