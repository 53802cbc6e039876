//! One line at the bottom of a terminal that says what is going on.

use std::io::IsTerminal;

use super::Output;
use super::escape::visible_line;

/// Longest line; a longer one would wrap and could not be taken back.
const WIDTH: usize = 78;

/// A line on standard error that is rewritten and taken back; nothing if that is no terminal.
pub struct Progress<'a> {
    out: &'a Output,
    shown: bool,
    on: bool,
}

impl<'a> Progress<'a> {
    /// A line that is shown if somebody wants it and sees it.
    pub fn new(out: &'a Output, wanted: bool) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self {
            out,
            shown: false,
            on: wanted && !is_dumb && std::io::stderr().is_terminal(),
        }
    }

    /// Whether anything is shown.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Shows a line in place of the last one.
    pub fn show(&mut self, line: &str) {
        if !self.on {
            return;
        }
        let line: String = visible_line(line).chars().take(WIDTH).collect();
        let line = self.out.err_paint().dim(&line).to_string();
        self.out.error_text(&format!("\r\u{1b}[K{line}"));
        self.shown = true;
    }

    /// Takes the line back, so that something else can be printed.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            self.out.error_text("\r\u{1b}[K");
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}
