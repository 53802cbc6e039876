//! What went wrong in a step, before it is known which step that was.

use serde_json::Value;

use crate::error::Failure;
use crate::script::matching::diff::{Line, diff};
use crate::script::matching::{Captures, Pattern};
use crate::script::update::Fix;

/// Why a step failed.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    pub message: String,
    pub hint: Option<String>,
    pub diff: Vec<Line>,
    /// What would have held instead, where that can be told.
    pub fix: Option<Box<Fix>>,
    /// Whether a capture is missing.
    pub is_unset: bool,
}

impl Wrong {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn diff(mut self, diff: Vec<Line>) -> Self {
        self.diff = diff;
        self
    }

    pub fn fix(mut self, fix: Option<Fix>) -> Self {
        self.fix = fix.map(Box::new);
        self
    }

    /// A capture that is not set at this point.
    pub fn unset(name: String) -> Self {
        let hint = format!("an earlier step sets it with {{\"$capture\": \"{name}\"}}");
        let wrong = Self::new(format!("the capture `{name}` is not set")).hint(hint);
        Self {
            is_unset: true,
            ..wrong
        }
    }
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        Self {
            message: failure.message,
            hint: failure.hint,
            diff: Vec::new(),
            fix: None,
            is_unset: false,
        }
    }
}

/// What a step comes to.
pub(super) type Done = Result<(), Wrong>;

/// The difference between a pattern and nothing at all.
pub(super) fn all_missing(pattern: &Pattern, captures: &Captures) -> Vec<Line> {
    use crate::script::matching::diff::Mark;
    let lines = diff(pattern, &Value::Null, captures);
    let wanted = lines.into_iter().filter(|line| line.mark != Mark::Extra);
    wanted
        .map(|line| Line {
            mark: Mark::Missing,
            ..line
        })
        .collect()
}
