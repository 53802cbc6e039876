//! The keeper: a small process that leads the command's group, and ends it if we are killed.
//!
//! Nothing that is killed can clean up after itself. The keeper is there before the command, so
//! there is no moment in which nobody would end it; it holds the other end of a pipe, and when that
//! closes and nobody has said that all is well, it ends the whole group, itself included. Leading
//! the group, it also keeps the group's id from being given to anybody else.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::SigSet;
use rustix::process::{Pid, Signal, getpgrp};

use super::group;
use crate::error::{Failure, exit, reason};
use crate::output::Output;

/// The hidden verb under which this program is its own keeper.
const VERB: &str = "keeper";

/// What the keeper says when no signal can end it any more.
const READY: &str = "!";

/// Says that the command has ended and the keeper may go.
const ALL_IS_WELL: u8 = b'.';

/// Our end.
#[derive(Debug)]
pub(super) struct Keeper {
    child: Child,
    /// The process group that it leads.
    pub(super) group: Pid,
}

impl Keeper {
    /// Starts a keeper, and with it a process group.
    pub(super) fn start() -> Result<Self, Failure> {
        Self::spawn().map_err(|error| {
            let why = reason(&error);
            Failure::new("internal", format!("cannot watch over a command: {why}"))
        })
    }

    fn spawn() -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(VERB)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let group = group.ok_or(io::ErrorKind::InvalidData)?;
        let mut said = [0];
        if let Some(pipe) = &mut child.stdout {
            pipe.read_exact(&mut said)?;
        }
        Ok(Self { child, group })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.child.stdin.take() {
            let _ = pipe.write_all(&[ALL_IS_WELL]);
        }
        let _ = self.child.wait();
    }
}

/// Is the keeper: waits until the other end of standard input is closed.
pub(crate) fn run(out: &Output) -> Result<u8, Failure> {
    // What is sent to the group is for the command.
    SigSet::all().thread_block().map_err(|errno| {
        let why = errno.desc();
        Failure::new("internal", format!("cannot keep a command: {why}"))
    })?;
    out.text(READY)?;
    let mut said = Vec::new();
    let _ = io::stdin().lock().read_to_end(&mut said);
    if said != [ALL_IS_WELL] {
        group::signal(getpgrp(), Signal::TERM);
        std::thread::sleep(group::GRACE);
        group::signal(getpgrp(), Signal::KILL);
    }
    Ok(exit::OK)
}
