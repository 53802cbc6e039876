//! Log lines: what the app prints, and our own.

use super::HumanEvents;
use crate::event::Level;
use crate::output::escape::printed_line;

/// Where a line of several begins.
const FIRST: usize = 0;

impl HumanEvents {
    /// One entry of the log, of one or more lines.
    pub(super) fn log(&mut self, at: i64, level: Level, text: &str, partial: bool, source: &str) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        for (i, line) in text.split('\n').enumerate() {
            match i {
                FIRST => self.start(at, source),
                _ => self.indent(),
            }
            self.log_line(level, line, i == FIRST);
            self.line.push('\n');
        }
        if partial {
            self.line.pop();
            let mark = self.paint.dim("…").to_string();
            self.end(mark);
        }
    }

    fn log_line(&mut self, level: Level, line: &str, is_first: bool) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = printed_line(line, self.paint.is_on());
        let name = match level {
            Level::Warn if is_first => "warning: ",
            Level::Error if is_first => "error: ",
            _ => "",
        };
        let text = format!("{name}{line}");
        let line = match level {
            Level::Debug => self.paint.dim(&text).to_string(),
            Level::Info => text,
            Level::Warn => self.paint.warn(&text).to_string(),
            Level::Error => self.paint.bad(&text).to_string(),
        };
        self.line.push_str(&line);
    }
}
