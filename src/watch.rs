//! Notices saved files: changes on disk in, batches of changed files out.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long to wait for more after a file was closed or renamed into place: it is complete.
const AFTER_CLOSE: Duration = Duration::from_millis(2);

/// How long to wait after any other sign of a change: it may still be being written.
const AFTER_WRITE: Duration = Duration::from_millis(60);

/// How long a file that has vanished may take to come back: some editors save by deleting it and
/// writing it anew, and a checkout takes whole folders away.
const AFTER_REMOVE: Duration = Duration::from_millis(250);

/// A file that is written again and again is looked at after this long all the same.
const LONGEST: Duration = Duration::from_millis(500);

/// Most signs of change that wait to be looked at; beyond, every file is looked at.
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

/// A sign that something at a path has changed.
struct Sign {
    path: PathBuf,
    /// Nothing more is to be expected of whoever changed it.
    complete: bool,
}

/// Batches of changed files.
pub struct Changes {
    signs: mpsc::Receiver<Sign>,
    /// Signs were lost.
    overflown: Arc<AtomicBool>,
    /// Paths with signs that are not settled yet.
    candidates: BTreeSet<PathBuf>,
    watched: Watched,
}

/// Starts watching; nothing yet.
pub fn start() -> notify::Result<(Watched, Changes)> {
    let (sender, signs) = mpsc::channel(SIGNS);
    let overflown = Arc::new(AtomicBool::new(false));
    let lost = overflown.clone();
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let Ok(event) = event else { return };
        let complete = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => return,
            EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => true,
            _ => false,
        };
        if event.need_rescan() {
            lost.store(true, Ordering::Relaxed);
            let path = PathBuf::new();
            let _ = sender.try_send(Sign { path, complete });
        }
        for path in event.paths {
            // A full queue has its reader awake already.
            if sender.try_send(Sign { path, complete }).is_err() {
                lost.store(true, Ordering::Relaxed);
            }
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
        overflown,
        candidates: BTreeSet::new(),
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
        inner.watch_above(path);
        inner.files.insert(path.to_owned(), fingerprint(path));
    }

    /// The watched files that a sign at this path may be about: the file itself, or those in a
    /// folder that came or went.
    fn concerned(&self, path: &Path) -> Vec<PathBuf> {
        let mut inner = self.lock();
        if inner.files.contains_key(path) {
            return vec![path.to_owned()];
        }
        let below = inner.files.keys().filter(|file| file.starts_with(path));
        let below: Vec<PathBuf> = below.cloned().collect();
        if !below.is_empty() {
            inner.forget_folders(path);
        }
        for file in &below {
            inner.watch_above(file);
        }
        below
    }

    fn all(&self) -> Vec<PathBuf> {
        self.lock().files.keys().cloned().collect()
    }

    /// Those of `candidates` that hold something else than when last looked at, and what.
    fn changed(&self, candidates: &BTreeSet<PathBuf>) -> Vec<(PathBuf, Option<u64>)> {
        let inner = self.lock();
        let known = candidates
            .iter()
            .filter_map(|path| Some((path, *inner.files.get(path)?)));
        let looked = known.map(|(path, known)| (path, known, fingerprint(path)));
        looked
            .filter(|(_, known, now)| known != now)
            .map(|(path, _, now)| (path.clone(), now))
            .collect()
    }

    fn remember(&self, changed: &[(PathBuf, Option<u64>)]) {
        let mut inner = self.lock();
        for (path, now) in changed {
            inner.files.insert(path.clone(), *now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Inner {
    /// Watches the nearest folder above a path that exists.
    fn watch_above(&mut self, path: &Path) {
        loop {
            let Some(folder) = nearest_folder(path) else {
                return;
            };
            // A folder that cannot be watched (limits, network disks) only costs the convenience.
            if !self.folders.contains(&folder)
                && self
                    .watcher
                    .watch(&folder, RecursiveMode::NonRecursive)
                    .is_ok()
            {
                self.folders.insert(folder.clone());
            }
            // One that was made meanwhile, between the look and the watch, was not noticed.
            if nearest_folder(path).as_ref() == Some(&folder) {
                return;
            }
        }
    }

    /// A folder came or went: what was watched in it is another folder now, or none.
    fn forget_folders(&mut self, above: &Path) {
        let stale: Vec<PathBuf> = self
            .folders
            .iter()
            .filter(|folder| folder.starts_with(above))
            .cloned()
            .collect();
        for folder in stale {
            // The system forgets removed folders by itself.
            let _ = self.watcher.unwatch(&folder);
            self.folders.remove(&folder);
        }
    }
}

fn nearest_folder(path: &Path) -> Option<PathBuf> {
    let found = path.ancestors().skip(1).find(|p| p.is_dir());
    found.map(Path::to_owned)
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
    /// more. Losing the future loses no change.
    pub async fn next(&mut self) -> Option<Vec<PathBuf>> {
        loop {
            let mut complete = false;
            if self.candidates.is_empty() {
                let sign = self.signs.recv().await?;
                if !self.take(&sign) {
                    continue;
                }
                complete = sign.complete;
            }
            self.settle(complete).await?;
            let changed = self.watched.changed(&self.candidates);
            self.candidates.clear();
            if !changed.is_empty() {
                self.watched.remember(&changed);
                return Some(changed.into_iter().map(|(path, _)| path).collect());
            }
        }
    }

    /// Waits until the candidates are written, and those that have vanished may be taken for gone.
    async fn settle(&mut self, complete: bool) -> Option<()> {
        let started = Instant::now();
        let mut until = started + wait(complete);
        loop {
            // What other programs write beside our files must not hold them up.
            match tokio::time::timeout_at(until, self.signs.recv()).await {
                Ok(sign) => {
                    let sign = sign?;
                    if self.take(&sign) {
                        until = (Instant::now() + wait(sign.complete)).min(started + LONGEST);
                    }
                }
                Err(_) if self.waits_for_return() && until < started + AFTER_REMOVE => {
                    until = started + AFTER_REMOVE;
                }
                Err(_) => return Some(()),
            }
        }
    }

    /// Notes the files that a sign may be about; false if there are none.
    fn take(&mut self, sign: &Sign) -> bool {
        let mut concerned = self.watched.concerned(&sign.path);
        if self.overflown.swap(false, Ordering::Relaxed) {
            concerned = self.watched.all();
        }
        let some = !concerned.is_empty();
        self.candidates.extend(concerned);
        some
    }

    fn waits_for_return(&self) -> bool {
        let changed = self.watched.changed(&self.candidates);
        changed.iter().any(|(_, now)| now.is_none())
    }
}

fn wait(complete: bool) -> Duration {
    if complete { AFTER_CLOSE } else { AFTER_WRITE }
}

#[cfg(test)]
mod tests;
