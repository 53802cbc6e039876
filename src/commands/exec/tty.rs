//! Lends the terminal to the command, as a shell does.
//!
//! The command has a process group of its own, so that nothing of it is left behind; only the
//! terminal's foreground group may read from it, and gets Ctrl-C and Ctrl-Z.

use std::io::{self, IsTerminal};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use rustix::process::{Pid, getpgrp};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp};

/// The terminal on standard input.
#[derive(Debug)]
pub(super) struct Tty {
    ours: Pid,
    found: Option<Termios>,
}

impl Tty {
    /// The terminal, if there is one and it is ours to lend.
    pub(super) fn of_stdin() -> Option<Self> {
        let tty = Self {
            ours: getpgrp(),
            found: tcgetattr(io::stdin()).ok(),
        };
        (io::stdin().is_terminal() && tty.is_ours()).then_some(tty)
    }

    /// Whether we are in the foreground.
    pub(super) fn is_ours(&self) -> bool {
        tcgetpgrp(io::stdin()).is_ok_and(|group| group == self.ours)
    }

    /// Puts a process group into the foreground.
    pub(super) fn lend(&self, group: Pid) {
        set_foreground(group);
    }

    /// Puts ourselves there again. What became of the terminal's settings is undone.
    pub(super) fn take_back(&self) {
        set_foreground(self.ours);
        if let Some(found) = &self.found {
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, found);
        }
    }
}

/// A process in the background that does this is stopped, unless it blocks the signal for it. That
/// the terminal may have gone away meanwhile makes no difference.
fn set_foreground(group: Pid) {
    let mut stop = SigSet::empty();
    stop.add(Signal::SIGTTOU);
    let before = stop.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let _ = tcsetpgrp(io::stdin(), group);
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
}
