//! Completion, hints and colours, in the form in which the line editor asks for them.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter, HistoryHinter};
use rustyline::{Context, Helper, validate::Validator};
use serde::Deserialize;
use serde_json::Value;
use tokio::runtime::Handle;

use super::completion::{Completion, Lookup};
use crate::ops::{DataRequest, Perform, Request};
use crate::output::Paint;
use crate::terminal::{self, NoticesLine};

/// How long a completion may wait for the sandbox.
const PATIENCE: Duration = Duration::from_millis(300);

/// Most keys that are offered.
const MOST_KEYS: usize = 1000;

/// Helps with the line that is being typed.
pub(super) struct LineHelper {
    completion: Completion,
    history: HistoryHinter,
    lookup: SandboxLookup,
    paint: Paint,
    /// Whether the line was empty when it was last shown.
    is_empty: Cell<bool>,
    /// Whether a question is being answered, which needs no help.
    is_asking: Cell<bool>,
}

impl LineHelper {
    pub(super) fn new(sandbox: Arc<dyn Perform>, runtime: Handle, paint: Paint) -> Self {
        Self {
            completion: Completion::default(),
            history: HistoryHinter::new(),
            lookup: SandboxLookup { sandbox, runtime },
            paint,
            is_empty: Cell::new(true),
            is_asking: Cell::new(false),
        }
    }

    /// Whether the next line answers a question.
    pub(super) fn set_asking(&self, is_asking: bool) {
        self.is_asking.set(is_asking);
    }
}

impl Completer for LineHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        // While a question is asked, this thread is already inside the runtime.
        if self.is_asking.get() || terminal::is_leaving() {
            return Ok((pos, Vec::new()));
        }
        Ok(self.completion.complete(line, pos, &self.lookup))
    }
}

/// Text behind the cursor.
pub(super) struct LineHint {
    text: String,
    is_completion: bool,
}

impl Hint for LineHint {
    fn display(&self) -> &str {
        &self.text
    }

    fn completion(&self) -> Option<&str> {
        self.is_completion.then_some(self.text.as_str())
    }
}

impl Hinter for LineHelper {
    type Hint = LineHint;

    /// Also learns whether the line is empty: the editor tells that to nobody else.
    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<LineHint> {
        self.is_empty.set(line.is_empty());
        // Without colours, nobody could tell a hint from what was typed.
        if line.is_empty() || pos < line.len() || self.is_asking.get() || !self.paint.is_on() {
            return None;
        }
        let offered = |text| LineHint {
            text,
            is_completion: true,
        };
        let usage = self.completion.usage(line).map(|text| LineHint {
            text,
            is_completion: false,
        });
        usage
            .or_else(|| self.history.hint(line, pos, context).map(offered))
            .or_else(|| self.completion.rest_of_verb(line).map(offered))
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

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        false
    }
}

impl Validator for LineHelper {}
impl Helper for LineHelper {}

impl NoticesLine for LineHelper {
    fn line_was_empty(&self) -> bool {
        self.is_empty.get()
    }
}

/// Asks the sandbox, briefly.
struct SandboxLookup {
    sandbox: Arc<dyn Perform>,
    runtime: Handle,
}

impl SandboxLookup {
    fn ask(&self, request: Request) -> Option<Value> {
        self.runtime.block_on(async {
            let answer = tokio::time::timeout(PATIENCE, self.sandbox.perform(request));
            answer.await.ok()?.ok()
        })
    }

    fn texts(&self, request: Request, field: &str) -> Vec<String> {
        let answer = self.ask(request).unwrap_or_default();
        let rows = Vec::<Value>::deserialize(answer).unwrap_or_default();
        let texts = rows.iter().filter_map(|row| row[field].as_str());
        texts.map(str::to_owned).collect()
    }
}

impl Lookup for SandboxLookup {
    fn connections(&self) -> Vec<String> {
        self.texts(Request::List, "connectionId")
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        // A whole namespace can be asked for; other keys are few.
        let pattern = prefix.contains(':').then(|| format!("{prefix}*"));
        let request = DataRequest::Ls {
            pattern,
            limit: Some(MOST_KEYS),
        };
        self.texts(Request::Data(request), "key")
    }
}
