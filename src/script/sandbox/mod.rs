//! A sandbox of a fixture's own: a child process of this program, on a store of its own.

mod log;
mod options;
mod tether;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, ChildStdin, Command};

pub use log::{EventLog, Seen};
pub use options::{Options, existing_file};

use crate::control::Client;
use crate::domain::Chaos;
use crate::error::{Failure, reason};
use crate::ops::{Answer, Perform, Request};
use tether::Tether;

/// How long a sandbox may take until it is ready. Loading the app has its own, shorter bounds.
const READY: Duration = Duration::from_secs(60);

/// How long a sandbox may take to stop before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is the same for all sandboxes of one run.
#[derive(Debug, Clone)]
pub struct Host {
    /// This program.
    pub program: PathBuf,
    /// The Node to run, if another one was named.
    pub node: Option<PathBuf>,
}

impl Host {
    /// Sandboxes of the program that runs now.
    ///
    /// # Errors
    /// If the system does not tell where it lies.
    pub fn this_program(node: Option<PathBuf>) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|e| {
            let why = reason(&e);
            Failure::new(
                "internal",
                format!("this program cannot find itself: {why}"),
            )
        })?;
        Ok(Self { program, node })
    }
}

/// A running sandbox.
pub struct Sandbox {
    host: Host,
    options: Options,
    data_dir: TempDir,
    process: Option<Process>,
    /// What it has said since the fixture began, over all its lives.
    pub log: EventLog,
    /// `ws://127.0.0.1:PORT`
    pub ws_url: String,
    /// The disorder in it.
    chaos: Option<Chaos>,
    /// How many connections were accepted in its present life.
    connections: u32,
}

/// One life of the sandbox.
struct Process {
    child: Child,
    tether: Tether,
    /// Performs requests, once clients can connect.
    client: Option<Client>,
    /// While this is open the sandbox lives; when this process dies, however, it is closed.
    _lifeline: Option<ChildStdin>,
}

impl Sandbox {
    /// Starts a sandbox that tells what happens to `log`, and waits until clients can connect. `None` if `cut` completes first; nothing
    /// of the sandbox is left then.
    pub async fn start(
        host: &Host,
        options: &Options,
        chaos: Option<Chaos>,
        log: EventLog,
        cut: impl Future,
    ) -> Result<Option<Self>, Failure> {
        let data_dir = tempfile::Builder::new()
            .prefix("ampt-ws-test-")
            .tempdir()
            .map_err(|e| {
                let message = format!("no temporary folder can be made: {}", reason(&e));
                Failure::new("temp", message).hint("set TMPDIR to a folder that can be written")
            })?;
        let mut sandbox = Self {
            host: host.clone(),
            options: options.clone(),
            data_dir,
            process: None,
            log,
            ws_url: String::new(),
            chaos,
            connections: 0,
        };
        let seed = options.seed.iter().map(|file| {
            let mut option = std::ffi::OsString::from("--seed=");
            option.push(file);
            option
        });
        let first: Vec<_> = seed.collect();
        let launched = tokio::select! {
            launched = sandbox.launch(&first) => Some(launched),
            _ = cut => None,
        };
        match launched {
            Some(launched) => launched.map(|()| Some(sandbox)),
            None => {
                sandbox.end_now().await;
                Ok(None)
            }
        }
    }

    async fn launch(&mut self, more: &[std::ffi::OsString]) -> Result<(), Failure> {
        self.connections = 0;
        let life = self.log.begin_life();
        let mut process = self.spawn(more)?;
        self.log.read(&mut process.child);
        self.process = Some(process);
        let ready = tokio::time::timeout(READY, self.log.ready(life)).await;
        let Ok(Some(ready)) = ready else {
            let failure = self.not_ready(life, ready.is_err());
            self.end_now().await;
            return Err(failure);
        };
        let url = ready.get("wsUrl").and_then(Value::as_str);
        self.ws_url = url.unwrap_or_default().to_owned();
        let client = Client::find(self.data_dir.path()).await?;
        let gone = || Failure::new("sandbox", "the sandbox ended as soon as it was ready");
        let client = client.ok_or_else(gone)?;
        if let Some(process) = &mut self.process {
            process.client = Some(client);
        }
        Ok(())
    }

