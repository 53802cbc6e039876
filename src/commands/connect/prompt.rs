//! Messages typed on a terminal.

use std::io;
use std::path::PathBuf;

use rustyline::Context;
use rustyline::completion::Pair;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::command::{self, COMMANDS, Line};
use super::wish::Wish;
use crate::error::Failure;
use crate::output::{Output, Screen, Style};
use crate::terminal::{self, LineEditor, LineHelper, LineHint, Reading, Suggest, Typed};

/// What stands before the line that is typed.
const PROMPT: &str = "> ";

/// Starts reading lines, which become wishes. When the user leaves, no more come.
pub(super) fn start(
    wishes: mpsc::Sender<Wish>,
    style: Style,
    screen: &Screen,
    history: Option<PathBuf>,
) -> Result<Reading, Failure> {
    let helper = LineHelper::new(Commands, style.paint());
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

fn converse(
    mut editor: LineEditor<LineHelper<Commands>>,
    wishes: &mpsc::Sender<Wish>,
    out: &Output,
) {
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

/// Knows the commands.
struct Commands;

/// The commands that begin with what was typed.
fn beginning_with(line: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_command = line.starts_with('/');
    COMMANDS
        .iter()
        .filter(move |(name, _, _)| is_command && name.starts_with(line))
        .map(|(name, arguments, _)| (*name, *arguments))
}

impl Suggest for Commands {
    fn complete(&self, line: &str, pos: usize) -> (usize, Vec<Pair>) {
        let found = beginning_with(&line[..pos]).map(|(name, _)| Pair {
            display: name.to_owned(),
            replacement: name.to_owned(),
        });
        (0, found.collect())
    }

    fn hint(&self, line: &str, _: &Context<'_>) -> Option<LineHint> {
        if line.len() < 2 {
            return None;
        }
        let (name, arguments) = beginning_with(line).next()?;
        Some(LineHint {
            text: format!("{} {arguments}", &name[line.len()..]),
            is_completion: false,
        })
    }
}
