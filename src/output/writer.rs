//! Prints the answers, warnings and failures of one command.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use serde::Serialize;
use serde_json::json;

use super::escape::{visible, visible_line};
use super::json;
use super::paint::Paint;
use super::screen::Screen;
use super::style::Style;
use crate::cli::Common;
use crate::error::{Failure, reason};

/// A stream and how to print on it.
struct Stream {
    style: Style,
    writer: Mutex<Box<dyn Write + Send>>,
}

impl Stream {
    fn new(style: Style, writer: impl Write + Send + 'static) -> Self {
        Self {
            style,
            writer: Mutex::new(Box::new(writer)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        self.writer.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Standard output and standard error of one command.
pub struct Output {
    out: Stream,
    err: Stream,
    /// Set once nobody reads standard output any more, as after `| head`.
    closed: AtomicBool,
    /// The terminal of a prompt, on which others print as well.
    screen: Option<Screen>,
}

impl Output {
    /// The process's own streams, in the style that the options ask for.
    pub fn standard(common: &Common) -> Self {
        Self {
            out: Stream::new(Style::for_stdout(common), io::stdout()),
            err: Stream::new(Style::for_stderr(common), io::stderr()),
            closed: AtomicBool::new(false),
            screen: None,
        }
    }

    /// Other streams, in the given style.
    pub fn to(
        style: Style,
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
    ) -> Self {
        let plain = Style {
            json: false,
            ..style
        };
        Self {
            out: Stream::new(style, out),
            err: Stream::new(plain, err),
            closed: AtomicBool::new(false),
            screen: None,
        }
    }

    /// The same, on the terminal that `screen` is.
    pub fn on(self, screen: Screen) -> Self {
        Self {
            screen: Some(screen),
            ..self
        }
    }

    pub(super) fn screen(&self) -> Option<&Screen> {
        self.screen.as_ref()
    }

    /// How answers are printed.
    pub fn style(&self) -> Style {
        self.out.style.at_current_width()
    }

    /// The width of the terminal on which answers are printed.
    pub fn columns(&self) -> Option<usize> {
        self.style().columns.map(usize::from)
    }

    /// The width of the terminal that standard error is.
    pub(super) fn err_columns(&self) -> Option<usize> {
        let now = self.err.style.at_current_width().columns;
        now.or(self.err.style.columns).map(usize::from)
    }

    /// How standard error is printed on; as JSON if answers are.
    pub fn err_style(&self) -> Style {
        Style {
            json: self.is_json(),
            ..self.err.style
        }
    }

    /// Whether answers are JSON.
    pub fn is_json(&self) -> bool {
        self.out.style.json
    }

    /// The colours of standard output.
    pub fn paint(&self) -> Paint {
        self.out.style.paint()
    }

    /// The colours of standard error.
    pub fn err_paint(&self) -> Paint {
        self.err.style.paint()
    }

    /// Whether nobody reads standard output any more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Writes to standard output. That nobody reads it any more is not a failure.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        if self.is_closed() {
            return Ok(());
        }
        let mut writer = self.out.lock();
        match writer.write_all(bytes).and_then(|()| writer.flush()) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.closed.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(e) => Err(Failure::new(
                "output",
                format!("cannot write to standard output: {}", reason(&e)),
            )),
        }
    }

    /// Prints text on standard output; it brings its line ends.
    pub fn text(&self, text: &str) -> Result<(), Failure> {
        self.write(text.as_bytes())
    }

    /// Prints a JSON document on standard output.
    pub fn document(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.text(&format!("{}\n", json::document(value)))
    }

    /// Prints text on standard error; it brings its line ends. Should that not be possible,
    /// there is nowhere left to say so.
    pub fn error_text(&self, text: &str) {
        let mut writer = self.err.lock();
        let _ = writer
            .write_all(text.as_bytes())
            .and_then(|()| writer.flush());
    }

    /// Prints a warning on standard error.
    pub fn warning(&self, text: &str) {
        let word = self.err_paint().warn("warning:");
        self.error_text(&format!("{word} {}\n", visible_line(text)));
    }

    /// Prints a hint on standard error.
    pub fn hint(&self, text: &str) {
        self.error_text(&hint_line(self.err_paint(), text));
    }

    /// Prints a failure: for people on standard error, with `--json` as a document on standard
    /// output.
    pub fn failure(&self, failure: &Failure) {
        if self.is_json() {
            // If this cannot be written either, the exit code still says that it failed.
            let _ = self.document(&json!({ "error": failure }));
            return;
        }
        self.error_text(&failure_text(self.err_paint(), failure));
    }
}

fn failure_text(paint: Paint, failure: &Failure) -> String {
    let mut lines = failure.message.lines();
    let first = visible_line(lines.next().unwrap_or_default());
    let mut text = format!("{} {first}\n", paint.bad("error:"));
    for line in lines {
        text.push_str(&format!("       {}\n", visible_line(line)));
    }
    if let Some(hint) = &failure.hint {
        text.push_str(&hint_line(paint, hint));
    }
    text
}

fn hint_line(paint: Paint, hint: &str) -> String {
    let mut text = String::new();
    for (i, line) in hint.lines().enumerate() {
        let word = if i == 0 { "hint:" } else { "     " };
        text.push_str(&format!("{} {}\n", paint.strong(word), visible(line)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testing::Captured;

    #[test]
    fn a_failure_is_two_lines_for_people_and_one_document_for_programs() {
        let failure = Failure::new("no-sandbox", "no sandbox is running").hint("start one");
        let people = Captured::new(Style::default());
        people.output.failure(&failure);
        assert_eq!(people.out(), "");
        assert_eq!(
            people.err(),
            "error: no sandbox is running\nhint: start one\n"
        );
        let programs = Captured::new(Style {
            json: true,
            ..Style::default()
        });
        programs.output.failure(&failure);
        assert_eq!(
            programs.out(),
            "{\"error\":{\"code\":\"no-sandbox\",\"message\":\"no sandbox is running\",\"hint\":\"start one\"}}\n"
        );
        assert_eq!(programs.err(), "");
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        struct Left;
        impl Write for Left {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let output = Output::to(Style::default(), Left, Left);
        assert_eq!(output.text("x\n"), Ok(()));
        assert!(output.is_closed());
    }
}
