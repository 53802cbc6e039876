//! The REPL: the sandbox's own terminal, where lines are typed while events are printed.
//!
//! Lines are read on a thread of their own, which a runtime could not be made to wait for; events
//! are printed past the line by the printer's thread. The terminal is restored by a guard, whether
//! or not the reading thread still waits for a key.

mod completion;
mod grammar;
mod guard;
mod helper;
mod session;
mod terminal;
mod words;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::error::{Failure, reason};
use crate::event::EventBus;
use crate::ops::Perform;
use crate::output::{Output, Screen, Style};

pub use guard::TerminalGuard;
use helper::LineHelper;
use session::Session;
use terminal::{Leaving, Terminal};

/// Whether somebody sits at a terminal with which lines can be read and edited.
pub fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// A running REPL. Dropping it restores the terminal at once, even while a line is being typed.
pub struct Repl {
    left: Arc<CancellationToken>,
    _guard: TerminalGuard,
}

impl Repl {
    /// Completes when the user has left: with `quit`, Ctrl-D, or Ctrl-C on an empty line.
    pub async fn left(&self) {
        self.left.cancelled().await;
    }
}

/// Starts reading lines, which `sandbox` performs on `runtime`. What is printed on `screen` from
/// now on appears past the line that is being typed.
pub fn start(
    sandbox: Arc<dyn Perform>,
    runtime: Handle,
    bus: &EventBus,
    style: Style,
    screen: &Screen,
    data_dir: &Path,
) -> Result<Repl, Failure> {
    let cannot = |why: String| {
        Failure::new("terminal", format!("the terminal cannot be used: {why}"))
            .hint("--no-repl does without it")
    };
    let guard = TerminalGuard::save();
    let left = Arc::new(CancellationToken::new());
    let leaving = Leaving(left.clone());
    let helper = LineHelper::new(sandbox.clone(), runtime.clone(), style.paint());
    let mut terminal =
        Terminal::open(helper, style, data_dir, bus).map_err(|e| cannot(e.to_string()))?;
    terminal.attach(screen);
    // Failures go where the line was typed, wherever standard error may lead.
    let output = |style| Output::to(style, io::stdout(), io::stdout());
    let session = Session::new(sandbox, runtime, bus.clone(), style, output);
    std::thread::Builder::new()
        .name(guard::READER.into())
        .spawn(move || {
            let _leaving = leaving;
            terminal.converse(&session);
        })
        .map_err(|e| cannot(reason(&e)))?;
    Ok(Repl {
        left,
        _guard: guard,
    })
}
