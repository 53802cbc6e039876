//! Where a sandbox's lines go: standard output, or past the line that somebody is typing.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread;
use std::time::Duration;

/// How long the last lines past a prompt may take: a terminal stopped with Ctrl-S must not keep
/// the program from ending.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A shared place for whole lines. While a REPL is attached, its writer gets them.
#[derive(Clone, Default)]
pub struct Screen {
    attached: Arc<Mutex<Option<Box<dyn Write + Send>>>>,
}

impl Screen {
    /// Standard output.
    pub fn stdout() -> Self {
        Self::default()
    }

    /// Sends what follows to `writer`, until it fails or is detached.
    pub fn attach(&self, writer: impl Write + Send + 'static) {
        *self.lock() = Some(Box::new(writer));
    }

    /// Has the attached writer finish (its `flush` is its last call), and prints plainly from now on.
    pub fn detach(&self) {
        let Some(mut writer) = self.lock().take() else {
            return;
        };
        let (done, flushed) = mpsc::sync_channel(1);
        let flush = move || {
            let _ = done.send(writer.flush());
        };
        if thread::Builder::new().spawn(flush).is_ok() {
            let _ = flushed.recv_timeout(LAST_LINES);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<dyn Write + Send>>> {
        self.attached.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Write for Screen {
    /// Writes all of `lines`, which should end where a line ends.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let mut attached = self.lock();
        if let Some(writer) = attached.as_mut() {
            if writer.write_all(lines).is_ok() {
                return Ok(lines.len());
            }
            // The REPL has ended; what comes from now on is printed plainly.
            *attached = None;
        }
        drop(attached);
        let mut stdout = io::stdout().lock();
        stdout.write_all(lines)?;
        stdout.flush()?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
