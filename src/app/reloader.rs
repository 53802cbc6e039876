//! Reloads the app when one of its files is saved.

use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

use crate::config::Config;
use crate::dispatch::Command;
use crate::event::Level;
use crate::ops::perform::Sandbox;
use crate::ops::{DataRequest, Perform as _, Request};
use crate::watch::{self, Watched};
use crate::worker::{Loader, entry};

/// The running watcher; dropping it ends it.
pub struct Reloader {
    task: JoinHandle<()>,
}

impl Drop for Reloader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Watches the files that the app loads, and `package.json`, `tsconfig.json`, `.env`, the seed.
pub fn start(config: &Config, loader: &Loader, sandbox: &Sandbox) -> Option<Reloader> {
    let seed = config.seed.clone().filter(|_| config.reseed);
    if !config.watch && seed.is_none() {
        return None;
    }
    let (watched, mut changes) = match watch::start() {
        Ok(pair) => pair,
        Err(error) => {
            let text = format!("files are not watched, so nothing is reloaded on save: {error}");
            sandbox.bus.log(Level::Warn, text);
            return None;
        }
    };
    if config.watch {
        watch_app(&watched, &config.app_dir, loader);
        watch_entry(&watched, &config.app_dir, config.entry.as_deref());
    }
    if let Some(seed) = &seed {
        watched.add(seed);
    }
    let sandbox = sandbox.clone();
    let (app_dir, entry) = (config.app_dir.clone(), config.entry.clone());
    let task = tokio::spawn(async move {
        while let Some(changed) = changes.next().await {
            let (seeds, code): (Vec<PathBuf>, Vec<PathBuf>) = changed
                .into_iter()
                .partition(|path| Some(path) == seed.as_ref());
            for seed in seeds {
                reseed(&sandbox, &seed).await;
            }
            if !code.is_empty() {
                let cause = describe(&code, &app_dir);
                // `main` may name other places now.
                watch_entry(&watched, &app_dir, entry.as_deref());
                sandbox
                    .dispatch
                    .command(Command::Reload { cause, done: None })
                    .await;
            }
        }
    });
    Some(Reloader { task })
}

fn watch_app(watched: &Watched, app_dir: &Path, loader: &Loader) {
    for name in ["package.json", "tsconfig.json", "jsconfig.json", ".env"] {
        watched.add(&app_dir.join(name));
    }
    let watched = watched.clone();
    loader.on_file(move |path| watched.add(path));
}

/// Watches the places where a new file would be the app's entry.
fn watch_entry(watched: &Watched, app_dir: &Path, entry: Option<&Path>) {
    for place in entry::places(app_dir, entry) {
        watched.add(&place);
    }
}

/// Imports the seed file again, as the verb would: connections that it orphans are named.
async fn reseed(sandbox: &Sandbox, seed: &Path) {
    let request = DataRequest::Import {
        file: seed.to_owned(),
        overwrite: false,
        dry_run: false,
    };
    if let Err(failure) = sandbox.perform(Request::Data(request)).await {
        let hint = failure.hint.map(|h| format!("; {h}")).unwrap_or_default();
        sandbox
            .bus
            .log(Level::Error, format!("{}{hint}", failure.message));
    }
}

/// `src/a.ts`, or `src/a.ts and 2 more`.
fn describe(changed: &[PathBuf], app_dir: &Path) -> String {
    let first = changed
        .first()
        .map_or(Path::new(""), |p| p.strip_prefix(app_dir).unwrap_or(p));
    match changed.len() {
        0 | 1 => first.display().to_string(),
        n => format!("{} and {} more", first.display(), n - 1),
    }
}
