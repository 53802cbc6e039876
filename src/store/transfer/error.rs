//! Why an import or export was not done. In every case nothing was changed.

use std::io;
use std::path::PathBuf;

use crate::error::reason;
use crate::store::error::StoreError;
use crate::store::refusal::Refusal;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The file to import cannot be opened or read.
    #[error("cannot read `{}`: {}", path.display(), why_unread(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file to export to cannot be written.
    #[error("cannot write `{}`: {}", path.display(), why_unwritten(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not JSON.
    #[error("`{}:{line}:{column}`: {problem}", path.display())]
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
    /// The file is JSON, but not an array.
    #[error("`{}` holds {found}, not an array of items", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: &'static str,
    },
    /// An item is not one.
    #[error("`{}`: the item at index {index}{}: {problem}", path.display(), key.as_ref().map(|key| format!(" (key `{key}`)")).unwrap_or_default())]
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
            Self::Read { source, .. } | Self::Write { source, .. }
                if source.kind() == io::ErrorKind::NotFound =>
            {
                "file-not-found"
            }
            Self::Read { .. } | Self::Write { .. } => "file-failed",
            Self::Syntax { .. } | Self::Shape { .. } => "data-syntax",
            Self::Item { .. } => "data-item",
            Self::Exists { .. } => "file-exists",
            Self::Extension { .. } => "file-extension",
            Self::Store(error) => error.code(),
        }
    }

    /// What to do about it, one line.
    pub fn hint(&self) -> String {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "name the data file: `import FILE`; `export` writes one".into()
            }
            Self::Read { .. } => "name a data file that can be read".into(),
            Self::Write { .. } => "name a file in a folder that can be written".into(),
            Self::Shape { .. } => {
                r#"a data file looks like [{"key": "user:1", "value": {"name": "Ana"}}]"#.into()
            }
            Self::Syntax { .. } | Self::Item { .. } => {
                "correct the file and import it again; nothing was changed".into()
            }
            Self::Exists { .. } => "use `--overwrite`, or another name".into(),
            Self::Extension { .. } => "use a name that ends in `.json`, or has no ending".into(),
            Self::Store(error) => error.hint(),
        }
    }
}

fn why_unread(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        _ => reason(source),
    }
}

fn why_unwritten(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::NotFound => "its folder does not exist".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        io::ErrorKind::NotADirectory => "it would lie in a file, not in a folder".into(),
        _ => reason(source),
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
