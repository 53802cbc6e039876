//! Opening the data folder: the lock, the format number, damage.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sled::Db;

use super::error::StoreError;
use crate::domain::clock::Clock;

/// The newest format this program reads and writes.
const FORMAT: u32 = 1;
const FORMAT_KEY: &[u8] = b"mformat";
/// The database's folder and the lock's file in the data folder.
const DATABASE: &str = "db";
const LOCK: &str = "lock";
/// sled's cache; its default is 1 GiB.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

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
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { dir: dir.into() }),
        Err(TryLockError::Error(source)) => Err(not_writable(dir, source)),
    }
}

/// Opens the database in the folder; the caller holds the lock.
///
/// # Errors
/// A damaged database is moved aside untouched, and that is an error, too: starting with an empty
/// store is the user's decision.
pub(super) fn database(dir: &Path, clock: &Clock) -> Result<Db, StoreError> {
    let path = dir.join(DATABASE);
    let damaged = |detail: String| keep_aside(dir, &path, clock, detail);
    // sled may panic over a file that is not what it wrote.
    let opened = catch_unwind(AssertUnwindSafe(|| open_sled(&path)));
    let db = match opened {
        Ok(Ok(db)) => db,
        Ok(Err(sled::Error::Corruption { .. })) => {
            return Err(damaged("a checksum does not match".into()));
        }
        Ok(Err(sled::Error::Io(source))) => return Err(io_error(dir, source)),
        Ok(Err(error)) => return Err(damaged(error.to_string())),
        Err(_) => return Err(damaged("it cannot be read".into())),
    };
    check_format(dir, &db)?;
    Ok(db)
}

fn open_sled(path: &Path) -> Result<Db, sled::Error> {
    sled::Config::new()
        .path(path)
        .mode(sled::Mode::HighThroughput)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None)
        .open()
}

fn check_format(dir: &Path, db: &Db) -> Result<(), StoreError> {
    let Some(found) = db.get(FORMAT_KEY)? else {
        db.insert(FORMAT_KEY, &FORMAT.to_be_bytes())?;
        db.flush()?;
        return Ok(());
    };
    let found = super::rows::number(&found).unwrap_or(u32::MAX);
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
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::DiskFull { dir: dir.into() }
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            not_writable(dir, source)
        }
        _ => StoreError::Failed(source.to_string()),
    }
}

/// Moves a damaged database to a name of its own.
fn keep_aside(dir: &Path, path: &Path, clock: &Clock, detail: String) -> StoreError {
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
    match std::fs::rename(path, &kept) {
        Ok(()) => StoreError::Damaged {
            dir: dir.into(),
            kept,
            detail,
        },
        Err(source) => not_writable(dir, source),
    }
}
