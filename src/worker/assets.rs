//! The worker's JavaScript, inside this program; Node needs it as files.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

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

/// Puts the files into a folder below `parent`, named after their content, and returns it. A
/// folder that is there already is complete: it appears in one rename.
pub fn unpack(parent: &Path) -> io::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    FILES.hash(&mut hasher);
    let name = format!("{}-{:016x}", env!("CARGO_PKG_VERSION"), hasher.finish());
    let folder = parent.join(&name);
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(parent)?;
    let staging = parent.join(format!("{name}.{}", std::process::id()));
    for (path, text) in FILES {
        let file = staging.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, text)?;
    }
    match fs::rename(&staging, &folder) {
        Ok(()) => Ok(folder),
        Err(_) if folder.is_dir() => {
            fs::remove_dir_all(&staging)?;
            Ok(folder)
        }
        Err(error) => Err(error),
    }
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

    #[test]
    fn unpacking_twice_gives_the_same_folder() {
        let parent = tempfile::tempdir().unwrap();
        let first = unpack(parent.path()).unwrap();
        assert_eq!(unpack(parent.path()).unwrap(), first);
        assert!(first.join("sdk/index.mjs").is_file());
    }
}
