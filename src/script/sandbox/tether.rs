//! Tells when nothing of a sandbox runs any more, however it ended.
//!
//! A process that was killed is still there for a moment, and so are those that it has started:
//! they hold files and show up in lists of processes. All of them inherit one end of a pipe; the
//! other end comes to its end with the last of them.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use command_fds::{CommandFdExt as _, FdMapping};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;

/// The descriptor that the processes inherit; beyond those that a worker knows.
const INHERITED: i32 = 9;

/// How long they may take to be gone. Only something that the app has started and that left its
/// process group takes longer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Our end of the pipe.
pub(super) struct Tether {
    end: Receiver,
}

impl Tether {
    /// Ties the process that `command` will start, and all that it starts.
    pub fn tie(command: &mut Command) -> io::Result<Self> {
        let (ours, theirs) = io::pipe()?;
        let mapping = FdMapping {
            parent_fd: theirs.into(),
            child_fd: INHERITED,
        };
        command
            .fd_mappings(vec![mapping])
            .map_err(io::Error::other)?;
        let end = Receiver::from_owned_fd(OwnedFd::from(ours))?;
        Ok(Self { end })
    }

    /// Waits until all of them are gone.
    pub async fn gone(mut self) {
        let mut nothing = [0];
        let _ = tokio::time::timeout(PATIENCE, self.end.read(&mut nothing)).await;
    }
}
