//! What may be typed at the prompt: verbs, and what the sandbox knows now.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use rustyline::Context;
use rustyline::completion::Pair;
use rustyline::hint::{Hinter, HistoryHinter};
use serde::Deserialize;
use serde_json::Value;
use tokio::runtime::Handle;

use super::completion::{Completion, Lookup};
use crate::ops::{DataRequest, Perform, Request};
use crate::terminal::{self, LineHint, Suggest};

/// How long a completion may wait for the sandbox.
const PATIENCE: Duration = Duration::from_millis(300);

/// Most keys that are offered.
const MOST_KEYS: usize = 1000;

/// Knows verbs, connections, keys and what was typed before.
pub(super) struct Suggestions {
    completion: Completion,
    history: HistoryHinter,
    lookup: SandboxLookup,
    /// Whether a question is being answered, which needs no help.
    is_asking: Cell<bool>,
}

impl Suggestions {
    pub(super) fn new(sandbox: Arc<dyn Perform>, runtime: Handle) -> Self {
        Self {
            completion: Completion::default(),
            history: HistoryHinter::new(),
            lookup: SandboxLookup { sandbox, runtime },
            is_asking: Cell::new(false),
        }
    }

    /// Whether the next line answers a question.
    pub(super) fn set_asking(&self, is_asking: bool) {
        self.is_asking.set(is_asking);
    }
}

impl Suggest for Suggestions {
    fn complete(&self, line: &str, pos: usize) -> (usize, Vec<Pair>) {
        // While a question is asked, this thread is already inside the runtime.
        if self.is_asking.get() || terminal::is_leaving() {
            return (pos, Vec::new());
        }
        self.completion.complete(line, pos, &self.lookup)
    }

    fn hint(&self, line: &str, context: &Context<'_>) -> Option<LineHint> {
        if self.is_asking.get() {
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
            .or_else(|| self.history.hint(line, line.len(), context).map(offered))
            .or_else(|| self.completion.rest_of_verb(line).map(offered))
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
