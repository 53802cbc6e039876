//! One line at the bottom of a terminal that says what is going on.

use std::io::IsTerminal;

use super::Output;
use super::escape::visible;
use super::payload::start_of;
use super::screen::ERASE;

/// Columns of a terminal that does not tell how many it has.
const COLUMNS: usize = 80;

/// A line on standard error, or at the prompt's terminal, that is rewritten and taken back; nothing
/// if there is no terminal.
pub struct Progress<'a> {
    out: &'a Output,
    shown: bool,
    on: bool,
}

impl<'a> Progress<'a> {
    /// A line that is shown if somebody wants it and sees it.
    pub fn new(out: &'a Output, wanted: bool) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let is_seen = || out.screen().is_some() || std::io::stderr().is_terminal();
        Self {
            out,
            shown: false,
            on: wanted && !is_dumb && is_seen(),
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
        // A line that wraps could not be taken back.
        let columns = self.out.err_columns().unwrap_or(COLUMNS);
        let line = start_of(visible(line).chars(), columns.saturating_sub(1));
        let line = self.out.err_paint().dim(&line).to_string();
        match self.out.screen() {
            Some(screen) => screen.show_status(&line),
            None => self.out.error_text(&format!("{ERASE}{line}")),
        }
        self.shown = true;
    }

    /// Takes the line back, so that something else can be printed.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            match self.out.screen() {
                Some(screen) => screen.clear_status(),
                None => self.out.error_text(ERASE),
            }
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}
