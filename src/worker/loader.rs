//! Serves the module hooks that run inside Node: resolution, compilation, source maps.
//!
//! Each worker has a *loader channel*: one end of a Unix socket pair, on which the hooks make
//! synchronous calls, and a plain thread here that [`spawn`] starts on the other end. What all
//! workers share is in [`LoaderShared`]: compiled files outlive the worker, so that a reload pays
//! for what has changed only.
//!
//! The JavaScript side is in `src/worker/js/loader/`.

mod cache;
mod frames;
pub(super) mod jsonc;
mod packages;
mod prelink;
mod resolve;
mod session;
mod tsconfig;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde::Serialize;

use super::transpile::SyntaxProblem;
use cache::Cache;
use session::Session;

/// What the loader needs to know of the sandbox.
#[derive(Debug, Clone)]
pub struct LoaderOptions {
    /// The app's folder, absolute: the root for what is shown to the user.
    pub app_dir: PathBuf,
    /// The folder with our own JavaScript; nothing in it is reported or compiled.
    pub runtime_dir: PathBuf,
    /// How much source, code and maps are kept for the next reload. In bytes.
    pub cache_bytes: usize,
}

impl LoaderOptions {
    /// Plenty for any app's own files.
    pub const DEFAULT_CACHE_BYTES: usize = 64 << 20;
}

/// Why a file matters to the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileRole {
    /// Code or data that the app loaded, or tried to load and could not parse.
    Source,
    /// A `package.json` or `tsconfig.json` that had a say in it.
    Config,
    /// A place where a file was looked for in vain: should it appear, a reload may succeed.
    Missing,
}

/// What happens while an app loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoaderEvent {
    /// A worker has touched a file for the first time.
    File {
        /// The absolute path.
        path: PathBuf,
        /// Why it matters.
        role: FileRole,
    },
    /// Something the user should know, once per worker.
    Warning {
        /// What is wrong and what to do about it.
        message: String,
    },
}

type Listener = Box<dyn Fn(LoaderEvent) + Send + Sync>;

/// What the loaders of all workers share.
pub struct LoaderShared {
    options: LoaderOptions,
    cache: Cache,
    listener: Listener,
    files: Mutex<Files>,
    /// On Node 20: the app could not be loaded without the thread of the module hooks.
    hooks_thread: AtomicBool,
}

/// The files of each worker, by the order in which the workers came.
#[derive(Debug, Default)]
struct Files {
    next: u64,
    workers: BTreeMap<u64, WorkerFiles>,
}

#[derive(Debug, Default)]
struct WorkerFiles {
    alive: bool,
    paths: BTreeMap<PathBuf, FileRole>,
}

impl LoaderShared {
    /// `listener` is called from the loader threads: it must be quick and must not block.
    pub fn new(
        options: LoaderOptions,
        listener: impl Fn(LoaderEvent) + Send + Sync + 'static,
    ) -> Self {
        Self {
            cache: Cache::new(options.cache_bytes),
            options,
            listener: Box::new(listener),
            files: Mutex::default(),
            hooks_thread: AtomicBool::new(false),
        }
    }

    /// Every file that matters: of the workers that live, and of the newest one that has loaded
    /// anything, even if it is dead. (A new version that fails to load dies; a change of the file
    /// that made it fail must be noticed all the same.)
    pub fn loaded_files(&self) -> BTreeMap<PathBuf, FileRole> {
        let files = self.files();
        let mut all = BTreeMap::new();
        for worker in files.workers.values() {
            for (path, role) in &worker.paths {
                let known = all.entry(path.clone()).or_insert(*role);
                *known = (*known).min(*role);
            }
        }
        all
    }

    /// How many files were really compiled so far, cache hits not counted.
    pub fn compilations(&self) -> u64 {
        self.cache.compilations()
    }

    fn join(&self) -> u64 {
        let mut files = self.files();
        files.next += 1;
        let id = files.next;
        files.workers.insert(
            id,
            WorkerFiles {
                alive: true,
                paths: BTreeMap::new(),
            },
        );
        id
    }

    fn leave(&self, id: u64) {
        let mut files = self.files();
        if let Some(worker) = files.workers.get_mut(&id) {
            worker.alive = false;
        }
        files.forget_outdated();
    }

    /// True if the worker had not touched the file before.
    fn report(&self, worker: u64, path: &Path, role: FileRole) {
        if path.starts_with(&self.options.runtime_dir) {
            return;
        }
        let new = {
            let mut files = self.files();
            let Some(known) = files.workers.get_mut(&worker) else {
                return;
            };
            let first = known.paths.is_empty();
            let new = known.paths.get(path).is_none_or(|old| role < *old);
            if new {
                known.paths.insert(path.to_path_buf(), role);
            }
            if first {
                files.forget_outdated();
            }
            new
        };
        if new {
            (self.listener)(LoaderEvent::File {
                path: path.to_path_buf(),
                role,
            });
        }
    }

    fn note_hooks_thread(&self) {
        self.hooks_thread.store(true, Ordering::Relaxed);
    }

    fn warn(&self, message: String) {
        (self.listener)(LoaderEvent::Warning { message });
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LoaderShared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoaderShared")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Files {
    /// Drops dead workers, except the newest of all that have loaded anything.
    fn forget_outdated(&mut self) {
        let mut with_files = self
            .workers
            .iter()
            .rev()
            .filter(|(_, worker)| !worker.paths.is_empty());
        let newest = with_files.next().map(|(id, _)| *id);
        self.workers
            .retain(|id, worker| worker.alive || Some(*id) == newest);
    }
}

/// The compiler recurses as deep as the code nests: an expression of ten thousand terms must not
/// take the emulator down with it. Address space only; memory is used as it is touched. In bytes.
const STACK: usize = 256 << 20;

/// Serves one worker until it closes its end (when it exits, at the latest), on a thread of its
/// own. The thread's result tells whether the channel broke or the worker did not keep to the
/// protocol.
///
/// # Errors
/// If the system gives no thread.
pub fn spawn(
    stream: UnixStream,
    shared: Arc<LoaderShared>,
) -> io::Result<thread::JoinHandle<io::Result<()>>> {
    let thread = thread::Builder::new()
        .name("loader".into())
        .stack_size(STACK);
    thread.spawn(move || {
        let worker = shared.join();
        let result = Session::new(worker, &shared).run(stream);
        shared.leave(worker);
        result
    })
}

/// A file of the app that keeps it from being loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The absolute path.
    pub path: PathBuf,
    /// What is wrong; lower case.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Line from 1.
    pub line: Option<u32>,
    /// Column in UTF-16 units, from 1.
    pub column: Option<u32>,
    /// The lines around the place.
    pub frame: Option<String>,
}

impl Problem {
    fn new(path: &Path, message: String, hint: &str) -> Self {
        let hint = Some(hint.to_owned());
        Self {
            path: path.to_path_buf(),
            message,
            hint,
            line: None,
            column: None,
            frame: None,
        }
    }

    fn syntax(path: &Path, problem: SyntaxProblem) -> Self {
        Self {
            path: path.to_path_buf(),
            message: problem.message,
            hint: problem.hint,
            line: problem.position.map(|at| at.line),
            column: problem.position.map(|at| at.column),
            frame: problem.frame.map(|frame| frame.text),
        }
    }

    fn unreadable(path: &Path, error: &io::Error) -> Self {
        let message = format!("cannot read `{}`: {error}", path.display());
        Self::new(
            path,
            message,
            "check that the file exists and that you may read it",
        )
    }
}

#[cfg(test)]
mod tests;
