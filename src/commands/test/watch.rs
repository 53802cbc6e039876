//! `test --watch`: runs the fixtures again whenever something they are made of is saved.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{read_all, run_once};
use crate::cli::TestArgs;
use crate::commands::signals::Signals;
use crate::error::{Failure, exit};
use crate::output::Output;
use crate::script::discover;
use crate::watch::{self, Changes, Watched};

/// How often new fixtures are looked for; files that are known tell of themselves.
const LOOK: Duration = Duration::from_secs(1);

/// Most files that are watched below one folder.
const MOST: usize = 2000;

/// Runs, waits for a change, and runs again, until a signal comes.
pub(super) async fn run(
    args: &TestArgs,
    out: &Output,
    signals: &mut Signals,
) -> Result<u8, Failure> {
    let (watched, mut changes) = watch::start().map_err(|error| {
        Failure::new("watch", format!("files cannot be watched: {error}")).hint("leave --watch out")
    })?;
    // At the start, what cannot be found is a mistake in the arguments.
    read_all(args)?;
    loop {
        watch_all(args, &watched);
        let files = discover::find(&args.paths).unwrap_or_default();
        let mut changed = None;
        let cut = async {
            changed = Some(next_change(args, &files, &mut changes).await);
        };
        match run_once(args, out, signals, cut).await {
            Ok(ended) if ended.interrupted => return Ok(exit::INTERRUPTED),
            Ok(_) => {}
            // What is being renamed or rewritten may be back in a moment.
            Err(failure) => out.failure(&failure),
        }
        let changed = match changed {
            Some(changed) => changed,
            None => {
                tell_waiting(out);
                tokio::select! {
                    changed = next_change(args, &files, &mut changes) => changed,
                    _ = signals.next() => return Ok(exit::INTERRUPTED),
                }
            }
        };
        tell_changed(out, &changed);
    }
}

/// Watches everything that a run depends on. What is watched already stays so.
fn watch_all(args: &TestArgs, watched: &Watched) {
    let (fixtures, bad) = read_all(args).unwrap_or_default();
    let mut folders = BTreeSet::new();
    for fixture in &fixtures {
        folders.insert(fixture.dir.clone());
        let app = &fixture.options.app;
        folders.insert(match app.is_dir() {
            true => app.clone(),
            false => app.parent().map(Path::to_owned).unwrap_or_default(),
        });
    }
    let files = bad.iter().map(|outcome| outcome.file.clone());
    files.for_each(|file| watched.add(&std::path::absolute(&file).unwrap_or(file)));
    for folder in folders {
        let mut left = MOST;
        add_files(&folder, watched, &mut left);
    }
}

fn add_files(folder: &Path, watched: &Watched, left: &mut usize) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_own = discover::is_own(&name.to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && is_own => add_files(&entry.path(), watched, left),
            Ok(kind) if kind.is_file() && *left > 0 && is_source(&name.to_string_lossy()) => {
                *left -= 1;
                watched.add(&entry.path());
            }
            _ => {}
        }
    }
}

/// Whether a file can be a part of an app or a fixture. What an app writes while it runs, a log or
/// a database, must not start the next run.
fn is_source(name: &str) -> bool {
    const ENDINGS: [&str; 10] = [
        "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "json", "env",
    ];
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

/// Waits until something is saved, or a fixture appears or goes.
async fn next_change(args: &TestArgs, known: &[PathBuf], changes: &mut Changes) -> Vec<PathBuf> {
    loop {
        tokio::select! {
            Some(changed) = changes.next() => return changed,
            () = tokio::time::sleep(LOOK) => {}
        }
        let now = discover::find(&args.paths).unwrap_or_default();
        let other = now.iter().filter(|file| !known.contains(file));
        let other: Vec<PathBuf> = other.cloned().collect();
        if !other.is_empty() {
            return other;
        }
    }
}

fn tell_waiting(out: &Output) {
    let text = out
        .err_paint()
        .dim("waiting for a change; Ctrl-C ends")
        .to_string();
    out.error_text(&format!("{text}\n"));
}

fn tell_changed(out: &Output, changed: &[PathBuf]) {
    let names = changed.iter().take(3).map(|path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    });
    let names: Vec<String> = names.collect();
    let more = if changed.len() > 3 { ", …" } else { "" };
    let text = format!("changed: {}{more}", names.join(", "));
    let text = out
        .err_paint()
        .dim(&crate::output::visible(&text))
        .to_string();
    out.error_text(&format!("\n{text}\n"));
}
