//! Help with the line that is being typed, in the form in which the line editor asks for it.

use std::borrow::Cow;
use std::cell::Cell;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use super::editor::NoticesLine;
use crate::output::Paint;

/// Knows what may be typed.
pub trait Suggest {
    /// What may stand at the cursor, and where in the line that begins.
    fn complete(&self, line: &str, pos: usize) -> (usize, Vec<Pair>);

    /// What may follow a line at whose end the cursor stands.
    fn hint(&self, line: &str, context: &Context<'_>) -> Option<LineHint>;
}

/// Text behind the cursor.
pub struct LineHint {
    /// The text.
    pub text: String,
    /// Whether it can be taken into the line.
    pub is_completion: bool,
}

impl Hint for LineHint {
    fn display(&self) -> &str {
        &self.text
    }

    fn completion(&self) -> Option<&str> {
        self.is_completion.then_some(self.text.as_str())
    }
}

/// Helps with the line that is being typed.
pub struct LineHelper<S> {
    suggest: S,
    paint: Paint,
    /// Whether the line was empty when it was last shown.
    is_empty: Cell<bool>,
}

impl<S> LineHelper<S> {
    /// Helps with what `suggest` knows.
    pub fn new(suggest: S, paint: Paint) -> Self {
        Self {
            suggest,
            paint,
            is_empty: Cell::new(true),
        }
    }

    /// What knows what may be typed.
    pub fn suggest(&self) -> &S {
        &self.suggest
    }
}

impl<S: Suggest> Completer for LineHelper<S> {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(self.suggest.complete(line, pos))
    }
}

impl<S: Suggest> Hinter for LineHelper<S> {
    type Hint = LineHint;

    /// Also learns whether the line is empty: the editor tells that to nobody else.
    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<LineHint> {
        self.is_empty.set(line.is_empty());
        // Without colours, nobody could tell a hint from what was typed.
        if line.is_empty() || pos < line.len() || !self.paint.is_on() {
            return None;
        }
        self.suggest.hint(line, context)
    }
}

impl<S: Suggest> Highlighter for LineHelper<S> {
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

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        false
    }
}

impl<S: Suggest> Validator for LineHelper<S> {}
impl<S: Suggest> Helper for LineHelper<S> {}

impl<S: Suggest> NoticesLine for LineHelper<S> {
    fn line_was_empty(&self) -> bool {
        self.is_empty.get()
    }
}
