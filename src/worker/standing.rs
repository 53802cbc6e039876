//! How a worker's process stands with the kernel's scheduler.

/// Whether a process, when it wakes, waits for a processor instead of taking one from whoever runs.
/// Its share of the time stays the same. What it starts is not concerned.
///
/// A process that does not exist, and a system that knows no such thing, are left as they are.
pub(super) fn let_others_finish(pid: u32, lets: bool) {
    #[cfg(target_os = "linux")]
    {
        let policy = match lets {
            true => libc::SCHED_BATCH,
            false => libc::SCHED_OTHER,
        };
        // 0 would be this thread.
        let Ok(pid @ 1..) = libc::pid_t::try_from(pid) else {
            return;
        };
        let parameters = libc::sched_param { sched_priority: 0 };
        // SAFETY: the kernel reads `parameters`, which lives past the call, and nothing of this
        // process is written.
        #[allow(unsafe_code)]
        unsafe {
            libc::sched_setscheduler(
                pid,
                policy | libc::SCHED_RESET_ON_FORK,
                &raw const parameters,
            );
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (pid, lets);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::process::{Child, Command};

    use super::*;

    /// The kernel's number for how a process is scheduled.
    fn policy(child: &Child) -> String {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("it runs");
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let policy = fields.split_whitespace().nth(38);
        policy.expect("the field").to_owned()
    }

    #[test]
    fn a_process_can_be_made_to_wait_and_not_to() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep");
        let [usual, batch] = [libc::SCHED_OTHER, libc::SCHED_BATCH].map(|p| p.to_string());
        assert_eq!(policy(&child), usual);
        let_others_finish(child.id(), true);
        assert_eq!(policy(&child), batch);
        let_others_finish(child.id(), false);
        assert_eq!(policy(&child), usual);
        child.kill().expect("it runs");
        child.wait().expect("it has ended");
        let_others_finish(child.id(), true);
    }
}
