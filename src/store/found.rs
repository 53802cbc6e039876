//! The database as a kill left it, kept until it is known to be sound: sled mends what it opens, and
//! what it cannot read is gone then.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Above this many bytes there is no copy: it would hold up the start.
const MAX_COPIED: u64 = 512 * 1024 * 1024;
/// The copy, and one that is being made or removed.
const COPY: &str = "db.found";
const PARTIAL: &str = "db.partial";

/// A copy of the database, made before it was opened.
pub(super) struct Found {
    copy: PathBuf,
    partial: PathBuf,
}

impl Found {
    /// Copies the database. A copy that is there comes of an earlier start that was cut off before
    /// it had looked at everything: that one is the original.
    ///
    /// # Errors
    /// If there is no room.
    pub fn copy(dir: &Path, database: &Path) -> io::Result<Option<Self>> {
        let found = Self {
            copy: dir.join(COPY),
            partial: dir.join(PARTIAL),
        };
        found.remove_partial()?;
        if found.copy.exists() {
            return Ok(Some(found));
        }
        let mut room = MAX_COPIED;
        if !copy_folder(database, &found.partial, &mut room)? {
            found.remove_partial()?;
            return Ok(None);
        }
        fs::rename(&found.partial, &found.copy)?;
        Ok(Some(found))
    }

    /// The copy is not needed any more. To be called before anything is acknowledged.
    ///
    /// # Errors
    /// If it is still there and would be taken for the original at a later start.
    pub fn forget(self) -> io::Result<()> {
        fs::rename(&self.copy, &self.partial)?;
        // What is left of it is removed by the next start that makes one.
        let _ = self.remove_partial();
        Ok(())
    }

    /// Puts the copy at `kept` and removes the database that was opened.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn keep(self, database: &Path, kept: &Path) -> io::Result<()> {
        fs::rename(&self.copy, kept)?;
        fs::remove_dir_all(database)
    }

    fn remove_partial(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Copies a folder; false if it holds more than there is room for.
fn copy_folder(from: &Path, to: &Path, room: &mut u64) -> io::Result<bool> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if !copy_folder(&entry.path(), &target, room)? {
                return Ok(false);
            }
            continue;
        }
        let Some(left) = room.checked_sub(entry.metadata()?.len()) else {
            return Ok(false);
        };
        *room = left;
        fs::copy(entry.path(), target)?;
    }
    Ok(true)
}
