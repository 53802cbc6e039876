//! An app in a temporary folder, and the program run on it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Dev, PATIENCE};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ampt-ws");

/// The folder of an app, removed at the end of the test.
pub struct App {
    _temp: Option<TempDir>,
    dir: PathBuf,
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Output {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON document ({error}): {self:?}"))
    }

    /// The failure with which a `--json` run ended: code, message and hint.
    pub fn failure(&self) -> Value {
        let last = self.stdout.lines().last().unwrap_or_default();
        let document: Value = serde_json::from_str(last).unwrap_or_default();
        assert!(document["error"].is_object(), "no failure: {self:?}");
        document["error"].clone()
    }
}

impl App {
    /// An empty folder.
    pub fn new() -> Self {
        Self::named("app")
    }

    /// An empty folder with this name; `/` makes folders in folders.
    pub fn named(name: &str) -> Self {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let dir = temp.path().canonicalize().expect("a real path").join(name);
        fs::create_dir_all(&dir).expect("the app's folder");
        Self {
            _temp: Some(temp),
            dir,
        }
    }

    /// An app of one ES module.
    pub fn esm(code: &str) -> Self {
        Self::new().file("index.mjs", code)
    }

    /// A copy of an app in the repository's `fixtures`.
    pub fn fixture(name: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(name);
        let app = Self::named(name);
        copy(&from, &app.dir);
        app
    }

    /// The same app with one more file.
    pub fn file(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    /// Writes a file, as an editor saves it.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.dir.join(name);
        let parent = path.parent().expect("a parent");
        fs::create_dir_all(parent).expect("folders");
        fs::write(&path, text).expect("a written file");
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> String {
        let path = self.dir.join(name);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Waits until there is such a file: a sign from an app whose output does not come through.
    pub fn wait_for_file(&self, name: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.path(name).exists() {
            assert!(Instant::now() < deadline, "the file {name} does not appear");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the code runs, and nothing is owed to anybody any more: no handler runs or waits,
    /// and what they did is on disk.
    pub fn settle(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.verb(&["status", "--json"]).json();
            let pending = &status["pending"]["invocations"];
            if pending == 0 && status["worker"]["state"] == "ready" {
                return;
            }
            assert!(Instant::now() < deadline, "it does not settle: {status}");
        }
    }

    /// The app's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path in the app's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Runs `dev` on the app until a client can connect.
    pub fn dev(&self, args: &[&str]) -> Dev {
        let mut dev = self.start(args);
        dev.ready();
        dev
    }

    /// The same, for heavy traffic: what it says of single messages is not kept.
    pub fn dev_without_messages(&self, args: &[&str]) -> Dev {
        let mut command = self.command();
        command
            .arg("dev")
            .arg(&self.dir)
            .args(["--port", "0", "--json"]);
        command.args(args);
        let mut dev = Dev::spawn_keeping(command, |line| {
            let skipped = ["message", "sent"];
            !skipped
                .iter()
                .any(|name| line.starts_with(&format!("{{\"event\":\"{name}\"")))
        });
        dev.ready();
        dev
    }

    /// Starts `dev` on the app and does not wait.
    pub fn start(&self, args: &[&str]) -> Dev {
        self.start_at(&self.dir, args, |_| {})
    }

    /// Starts `dev` on a path of the app, with a last word on the command.
    pub fn start_at(&self, path: &Path, args: &[&str], tune: impl FnOnce(&mut Command)) -> Dev {
        let mut command = self.command();
        command.arg("dev").arg(path).args(["--port", "0", "--json"]);
        command.args(args);
        tune(&mut command);
        Dev::spawn(command)
    }

    /// Runs a verb about this app to its end.
    pub fn verb<S: AsRef<OsStr>>(&self, args: &[S]) -> Output {
        self.verb_with(args, |_| {})
    }

    /// The same, with a last word on the command.
    pub fn verb_with<S: AsRef<OsStr>>(
        &self,
        args: &[S],
        tune: impl FnOnce(&mut Command),
    ) -> Output {
        let mut command = self.command();
        command.args(args).stdin(Stdio::null());
        tune(&mut command);
        let output = command.output().expect("the program runs");
        Output {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
        }
    }

    /// The program, in the app's folder, untouched by the shell's settings.
    pub fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(&self.dir);
        for name in ["NO_COLOR", "NODE_OPTIONS", "PARAMS", "PARAM_GROUPS"] {
            command.env_remove(name);
        }
        command
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    let entries = fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    for entry in entries.map(|entry| entry.expect("an entry")) {
        // What a run of the app left behind is not part of it.
        if entry.file_name() == ".ampt-ws" {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copied file");
        }
    }
}
