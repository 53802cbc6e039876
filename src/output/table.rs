//! Columns for people.

use unicode_width::UnicodeWidthStr;

use super::paint::Paint;

/// A table with a dim heading; the last column may be of any width.
pub(super) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// One cell: its text, and how it looks if it is coloured.
pub(super) struct Cell {
    text: String,
    painted: Option<String>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            painted: None,
        }
    }
}

impl Cell {
    /// A cell whose colours must not count as width.
    pub(super) fn painted(text: &str, painted: impl ToString) -> Self {
        Self {
            text: text.to_owned(),
            painted: Some(painted.to_string()),
        }
    }

    fn width(&self) -> usize {
        self.text.width()
    }
}

impl Table {
    /// A table with these column names.
    pub(super) fn new(paint: Paint, heading: &[&str]) -> Self {
        let cells = heading
            .iter()
            .map(|name| Cell::painted(name, paint.dim(name)));
        Self {
            rows: vec![cells.collect()],
        }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table's lines.
    pub(super) fn finish(self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(Cell::width).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = String::new();
        for row in &self.rows {
            for (i, cell) in row.iter().enumerate() {
                out.push_str(cell.painted.as_deref().unwrap_or(&cell.text));
                if i + 1 < row.len() {
                    out.extend(std::iter::repeat_n(' ', widths[i] - cell.width() + 2));
                }
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_letters_are() {
        let mut table = Table::new(Paint::new(false), &["KEY", "VALUE"]);
        table.row(vec!["日本".into(), "1".into()]);
        table.row(vec!["a".into(), "".into()]);
        assert_eq!(table.finish(), "KEY   VALUE\n日本  1\na\n");
    }
}
