//! One Node process: started with its pipes, watched, killed as a group.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::group::Group;
use super::link::Link;
use super::mark::Mark;
use super::output;
use super::standing;
use crate::error::{Failure, reason};
use crate::event::EventBus;

/// The worker's descriptors, as `js/link.cjs`, `js/output.cjs` and `js/loader` know them.
const LINK_FD: i32 = 3;
const OUTPUT_FD: i32 = 4;
const LOADER_FD: i32 = 5;
const MARK_FD: i32 = 6;

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The Node to run.
    pub node: PathBuf,
    /// Options for Node itself.
    pub node_args: Vec<String>,
    /// The unpacked JavaScript.
    pub runtime_dir: PathBuf,
    /// The app's folder: the working directory.
    pub app_dir: PathBuf,
    /// How long the app's code may take to load.
    pub load_time: Duration,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
}

/// Why a worker could not be started.
pub fn no_node(launch: &Launch, error: &io::Error) -> Failure {
    let (node, app_dir) = (launch.node.display(), launch.app_dir.display());
    if !launch.app_dir.is_dir() {
        // The system says the same of a missing program and of a missing working directory.
        let message = format!("the app's folder `{app_dir}` is gone");
        return Failure::new("app", message).hint("put it back, or stop the sandbox");
    }
    let (message, hint) = match error.kind() {
        io::ErrorKind::NotFound => (
            format!(
                "Node was not found: there is no `{node}`{}",
                on_path(&launch.node)
            ),
            "install Node 20 or newer (https://nodejs.org), or name one with --node PATH",
        ),
        io::ErrorKind::PermissionDenied => (
            format!("`{node}` may not be executed"),
            "name a Node with --node PATH",
        ),
        _ => (
            format!("Node could not be started as `{node}`: {}", reason(error)),
            "name another Node with --node PATH",
        ),
    };
    Failure::new("no-node", message).hint(hint)
}

/// Where a name without a folder was looked for.
fn on_path(node: &Path) -> &'static str {
    match node.components().count() {
        1 => " on PATH",
        _ => "",
    }
}

/// A worker's process has ended.
#[derive(Debug)]
pub struct Exit {
    /// Which worker.
    pub worker: u32,
    /// How, in words.
    pub how: String,
}

/// A started Node process.
#[derive(Debug)]
pub struct WorkerProcess {
    /// Its process id.
    pub pid: u32,
    /// The link to it.
    pub link: Link,
    /// How far it has come.
    pub mark: Mark,
    /// Our end of the loader's channel, until somebody serves it.
    pub loader: Option<StdStream>,
    kill: CancellationToken,
}

impl WorkerProcess {
    /// Starts Node. What it prints goes to `bus`; its end is told through `exits`.
    pub fn start(
        launch: &Launch,
        worker: u32,
        bus: &EventBus,
        exits: mpsc::Sender<Exit>,
    ) -> io::Result<Self> {
        let (link, link_there) = StdStream::pair()?;
        let (output, output_there) = StdStream::pair()?;
        let (loader, loader_there) = StdStream::pair()?;
        let (mark, mark_there) = Mark::new()?;
        let mapping = |child_fd, parent: OwnedFd| FdMapping {
            parent_fd: parent,
            child_fd,
        };
        let mut command = Command::new(&launch.node);
        command
            .args(&launch.node_args)
            .arg(launch.runtime_dir.join("boot.cjs"))
            .current_dir(&launch.app_dir)
            .env_clear()
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in the terminal is for the sandbox, which ends its worker in order.
            .process_group(0)
            .kill_on_drop(true);
        let mappings = vec![
            mapping(LINK_FD, link_there.into()),
            mapping(OUTPUT_FD, output_there.into()),
            mapping(LOADER_FD, loader_there.into()),
            mapping(MARK_FD, mark_there),
        ];
        command.fd_mappings(mappings).map_err(io::Error::other)?;
        let mut child = command.spawn()?;
        let pid = child.id().unwrap_or_default();
        link.set_nonblocking(true)?;
        output.set_nonblocking(true)?;
        let reader = output::read(&mut child, UnixStream::from_std(output)?, bus)?;
        let kill = CancellationToken::new();
        let group = Group::led_by(pid);
        tokio::spawn(watch(child, group, worker, reader, kill.clone(), exits));
        Ok(Self {
            pid,
            link: Link::new(UnixStream::from_std(link)?),
            mark,
            loader: Some(loader),
            kill,
        })
    }

    /// Whether it waits, when it wakes, for a processor that nobody uses.
    pub fn let_others_finish(&self, lets: bool) {
        standing::let_others_finish(self.pid, lets);
    }

    /// Ends the process and everything it started, at once.
    pub fn kill(&self) {
        self.kill.cancel();
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.kill.cancel();
    }
}

/// Waits for the end, after which nothing of the worker's output is missing and nothing that it
/// started is left.
async fn watch(
    mut child: Child,
    group: Group,
    worker: u32,
    reader: output::Reader,
    kill: CancellationToken,
    exits: mpsc::Sender<Exit>,
) {
    tokio::select! {
        () = group.leader_ended() => {}
        () = kill.cancelled() => {}
    }
    group.kill();
    let status = child.wait().await;
    group.reap().await;
    reader.finish().await;
    let how = status.map_or_else(|error| error.to_string(), describe);
    let _ = exits.send(Exit { worker, how }).await;
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it exited with code {code}"),
        (None, Some(6)) => "it aborted (SIGABRT); out of memory, or process.abort()".to_owned(),
        (None, Some(9)) => "it was killed (SIGKILL)".to_owned(),
        (None, Some(11)) => "it crashed (SIGSEGV)".to_owned(),
        (None, signal) => format!("it was ended by signal {}", signal.unwrap_or_default()),
    }
}
