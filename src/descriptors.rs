//! Descriptors for thousands of sockets.

use std::io::stdin;
use std::os::fd::RawFd;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, getrlimit, setrlimit};

/// So many descriptors have room from the start: three times what the connections of a Stage
/// environment take, with which people test under load.
const ROOM: RawFd = 16_384;

/// Lets this process have as many descriptors open as it may, and makes room for them. For the
/// moment before a program that holds many sockets starts its second thread.
///
/// The kernel's table of a process's descriptors doubles when it is full. On Linux a process with
/// threads then waits until every processor has let go of the old table: 10 to 20 ms for each
/// doubling, in which nobody is let in. While there is one thread it grows at once, and it never
/// shrinks.
pub fn make_room() {
    raise_limit();
    let most = getrlimit(Resource::Nofile).current;
    let most = most.and_then(|most| RawFd::try_from(most).ok());
    let room = most.map_or(ROOM, |most| most.min(ROOM));
    // For a descriptor of this number the table has to grow. Without it all works as well.
    let _ = fcntl_dupfd_cloexec(stdin(), room - 1);
}

/// The most that the kernel itself allows on macOS, whose usual hard limit is none at all.
const KERNELS: u64 = 10_240;

/// Raises the soft limit, which usually is 1,024. A refusal leaves the old one.
fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    let is_low = limit.current.is_some_and(|most| most < KERNELS);
    limit.current = limit.maximum;
    if setrlimit(Resource::Nofile, limit).is_err() && is_low {
        limit.current = Some(KERNELS);
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
