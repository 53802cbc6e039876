//! The command as a job: started, signalled, suspended, and ended with all that it started.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_current_process_group, kill_process_group, waitid,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::group;
use super::keeper::Keeper;
use super::tty::Tty;
use crate::error::{Failure, reason};

/// Code of the failure of a command that could not be run.
pub(super) const CANNOT_RUN: &str = "command";

/// Exit codes of a command that could not be run, as shells have them.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// How long a suspension may take to reach us.
const SUSPENSION: Duration = Duration::from_millis(500);

/// A running command.
pub(super) struct Job {
    child: Child,
    keeper: Keeper,
    changes: mpsc::Receiver<Change>,
    tty: Option<Tty>,
}

/// Something happened to the command's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It has ended.
    Ended,
    /// It was stopped by this signal.
    Stopped(i32),
}

impl Job {
    /// Runs a command with some more variables in its environment.
    ///
    /// # Errors
    /// It cannot be run; the exit codes are those of a shell.
    pub(super) fn start(command: &[OsString], variables: &[(&str, &str)]) -> Result<Self, Failure> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(Failure::usage("there is no command to run"));
        };
        let tty = Tty::of_stdin();
        group::adopt_orphans();
        let keeper = Keeper::start()?;
        let group = keeper.group;
        let child = Command::new(program)
            .args(arguments)
            .envs(variables.iter().copied())
            .process_group(group.as_raw_nonzero().get())
            .spawn()
            .map_err(|error| cannot_run(program, &error))?;
        if let Some(tty) = &tty {
            tty.lend(group);
            // It may have reached for the terminal before it had it.
            let _ = kill_process_group(group, Signal::CONT);
        }
        let changes = watch(&child).map_err(|error| {
            group::signal(group, Signal::KILL);
            Failure::new("internal", format!("no thread: {}", reason(&error)))
        })?;
        Ok(Self {
            child,
            keeper,
            changes,
            tty,
        })
    }

    /// What next happens to it.
    pub(super) async fn change(&mut self) -> Change {
        self.changes.recv().await.unwrap_or(Change::Ended)
    }

    /// Sends a signal to the command and all that it started.
    pub(super) fn signal(&self, signal: Signal) {
        group::signal(self.keeper.group, signal);
    }

    /// The command was stopped: with Ctrl-Z, so are we, until the shell lets us go on.
    pub(super) async fn suspend(&mut self, by: i32) {
        let is_for_terminal = by == Signal::TTIN.as_raw() || by == Signal::TTOU.as_raw();
        if let Some(tty) = self.tty.as_ref().filter(|_| !is_for_terminal) {
            tty.take_back();
            let resumed = signal(SignalKind::from_raw(Signal::CONT.as_raw()));
            let _ = kill_current_process_group(Signal::TSTP);
            // Without a shell that could let us go on, we are not stopped at all.
            if let Ok(mut resumed) = resumed {
                let _ = timeout(SUSPENSION, resumed.recv()).await;
            }
        }
        if let Some(tty) = self.tty.as_ref().filter(|tty| tty.is_ours()) {
            tty.lend(self.keeper.group);
        }
        if self.tty.is_some() {
            let _ = kill_process_group(self.keeper.group, Signal::CONT);
        }
    }

    /// Ends what is left of it, after [`Change::Ended`]; how the command itself ended.
    pub(super) async fn end(self) -> io::Result<ExitStatus> {
        let Self {
            mut child,
            keeper,
            tty,
            ..
        } = self;
        let status = child.wait();
        if let Some(tty) = tty {
            tty.take_back();
        }
        let group = keeper.group;
        group::signal(group, Signal::TERM);
        drop(keeper);
        let _ = tokio::task::spawn_blocking(move || group::outlive(group)).await;
        status
    }
}

/// Tells what happens to a process, without waiting for it in the system's sense.
fn watch(child: &Child) -> io::Result<mpsc::Receiver<Change>> {
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let process = process.ok_or(io::ErrorKind::InvalidData)?;
    let (changed, changes) = mpsc::channel(4);
    let look = move || {
        let both = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        loop {
            let change = match waitid(WaitId::Pid(process), both) {
                Err(rustix::io::Errno::INTR) => continue,
                Ok(Some(status)) if status.stopped() => {
                    let _ = waitid(WaitId::Pid(process), WaitIdOptions::STOPPED);
                    Change::Stopped(status.stopping_signal().unwrap_or_default())
                }
                _ => Change::Ended,
            };
            if changed.blocking_send(change).is_err() || change == Change::Ended {
                return;
            }
        }
    };
    thread::Builder::new().name("job".into()).spawn(look)?;
    Ok(changes)
}

fn cannot_run(program: &OsString, error: &io::Error) -> Failure {
    let name = program.to_string_lossy();
    let failure = |text| Failure::new(CANNOT_RUN, text);
    match error.kind() {
        io::ErrorKind::NotFound if std::path::Path::new(program).exists() => {
            failure(format!("`{name}` cannot be run: its interpreter was not found"))
                .hint("look at its first line, `#!…`")
                .exiting(NOT_EXECUTABLE)
        }
        io::ErrorKind::NotFound => failure(format!("the command `{name}` was not found"))
            .hint("is it installed and on PATH? a script in this folder is `./NAME`; a shell's syntax needs `sh -c '…'`")
            .exiting(NOT_FOUND),
        io::ErrorKind::PermissionDenied => {
            failure(format!("`{name}` may not be executed"))
                .hint("make it executable with `chmod +x`, or run what runs it: `node FILE`, `sh FILE`")
                .exiting(NOT_EXECUTABLE)
        }
        _ => failure(format!("`{name}` cannot be run: {}", reason(error))).exiting(NOT_EXECUTABLE),
    }
}

/// The exit code that stands for a status: as a shell has it, 128 and the signal that killed it.
pub(super) fn code(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, signal) => 128 + signal.unwrap_or_default(),
    };
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// A status in words.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with {code}"),
        (None, signal) => format!("was ended by {}", signal_name(signal.unwrap_or_default())),
    }
}

/// Whether a status is that of a command that nobody can have meant to end so: it crashed, or was
/// killed, perhaps for want of memory.
pub(super) fn is_crash(status: ExitStatus) -> bool {
    use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM};
    let usual = [SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM];
    status
        .signal()
        .is_some_and(|signal| !usual.iter().any(|usual| *usual as i32 == signal))
}

fn signal_name(signal: i32) -> String {
    match nix::sys::signal::Signal::try_from(signal) {
        Ok(known) => known.as_str().to_owned(),
        Err(_) => format!("signal {signal}"),
    }
}
