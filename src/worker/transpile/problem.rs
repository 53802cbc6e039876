//! What is wrong with a source file, and where, in the user's terms.

use oxc::diagnostics::{OxcDiagnostic, Severity};

use super::map::Position;

/// A file that cannot be parsed or compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxProblem {
    /// What is wrong; lower case, no full stop.
    pub message: String,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
    /// Where, if that is known.
    pub position: Option<Position>,
    /// The lines around it.
    pub frame: Option<CodeFrame>,
}

impl SyntaxProblem {
    /// A problem at a byte offset of the source.
    pub fn at(source: &str, offset: u32, message: impl Into<String>, hint: Option<&str>) -> Self {
        let position = Position::of_offset(source, offset);
        Self {
            message: message.into(),
            hint: hint.map(str::to_owned),
            position: Some(position),
            frame: CodeFrame::new(source, position),
        }
    }

    pub(super) fn from_diagnostic(diagnostic: &OxcDiagnostic, source: &str) -> Self {
        let message = plain(&diagnostic.message);
        let hint = diagnostic.help.as_deref().map(plain);
        match diagnostic.labels.first() {
            Some(label) => Self {
                hint,
                ..Self::at(source, label.offset(), message, None)
            },
            None => Self {
                message,
                hint,
                position: None,
                frame: None,
            },
        }
    }
}

/// Our messages are lower case and without a full stop; the parser's are neither.
fn plain(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

/// Whether a diagnostic is about syntax. TypeScript's numbered ones are rules of its checker (a
/// type annotation on a `catch` variable, the order of modifiers, …): they do not keep the code
/// from running, as little as a type error does.
pub(super) fn is_fatal(diagnostic: &OxcDiagnostic) -> bool {
    diagnostic.severity == Severity::Error && diagnostic.code.scope.as_deref() != Some("TS")
}

/// The lines around a place in a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeFrame {
    /// Lines with their numbers, the place marked by a caret on a line of its own.
    pub text: String,
}

impl CodeFrame {
    /// Lines shown before and after the marked one.
    const AROUND: u32 = 3;
    /// Longer lines are cut: minified code must not flood a terminal. In characters.
    const WIDTH: usize = 160;

    /// Draws the frame; `None` if the source has no such line (it changed on disk).
    pub fn new(source: &str, position: Position) -> Option<Self> {
        let first = position.line.saturating_sub(Self::AROUND).max(1);
        let last = position.line.saturating_add(Self::AROUND);
        // What is missing at the end of a file is missing on the empty line after its last one.
        let after_end = source.ends_with('\n').then_some("");
        let after_end = after_end.filter(|_| source.lines().count() + 1 == position.line as usize);
        let numbered: Vec<(u32, &str)> = (1..)
            .zip(source.lines().chain(after_end))
            .skip_while(|(n, _)| *n < first)
            .take_while(|(n, _)| *n <= last)
            .collect();
        let (_, marked) = numbered
            .iter()
            .find(|(number, _)| *number == position.line)?;
        let from = window_start(marked, position.column);
        let gutter = numbered
            .last()
            .map_or(1, |(number, _)| number.to_string().len());
        let mut text = String::new();
        for (number, line) in &numbered {
            let mark = if *number == position.line { '>' } else { ' ' };
            text.push_str(format!("{mark} {number:gutter$} | {}", cut(line, from)).trim_end());
            text.push('\n');
            if *number == position.line {
                let pad = caret_pad(line, from, position.column);
                text.push_str(&format!("  {:gutter$} | {pad}^\n", ""));
            }
        }
        text.pop();
        Some(Self { text })
    }
}

/// Where to start showing the lines so that `column` (1-based, UTF-16 units) can be seen.
fn window_start(line: &str, column: u32) -> usize {
    let at = char_index(line, column);
    if at < CodeFrame::WIDTH {
        0
    } else {
        at - CodeFrame::WIDTH / 2
    }
}

/// The index of the character at a 1-based column in UTF-16 units.
fn char_index(line: &str, column: u32) -> usize {
    let mut units = 0;
    let before = (column as usize).saturating_sub(1);
    line.chars()
        .take_while(|letter| {
            units += letter.len_utf16();
            units <= before
        })
        .count()
}

fn cut(line: &str, from: usize) -> String {
    line.chars()
        .skip(from)
        .take(CodeFrame::WIDTH)
        .filter(|c| *c == '\t' || !c.is_control())
        .collect()
}

/// Tabs stay tabs, so that the caret stands below its column whatever the tab width is.
fn caret_pad(line: &str, from: usize, column: u32) -> String {
    let end = char_index(line, column);
    line.chars()
        .take(end)
        .skip(from)
        .filter(|c| *c == '\t' || !c.is_control())
        .map(|letter| if letter == '\t' { '\t' } else { ' ' })
        .collect()
}
