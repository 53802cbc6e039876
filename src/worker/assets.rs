//! The worker's JavaScript, inside this program; Node needs it as files.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

/// Each file below `src/worker/js/`: its path there, and its text.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("js/", $path)))),*]
    };
}

const FILES: &[(&str, &str)] = files![
    "aftermath.cjs",
    "boot.cjs",
    "cloud/assets.cjs",
    "cloud/index.cjs",
    "cloud/lines.cjs",
    "cloud/queue.cjs",
    "cloud/runtime-api.cjs",
    "cloud/socket.cjs",
    "cloud/table.cjs",
    "conversation.cjs",
    "data/batch.cjs",
    "data/data.cjs",
    "data/errors.cjs",
    "data/expression.cjs",
    "data/index.cjs",
    "data/index.mjs",
    "data/marshal.cjs",
    "data/merge.cjs",
    "data/on.cjs",
    "data/read.cjs",
    "data/shapes.cjs",
    "data/write.cjs",
    "guard.cjs",
    "link.cjs",
    "loader/channel.cjs",
    "loader/data-hints.cjs",
    "loader/errors.cjs",
    "loader/explain.cjs",
    "loader/helpers/decorate.cjs",
    "loader/helpers/decorateMetadata.cjs",
    "loader/helpers/decorateParam.cjs",
    "loader/helpers/usingCtx.cjs",
    "loader/index.cjs",
    "loader/interop.cjs",
    "loader/require-hooks.cjs",
    "loader/rules.cjs",
    "loader/stacks.cjs",
    "loader/sync-hooks.cjs",
    "loader/thread.mjs",
    "loader/warm/commonjs.cjs",
    "loader/warm/index.mjs",
    "loader/warm/module.mjs",
    "loader/warnings.cjs",
    "main.cjs",
    "output.cjs",
    "package.json",
    "runtime.cjs",
    "sampler.cjs",
    "sdk/connection.cjs",
    "sdk/core.cjs",
    "sdk/core.mjs",
    "sdk/events.cjs",
    "sdk/events.mjs",
    "sdk/http.cjs",
    "sdk/http.mjs",
    "sdk/index.cjs",
    "sdk/index.mjs",
    "sdk/installed.cjs",
    "sdk/missing.cjs",
    "sdk/params.cjs",
    "sdk/params.mjs",
    "sdk/published.cjs",
    "sdk/schedule.cjs",
    "sdk/schedule.mjs",
    "sdk/socket-events.cjs",
    "sdk/storage.cjs",
    "sdk/storage.mjs",
    "sdk/task.cjs",
    "sdk/task.mjs",
    "sdk/timeout.cjs",
    "sdk/websockets.cjs",
    "sdk/websockets.mjs",
];

/// The file that Node is started with.
const BOOT: &str = "boot.cjs";

/// Where [`BOOT`] takes the texts of other files.
const CARRIED: &str = "var CARRIED = {};";

/// Written last: a folder that has it is whole.
const WHOLE: &str = "whole";

/// The unpacked files, of which all but [`BOOT`] may be on their way to the disk yet.
pub struct Unpacking {
    /// The folder. Its name tells its content.
    pub folder: PathBuf,
    is_whole: bool,
    rest: Option<JoinHandle<io::Result<()>>>,
}

impl Unpacking {
    /// Begins to write the rest, on a thread of its own: it takes less long than Node to boot.
    pub fn go_on(&mut self) {
        if !self.is_whole && self.rest.is_none() {
            let folder = self.folder.clone();
            self.rest = Some(tokio::task::spawn_blocking(move || unpack_rest(&folder)));
        }
    }

    /// Waits until all files are there: without them Node boots, but loads no app.
    ///
    /// # Errors
    /// If one could not be written.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.go_on();
        match self.rest.take() {
            Some(rest) => rest.await.map_err(io::Error::other)?,
            None => Ok(()),
        }
    }
}

/// Puts the first of the files into a folder below `parent`. When this returns, Node can be started.
///
/// # Errors
/// If the first file cannot be written.
pub fn unpack(parent: &Path) -> io::Result<Unpacking> {
    let mut hasher = DefaultHasher::new();
    FILES.hash(&mut hasher);
    let name = format!("{}-{:016x}", env!("CARGO_PKG_VERSION"), hasher.finish());
    let folder = parent.join(name);
    let is_whole = folder.join(WHOLE).is_file();
    if !is_whole {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(BOOT), boot())?;
    }
    Ok(Unpacking {
        folder,
        is_whole,
        rest: None,
    })
}

fn unpack_rest(folder: &Path) -> io::Result<()> {
    let mut made = "";
    for (path, text) in FILES.iter().filter(|(path, _)| *path != BOOT) {
        let inner = path.rsplit_once('/').map_or("", |(inner, _)| inner);
        if inner != made {
            fs::create_dir_all(folder.join(inner))?;
            made = inner;
        }
        fs::write(folder.join(path), text)?;
    }
    fs::write(folder.join(WHOLE), "")
}

/// [`BOOT`] with the texts of what every worker loads before it knows of an app.
fn boot() -> String {
    let is_carried = |path: &str| {
        let top = path.split_once('/').map_or("", |(top, _)| top);
        let is_deep = path.matches('/').count() > 1;
        path.ends_with(".cjs") && path != BOOT && !is_deep && top != "data"
    };
    let carried = FILES.iter().filter(|(path, _)| is_carried(path));
    let texts: serde_json::Map<_, _> = carried
        .map(|(path, text)| (path.to_string(), (*text).into()))
        .collect();
    let filled = format!("var CARRIED = {};", serde_json::Value::Object(texts));
    let own = FILES.iter().find(|(path, _)| *path == BOOT);
    own.map_or_else(String::new, |(_, text)| text.replace(CARRIED, &filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let mut found = Vec::new();
        walk(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/worker/js"),
            "",
            &mut found,
        );
        found.sort();
        let mut listed: Vec<_> = FILES.iter().map(|(path, _)| path.to_string()).collect();
        listed.sort();
        assert_eq!(listed, found);
    }

    #[tokio::test]
    async fn unpacking_twice_gives_the_same_folder() {
        let parent = tempfile::tempdir().unwrap();
        let mut first = unpack(parent.path()).unwrap();
        assert!(first.folder.join(BOOT).is_file(), "Node can be started");
        first.finish().await.unwrap();
        assert!(first.folder.join("sdk/index.mjs").is_file());
        let second = unpack(parent.path()).unwrap();
        assert_eq!(second.folder, first.folder);
        assert!(second.is_whole, "nothing is left to write");
    }

    #[tokio::test]
    async fn what_was_cut_short_is_unpacked_again() {
        let parent = tempfile::tempdir().unwrap();
        let mut first = unpack(parent.path()).unwrap();
        first.finish().await.unwrap();
        for lost in [WHOLE, "link.cjs"] {
            fs::remove_file(first.folder.join(lost)).unwrap();
        }
        unpack(parent.path()).unwrap().finish().await.unwrap();
        assert!(first.folder.join("link.cjs").is_file());
    }

    #[test]
    fn the_first_file_carries_what_a_worker_loads_at_its_start() {
        let boot = boot();
        let carries = |name: &str| boot.contains(&format!("\"{name}\":"));
        assert!(carries("main.cjs") && carries("loader/index.cjs") && carries("sdk/index.cjs"));
        assert!(!carries("data/index.cjs") && !carries("boot.cjs"));
    }
}
