//! A program under a pseudo-terminal, seen through a model of the screen: what a person sees, not
//! the bytes that draw it.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{self, Pts, Pty};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use rustix::termios::{LocalModes, SpecialCodeIndex, Termios, tcgetattr};

use super::screen::{Model, Screen};
use super::{App, PATIENCE};

/// How often to look whether a program that draws nothing is still there.
const LOOK: Duration = Duration::from_millis(100);

/// Keys that are not letters, as a terminal sends them.
pub mod key {
    /// Enter.
    pub const ENTER: &str = "\r";
    /// Tab.
    pub const TAB: &str = "\t";
    /// Arrow up.
    pub const UP: &str = "\x1b[A";
    /// Arrow down.
    pub const DOWN: &str = "\x1b[B";
    /// Arrow left.
    pub const LEFT: &str = "\x1b[D";
    /// Arrow right.
    pub const RIGHT: &str = "\x1b[C";
    /// Ctrl-A, to the beginning of the line.
    pub const CTRL_A: &str = "\x01";
    /// Ctrl-C.
    pub const CTRL_C: &str = "\x03";
    /// Ctrl-D.
    pub const CTRL_D: &str = "\x04";
    /// Ctrl-L.
    pub const CTRL_L: &str = "\x0c";
    /// Ctrl-U, to erase the line.
    pub const CTRL_U: &str = "\x15";
    /// Ctrl-Z.
    pub const CTRL_Z: &str = "\x1a";
}

/// A program at a terminal of its own, which it controls (Ctrl-C is a signal there while the
/// terminal is not raw). Killed at the end of the test; if that failed, the screen is printed.
pub struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    /// Keeps the terminal alive, and its modes readable, after the program's end.
    pts: Pts,
    drawn: Arc<Drawn>,
    found: Modes,
    has_ended: bool,
}

struct Drawn {
    model: Mutex<Model>,
    changed: Condvar,
}

impl Drawn {
    fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A terminal's modes and special characters, to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modes {
    text: String,
    /// Whether the terminal gathers lines and echoes them, as a shell's commands expect.
    pub is_cooked: bool,
}

impl Modes {
    fn of(termios: &Termios) -> Self {
        let codes = [
            SpecialCodeIndex::VINTR,
            SpecialCodeIndex::VEOF,
            SpecialCodeIndex::VERASE,
            SpecialCodeIndex::VSUSP,
            SpecialCodeIndex::VMIN,
            SpecialCodeIndex::VTIME,
        ];
        let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        Self {
            text: format!(
                "{:?} {:?} {:?} {:?} {:?}",
                termios.input_modes,
                termios.output_modes,
                termios.control_modes,
                termios.local_modes,
                codes.map(|code| termios.special_codes[code]),
            ),
            is_cooked: termios.local_modes.contains(cooked),
        }
    }
}

impl App {
    /// Runs the program about this app at a terminal of 24 lines and 80 columns.
    pub fn at_terminal<S: AsRef<OsStr>>(&self, args: &[S]) -> Terminal {
        self.at_terminal_of(24, 80, args, |_| {})
    }

    /// The same at a terminal of another size, with a last word on the command.
    pub fn at_terminal_of<S: AsRef<OsStr>>(
        &self,
        rows: u16,
        columns: u16,
        args: &[S],
        tune: impl FnOnce(&mut Command),
    ) -> Terminal {
        let mut command = self.command();
        command.args(args).env("TERM", "xterm-256color");
        tune(&mut command);
        Terminal::run(command, rows, columns)
    }
}

impl Terminal {
    /// Runs a command at a terminal of this size.
    pub fn run(command: Command, rows: u16, columns: u16) -> Self {
        let (pty, pts) = blocking::open().expect("a pseudo-terminal");
        pty.resize(Size::new(rows, columns))
            .expect("a size that a terminal can have");
        let found = Modes::of(&tcgetattr(&pts).expect("a terminal"));
        let child = blocking::Command::from(command)
            .spawn_borrowed(&pts)
            .expect("the program starts");
        let pty = Arc::new(pty);
        let drawn = Arc::new(Drawn {
            model: Mutex::new(Model::new(rows, columns)),
            changed: Condvar::new(),
        });
        draw(pty.clone(), drawn.clone());
        Self {
            child,
            pty,
            pts,
            drawn,
            found,
            has_ended: false,
        }
    }

