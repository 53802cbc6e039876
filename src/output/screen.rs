//! Where a sandbox's lines go: standard output, or past the line that somebody is typing.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread;
use std::time::Duration;

/// How long the last lines past a prompt may take: a terminal stopped with Ctrl-S must not keep
/// the program from ending.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Takes back what stands in the line at the cursor.
pub(super) const ERASE: &str = "\r\x1b[K";

/// A shared place for whole lines. While a REPL is attached, its writer gets them.
#[derive(Clone, Default)]
pub struct Screen(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    attached: Option<Box<dyn Write + Send>>,
    /// A line that stands below all others for now.
    status: Option<String>,
}

impl State {
    fn put(&mut self, text: &[u8]) -> io::Result<()> {
        if let Some(writer) = self.attached.as_mut() {
            if writer.write_all(text).is_ok() {
                return Ok(());
            }
            // The REPL has ended; what comes from now on is printed plainly.
            self.attached = None;
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(text)?;
        stdout.flush()
    }
}

impl Screen {
    /// Standard output.
    pub fn stdout() -> Self {
        Self::default()
    }

    /// Sends what follows to `writer`, until it fails or is detached.
    pub fn attach(&self, writer: impl Write + Send + 'static) {
        self.lock().attached = Some(Box::new(writer));
    }

    /// Has the attached writer finish (its `flush` is its last call), and prints plainly from now on.
    pub fn detach(&self) {
        let Some(mut writer) = self.lock().attached.take() else {
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

    /// Shows a line, without its end, below all that is printed meanwhile; in place of the last
    /// such line. For a terminal at which no line is being typed.
    pub(super) fn show_status(&self, status: &str) {
        let mut state = self.lock();
        // If it cannot be written, nobody looks.
        let _ = state.put(format!("{ERASE}{status}").as_bytes());
        state.status = Some(status.to_owned());
    }

    /// Takes that line back.
    pub(super) fn clear_status(&self) {
        let mut state = self.lock();
        if state.status.take().is_some() {
            let _ = state.put(ERASE.as_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Write for Screen {
    /// Writes all of `lines`, which should end where a line ends.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        match state.status.clone() {
            None => state.put(lines)?,
            Some(status) => state.put(&[ERASE.as_bytes(), lines, status.as_bytes()].concat())?,
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testing::Buffer;

    #[test]
    fn a_status_stays_below_what_is_printed() {
        let (mut screen, seen) = (Screen::stdout(), Buffer::default());
        screen.attach(seen.clone());
        screen.show_status("1 of 2");
        screen.write_all(b"a line\n").unwrap();
        screen.show_status("2 of 2");
        screen.clear_status();
        screen.clear_status();
        screen.write_all(b"another\n").unwrap();
        assert_eq!(
            seen.text().replace(ERASE, "<"),
            "<1 of 2<a line\n1 of 2<2 of 2<another\n"
        );
    }
}
