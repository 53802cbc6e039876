//! A worker's process group: Node, what the app has started, and a guard.
//!
//! Nothing of a worker is to outlive it. When Node ends, however it does, the rest of its group is
//! killed. When the sandbox itself dies without a chance to do that, the guard does: it waits for
//! the end of a pipe that only the sandbox holds open. Node could do so only while its event loop
//! turns.

use std::io;
use std::process::Stdio;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// Waits for the end of its standard input, then kills its own group; any POSIX shell will do.
const GUARD: &str = "read -r line; kill -KILL 0";

/// What the guard is called in a list of processes.
const GUARD_NAME: &str = "ampt-ws-guard";

/// The group that a worker leads.
pub(super) struct Group {
    leader: Option<Pid>,
    guard: Option<Child>,
}

impl Group {
    /// The group of a process that was started as a leader and is not reaped yet.
    pub(super) fn led_by(pid: u32) -> Self {
        Self {
            leader: i32::try_from(pid).ok().and_then(Pid::from_raw),
            // Without a shell there is no guard: Node still sees to its own end, unless it is blocked.
            guard: guard(pid).ok(),
        }
    }

    /// Waits until the leader has ended, and leaves it to be reaped. For ever if the system cannot
    /// tell: the end of the link shows it then.
    pub(super) async fn leader_ended(&self) {
        if self.look_for_end().await.is_err() {
            std::future::pending().await
        }
    }

    async fn look_for_end(&self) -> io::Result<()> {
        let leader = self.leader.ok_or(io::ErrorKind::NotFound)?;
        let mut children = signal(SignalKind::child())?;
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(leader), look)?.is_none() {
            children.recv().await;
        }
        Ok(())
    }

    /// Kills everything in the group. Safe from hitting a stranger while the leader is not reaped:
    /// its id is still taken.
    pub(super) fn kill(&self) {
        if let Some(leader) = self.leader {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }

    /// Reaps the guard, after [`kill`](Self::kill).
    pub(super) async fn reap(mut self) {
        if let Some(guard) = &mut self.guard {
            let _ = guard.wait().await;
        }
    }
}

fn guard(group: u32) -> io::Result<Child> {
    let group = i32::try_from(group).map_err(io::Error::other)?;
    Command::new("/bin/sh")
        .args(["-c", GUARD, GUARD_NAME])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(group)
        .spawn()
}
