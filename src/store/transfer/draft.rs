//! A file that is being written beside its place. A process that dies leaves it behind: the next
//! one that writes there removes it.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// How the names begin; so many random letters follow.
const PREFIX: &str = ".ampt-ws-export-";
const RANDOM: usize = 6;

/// A new file in `folder`, readable for its owner only. As long as it is open it is locked, which
/// tells it from one that was left behind.
///
/// # Errors
/// If it cannot be made there.
pub(super) fn create(folder: &Path) -> io::Result<NamedTempFile> {
    remove_leftovers(folder);
    loop {
        let file = Builder::new()
            .prefix(PREFIX)
            .rand_bytes(RANDOM)
            .tempfile_in(folder)?;
        // Where files cannot be locked nobody takes this one for a leftover.
        let _ = file.as_file().try_lock();
        // Somebody else may have removed it before it was locked.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes what others left in a folder; what cannot be removed stays.
fn remove_leftovers(folder: &Path) {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in names {
        let name = entry.file_name();
        let is_ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX) && name.len() == PREFIX.len() + RANDOM);
        let is_file = || entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_ours
            && is_file()
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_behind_goes_and_what_is_in_use_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in [
            ".ampt-ws-export-Ab12Cd",
            ".ampt-ws-export-by-hand",
            "out.json",
        ] {
            fs::write(at(name), "[").expect("a file");
        }
        let used = create(folder.path()).expect("a file");
        let other = create(folder.path()).expect("a file");
        assert!(used.path().exists() && other.path().exists());
        assert!(!at(".ampt-ws-export-Ab12Cd").exists());
        assert!(at(".ampt-ws-export-by-hand").exists() && at("out.json").exists());
    }
}
