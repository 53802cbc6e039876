//! The sandbox's log beside the command: a file, or the terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the sandbox's events go.
pub(super) enum Log {
    /// Standard error, among what the command says.
    Stderr,
    /// A file, begun anew.
    File(LogFile),
}

/// A file that is made with its first line: by then the sandbox holds the data folder, and no
/// other one's log is lost.
pub(super) struct LogFile {
    path: PathBuf,
    file: Option<File>,
    is_begun: Arc<AtomicBool>,
}

impl Log {
    /// The file at `path`; `is_begun` is set with its first line.
    pub(super) fn file(path: PathBuf, is_begun: Arc<AtomicBool>) -> Self {
        Self::File(LogFile {
            path,
            file: None,
            is_begun,
        })
    }
}

impl Write for Log {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let log = match self {
            Self::Stderr => return io::stderr().write(lines),
            Self::File(log) => log,
        };
        if log.file.is_none() {
            // It holds messages: for its owner alone.
            let mut options = OpenOptions::new();
            let options = options.write(true).create(true).truncate(true).mode(0o600);
            log.file = Some(options.open(&log.path)?);
            log.is_begun.store(true, Ordering::Relaxed);
        }
        match &mut log.file {
            Some(file) => file.write(lines),
            None => Ok(0),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
