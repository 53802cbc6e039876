//! The one error that reaches the user: what went wrong, what to do next, and the exit code.

use serde::{Deserialize, Serialize};

/// Exit codes of the program.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// It failed: a fixture failed, a connection is gone, a file could not be read.
    pub const FAILED: u8 = 1;
    /// Wrong usage.
    pub const USAGE: u8 = 2;
    /// No sandbox is running for this app.
    pub const NO_SANDBOX: u8 = 3;
    /// Interrupted by a signal.
    pub const INTERRUPTED: u8 = 130;
}

/// A failure as the user sees it, on a terminal and as `{"error":{code,message,hint}}`.
///
/// The message is lower case with the literal in backticks; the hint says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Failure {
    /// A stable kebab-case name for scripts, for example `no-sandbox`.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    /// The program's exit code.
    #[serde(skip, default = "failed")]
    pub exit: u8,
}

fn failed() -> u8 {
    exit::FAILED
}

/// Why an operation of the system failed, as people say it: without the error number.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = match text.find(" (os error") {
        Some(end) => &text[..end],
        None => &text,
    };
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => "unknown error".to_owned(),
    }
}

impl Failure {
    /// A failure with exit code 1 and no hint.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            hint: None,
            exit: exit::FAILED,
        }
    }

    /// Wrong usage, exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new("usage", message).exiting(exit::USAGE)
    }

    /// The same failure with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure with another exit code.
    pub fn exiting(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }
}
