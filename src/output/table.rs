//! Columns for people.

use unicode_width::UnicodeWidthStr;

use super::paint::Paint;
use super::payload::{push_json, start_of};

/// The last column is not cut to less than this.
const LEAST: usize = 8;

/// Blanks between two columns.
const GAP: usize = 2;

/// A table with a dim heading; the last column may be of any width.
pub(super) struct Table {
    rows: Vec<Vec<Cell>>,
    spare: Vec<usize>,
    preview: Option<usize>,
}

/// One cell: its text, and how it looks if it is coloured.
pub(super) struct Cell {
    text: String,
    look: Look,
}

/// How a cell looks.
enum Look {
    /// As its text.
    Plain,
    /// The text with colours; without them once it is cut.
    Painted(String),
    /// JSON, whole or cut.
    Json(Paint),
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            look: Look::Plain,
        }
    }
}

impl Cell {
    /// A cell whose colours must not count as width.
    pub(super) fn painted(text: &str, painted: impl ToString) -> Self {
        Self {
            text: text.to_owned(),
            look: Look::Painted(painted.to_string()),
        }
    }

    /// A cell of JSON without control characters, which may be cut at its end.
    pub(super) fn json(paint: Paint, text: String) -> Self {
        Self {
            text,
            look: Look::Json(paint),
        }
    }

    fn width(&self) -> usize {
        self.text.width()
    }

    fn push_to(&self, out: &mut String) {
        match &self.look {
            Look::Plain => out.push_str(&self.text),
            Look::Painted(painted) => out.push_str(painted),
            Look::Json(paint) => push_json(out, *paint, &self.text),
        }
    }

    /// Cuts the end of what is wider than `room`.
    fn cut(&mut self, room: usize) {
        if self.width() > room {
            let text = format!("{}…", start_of(self.text.chars(), room - 1));
            self.replace(text);
        }
    }

    /// Cuts the middle of what is wider than `room`.
    fn cut_middle(&mut self, room: usize) {
        if self.width() > room {
            let end = start_of(self.text.chars().rev(), (room - 1) / 2);
            let end: String = end.chars().rev().collect();
            let start = start_of(self.text.chars(), room - 1 - end.width());
            self.replace(format!("{start}…{end}"));
        }
    }

    fn replace(&mut self, text: String) {
        self.text = text;
        if matches!(self.look, Look::Painted(_)) {
            self.look = Look::Plain;
        }
    }
}

