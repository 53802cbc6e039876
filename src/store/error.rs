//! What can go wrong with the store itself (its folder, its disk, its file), as opposed to a call
//! that the store refuses (see [`Refusal`](super::refusal::Refusal)).

use std::io;
use std::path::PathBuf;

use crate::error::reason;

/// Why the store cannot be opened or cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the folder's lock.
    #[error("the data folder `{}` is in use by another sandbox", dir.display())]
    InUse {
        /// The data folder.
        dir: PathBuf,
    },
    /// The folder cannot be created or written.
    #[error("the data folder `{}` cannot be written: {}", dir.display(), reason(source))]
    NotWritable {
        /// The data folder.
        dir: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The database file is damaged; it was moved aside, untouched.
    #[error("the database in `{}` is damaged ({detail}); it is kept as `{}`", dir.display(), kept.display())]
    Damaged {
        /// The data folder.
        dir: PathBuf,
        /// Where the damaged database is now.
        kept: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The database was written by a newer version of this program.
    #[error(
        "the database in `{}` has format {found}; this version of ampt-ws knows formats up to {known}",
        dir.display()
    )]
    FutureVersion {
        /// The data folder.
        dir: PathBuf,
        /// The format number found.
        found: u32,
        /// The newest format number this program knows.
        known: u32,
    },
    /// There is no room left on the disk.
    #[error("the disk that holds `{}` is full", dir.display())]
    DiskFull {
        /// The data folder.
        dir: PathBuf,
    },
    /// Any other failure to read or write.
    #[error("{0}")]
    Failed(String),
}

impl StoreError {
    /// A short stable name for scripts (`--json` prints it as `error.code`).
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "data-in-use",
            Self::NotWritable { .. } => "data-not-writable",
            Self::Damaged { .. } => "data-damaged",
            Self::FutureVersion { .. } => "data-future-version",
            Self::DiskFull { .. } => "disk-full",
            Self::Failed(_) => "data-failed",
        }
    }

    /// What to do about it, one line.
    pub fn hint(&self) -> String {
        match self {
            Self::InUse { .. } => {
                "stop the other one with `ampt-ws stop`, or give this one its own `--data-dir`"
                    .into()
            }
            Self::NotWritable { dir, .. } => format!(
                "check the permissions of `{}`, or choose another folder with `--data-dir`",
                dir.display()
            ),
            Self::Damaged { kept, .. } => format!(
                "start again to begin with an empty store; nothing in `{}` was changed",
                kept.display()
            ),
            Self::FutureVersion { .. } => {
                "update ampt-ws, or choose another folder with `--data-dir`".into()
            }
            Self::DiskFull { .. } => {
                "free some space and start again; what was acknowledged is on disk".into()
            }
            Self::Failed(_) => "start the sandbox again; what was acknowledged is on disk".into(),
        }
    }
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self::Failed(explain(&error))
    }
}

/// What the database's error means for whoever wrote. After a failed write it takes none any more,
/// until it is opened again.
pub(super) fn explain(error: &sled::Error) -> String {
    match error {
        sled::Error::Io(source) if is_full(source) => {
            "the disk is full: free some space, then restart the sandbox".to_owned()
        }
        sled::Error::Io(source) => {
            format!(
                "the disk failed ({}): mend that, then restart the sandbox",
                reason(source)
            )
        }
        error => format!("the database failed: {error}"),
    }
}

/// Whether there is no room for what was to be written.
pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
}
