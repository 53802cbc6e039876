//! Reads lines that are edited on the terminal.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor, ExternalPrinter, Helper};

use super::guard;
use crate::output::Screen;

/// Most lines that are remembered.
const HISTORY: usize = 1000;

/// A helper that sees the line as it changes.
pub trait NoticesLine: Helper {
    /// Whether the line was empty when it was last shown. The editor tells nobody else what stood
    /// there when Ctrl-C came.
    fn line_was_empty(&self) -> bool;
}

/// What came of waiting for a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A line.
    Line(String),
    /// Ctrl-C took away what had been typed.
    Cleared,
    /// Ctrl-C on an empty line.
    Interrupted,
    /// Ctrl-D on an empty line, or the terminal has gone away.
    End,
}

/// A line editor on the process's terminal.
pub struct LineEditor<H: Helper> {
    editor: Editor<H, FileHistory>,
    history: Option<PathBuf>,
    /// The prompt that is or was shown last.
    prompt: Arc<Mutex<String>>,
}

impl<H: Helper> LineEditor<H> {
    /// An editor without any lines to remember.
    pub fn open(helper: H, color: bool) -> rustyline::Result<Self> {
        let color = match color {
            true => ColorMode::Forced,
            false => ColorMode::Disabled,
        };
        let config = Config::builder()
            .max_history_size(HISTORY)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .color_mode(color)
            .build();
        let history = FileHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history)?;
        editor.set_helper(Some(helper));
        editor.set_max_history_size(HISTORY)?;
        Ok(Self {
            editor,
            history: None,
            prompt: Arc::default(),
        })
    }

    /// Remembers lines in `file` from now on, and those that stand there already.
    pub fn remember_in(&mut self, file: &Path) -> rustyline::Result<()> {
        self.history = Some(file.to_owned());
        make_private(file)?;
        self.editor.load_history(file)
    }

    /// Prints what goes to the screen past the line that is being typed.
    pub(super) fn attach(&mut self, screen: &Screen) {
        match self.editor.create_external_printer() {
            Ok(printer) => screen.attach(PastTheLine(printer)),
            Err(_) => screen.attach(BelowTheLine(self.prompt.clone())),
        }
    }

    /// Remembers a line at once: whoever pulls the plug finds it again all the same.
    pub fn remember(&mut self, line: &str) {
        let is_new =
            !line.trim().is_empty() && self.editor.add_history_entry(line).unwrap_or(false);
        if let (true, Some(file)) = (is_new, &self.history) {
            let _ = self.editor.append_history(file);
        }
    }

    /// Clears the screen.
    pub fn clear_screen(&mut self) {
        let _ = self.editor.clear_screen();
    }

    /// The helper that it was opened with.
    pub fn helper(&self) -> Option<&H> {
        self.editor.helper()
    }
}

impl<H: NoticesLine> LineEditor<H> {
    /// Waits for a line.
    pub fn read(&mut self, prompt: &str) -> Typed {
        if !guard::begin_prompt() {
            return Typed::End;
        }
        prompt.clone_into(&mut lock(&self.prompt));
        let line = self.editor.readline(&Prompt(prompt));
        guard::end_prompt();
        let was_empty = self.helper().is_none_or(NoticesLine::line_was_empty);
        match line {
            Ok(line) => Typed::Line(line),
            Err(ReadlineError::Interrupted) if !was_empty => Typed::Cleared,
            Err(ReadlineError::Interrupted) => Typed::Interrupted,
            Err(_) => Typed::End,
        }
    }
}

/// Creates the file for its owner alone, for its lines may hold data.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let options = options.append(true).create(true).mode(0o600);
    options.open(path).map(drop)
}

/// A prompt that is not shown any more once the terminal is to be given back.
struct Prompt<'a>(&'a str);

impl rustyline::Prompt for Prompt<'_> {
    fn raw(&self) -> &str {
        guard::rest_if_leaving();
        guard::note_editing();
        self.0
    }
}

/// Writes whole lines above the one that is being typed.
struct PastTheLine<P>(P);

/// Writes whole lines below what has been typed, and the prompt again: all that can be done on a
/// terminal that does not move its cursor.
struct BelowTheLine(Arc<Mutex<String>>);

impl Write for BelowTheLine {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let mut stdout = io::stdout().lock();
        if guard::is_at_prompt() {
            stdout.write_all(b"\n")?;
            stdout.write_all(lines)?;
            stdout.write_all(lock(&self.0).as_bytes())?;
        } else {
            stdout.write_all(lines)?;
        }
        stdout.flush()?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock(prompt: &Mutex<String>) -> MutexGuard<'_, String> {
    prompt.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line that changes nothing on the screen.
pub(super) const NOTHING: &str = "\x1b[A\n";

impl<P: ExternalPrinter> Write for PastTheLine<P> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(lines).into_owned();
        self.0.print(text).map_err(io::Error::other)?;
        Ok(lines.len())
    }

    /// Waits until everything stands on the screen, and leaves it without a prompt.
    ///
    /// The editor's queue has one place, so the second of two more prints returns once the first
    /// was taken out of it, which happens after all that came before was shown. After the second,
    /// the prompt would be shown again.
    fn flush(&mut self) -> io::Result<()> {
        self.write_all(NOTHING.as_bytes())?;
        self.write_all(NOTHING.as_bytes())?;
        guard::bring_to_rest();
        Ok(())
    }
}