    fn spawn(&self, more: &[std::ffi::OsString]) -> Result<Process, Failure> {
        let cannot = |e: io::Error| {
            let program = self.host.program.display();
            Failure::new("spawn", format!("cannot start `{program}`: {}", reason(&e)))
        };
        let mut command = Command::new(&self.host.program);
        command.arg("dev").arg(&self.options.app);
        command.args(["--json", "--port", "0", "--no-watch", "--attended"]);
        command.arg("--data-dir").arg(self.data_dir.path());
        if let Some(node) = &self.host.node {
            command.arg("--node").arg(node);
        }
        command.args(&self.options.arguments).args(more);
        if let Some(chaos) = self
            .chaos
            .and_then(|chaos| serde_json::to_string(&chaos).ok())
        {
            command.arg(format!("--chaos={chaos}"));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Ctrl-C is for this process, which ends its sandboxes itself.
        command
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let tether = Tether::tie(&mut command).map_err(cannot)?;
        let mut child = command.spawn().map_err(cannot)?;
        let lifeline = child.stdin.take();
        Ok(Process {
            child,
            tether,
            client: None,
            _lifeline: lifeline,
        })
    }

    /// Why the sandbox did not become ready: its own words, as far as it had any.
    fn not_ready(&self, life: usize, timed_out: bool) -> Failure {
        if timed_out {
            let s = READY.as_secs();
            return Failure::new("sandbox", format!("the sandbox was not ready after {s} s"))
                .hint("start it by hand to see why: ampt-ws dev");
        }
        let said = self
            .log
            .last_failure(life)
            .map(|failure| match failure.code.as_str() {
                // The words of `dev` are about waiting for a save.
                "load-failed" => failure.hint("correct it and run the fixture again"),
                _ => failure,
            });
        said.unwrap_or_else(|| {
            let stderr = self.log.stderr();
            let said = stderr.trim();
            let said = if said.is_empty() {
                "it said nothing"
            } else {
                said
            };
            Failure::new(
                "sandbox",
                format!("the sandbox ended before it was ready: {said}"),
            )
        })
    }

    /// The disorder for the next connection, and that connection's number.
    pub fn next_connection(&self) -> Option<(Chaos, u32)> {
        self.chaos.map(|chaos| (chaos, self.connections + 1))
    }

    /// Notes that a connection was accepted.
    pub fn connected(&mut self) {
        self.connections += 1;
    }

    /// Has the sandbox do something.
    pub async fn perform(&self, request: Request) -> Answer {
        let client = self.process.as_ref().and_then(|p| p.client.as_ref());
        match client {
            Some(client) => client.perform(request).await,
            None => Err(Failure::new("sandbox", "the sandbox does not run")),
        }
    }

    /// The access key id that its management API takes.
    pub fn access_key_id(&self) -> &str {
        let client = self.process.as_ref().and_then(|p| p.client.as_ref());
        client.map_or("", |client| &client.announced().access_key_id)
    }

    /// A folder for the fixture's own files; removed with the sandbox.
    pub fn scratch(&self) -> PathBuf {
        self.data_dir.path().join("scratch")
    }

    /// Stops the sandbox and starts it on the same store.
    pub async fn restart(&mut self) -> Result<(), Failure> {
        self.stop().await;
        self.launch(&[]).await
    }

    /// Kills the sandbox by SIGKILL and starts it on the same store.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        self.end_now().await;
        self.launch(&[]).await
    }

    /// Stops the sandbox in order; kills it if that takes too long. Nothing of it is left then.
    pub async fn stop(&mut self) {
        let Some(process) = &mut self.process else {
            return;
        };
        signal(&process.child, Signal::TERM);
        let ended = tokio::time::timeout(PATIENCE, process.child.wait()).await;
        match (ended, self.process.take()) {
            (Ok(_), Some(process)) => process.tether.gone().await,
            (_, process) => {
                self.process = process;
                self.end_now().await;
            }
        }
        self.log.ended().await;
    }

    /// Ends the sandbox by SIGKILL, and its Node with it. Nothing of it is left then.
    pub async fn end_now(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        if process.client.is_none() {
            // It cleans up after itself at once, and nobody else knows yet what it has made.
            signal(&process.child, Signal::TERM);
            let _ = tokio::time::timeout(PATIENCE, process.child.wait()).await;
        }
        let _ = process.child.kill().await;
        // Its workers are killed by their guards.
        process.tether.gone().await;
        if let Some(client) = process.client {
            remove_sockets(&client.announced().socket);
        }
        self.log.ended().await;
    }
}

fn signal(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = kill_process(pid, signal);
    }
}

/// Removes the sockets of a sandbox that was killed; they lie outside of its data folder.
fn remove_sockets(control: &Path) {
    let (Some(folder), Some(stem)) = (control.parent(), control.file_stem()) else {
        return;
    };
    let stem = stem.to_string_lossy();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with(stem.as_ref())
        {
            // The next sandbox on that folder would do the same.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