impl Table {
    /// A table with these column names.
    pub(super) fn new<'a>(paint: Paint, heading: impl IntoIterator<Item = &'a str>) -> Self {
        let cells = heading
            .into_iter()
            .map(|name| Cell::painted(name, paint.dim(name)));
        Self {
            rows: vec![cells.collect()],
            spare: Vec::new(),
            preview: None,
        }
    }

    /// Columns that are left out, one by one from the first named, where there is no room.
    pub(super) fn spare(mut self, columns: &[usize]) -> Self {
        self.spare = columns.to_vec();
        self
    }

    /// Has the last column cut to `least` before others are left out, and after that the middle of
    /// what stands in the first.
    pub(super) fn preview(mut self, least: usize) -> Self {
        self.preview = Some(least);
        self
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table's lines, which fit into so many columns if they can.
    pub(super) fn finish(mut self, columns: Option<usize>) -> String {
        if let Some(columns) = columns {
            self.fit(columns);
        }
        let widths = self.widths();
        let mut out = String::new();
        for row in &self.rows {
            for (i, cell) in row.iter().enumerate() {
                cell.push_to(&mut out);
                if i + 1 < row.len() {
                    out.extend(std::iter::repeat_n(' ', widths[i] - cell.width() + GAP));
                }
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        out
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(Cell::width).max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }

    /// The widths of the last column and of all others with the gaps.
    fn last_and_others(&self) -> (usize, usize) {
        let widths = self.widths();
        let last = widths.last().copied().unwrap_or(0);
        let total: usize = widths.iter().map(|width| width + GAP).sum();
        (last, total.saturating_sub(last + GAP))
    }

    fn fit(&mut self, columns: usize) {
        let mut left_out: Vec<usize> = Vec::new();
        let least = self.preview.unwrap_or(usize::MAX);
        for column in std::mem::take(&mut self.spare) {
            let (last, others) = self.last_and_others();
            if others + last.min(least) <= columns {
                break;
            }
            let index = column - left_out.iter().filter(|out| **out < column).count();
            for row in &mut self.rows {
                row.remove(index);
            }
            left_out.push(column);
        }
        self.cut(columns);
    }

    fn cut(&mut self, columns: usize) {
        let (last, others) = self.last_and_others();
        let least = last.min(self.preview.unwrap_or(LEAST));
        let room = columns.saturating_sub(others).max(least).max(LEAST);
        for cell in self.rows.iter_mut().filter_map(|row| row.last_mut()) {
            cell.cut(room);
        }
        let too_many = (others + last.min(room)).saturating_sub(columns);
        if self.preview.is_none() || too_many == 0 {
            return;
        }
        let first = self.widths().first().copied().unwrap_or(0);
        let room = first.saturating_sub(too_many).max(LEAST);
        for cell in self.rows.iter_mut().filter_map(|row| row.first_mut()) {
            cell.cut_middle(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_letters_are() {
        let mut table = Table::new(Paint::new(false), ["KEY", "VALUE"]);
        table.row(vec!["日本".into(), "1".into()]);
        table.row(vec!["a".into(), "".into()]);
        assert_eq!(table.finish(None), "KEY   VALUE\n日本  1\na\n");
    }

    #[test]
    fn where_there_is_no_room_columns_are_left_out_and_the_last_one_is_cut() {
        let fit = |columns| {
            let mut table = Table::new(Paint::new(false), ["ID", "SINCE", "FROM", "QUERY"]);
            table.row(vec![
                "a".into(),
                "10:00".into(),
                "1.2.3.4".into(),
                "名=日本語の本".into(),
            ]);
            table.spare(&[2, 1]).finish(Some(columns))
        };
        assert_eq!(
            fit(33),
            "ID  SINCE  FROM     QUERY\na   10:00  1.2.3.4  名=日本語の本\n"
        );
        assert_eq!(fit(32), "ID  SINCE  QUERY\na   10:00  名=日本語の本\n");
        assert_eq!(fit(17), "ID  QUERY\na   名=日本語の本\n");
        assert_eq!(fit(16), "ID  QUERY\na   名=日本語の…\n");
        assert_eq!(fit(15), "ID  QUERY\na   名=日本語…\n");
        assert_eq!(fit(3), "ID  QUERY\na   名=日本…\n");
    }

    #[test]
    fn a_preview_is_cut_before_columns_are_left_out_and_the_key_after_that() {
        let fit = |columns| {
            let mut table = Table::new(Paint::new(false), ["KEY", "A", "B", "VALUE"]);
            let value = Cell::json(Paint::new(false), "{\"a\":\"日本語\",\"b\":1}".into());
            table.row(vec!["key:1234567".into(), "a".into(), "b".into(), value]);
            let table = table.spare(&[1, 2]).preview(10);
            table
                .finish(Some(columns))
                .lines()
                .last()
                .unwrap()
                .to_owned()
        };
        assert_eq!(fit(39), "key:1234567  a  b  {\"a\":\"日本語\",\"b\":1}");
        assert_eq!(fit(29), "key:1234567  a  b  {\"a\":\"日…");
        assert_eq!(fit(28), "key:1234567  b  {\"a\":\"日本…");
        assert_eq!(fit(25), "key:1234567  {\"a\":\"日本…");
        assert_eq!(fit(23), "key:1234567  {\"a\":\"日…");
        assert_eq!(fit(22), "key:1…4567  {\"a\":\"日…");
        assert_eq!(fit(5), "key:…567  {\"a\":\"日…");
    }
}
