//! `sandbox.json`: how a verb finds the sandbox that runs for an app.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Failure, reason};

/// The file's name in the data folder.
const FILE: &str = "sandbox.json";

/// What a running sandbox says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announced {
    /// Its process.
    pub pid: u32,
    /// Its control socket.
    pub socket: PathBuf,
    /// `http://…`
    pub url: String,
    /// `ws://…`
    pub ws_url: String,
    /// The access key id that the management API takes.
    pub access_key_id: String,
    /// The program's version.
    pub version: String,
    /// When it became ready, ISO 8601.
    pub started_at: String,
}

impl Announced {
    /// What was announced in `data_dir`, whether or not it still runs. A file that cannot be
    /// understood announces nothing.
    pub(super) fn read(data_dir: &Path) -> Result<Option<Self>, Failure> {
        let path = data_dir.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => Ok(None),
            Err(e) => {
                let message = format!("cannot read `{}`: {}", path.display(), reason(&e));
                Err(Failure::new("data-dir", message))
            }
        }
    }
}

/// The announcement of a running sandbox; dropping it withdraws it.
#[derive(Debug)]
pub struct Announcement {
    path: PathBuf,
    announced: Announced,
}

impl Announcement {
    /// Writes the file, whole or not at all.
    pub(super) fn write(data_dir: &Path, announced: Announced) -> Result<Self, Failure> {
        let path = data_dir.join(FILE);
        let draft = data_dir.join(format!("{FILE}.{}", announced.pid));
        write_private(&draft, &announced)
            .and_then(|()| std::fs::rename(&draft, &path))
            .map_err(|e| {
                let _ = std::fs::remove_file(&draft);
                let message = format!("cannot write `{}`: {}", path.display(), reason(&e));
                Failure::new("data-dir", message).hint("is the data folder writable?")
            })?;
        Ok(Self { path, announced })
    }
}

fn write_private(path: &Path, announced: &Announced) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    let mut text = serde_json::to_vec(announced)?;
    text.push(b'\n');
    file.write_all(&text)
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let data_dir = self.path.parent().unwrap_or(&self.path);
        // Another sandbox may have announced itself here since.
        if Announced::read(data_dir) == Ok(Some(self.announced.clone())) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn announced(pid: u32) -> Announced {
        Announced {
            pid,
            socket: "/tmp/x.sock".into(),
            url: "http://127.0.0.1:1".into(),
            ws_url: "ws://127.0.0.1:1".into(),
            access_key_id: "AKIAX".into(),
            version: "0.1.0".into(),
            started_at: "2024-01-01T00:00:00.000Z".into(),
        }
    }

    #[test]
    fn an_announcement_is_private_and_goes_with_its_owner() {
        let temp = tempfile::tempdir().unwrap();
        let held = Announcement::write(temp.path(), announced(1)).unwrap();
        let mode = std::fs::metadata(temp.path().join(FILE)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Announced::read(temp.path()), Ok(Some(announced(1))));
        let newer = Announcement::write(temp.path(), announced(2)).unwrap();
        drop(held);
        assert_eq!(Announced::read(temp.path()), Ok(Some(announced(2))));
        drop(newer);
        assert_eq!(Announced::read(temp.path()), Ok(None));
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
    }

    #[test]
    fn nonsense_announces_nothing() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join(FILE), "{\"pid\":").unwrap();
        assert_eq!(Announced::read(temp.path()), Ok(None));
        assert_eq!(Announced::read(&temp.path().join("missing")), Ok(None));
    }
}
