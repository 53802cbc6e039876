//! Small disks, for as long as a test takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A disk of its own in a folder; unmounted at the end of the test.
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts it; `None`, with a word on standard error, where that is not allowed.
    pub fn mount(at: &Path, size_kb: u32) -> Option<Self> {
        fs::create_dir_all(at).expect("a folder");
        let disk = Self(at.to_owned());
        let options = format!("size={size_kb}k,mode=700");
        if disk.run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs"]) {
            return Some(disk);
        }
        std::mem::forget(disk);
        eprintln!("SKIPPED: a disk cannot be mounted here, it takes root's rights");
        None
    }

    /// Gives it another size.
    pub fn resize(&self, size_kb: u32) {
        let options = format!("remount,size={size_kb}k");
        assert!(self.run("mount", &["-o", &options]), "another size");
    }

    /// Makes it read-only; nothing on it may be open for writing.
    pub fn make_read_only(&self) {
        assert!(self.run("mount", &["-o", "remount,ro"]), "a read-only disk");
    }

    fn run(&self, program: &str, args: &[&str]) -> bool {
        let mut command = Command::new(program);
        let output = command.args(args).arg(&self.0).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // At once, whoever still uses it.
        self.run("umount", &["-l"]);
    }
}
