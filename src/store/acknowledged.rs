//! How much was acknowledged, to notice after a kill that some of it is missing.
//!
//! sled takes a record that it cannot read for the place where a crash cut its log off, and drops
//! what follows. Whether that had been acknowledged it cannot know. So flushes are numbered: the
//! number goes into the database before the flush, and into a file beside it afterwards. A database
//! that has not come as far as the file says has lost something.
//!
//! Neither is synced, so they outlive the process, not the machine: after another boot the file says
//! nothing.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use sled::{Db, Tree};

const NAME: &str = "acknowledged";
/// A tree of its own: sled rewrites a key's neighbours with it now and then.
const TREE: &str = "acknowledged";
const KEY: &[u8] = b"flush";

/// The numbers of flushes.
pub(super) struct Acknowledged {
    tree: Tree,
    /// Where the last acknowledged one stands, if the system has a name for its boots and lets the
    /// file be written.
    file: Option<File>,
    number: u64,
}

impl Acknowledged {
    /// Goes on counting where the database has stopped. `None` if it has lost something that was
    /// acknowledged.
    ///
    /// # Errors
    /// If the database fails.
    pub fn open(db: &Db, database: &Path) -> Result<Option<Self>, sled::Error> {
        let tree = db.open_tree(TREE)?;
        let number = tree.get(KEY)?.and_then(|value| number_of(&value));
        let number = number.unwrap_or(0);
        let path = database.join(NAME);
        let boot = this_boot();
        let told = std::fs::read_to_string(&path).ok();
        let told = told
            .as_deref()
            .and_then(|text| read(text, boot.as_deref()?));
        if told.is_some_and(|told| told > number) {
            return Ok(None);
        }
        let file = boot.and_then(|boot| begin(&path, number, &boot).ok());
        Ok(Some(Self { tree, file, number }))
    }

    /// Goes into the database with whatever is flushed next.
    pub fn before_flush(&mut self) -> Result<(), sled::Error> {
        self.number += 1;
        self.tree.insert(KEY, &self.number.to_be_bytes())?;
        Ok(())
    }

    /// The flush is done. What the file does not say for want of room is only not noticed later.
    pub fn after_flush(&self) {
        if let Some(file) = &self.file {
            let _ = file.write_all_at(digits(self.number).as_bytes(), 0);
        }
    }
}

fn number_of(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(value.try_into().ok()?))
}

/// Always as many of them, so that one number replaces another.
fn digits(number: u64) -> String {
    format!("{number:020}")
}

fn begin(path: &Path, number: u64, boot: &str) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(true).write(true).open(path)?;
    file.write_all_at(format!("{} {boot}\n", digits(number)).as_bytes(), 0)?;
    Ok(file)
}

/// The number in the file, if it is of this boot.
fn read(text: &str, boot: &str) -> Option<u64> {
    let (number, of) = text.trim_end().split_once(' ')?;
    if of == boot {
        number.parse().ok()
    } else {
        None
    }
}

/// What Linux calls the time since the machine started.
fn this_boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_speaks_of_its_own_boot_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(NAME);
        let file = begin(&path, 7, "a-b").expect("room");
        let text = || std::fs::read_to_string(&path).expect("it is there");
        assert_eq!(read(&text(), "a-b"), Some(7));
        assert_eq!(read(&text(), "other"), None);
        file.write_all_at(digits(u64::MAX).as_bytes(), 0)
            .expect("room");
        assert_eq!(read(&text(), "a-b"), Some(u64::MAX));
        for damaged in ["", "12", "x a-b", "-1 a-b"] {
            assert_eq!(read(damaged, "a-b"), None, "{damaged}");
        }
    }
}
