//! How one command or sandbox should print.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;
use serde::{Deserialize, Serialize};

use super::paint::Paint;
use crate::cli::{ColorWhen, Common};

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verbosity {
    /// No messages in the log.
    Quiet,
    /// What most people want.
    #[default]
    Normal,
    /// Whole ids, sizes, request ids, our own debug lines.
    Verbose,
}

/// The choices that every renderer needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Style {
    /// JSON instead of text for people.
    pub json: bool,
    /// Whether text for people is coloured.
    pub color: bool,
    /// How much to say.
    pub verbosity: Verbosity,
    /// The terminal's width when this was found out; none where lines may be of any length.
    #[serde(default)]
    pub columns: Option<u16>,
}

impl Style {
    /// What the options ask of standard output.
    pub fn for_stdout(common: &Common) -> Self {
        Self::of(common, &std::io::stdout())
    }

    /// What the options ask of standard error, which is never JSON.
    pub fn for_stderr(common: &Common) -> Self {
        Self {
            json: false,
            ..Self::of(common, &std::io::stderr())
        }
    }

    fn of(common: &Common, stream: &(impl IsTerminal + AsFd)) -> Self {
        let verbosity = match (common.quiet, common.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Self {
            json: common.json,
            color: wants_color(common.color, stream.is_terminal()),
            verbosity,
            columns: columns(stream),
        }
    }

    /// The same for a file.
    pub fn for_file(self) -> Self {
        Self {
            color: false,
            columns: None,
            ..self
        }
    }

    /// The same, if it is for standard output's terminal, at its width now.
    pub(super) fn at_current_width(self) -> Self {
        Self {
            columns: self.columns.and_then(|_| columns(&std::io::stdout())),
            ..self
        }
    }

    /// The colours that go with it.
    pub fn paint(self) -> Paint {
        Paint::new(self.color)
    }
}

/// The width of a terminal; none if it is none, or does not know.
fn columns(stream: &impl AsFd) -> Option<u16> {
    let size = tcgetwinsize(stream).ok()?;
    Some(size.ws_col).filter(|columns| *columns > 0)
}

/// Whether to colour: `--color` decides; `auto` asks the terminal and `NO_COLOR`.
pub fn wants_color(when: ColorWhen, is_terminal: bool) -> bool {
    let unwanted = || {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        is_set("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb")
    };
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => is_terminal && !unwanted(),
    }
}
