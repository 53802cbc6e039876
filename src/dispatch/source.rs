//! What the workers are told to load.

use std::path::{Path, PathBuf};

use crate::worker::entry::{self, Entry, EntryError};
use crate::worker::env::DotEnv;

/// The app's folder, and the file in it where the app starts.
#[derive(Debug, Clone)]
pub struct AppSource {
    app_dir: PathBuf,
    given: Option<PathBuf>,
    entry: Option<PathBuf>,
}

impl AppSource {
    /// Looks for the entry; `given` is the file that the user named.
    ///
    /// # Errors
    /// If the folder, its `package.json` or the named file is not as it has to be.
    pub fn find(app_dir: &Path, given: Option<&Path>) -> Result<Self, EntryError> {
        let mut source = Self {
            app_dir: app_dir.to_owned(),
            given: given.map(Path::to_owned),
            entry: None,
        };
        source.look_again()?;
        Ok(source)
    }

    /// Looks for the entry anew: `main` may have changed, or the first code been written.
    pub(super) fn look_again(&mut self) -> Result<(), EntryError> {
        self.entry = match entry::find(&self.app_dir, self.given.as_deref())? {
            Entry::File(path) => Some(path),
            Entry::NoCode { folder } if self.entry.is_some() => {
                return Err(EntryError::CodeGone(folder));
            }
            Entry::NoCode { .. } => None,
        };
        Ok(())
    }

    /// Whether there is code to load.
    pub fn has_code(&self) -> bool {
        self.entry.is_some()
    }

    /// The message that tells a worker what to load, with the variables that `.env` holds at this
    /// moment; `None` without code. `warn` is told what is wrong with that file.
    pub(super) fn load_message(&self, warn: impl FnOnce(String)) -> Option<String> {
        let entry = self.entry.as_ref()?;
        let DotEnv { variables, trouble } = DotEnv::read(&self.app_dir);
        trouble.map(warn);
        Some(serde_json::json!({ "entry": entry, "variables": variables }).to_string())
    }
}
