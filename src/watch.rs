//! Notices saved files: changes on disk in, batches of changed files out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// How long to wait for more after a file was closed or renamed into place: it is complete.
const AFTER_CLOSE: Duration = Duration::from_millis(2);

/// How long to wait after any other sign of a change: it may still be being written.
const AFTER_WRITE: Duration = Duration::from_millis(60);

/// Most signs of change that wait to be looked at; beyond, one look covers them.
const SIGNS: usize = 1024;

/// Which files to watch. Cheap to clone; files can be added from any thread.
#[derive(Clone)]
pub struct Watched {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    /// The files, and what they held when we last looked (`None`: not there).
    files: HashMap<PathBuf, Option<u64>>,
    folders: HashSet<PathBuf>,
    watcher: RecommendedWatcher,
}

/// Batches of changed files.
pub struct Changes {
    signs: mpsc::Receiver<(PathBuf, bool)>,
    watched: Watched,
}

/// Starts watching; nothing yet.
pub fn start() -> notify::Result<(Watched, Changes)> {
    let (sender, signs) = mpsc::channel(SIGNS);
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let Ok(event) = event else { return };
        let complete = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            EventKind::Access(_) => return,
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) | EventKind::Remove(_) => true,
            _ => false,
        };
        for path in event.paths {
            // A full queue has its reader awake already, and it compares contents.
            let _ = sender.try_send((path, complete));
        }
    })?;
    let inner = Inner {
        files: HashMap::new(),
        folders: HashSet::new(),
        watcher,
    };
    let watched = Watched {
        inner: Arc::new(Mutex::new(inner)),
    };
    let changes = Changes {
        signs,
        watched: watched.clone(),
    };
    Ok((watched, changes))
}

impl Watched {
    /// Watches a file, whether it is there or not. Its folder is what is really watched: editors
    /// save by renaming a new file into place.
    pub fn add(&self, path: &Path) {
        let mut inner = self.lock();
        if inner.files.contains_key(path) {
            return;
        }
        inner.files.insert(path.to_owned(), fingerprint(path));
        let Some(folder) = path.ancestors().skip(1).find(|p| p.is_dir()) else {
            return;
        };
        let folder = folder.to_owned();
        if inner.folders.contains(&folder) {
            return;
        }
        // A folder that cannot be watched (limits, network disks) only costs the convenience.
        if inner
            .watcher
            .watch(&folder, RecursiveMode::NonRecursive)
            .is_ok()
        {
            inner.folders.insert(folder);
        }
    }

    /// Those of `candidates` that are watched and hold something else than when last looked at.
    fn changed(&self, candidates: &BTreeMap<PathBuf, ()>) -> Vec<PathBuf> {
        let mut inner = self.lock();
        let mut changed = Vec::new();
        for path in candidates.keys() {
            let Some(known) = inner.files.get_mut(path) else {
                continue;
            };
            let now = fingerprint(path);
            if *known != now {
                *known = now;
                changed.push(path.clone());
            }
        }
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// A hash of a file's content; `None` if it cannot be read.
fn fingerprint(path: &Path) -> Option<u64> {
    let bytes = fs::read(path).ok()?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Some(hasher.finish())
}

impl Changes {
    /// The next batch of files whose content has changed; `None` once nothing is watched any
    /// more. Losing the future loses no change: what it saw is seen again with the next sign.
    pub async fn next(&mut self) -> Option<Vec<PathBuf>> {
        let mut candidates = BTreeMap::new();
        loop {
            let (path, mut complete) = self.signs.recv().await?;
            candidates.insert(path, ());
            loop {
                let wait = if complete { AFTER_CLOSE } else { AFTER_WRITE };
                match tokio::time::timeout(wait, self.signs.recv()).await {
                    Ok(Some((path, closed))) => {
                        // An event of another file does not make this one incomplete.
                        complete |= closed;
                        candidates.insert(path, ());
                    }
                    Ok(None) => return None,
                    Err(_) => break,
                }
            }
            let changed = self.watched.changed(&candidates);
            if !changed.is_empty() {
                return Some(changed);
            }
            candidates.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    async fn next(changes: &mut Changes) -> Vec<PathBuf> {
        let next = tokio::time::timeout(SOON, changes.next());
        next.await.expect("a change is noticed").expect("watching")
    }

    #[tokio::test]
    async fn a_save_is_noticed_however_the_editor_saves() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let file = folder.join("index.mjs");
        fs::write(&file, "1").unwrap();
        let (watched, mut changes) = start().unwrap();
        watched.add(&file);
        fs::write(&file, "2").unwrap();
        assert_eq!(next(&mut changes).await, std::slice::from_ref(&file));
        fs::write(folder.join("other"), "3").unwrap();
        fs::rename(folder.join("other"), &file).unwrap();
        assert_eq!(next(&mut changes).await, std::slice::from_ref(&file));
        fs::remove_file(&file).unwrap();
        assert_eq!(next(&mut changes).await, [file]);
    }

    #[tokio::test]
    async fn other_files_and_saves_without_a_change_are_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (file, missing) = (folder.join("a"), folder.join("b"));
        fs::write(&file, "1").unwrap();
        let (watched, mut changes) = start().unwrap();
        watched.add(&file);
        watched.add(&missing);
        fs::write(folder.join("unrelated"), "1").unwrap();
        fs::write(&file, "1").unwrap();
        fs::write(&missing, "now it is there").unwrap();
        assert_eq!(next(&mut changes).await, [missing]);
    }
}
