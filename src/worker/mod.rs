//! The worker: the Node process that runs the user's app, and how the app's code gets there.

pub mod assets;
pub mod entry;
pub mod env;
mod group;
pub mod link;
pub mod loader;
mod mark;
mod output;
pub mod process;
mod standing;
pub mod transpile;
pub mod wire;

pub use link::{Link, LinkError};
pub use mark::Mark;
pub use process::{Exit, Launch, WorkerProcess, no_node};

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::event::{EventBus, Level};
use loader::{LoaderEvent, LoaderOptions, LoaderShared};

type FileListener = Box<dyn Fn(&Path) + Send>;

/// The files that the app loads, as they become known.
#[derive(Clone, Default)]
pub struct LoadedFiles {
    listener: Arc<Mutex<Option<FileListener>>>,
}

impl LoadedFiles {
    /// Calls `listener` for each file from now on.
    fn set(&self, listener: FileListener) {
        *self.listener.lock().unwrap_or_else(|e| e.into_inner()) = Some(listener);
    }

    fn tell(&self, path: &Path) {
        if let Some(listener) = &*self.listener.lock().unwrap_or_else(|e| e.into_inner()) {
            listener(path);
        }
    }
}

/// Serves the module hooks of all workers.
#[derive(Clone)]
pub struct Loader {
    shared: Arc<LoaderShared>,
    files: LoadedFiles,
}

impl Loader {
    /// A loader for one app.
    pub fn new(app_dir: &Path, runtime_dir: &Path, bus: EventBus) -> Self {
        let files = LoadedFiles::default();
        let options = LoaderOptions {
            app_dir: app_dir.to_owned(),
            runtime_dir: runtime_dir.to_owned(),
            cache_bytes: LoaderOptions::DEFAULT_CACHE_BYTES,
        };
        let told = files.clone();
        let shared = LoaderShared::new(options, move |event| match event {
            LoaderEvent::File { path, .. } => told.tell(&path),
            LoaderEvent::Warning { message } => bus.log(Level::Warn, message),
        });
        Self {
            shared: Arc::new(shared),
            files,
        }
    }

    /// Serves one worker's channel on a thread of its own; hooks wait for their answers.
    pub fn serve(&self, channel: UnixStream) -> io::Result<()> {
        // How the thread ends is of no interest: its worker has ended, which is told elsewhere.
        loader::spawn(channel, self.shared.clone()).map(drop)
    }

    /// Calls `listener` for each file that matters to the app, those known already included.
    pub fn on_file(&self, listener: impl Fn(&Path) + Send + 'static) {
        for path in self.shared.loaded_files().keys() {
            listener(path);
        }
        self.files.set(Box::new(listener));
    }
}
