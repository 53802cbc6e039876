//! A process group: everything that a command started.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitOptions, kill_process_group, test_kill_process_group, waitpgid,
};

/// How long what is left of a group may take to end when asked to.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// Sends a signal to all processes of the group, if there are any left.
pub(super) fn signal(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
    // What is stopped hears nothing until it goes on.
    let _ = kill_process_group(group, Signal::CONT);
}

/// Has whatever a command leaves behind become a child of ours, which [`outlive`] waits for. Else it
/// would be for the system's first process to do so, and in a container that one often does not.
pub(super) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Waits for the group to end, and kills what does not. Blocks.
pub(super) fn outlive(group: Pid) {
    let deadline = Instant::now() + GRACE;
    loop {
        while let Ok(Some(_)) = waitpgid(group, WaitOptions::NOHANG) {}
        if test_kill_process_group(group).is_err() {
            return;
        }
        if Instant::now() > deadline {
            signal(group, Signal::KILL);
            return;
        }
        thread::sleep(LOOK);
    }
}
