//! Columns for people.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::paint::Paint;

/// The last column is not cut to less than this.
const LEAST: usize = 8;

/// Blanks between two columns.
const GAP: usize = 2;

/// A table with a dim heading; the last column may be of any width.
pub(super) struct Table {
    rows: Vec<Vec<Cell>>,
    spare: Vec<usize>,
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

    /// Cuts what is wider than `room`; such a text loses its colours.
    fn cut(&mut self, room: usize) {
        if self.width() <= room {
            return;
        }
        let mut width = 0;
        let fits = |letter: &char| {
            width += letter.width().unwrap_or(0);
            width < room
        };
        self.text = self.text.chars().take_while(fits).collect();
        self.text.push('…');
        self.painted = None;
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
            spare: Vec::new(),
        }
    }

    /// Columns that are left out, one by one from the first named, where there is no room. Those
    /// further right come first.
    pub(super) fn spare(mut self, columns: &[usize]) -> Self {
        self.spare = columns.to_vec();
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
                out.push_str(cell.painted.as_deref().unwrap_or(&cell.text));
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

    fn fit(&mut self, columns: usize) {
        let total = |widths: &[usize]| widths.iter().map(|width| width + GAP).sum::<usize>() - GAP;
        let mut widths = self.widths();
        for column in std::mem::take(&mut self.spare) {
            if total(&widths) <= columns {
                return;
            }
            for row in &mut self.rows {
                row.remove(column);
            }
            widths = self.widths();
        }
        let Some(last) = widths.last() else { return };
        let others = total(&widths) - last;
        let room = columns.saturating_sub(others).max(LEAST);
        for cell in self.rows.iter_mut().filter_map(|row| row.last_mut()) {
            cell.cut(room);
        }
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
        assert_eq!(table.finish(None), "KEY   VALUE\n日本  1\na\n");
    }

    #[test]
    fn where_there_is_no_room_columns_are_left_out_and_the_last_one_is_cut() {
        let fit = |columns| {
            let mut table = Table::new(Paint::new(false), &["ID", "SINCE", "FROM", "QUERY"]);
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
}
