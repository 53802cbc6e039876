//! Messages typed on a terminal.

use std::borrow::Cow;
use std::cell::Cell;
use std::io;
use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::command::{self, COMMANDS, Line};
use super::wish::Wish;
use crate::error::Failure;
use crate::output::{Output, Paint, Screen, Style};
use crate::terminal::{self, LineEditor, NoticesLine, Reading, Typed};

/// What stands before the line that is typed.
const PROMPT: &str = "> ";

/// Starts reading lines, which become wishes. When the user leaves, no more come.
pub(super) fn start(
    wishes: mpsc::Sender<Wish>,
    style: Style,
    screen: &Screen,
    history: Option<PathBuf>,
) -> Result<Reading, Failure> {
    let helper = LineHelper {
        paint: style.paint(),
        is_empty: Cell::new(true),
    };
    let open = || {
        let mut editor = LineEditor::open(helper, style.color)?;
        if let Some(file) = history {
            // Without the former lines one can type all the same.
            let _ = editor.remember_in(&file);
        }
        Ok(editor)
    };
    let out = Output::to(style, io::stdout(), io::stdout());
    let converse = move |editor| converse(editor, &wishes, &out);
    terminal::start(screen, open, converse)
        .map_err(|failure| failure.hint("`ampt-ws connect < FILE` and -x do without it"))
}

fn converse(mut editor: LineEditor<LineHelper>, wishes: &mpsc::Sender<Wish>, out: &Output) {
    while !terminal::is_leaving() {
        let wish = match editor.read(PROMPT) {
            Typed::Line(line) => {
                editor.remember(&line);
                understood(&line, out)
            }
            Typed::Cleared => None,
            Typed::Interrupted => Some(Wish::Interrupt),
            Typed::End => return,
        };
        let Some(wish) = wish else { continue };
        let is_last = matches!(wish, Wish::Close(_) | Wish::Interrupt);
        // This thread must be back at the prompt soon: what comes is printed past it.
        match wishes.try_send(wish) {
            Ok(()) if is_last => return,
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                let message = "not sent: the server does not take what was sent before";
                out.failure(&Failure::new("backlog", message));
            }
            Err(TrySendError::Closed(_)) => return,
        }
    }
}

/// What a line asks for; what is only to be said is said.
fn understood(line: &str, out: &Output) -> Option<Wish> {
    match command::parse(line) {
        Ok(Line::Empty) => {}
        Ok(Line::Message(text)) => return Some(Wish::Send(text)),
        Ok(Line::Close(close)) => return Some(Wish::Close(close)),
        Ok(Line::Ping) => return Some(Wish::Ping),
        // That the terminal has gone is noticed when the next line is read.
        Ok(Line::Help) => drop(out.text(&command::help())),
        Err(failure) => out.failure(&failure),
    }
    None
}

/// Helps with the line that is being typed.
struct LineHelper {
    paint: Paint,
    is_empty: Cell<bool>,
}

/// The commands that begin with what was typed.
fn beginning_with(line: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_command = line.starts_with('/');
    COMMANDS
        .iter()
        .filter(move |(name, _, _)| is_command && name.starts_with(line))
        .map(|(name, arguments, _)| (*name, *arguments))
}

impl Completer for LineHelper {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let found = beginning_with(&line[..pos]);
        Ok((0, found.map(|(name, _)| name.to_owned()).collect()))
    }
}

impl Hinter for LineHelper {
    type Hint = String;

    /// Also learns whether the line is empty.
    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<String> {
        self.is_empty.set(line.is_empty());
        if pos < line.len() || line.len() < 2 {
            return None;
        }
        let (name, arguments) = beginning_with(line).next()?;
        Some(format!("{} {arguments}", &name[line.len()..]))
    }
}

impl Highlighter for LineHelper {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        _default: bool,
    ) -> Cow<'b, str> {
        Cow::Owned(self.paint.literal(prompt).to_string())
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.paint.dim(hint).to_string())
    }
}

impl Validator for LineHelper {}
impl Helper for LineHelper {}

impl NoticesLine for LineHelper {
    fn line_was_empty(&self) -> bool {
        self.is_empty.get()
    }
}
