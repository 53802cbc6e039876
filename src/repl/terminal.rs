//! The conversation at the terminal: reads lines and has them obeyed.

use std::cell::RefCell;

use super::session::{Next, Session};
use super::suggest::Suggestions;
use crate::terminal::{self, LineEditor, LineHelper, Typed};
use crate::verbs::Ask;

/// What stands before the line that is typed.
const PROMPT: &str = "ampt-ws> ";

/// Reads until the user leaves or the terminal goes away.
pub(super) fn converse(mut editor: LineEditor<LineHelper<Suggestions>>, session: &Session) {
    loop {
        let next = match editor.read(PROMPT) {
            Typed::Line(line) => {
                editor.remember(&line);
                let asking = AtPrompt(RefCell::new(&mut editor));
                session.obey(&line, &asking)
            }
            Typed::Cleared => Next::Line,
            Typed::Interrupted => session.interrupt(),
            Typed::End => Next::Quit,
        };
        match next {
            Next::Line => {}
            Next::Clear => editor.clear_screen(),
            Next::Quit => return,
        }
        if terminal::is_leaving() {
            return;
        }
    }
}

/// Asks questions where the lines are typed.
struct AtPrompt<'a>(RefCell<&'a mut LineEditor<LineHelper<Suggestions>>>);

impl Ask for AtPrompt<'_> {
    fn confirm(&self, question: &str) -> Option<bool> {
        let mut editor = self.0.try_borrow_mut().ok()?;
        let set_asking = |editor: &LineEditor<LineHelper<Suggestions>>, is_asking| {
            if let Some(helper) = editor.helper() {
                helper.suggest().set_asking(is_asking);
            }
        };
        set_asking(&editor, true);
        let answer = editor.read(&format!("{question} [y/N] "));
        set_asking(&editor, false);
        let Typed::Line(answer) = answer else {
            return Some(false);
        };
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}
