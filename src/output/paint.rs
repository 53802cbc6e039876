//! Colours, named by what they mean.

use colored::{Color, ColoredString, Colorize};

use crate::domain::ConnectionId;

/// Colours text, or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Colours if `on`.
    pub fn new(on: bool) -> Self {
        // Whether to colour is decided here, for each stream; `colored` must not decide again.
        colored::control::set_override(true);
        Self { on }
    }

    /// Whether text is coloured.
    pub fn is_on(self) -> bool {
        self.on
    }

    fn apply(self, text: &str, paint: impl FnOnce(&str) -> ColoredString) -> ColoredString {
        if self.on { paint(text) } else { text.normal() }
    }

    /// Something that matters less.
    pub fn dim(self, text: &str) -> ColoredString {
        self.apply(text, |t| t.bright_black())
    }

    /// Something that matters more.
    pub fn strong(self, text: &str) -> ColoredString {
        self.apply(text, |t| t.bold())
    }

    /// Something that went well.
    pub fn good(self, text: &str) -> ColoredString {
        self.apply(text, |t| t.green())
    }

    /// Something to look at.
    pub fn warn(self, text: &str) -> ColoredString {
        self.apply(text, |t| t.yellow())
    }

    /// Something that failed.
    pub fn bad(self, text: &str) -> ColoredString {
        self.apply(text, |t| t.red().bold())
    }

    /// A URL, a path, a command to type.
    pub fn literal(self, text: &str) -> ColoredString {
        self.apply(text, |t| t.cyan())
    }

    /// A property name in JSON.
    pub fn json_name(self, text: &str) -> ColoredString {
        self.apply(text, |t| t.blue())
    }

    /// A string in JSON.
    pub fn json_string(self, text: &str) -> ColoredString {
        self.apply(text, |t| t.green())
    }

    /// A number, `true`, `false` or `null` in JSON.
    pub fn json_scalar(self, text: &str) -> ColoredString {
        self.apply(text, |t| t.yellow())
    }

    /// Text that belongs to a connection: each has a colour of its own, as far as they go.
    pub fn connection(self, id: &ConnectionId, text: &str) -> ColoredString {
        const COLORS: [Color; 6] = [
            Color::Cyan,
            Color::Magenta,
            Color::Yellow,
            Color::Green,
            Color::Blue,
            Color::BrightRed,
        ];
        let sum: usize = id.as_bytes().iter().map(|b| usize::from(*b)).sum();
        self.apply(text, |t| t.color(COLORS[sum % COLORS.len()]))
    }
}
