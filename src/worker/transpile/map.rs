//! From places in generated code back to places in the source.

/// A place in a text file, as editors count: both from 1, the column in UTF-16 units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in UTF-16 units, from 1 (as V8 and editors count).
    pub column: u32,
}

impl Position {
    /// The place of a byte offset; past the end or inside a character: the nearest place before.
    pub fn of_offset(source: &str, offset: u32) -> Self {
        let end = floor_char_boundary(source, offset as usize);
        let before = &source[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[line_start..]
            .chars()
            .map(char::len_utf16)
            .sum::<usize>();
        Self {
            line: count(before.matches('\n').count() + 1),
            column: count(column + 1),
        }
    }
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The line that we put before the printed code, with the source offsets that its parts stand for.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub text: String,
    /// (UTF-16 column in `text` from 0, byte offset in the source)
    pub marks: Vec<(u32, u32)>,
}

impl Header {
    pub fn new(text: String) -> Self {
        Self {
            text,
            marks: Vec::new(),
        }
    }

    /// What is written next stands for the source at `offset`.
    pub fn mark(&mut self, offset: u32) {
        let column = self.text.chars().map(char::len_utf16).sum::<usize>();
        self.marks.push((count(column), offset));
    }
}

/// Sorted pairs of places, generated → source.
#[derive(Debug, Default)]
pub struct PositionMap {
    pairs: Vec<(Position, Position)>,
}

impl PositionMap {
    /// Joins what the header stands for with the printer's pairs
    /// `(generated line, generated column, source line, source column)`, all from 0.
    pub(super) fn new(
        source: &str,
        header: &Header,
        printed: impl Iterator<Item = (u32, u32, u32, u32)>,
    ) -> Self {
        let marks = header.marks.iter().map(|(column, offset)| {
            (
                Position {
                    line: 1,
                    column: column + 1,
                },
                Position::of_offset(source, *offset),
            )
        });
        // The header takes one line of the generated code.
        let body = printed.map(|(line, column, source_line, source_column)| {
            (
                Position {
                    line: line + 2,
                    column: column + 1,
                },
                Position {
                    line: source_line + 1,
                    column: source_column + 1,
                },
            )
        });
        let mut pairs: Vec<_> = marks.chain(body).collect();
        pairs.sort_unstable_by_key(|(generated, _)| *generated);
        pairs.shrink_to_fit();
        Self { pairs }
    }

    /// True if generated and source code are the same.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The place in the source from which the code at `generated` comes: the last mapped place at
    /// or before it on its line, else the first on that line, else the nearest line before.
    pub fn lookup(&self, generated: Position) -> Option<Position> {
        let after = self.pairs.partition_point(|(place, _)| *place <= generated);
        let before = after.checked_sub(1).and_then(|index| self.pairs.get(index));
        let next = self.pairs.get(after);
        match (before, next) {
            (Some((place, source)), _) if place.line == generated.line => Some(*source),
            (_, Some((place, source))) if place.line == generated.line => Some(*source),
            (Some((_, source)), _) => Some(*source),
            (None, _) => None,
        }
    }

    /// Bytes of memory that the map takes.
    pub fn size(&self) -> usize {
        self.pairs.capacity() * size_of::<(Position, Position)>()
    }
}
