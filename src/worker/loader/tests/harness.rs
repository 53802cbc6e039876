use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use command_fds::{CommandFdExt, FdMapping};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::*;

const LOADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/worker/js/loader");
const BOOT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/worker/loader/tests/boot.cjs"
);

pub fn nodes() -> Vec<String> {
    let given = std::env::var("AMPT_WS_TEST_NODES").unwrap_or_default();
    let nodes: Vec<String> = given
        .split(':')
        .filter(|node| !node.is_empty())
        .map(str::to_owned)
        .collect();
    if nodes.is_empty() {
        vec!["node".into()]
    } else {
        nodes
    }
}

/// A folder with the loader and a stand-in for the SDK.
fn runtime_dir() -> &'static Path {
    static RUNTIME: OnceLock<TempDir> = OnceLock::new();
    let dir = RUNTIME.get_or_init(|| {
        let dir = tempfile::tempdir().expect("temp dir");
        copy(Path::new(LOADER), &dir.path().join("loader"));
        fs::copy(BOOT, dir.path().join("boot.cjs")).expect("copied");
        for (name, text) in [
            (
                "sdk/index.cjs",
                "exports.ws = { from: 'ours' }; exports.SocketConnection = class {};",
            ),
            (
                "sdk/index.mjs",
                "import m from './index.cjs'; export const { ws, SocketConnection } = m;",
            ),
            (
                "sdk/websockets.cjs",
                "module.exports = require('./index.cjs').ws;",
            ),
            (
                "sdk/websockets.mjs",
                "import m from './websockets.cjs'; export default m;",
            ),
            ("data/index.cjs", "exports.data = { from: 'ours' };"),
            (
                "data/index.mjs",
                "import m from './index.cjs'; export const { data } = m;",
            ),
        ] {
            write(dir.path(), name, text);
        }
        dir
    });
    static REAL: OnceLock<PathBuf> = OnceLock::new();
    REAL.get_or_init(|| fs::canonicalize(dir.path()).expect("real path"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("folder");
    for entry in fs::read_dir(from).expect("readable").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    fs::write(path, text).expect("file");
}

/// An app in a folder of its own.
pub struct App {
    dir: TempDir,
    pub root: PathBuf,
    pub shared: Arc<LoaderShared>,
    pub warnings: Arc<Mutex<Vec<String>>>,
    pub sdk: &'static str,
    pub warm: bool,
}

/// What a run printed and how it ended.
#[derive(Debug)]
pub struct Run {
    pub out: Vec<String>,
    pub stderr: String,
    pub verdict: Value,
}

impl App {
    /// Files by name; a text that starts with `->` makes a symbolic link.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("app ä (1) ")
            .tempdir()
            .expect("temp dir");
        let root = fs::canonicalize(dir.path()).expect("real path");
        let options = LoaderOptions {
            app_dir: root.clone(),
            runtime_dir: runtime_dir().to_path_buf(),
            cache_bytes: LoaderOptions::DEFAULT_CACHE_BYTES,
        };
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&warnings);
        let shared = Arc::new(LoaderShared::new(options, move |event| {
            if let LoaderEvent::Warning { message } = event {
                sink.lock().expect("unpoisoned").push(message);
            }
        }));
        let app = Self {
            dir,
            root,
            shared,
            warnings,
            sdk: "embedded",
            warm: false,
        };
        for (name, text) in files {
            app.write(name, text);
        }
        app
    }

    pub fn write(&self, name: &str, text: &str) {
        match text.strip_prefix("->") {
            Some(target) => {
                let path = self.dir.path().join(name);
                fs::create_dir_all(path.parent().expect("parent")).expect("folder");
                std::os::unix::fs::symlink(target, path).expect("link");
            }
            None => write(self.dir.path(), name, text),
        }
    }

    pub fn run(&self, node: &str, entry: &str) -> Run {
        let (ours, theirs) = UnixStream::pair().expect("socket pair");
        let options = json!({
            "appDir": self.root, "entry": self.root.join(entry),
            "runtimeDir": runtime_dir(), "sdk": self.sdk, "warm": self.warm,
        });
        let mut command = Command::new(node);
        command
            .arg(runtime_dir().join("boot.cjs"))
            .arg(options.to_string())
            .current_dir(&self.root);
        command.env_remove("NODE_OPTIONS");
        let mapping = FdMapping {
            parent_fd: OwnedFd::from(theirs),
            child_fd: 3,
        };
        command.fd_mappings(vec![mapping]).expect("mapping");
        let shared = Arc::clone(&self.shared);
        let server = spawn(ours, shared).expect("thread");
        let output = command.output().expect("node runs");
        drop(command);
        server.join().expect("no panic").expect("served");
        let stdout = String::from_utf8(output.stdout).expect("utf8");
        let stderr = String::from_utf8(output.stderr).expect("utf8");
        let (verdicts, out): (Vec<_>, Vec<_>) = stdout
            .lines()
            .map(str::to_owned)
            .partition(|line| line.starts_with('\0'));
        let verdict = verdicts
            .first()
            .map(|line| serde_json::from_str(&line[1..]).expect("json"));
        Run {
            out,
            stderr,
            verdict: verdict.unwrap_or(Value::Null),
        }
    }

    /// Runs in every Node; the app must load without a word on stderr.
    pub fn prints(&self, entry: &str, expected: &[&str]) {
        for node in nodes() {
            let run = self.run(&node, entry);
            assert_eq!(run.verdict["ok"], json!(true), "{node}: {run:#?}");
            assert_eq!(run.out, expected, "{node}: {run:#?}");
            assert_eq!(run.stderr, "", "{node}");
        }
    }

    /// Runs in every Node; the app must fail to load. Gives the described error to `check`.
    pub fn fails(&self, entry: &str, check: impl Fn(&Value)) {
        for node in nodes() {
            let run = self.run(&node, entry);
            assert_eq!(run.verdict["ok"], json!(false), "{node}: {run:#?}");
            check(&run.verdict["error"]);
        }
    }
}
