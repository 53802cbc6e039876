//! Why an import or export was not done. In every case nothing was changed.

use std::io;
use std::path::PathBuf;

use crate::store::error::StoreError;
use crate::store::refusal::Refusal;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The file cannot be opened, read or written.
    #[error("`{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not JSON.
    #[error("`{}`:{line}:{column}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        problem: String,
    },
    /// An item is not one.
    #[error("`{}`: item {index}{}: {problem}", path.display(), key.as_ref().map(|key| format!(" (key `{key}`)")).unwrap_or_default())]
    Item {
        /// The file.
        path: PathBuf,
        /// Its place in the list, from 0.
        index: usize,
        /// Its key, if it has one.
        key: Option<String>,
        /// What is wrong with it.
        problem: String,
    },
    /// An export would replace a file.
    #[error("`{}` exists", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// An export was given a file name that does not end in `.json`.
    #[error("`{}` does not end in `.json`", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TransferError {
    /// A short stable name for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "file-not-found"
            }
            Self::File { .. } => "file-failed",
            Self::Syntax { .. } => "data-syntax",
            Self::Item { .. } => "data-item",
            Self::Exists { .. } => "file-exists",
            Self::Extension { .. } => "file-extension",
            Self::Store(error) => error.code(),
        }
    }

    /// What to do about it, one line.
    pub fn hint(&self) -> String {
        match self {
            Self::File { .. } => "check the path and its permissions".into(),
            Self::Syntax { .. } | Self::Item { .. } => {
                "correct the file and import it again; nothing was changed".into()
            }
            Self::Exists { .. } => "use `--overwrite`, or another name".into(),
            Self::Extension { .. } => "use a name that ends in `.json`, or has no ending".into(),
            Self::Store(error) => error.hint(),
        }
    }
}

impl From<sled::Error> for TransferError {
    fn from(error: sled::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Refusal> for TransferError {
    fn from(refusal: Refusal) -> Self {
        Self::Store(StoreError::Failed(refusal.to_string()))
    }
}
