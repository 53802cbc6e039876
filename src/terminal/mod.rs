//! The process's terminal: a line editor on a thread of its own, and everything left as it was
//! found.
//!
//! Lines are read on a thread that a runtime need not wait for: one that waits for a key cannot be
//! woken. What is printed on a [`Screen`] meanwhile appears past the line that is being typed.

mod editor;
mod guard;

use std::io::{self, IsTerminal};

use rustyline::Helper;
use tokio_util::sync::CancellationToken;

use crate::error::{Failure, reason};
use crate::output::Screen;

pub use editor::{LineEditor, NoticesLine, Typed};
use guard::TerminalGuard;
pub use guard::is_leaving;

/// Whether somebody sits at a terminal with which lines can be read and edited.
pub fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Lines are being read. Dropping it gives the terminal back at once, even while a line is being
/// typed: what was told to the screen is printed, the prompt is erased.
pub struct Reading {
    left: CancellationToken,
    screen: Screen,
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
        self.screen.detach();
    }
}

/// Opens a line editor and gives it to `converse`, on a thread of its own.
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
        _guard: guard,
    })
}

/// Tells that the user has left, even if the reading thread panics.
struct Leaving(CancellationToken);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
