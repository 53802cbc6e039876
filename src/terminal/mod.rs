//! The process's terminal: a line editor on a thread of its own, and everything left as it was
//! found.
//!
//! Lines are read on a thread that a runtime need not wait for: one that waits for a key cannot be
//! woken. What is printed on a [`Screen`] meanwhile appears past the line that is being typed.

mod editor;
mod guard;
mod helper;

use std::io::{self, IsTerminal, Write};

use rustix::process::Signal;
use rustyline::Helper;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::error::{Failure, reason};
use crate::output::Screen;

use editor::NOTHING;
pub use editor::{LineEditor, Typed};
use guard::TerminalGuard;
pub use guard::is_leaving;
pub use helper::{LineHelper, LineHint, Suggest};

/// Whether somebody sits at a terminal with which lines can be read and edited.
pub fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Lines are being read. Dropping it gives the terminal back at once, even while a line is being
/// typed: what was told to the screen is printed, the prompt is erased.
pub struct Reading {
    left: CancellationToken,
    screen: Screen,
    resuming: AbortHandle,
    _guard: TerminalGuard,
}

impl Reading {
    /// Completes when the reading thread has ended: the user has left.
    pub async fn left(&self) {
        self.left.cancelled().await;
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.resuming.abort();
        self.screen.detach();
    }
}

/// Opens a line editor and gives it to `converse`, on a thread of its own.
///
/// Must be called in a runtime.
///
/// # Errors
/// The terminal cannot be used.
pub fn start<H: Helper + Send + 'static>(
    screen: &Screen,
    open: impl FnOnce() -> rustyline::Result<LineEditor<H>>,
    converse: impl FnOnce(LineEditor<H>) + Send + 'static,
) -> Result<Reading, Failure> {
    let cannot = |why: String| {
        let message = format!("the terminal cannot be used: {why}");
        Failure::new("terminal", message)
    };
    let guard = TerminalGuard::save();
    let left = CancellationToken::new();
    let leaving = Leaving(left.clone());
    let mut editor = open().map_err(|e| cannot(e.to_string()))?;
    editor.attach(screen);
    std::thread::Builder::new()
        .name(guard::READER.into())
        .spawn(move || {
            let _leaving = leaving;
            converse(editor);
        })
        .map_err(|e| cannot(reason(&e)))?;
    Ok(Reading {
        left,
        screen: screen.clone(),
        resuming: tokio::spawn(resume(screen.clone())).abort_handle(),
        _guard: guard,
    })
}

/// Whenever the process goes on after Ctrl-Z, shows the line again and has it edited as before.
///
/// The editor does so too, but may be stopped after that rather than before: the signal that stops
/// a process of several threads need not be taken by the one that sends it.
async fn resume(screen: Screen) {
    let kind = SignalKind::from_raw(Signal::CONT.as_raw());
    let Ok(mut continued) = signal(kind) else {
        return;
    };
    while continued.recv().await.is_some() {
        let mut screen = screen.clone();
        // The screen may be busy for as long as the terminal is stopped with Ctrl-S.
        let show = move || guard::resume_editing() && screen.write_all(NOTHING.as_bytes()).is_ok();
        tokio::task::spawn_blocking(show);
    }
}

/// Tells that the user has left, even if the reading thread panics.
struct Leaving(CancellationToken);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