    /// Types text and keys.
    pub fn keys(&self, keys: &str) {
        let mut pty = &*self.pty;
        pty.write_all(keys.as_bytes()).expect("an open terminal");
    }

    /// Types a line, and Enter.
    pub fn line(&self, text: &str) {
        self.keys(text);
        self.keys(key::ENTER);
    }

    /// Gives the terminal another size, as dragging the corner of its window does.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.drawn.lock().resize(rows, columns);
        self.pty
            .resize(Size::new(rows, columns))
            .expect("a size that a terminal can have");
    }

    /// Waits until the screen shows, or has shown further up, a text in one line. A line that the
    /// terminal wrapped counts as one.
    pub fn wait_for(&self, text: &str) -> Screen {
        self.wait_until(text, |screen| screen.has(text))
    }

    /// Waits until the line at the cursor is this; blanks at its end do not count.
    pub fn wait_for_line(&self, line: &str) -> Screen {
        self.wait_until(line, |screen| screen.line_at_cursor() == line.trim_end())
    }

    /// Waits until the screen is as it should be; gives it.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Screen) -> bool) -> Screen {
        let deadline = Instant::now() + PATIENCE;
        let mut model = self.drawn.lock();
        loop {
            let screen = model.screen();
            if is_so(&screen) {
                return screen;
            }
            let is_late = Instant::now() > deadline;
            assert!(!is_late, "the screen does not show this: {what}");
            if !self.is_running() {
                drop(model);
                let screen = self.last_screen();
                assert!(is_so(&screen), "ended before this was shown: {what}");
                return screen;
            }
            let waited = self.drawn.changed.wait_timeout(model, LOOK);
            model = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the program is still there; leaves its exit status to be read.
    fn is_running(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let ended = waitid(WaitId::Pid(self.pid()), options).expect("a child of ours");
        ended.is_none()
    }

    /// The screen as it is now.
    pub fn screen(&self) -> Screen {
        self.drawn.lock().screen()
    }

    /// How the terminal is set now.
    pub fn modes(&self) -> Modes {
        Modes::of(&tcgetattr(&self.pts).expect("a terminal"))
    }

    /// The process id of the program.
    pub fn pid(&self) -> Pid {
        let id = i32::try_from(self.child.id()).expect("a small number");
        Pid::from_raw(id).expect("a process id")
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a signal that can be sent");
    }

    /// Waits until the program has ended; its exit code (`None` if a signal ended it) and the
    /// last screen.
    pub fn wait(&mut self) -> (Option<i32>, Screen) {
        let deadline = Instant::now() + PATIENCE;
        // Nothing waits for a child with a deadline, so we look now and then.
        while self.is_running() {
            assert!(Instant::now() < deadline, "the program does not end");
            thread::sleep(Duration::from_millis(2));
        }
        let status = self.child.wait().expect("a child of ours");
        self.has_ended = true;
        (status.code(), self.last_screen())
    }

    /// Waits for the end, and checks that the terminal is as it was found: its modes, a visible
    /// cursor at the beginning of an empty line, no marks around what is pasted.
    pub fn wait_for_clean_end(&mut self) -> (Option<i32>, Screen) {
        let (code, screen) = self.wait();
        assert_eq!(self.modes(), self.found, "the modes differ");
        assert!(!screen.hides_cursor, "the cursor is hidden");
        assert!(!screen.brackets_paste, "pastes are still marked");
        assert_eq!(screen.cursor().1, 0, "the cursor is within a line");
        assert_eq!(screen.line_at_cursor(), "", "something was left behind");
        (code, screen)
    }

    /// The screen once everything that the program wrote has been drawn.
    fn last_screen(&self) -> Screen {
        // A title of ours, written behind the program's output, tells where that ends.
        let title = "\x1b]2;the end\x07".as_bytes();
        rustix::io::write(&self.pts, title).expect("an open terminal");
        let is_before = |model: &mut Model| model.title() != b"the end";
        let changed = &self.drawn.changed;
        let waited = changed.wait_timeout_while(self.drawn.lock(), PATIENCE, is_before);
        let (mut model, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "the terminal is not drawn to its end");
        model.screen()
    }
}

/// Draws what comes on a thread of its own, until the terminal is gone.
fn draw(pty: Arc<Pty>, drawn: Arc<Drawn>) {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = (&*pty).read(&mut bytes) {
            drawn.lock().write(&bytes[..read]);
            drawn.changed.notify_all();
        }
    });
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.screen());
        }
        if !self.has_ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
