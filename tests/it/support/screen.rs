//! What a person sees at a terminal.

use std::num::NonZeroU16;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use vt100::{Callbacks, Parser};

/// Rows that are kept after they left the screen at its top.
const KEPT: usize = 20_000;

/// A terminal that draws what it is sent.
pub struct Model {
    parser: Parser<Title>,
}

/// The window's title, by which the end of the output is marked.
#[derive(Default)]
struct Title(Vec<u8>);

impl Callbacks for Title {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.0 = title.to_vec();
    }
}

impl Model {
    pub fn new(rows: u16, columns: u16) -> Self {
        let (rows, columns) = (lines(rows), lines(columns));
        Self {
            parser: Parser::new_with_callbacks(rows, columns, KEPT, Title::default()),
        }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
    }

    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.parser.set_size(lines(rows), lines(columns));
    }

    pub fn title(&self) -> &[u8] {
        &self.parser.callbacks().0
    }

    /// The screen now, with what has left it at its top.
    pub fn screen(&mut self) -> Screen {
        let screen = self.parser.screen_mut();
        let (height, width) = screen.size();
        let height = usize::from(height.get());
        let mut rows = Vec::new();
        let mut above = screen.scrollback_len();
        let gone = above;
        while rows.len() < gone + height {
            screen.set_scrollback(above);
            // The last page of the past may reach into the present, which comes in full.
            let count = if above == 0 {
                height
            } else {
                above.min(height)
            };
            let texts: Vec<String> = screen.rows(0, width.get()).take(count).collect();
            for (i, text) in (0..).zip(texts) {
                rows.push(Row {
                    text,
                    is_wrapped: screen.row_wrapped(i),
                });
            }
            above = above.saturating_sub(height);
        }
        mark_wide_wraps(&mut rows, width.get().into());
        screen.set_scrollback(0);
        let (row, column) = screen.cursor_position();
        Screen {
            rows,
            gone,
            cursor: (row.into(), column.into()),
            hides_cursor: screen.hide_cursor(),
            brackets_paste: screen.bracketed_paste(),
            is_colored: (0..height)
                .any(|row| (0..width.get()).any(|column| is_colored(screen, row, column))),
        }
    }
}

/// Notices that a line goes on where a wide letter had no room at a row's end, which the parser
/// does not.
fn mark_wide_wraps(rows: &mut [Row], width: usize) {
    for i in 1..rows.len() {
        let is_wide = rows[i].text.chars().next().and_then(char::width) == Some(2);
        rows[i - 1].is_wrapped |= is_wide && rows[i - 1].text.width() + 1 == width;
    }
}

fn is_colored(screen: &vt100::Screen, row: usize, column: u16) -> bool {
    let row = u16::try_from(row).expect("a row of the screen");
    let cell = screen.cell(row, column);
    cell.is_some_and(|cell| {
        let plain = vt100::Color::Default;
        cell.has_contents() && (cell.fgcolor() != plain || cell.bold() || cell.dim())
    })
}

fn lines(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("at least one")
}

/// A picture of a terminal's screen at one moment.
#[derive(Debug, Clone)]
pub struct Screen {
    rows: Vec<Row>,
    /// Rows above the screen.
    gone: usize,
    cursor: (usize, usize),
    /// Whether the cursor is hidden.
    pub hides_cursor: bool,
    /// Whether the terminal marks what is pasted.
    pub brackets_paste: bool,
    /// Whether a letter on the screen itself has a colour, or is bold or dim.
    pub is_colored: bool,
}

#[derive(Debug, Clone)]
struct Row {
    text: String,
    /// Whether the line goes on in the next row.
    is_wrapped: bool,
}

impl Screen {
    /// All lines, those that have left the screen included, without blanks at their ends. What
    /// the terminal wrapped is one line.
    pub fn lines(&self) -> Vec<String> {
        joined(&self.rows)
    }

    /// The rows of the screen itself, without blanks at their ends.
    pub fn rows(&self) -> Vec<&str> {
        let rows = self.rows[self.gone..].iter();
        rows.map(|row| row.text.trim_end()).collect()
    }

    /// Whether a line contains the text.
    pub fn has(&self, text: &str) -> bool {
        self.lines().iter().any(|line| line.contains(text))
    }

    /// The lines that contain the text.
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| line.contains(text));
        lines
    }

    /// Row (of the screen) and column of the cursor, from 0.
    pub fn cursor(&self) -> (usize, usize) {
        self.cursor
    }

    /// The whole line in which the cursor stands.
    pub fn line_at_cursor(&self) -> String {
        let at = self.gone + self.cursor.0;
        let is_start = |row: usize| row == 0 || !self.rows[row - 1].is_wrapped;
        let start = (0..=at).rev().find(|row| is_start(*row)).unwrap_or(0);
        joined(&self.rows[start..]).swap_remove(0)
    }

    /// The text before the cursor in its row.
    pub fn before_cursor(&self) -> String {
        let row = &self.rows[self.gone + self.cursor.0];
        row.text.chars().take(self.cursor.1).collect()
    }
}

impl std::fmt::Display for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in self.lines() {
            writeln!(f, "│{line}")?;
        }
        let (row, column) = self.cursor;
        writeln!(f, "└ cursor in row {row}, column {column}")
    }
}

fn joined(rows: &[Row]) -> Vec<String> {
    let mut lines = vec![String::new()];
    for row in rows {
        let last = lines.len() - 1;
        lines[last].push_str(&row.text);
        if !row.is_wrapped {
            let end = lines[last].trim_end().len();
            lines[last].truncate(end);
            lines.push(String::new());
        }
    }
    lines.truncate(lines.len().max(2) - 1);
    lines
}
