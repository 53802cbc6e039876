//! The thread that reads lines from the terminal.

use std::cell::RefCell;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor, ExternalPrinter};
use tokio_util::sync::CancellationToken;

use super::guard;
use super::helper::LineHelper;
use super::session::{Next, Session};
use crate::event::{EventBus, Level};
use crate::output::{Screen, Style};
use crate::verbs::Ask;

/// What stands before the line that is typed.
const PROMPT: &str = "ampt-ws> ";

/// Most lines that are remembered.
const HISTORY: usize = 1000;

type LineEditor = Editor<LineHelper, FileHistory>;

/// Reads lines and has them obeyed.
pub(super) struct Terminal {
    editor: LineEditor,
    history: PathBuf,
}

impl Terminal {
    /// A line editor on the process's terminal, with the history of this app.
    pub(super) fn open(
        helper: LineHelper,
        style: Style,
        data_dir: &Path,
        bus: &EventBus,
    ) -> rustyline::Result<Self> {
        let color = match style.color {
            true => ColorMode::Forced,
            false => ColorMode::Disabled,
        };
        let config = Config::builder()
            .max_history_size(HISTORY)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .color_mode(color)
            .build();
        let mut editor =
            LineEditor::with_history(config.clone(), FileHistory::with_config(&config))?;
        editor.set_helper(Some(helper));
        editor.set_max_history_size(HISTORY)?;
        let history = data_dir.join("history");
        let loaded = make_private(&history).map_err(ReadlineError::from);
        if let Err(e) = loaded.and_then(|()| editor.load_history(&history)) {
            let text = format!("the prompt's history cannot be read: {e}");
            bus.log(Level::Warn, text);
        }
        Ok(Self { editor, history })
    }

    /// Prints what goes to the screen past the line that is being typed. A terminal that can do
    /// nothing of the kind is left as it is.
    pub(super) fn attach(&mut self, screen: &Screen) {
        if let Ok(printer) = self.editor.create_external_printer() {
            screen.attach(PastTheLine(printer));
        }
    }

    /// Reads until the user leaves or the terminal goes away.
    pub(super) fn converse(mut self, session: &Session) {
        loop {
            guard::set_at_prompt(true);
            let line = self.editor.readline(PROMPT);
            guard::set_at_prompt(false);
            let next = match line {
                Ok(line) => {
                    self.remember(&line);
                    let asking = AtPrompt(RefCell::new(&mut self.editor));
                    session.obey(&line, &asking)
                }
                Err(ReadlineError::Interrupted) if !self.line_was_empty() => Next::Line,
                Err(_) => Next::Quit,
            };
            match next {
                Next::Line => {}
                Next::Clear => {
                    let _ = self.editor.clear_screen();
                }
                Next::Quit => return,
            }
            if guard::is_leaving() {
                return;
            }
        }
    }

    fn line_was_empty(&self) -> bool {
        let helper = self.editor.helper();
        helper.is_none_or(LineHelper::line_was_empty)
    }

    /// Remembers a line at once: whoever pulls the plug finds it again all the same.
    fn remember(&mut self, line: &str) {
        if !line.trim().is_empty() && self.editor.add_history_entry(line).unwrap_or(false) {
            let _ = self.editor.append_history(&self.history);
        }
    }
}

/// Creates the file for its owner alone, for its lines may hold data.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let options = options.append(true).create(true).mode(0o600);
    options.open(path).map(drop)
}

/// Writes whole lines above the one that is being typed.
struct PastTheLine<P>(P);

impl<P: ExternalPrinter> Write for PastTheLine<P> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(lines).into_owned();
        self.0.print(text).map_err(io::Error::other)?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Asks questions where the lines are typed.
struct AtPrompt<'a>(RefCell<&'a mut LineEditor>);

impl Ask for AtPrompt<'_> {
    fn confirm(&self, question: &str) -> Option<bool> {
        let mut editor = self.0.try_borrow_mut().ok()?;
        let set_asking = |editor: &LineEditor, is_asking| {
            if let Some(helper) = editor.helper() {
                helper.set_asking(is_asking);
            }
        };
        set_asking(&editor, true);
        guard::set_at_prompt(true);
        let answer = editor.readline(&format!("{question} [y/N] "));
        guard::set_at_prompt(false);
        set_asking(&editor, false);
        let answer = answer.unwrap_or_default();
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}

/// Tells that the user has left, even if the reading thread panics.
pub(super) struct Leaving(pub(super) Arc<CancellationToken>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
