//! The worker's JavaScript, inside this program; Node needs it as files.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

/// Defines [`FILES`], each file below `src/worker/js/` with its path there and its text, and
/// [`BUNDLE_TEXT`].
macro_rules! embed {
    (bundled: [$($bundled:literal),* $(,)?], others: [$($other:literal),* $(,)?] $(,)?) => {
        const FILES: &[(&str, &str)] = &[
            $(($bundled, include_str!(concat!("js/", $bundled))),)*
            $(($other, include_str!(concat!("js/", $other))),)*
        ];

        /// [`BUNDLE`] with the modules that it finds in itself.
        const BUNDLE_TEXT: &str = concat!(
            "'use strict';\nconst MODULES = {\n",
            $(
                "'", $bundled, "': function (exports, require, module, __filename, __dirname) {",
                include_str!(concat!("js/", $bundled)),
                "\n},\n",
            )*
            "};\n",
            include_str!("js/bundle.cjs"),
        );
    };
}

embed! {
    bundled: [
        "aftermath.cjs",
        "conversation.cjs",
        "guard.cjs",
        "link.cjs",
        "loader/channel.cjs",
        "loader/errors.cjs",
        "loader/index.cjs",
        "loader/require-hooks.cjs",
        "loader/rules.cjs",
        "loader/stacks.cjs",
        "loader/sync-hooks.cjs",
        "loader/warnings.cjs",
        "main.cjs",
        "output.cjs",
        "runtime.cjs",
        "sampler.cjs",
        "sdk/connection.cjs",
        "sdk/events.cjs",
        "sdk/http.cjs",
        "sdk/index.cjs",
        "sdk/missing.cjs",
        "sdk/params.cjs",
        "sdk/published.cjs",
        "sdk/socket-events.cjs",
        "sdk/timeout.cjs",
        "sdk/websockets.cjs",
    ],
    others: [
        "boot.cjs",
        "bundle.cjs",
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
        "loader/data-hints.cjs",
        "loader/explain.cjs",
        "loader/helpers/decorate.cjs",
        "loader/helpers/decorateMetadata.cjs",
        "loader/helpers/decorateParam.cjs",
        "loader/helpers/usingCtx.cjs",
        "loader/interop.cjs",
        "loader/thread.mjs",
        "loader/warm/commonjs.cjs",
        "loader/warm/index.mjs",
        "loader/warm/module.mjs",
        "package.json",
        "sdk/core.cjs",
        "sdk/core.mjs",
        "sdk/events.mjs",
        "sdk/http.mjs",
        "sdk/index.mjs",
        "sdk/installed.cjs",
        "sdk/params.mjs",
        "sdk/schedule.cjs",
        "sdk/schedule.mjs",
        "sdk/storage.cjs",
        "sdk/storage.mjs",
        "sdk/task.cjs",
        "sdk/task.mjs",
        "sdk/websockets.mjs",
    ],
}

/// The file that Node is started with.
const BOOT: &str = "boot.cjs";

/// The file that it loads, with every module inside that a worker needs before it knows of an app.
/// One file is found, read and compiled faster than many. With an installed SDK it needs others as
/// well: they must be there before such a worker is started.
const BUNDLE: &str = "bundle.cjs";

/// What Node looks at before it runs either: it must not find half of it.
const PACKAGE: &str = "package.json";

/// The files that are there before Node is started.
const FIRST: [(&str, &str); 3] = [
    (PACKAGE, include_str!("js/package.json")),
    (BUNDLE, BUNDLE_TEXT),
    (BOOT, include_str!("js/boot.cjs")),
];

/// Written last: a folder that has it is whole.
const WHOLE: &str = "whole";

/// The unpacked files, of which all but the [`FIRST`] may be on their way to the disk yet.
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
/// If the first files cannot be written.
pub fn unpack(parent: &Path) -> io::Result<Unpacking> {
    let mut hasher = DefaultHasher::new();
    FILES.hash(&mut hasher);
    let name = format!("{}-{:016x}", env!("CARGO_PKG_VERSION"), hasher.finish());
    let folder = parent.join(name);
    let is_whole = folder.join(WHOLE).is_file();
    if !is_whole {
        fs::create_dir_all(&folder)?;
        for (path, text) in FIRST {
            fs::write(folder.join(path), text)?;
        }
    }
    Ok(Unpacking {
        folder,
        is_whole,
        rest: None,
    })
}

fn unpack_rest(folder: &Path) -> io::Result<()> {
    let mut made = "";
    let is_first = |path: &str| FIRST.iter().any(|(first, _)| *first == path);
    for (path, text) in FILES.iter().filter(|(path, _)| !is_first(path)) {
        let inner = path.rsplit_once('/').map_or("", |(inner, _)| inner);
        if inner != made {
            fs::create_dir_all(folder.join(inner))?;
            made = inner;
        }
        fs::write(folder.join(path), text)?;
    }
    fs::write(folder.join(WHOLE), "")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::Command;

    use command_fds::{CommandFdExt as _, FdMapping};
    use serde_json::json;

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
    fn node_boots_with_the_first_files_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = unpack(parent.path()).unwrap().folder;
        assert!(
            folder.join(PACKAGE).is_file(),
            "whole, whatever is read of it"
        );
        let (mut link, link_there) = UnixStream::pair().unwrap();
        let (_output, output_there) = UnixStream::pair().unwrap();
        let (_loader, loader_there) = UnixStream::pair().unwrap();
        let mark_there = tempfile::tempfile().unwrap();
        let ends: [OwnedFd; 4] = [
            link_there.into(),
            output_there.into(),
            loader_there.into(),
            mark_there.into(),
        ];
        let mappings = (3..).zip(ends).map(|(child_fd, parent_fd)| FdMapping {
            parent_fd,
            child_fd,
        });
        let config = json!({ "loader": { "appDir": parent.path(), "sdk": "embedded" } });
        let mut command = Command::new("node");
        command
            .arg(folder.join(BOOT))
            .env("AMPT_WS_WORKER", config.to_string())
            .fd_mappings(mappings.collect())
            .unwrap();
        let mut node = command.spawn().unwrap();
        drop(command);
        let mut head = [0; 5];
        let read = link.read_exact(&mut head);
        node.kill().unwrap();
        node.wait().unwrap();
        read.expect("a first frame, and not the end");
        let hello = 1;
        assert_eq!(head[4], hello);
        assert!(BUNDLE_TEXT.is_ascii(), "which Node reads faster");
    }
}
