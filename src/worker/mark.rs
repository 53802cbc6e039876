//! How far a worker has come: the number of the last invocation that it may have begun.
//!
//! Node writes it into a file that outlives it, before it begins. So what a worker that died was
//! given but had not begun is known, and can be given to the next one. To write less often Node may
//! count a few in advance as begun (`js/link.cjs`), but never a `disconnected`: what it is owed is a
//! handler that runs, and a report of a loss is no handler.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

/// The sandbox's side of the file.
#[derive(Debug)]
pub struct Mark {
    file: File,
}

impl Mark {
    /// A new mark, and the descriptor for Node.
    ///
    /// # Errors
    /// If there is no room for a file of eight bytes.
    pub fn new() -> io::Result<(Self, OwnedFd)> {
        let file = unnamed_file()?;
        // Its room is taken now, so that Node's writes cannot fail on a full disk.
        file.write_all_at(&[0; 8], 0)?;
        let theirs = file.try_clone()?;
        Ok((Self { file }, theirs.into()))
    }

    /// The number of the last invocation that it may have begun; `None` without a word from it.
    pub fn reached(&self) -> Option<u32> {
        self.number_at(0)
    }

    fn number_at(&self, offset: u64) -> Option<u32> {
        let mut bytes = [0; 4];
        let read = self.file.read_exact_at(&mut bytes, offset);
        let number = u32::from_le_bytes(bytes);
        (read.is_ok() && number != 0).then_some(number)
    }

    /// Whether the worker may have begun this invocation.
    pub fn has_begun(&self, invocation: u32) -> bool {
        self.reached()
            .is_none_or(|reached| is_up_to(invocation, reached))
    }

    /// Whether the worker has begun this `disconnected`.
    pub fn has_begun_disconnected(&self, invocation: u32) -> bool {
        let last = self.number_at(4);
        self.has_begun(invocation)
            && (self.reached().is_none() || last.is_some_and(|last| is_up_to(invocation, last)))
    }
}

/// A file that only its descriptors lead to; in memory, where a write costs less, if the system can.
fn unnamed_file() -> io::Result<File> {
    #[cfg(target_os = "linux")]
    if let Ok(file) = rustix::fs::memfd_create("ampt-ws-mark", rustix::fs::MemfdFlags::CLOEXEC) {
        return Ok(file.into());
    }
    tempfile::tempfile()
}

/// Whether a number comes before the mark or is it; numbers start again after the last one.
fn is_up_to(number: u32, mark: u32) -> bool {
    mark.wrapping_sub(number) < u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_the_mark_was_not_begun() {
        let (mark, theirs) = Mark::new().expect("a file");
        assert!(
            mark.has_begun(5) && mark.has_begun_disconnected(5),
            "nothing was said"
        );
        let theirs = File::from(theirs);
        theirs.write_all_at(&7_u32.to_le_bytes(), 0).expect("room");
        assert!(mark.has_begun(6) && mark.has_begun(7));
        assert!(!mark.has_begun(8) && !mark.has_begun(1000));
        assert!(!mark.has_begun_disconnected(6), "it is counted in advance");
        theirs.write_all_at(&6_u32.to_le_bytes(), 4).expect("room");
        assert!(mark.has_begun_disconnected(6) && !mark.has_begun_disconnected(7));
    }

    #[test]
    fn numbers_start_again() {
        assert!(is_up_to(u32::MAX, 3));
        assert!(!is_up_to(3, u32::MAX));
    }
}
