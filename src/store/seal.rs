//! Whether the database's files are those that were written.
//!
//! sled takes a file whose tail it cannot read for one whose last writes were cut off, and goes on
//! with what is left. After a crash that is right. After a proper end it would lose data without a
//! word: so that end leaves a seal, the files' size and checksum, and the next start compares.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Above this many bytes the files are not read through: it would hold up start and end.
const MAX_SEALED: u64 = 512 * 1024 * 1024;
const NAME: &str = "seal";

/// What is known of the database before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There was none, or nothing was ever written to it.
    New,
    /// It was in use and not closed: it may end in a write that was cut off.
    Crashed,
    /// It is as it was closed.
    Sound,
    /// It was closed and has changed since.
    Changed,
    /// There is something in its place that no sandbox wrote.
    Foreign,
}

/// The open database's seal.
pub(super) struct Seal {
    dir: PathBuf,
    database: PathBuf,
}

impl Seal {
    /// Reads the seal in `dir` and compares it with the database.
    pub fn inspect(dir: &Path, database: &Path) -> io::Result<State> {
        let text = match std::fs::read_to_string(dir.join(NAME)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(match database.exists() {
                    true if database.join("conf").exists() => State::Crashed,
                    true => State::Foreign,
                    false => State::New,
                });
            }
            Err(error) => return Err(error),
        };
        Ok(match text.trim() {
            "new" => State::New,
            "open" => State::Crashed,
            closed if database.exists() && fingerprint(database)?.as_deref() == Some(closed) => {
                State::Sound
            }
            _ => State::Changed,
        })
    }

    /// Breaks the seal: from now on the database is in use. `state` is what was found before.
    pub fn break_open(dir: &Path, database: &Path, state: State) -> io::Result<Self> {
        let seal = Self {
            dir: dir.into(),
            database: database.into(),
        };
        seal.write(if state == State::New { "new" } else { "open" })?;
        Ok(seal)
    }

    /// Removes the seal of a database that is not there any more.
    pub fn forget(dir: &Path) -> io::Result<()> {
        match std::fs::remove_file(dir.join(NAME)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// From now on there is something to lose.
    pub fn in_use(&self) -> io::Result<()> {
        self.write("open")
    }

    /// Replaces the seal in one step.
    fn write(&self, text: &str) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(self.dir.join(NAME))?;
        Ok(())
    }

    /// Seals the database; a failure is not told: without a seal the next start takes the end for a
    /// crash, which loses nothing.
    ///
    /// To be called when the database's last handle was dropped: sled's own threads still hold parts
    /// of it then, and the lock on its file with them, until each has finished what it writes. This
    /// waits for them.
    pub fn close(self) {
        let _ = self.try_close();
    }

    fn try_close(&self) -> io::Result<()> {
        let file = File::open(self.database.join("db"))?;
        file.lock()?;
        match fingerprint(&self.database)? {
            Some(fingerprint) => self.write(&fingerprint),
            None => Ok(()),
        }
    }
}

/// Size and checksum of the database's files; `None` if they are too large to tell.
fn fingerprint(database: &Path) -> io::Result<Option<String>> {
    let mut files = vec![database.join("db")];
    let blobs = database.join("blobs");
    if blobs.is_dir() {
        for entry in std::fs::read_dir(blobs)? {
            files.push(entry?.path());
        }
    }
    files.sort();
    let (mut size, mut checksum) = (0, crc32fast::Hasher::new());
    let mut buffer = vec![0; 256 * 1024];
    for path in files {
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            size += count as u64;
            checksum.update(buffer.get(..count).unwrap_or_default());
            if size > MAX_SEALED {
                return Ok(None);
            }
        }
    }
    Ok(Some(format!("closed {size} {:08x}", checksum.finalize())))
}
