//! Processes from outside, as the operating system shows them.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// How many descriptors a process has open.
pub fn descriptors(pid: u32) -> usize {
    let folder = fs::read_dir(format!("/proc/{pid}/fd"));
    folder.map_or(0, |entries| entries.count())
}

/// A process's resident memory in kilobytes.
pub fn memory_kb(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// How long a process has been on a processor, in ticks of the system's clock; 0 if it is not there.
pub fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let user_and_system = fields.skip(11).take(2);
    user_and_system
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum()
}

/// Whether a process runs; one that has ended and was not reaped does not.
pub fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    state.is_some_and(|state| !"ZX".contains(state))
}

/// The processes that a process has started and that run.
pub fn children(pid: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("the list of processes");
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let parent = |child: u32| {
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).ok()?;
        let fields = stat.rsplit(')').next()?.to_owned();
        fields.split_whitespace().nth(1)?.parse::<u32>().ok()
    };
    pids.filter(|child| parent(*child) == Some(pid) && is_running(*child))
        .collect()
}

/// Asks again and again until it is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(
            Instant::now() < deadline,
            "it does not come to that: {what}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

/// Does `round` again and again, on a thread of its own and at least once, until `work` is done.
pub fn meanwhile(work: impl FnOnce(), mut round: impl FnMut() + Send) {
    /// Also if the work fails: the scope waits for both.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let rounds = scope.spawn(|| {
            round();
            while !done.load(Ordering::Relaxed) {
                round();
            }
        });
        let finished = Done(&done);
        work();
        drop(finished);
        rounds.join().expect("what was done meanwhile succeeded");
    });
}
