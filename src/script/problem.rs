//! What is wrong with a fixture, and where.

mod reader;

use std::path::{Path, PathBuf};

use serde::Serialize;

/// Most mistakes that are told of one fixture.
pub const MOST_PROBLEMS: usize = 50;

/// A mistake in a fixture's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as it was named.
    pub file: PathBuf,
    /// Line, from 1; 0 if it is about the file as a whole.
    pub line: usize,
    /// Column, from 1; 0 if it is about the line as a whole.
    pub column: usize,
    /// Which step, for example `step 3` or `step 4, its step 1`.
    pub step: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The line's text, if it can be shown.
    pub text: Option<String>,
}

/// A mistake of which the place is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Mistake {
    /// A mistake without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The lines of a file.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file, as it was named.
    pub file: &'a Path,
    /// Its text.
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// Line and column of an offset, both from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line_start = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |i| i + 1);
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let column = String::from_utf8_lossy(&before[line_start..])
            .chars()
            .count()
            + 1;
        (line, column)
    }

    /// The offset of a part of the text.
    pub fn offset_of(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    /// The text of a line, from 1.
    pub fn line(&self, line: usize) -> Option<&'a str> {
        self.text.lines().nth(line.checked_sub(1)?)
    }

    /// A mistake at an offset.
    pub fn problem(&self, offset: usize, mistake: Mistake) -> Problem {
        let (line, column) = self.position(offset);
        Problem {
            column,
            ..self.problem_at_line(line, mistake)
        }
    }

    /// A mistake in a line.
    pub fn problem_at_line(&self, line: usize, mistake: Mistake) -> Problem {
        Problem {
            file: self.file.to_owned(),
            line,
            column: 0,
            step: None,
            message: mistake.message,
            hint: mistake.hint,
            text: self.line(line).map(str::to_owned),
        }
    }

    /// What the JSON reader says of `part`, a piece of the text.
    pub fn syntax(&self, part: &str, error: &serde_json::Error) -> Problem {
        let start = self.offset_of(part);
        let at = reader::offset_in(part, error.line(), error.column());
        let (offset, mistake) = reader::explain(part, at, error);
        self.problem(start + offset, mistake)
    }
}

/// Where the lines of a text begin; found once, for who asks often.
#[derive(Debug)]
pub struct LineStarts(Vec<usize>);

impl LineStarts {
    /// Those of a text.
    pub fn of(text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        Self(std::iter::once(0).chain(ends).collect())
    }

    /// The line of an offset, from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

/// "did you mean …", or everything that is allowed.
pub fn meant(word: &str, allowed: &[&str]) -> String {
    match nearest(word, allowed) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("allowed: {}", listed(allowed)),
    }
}

/// Words in backticks, with commas.
pub fn listed<S: AsRef<str>>(words: &[S]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{}`", w.as_ref())).collect();
    quoted.join(", ")
}

/// The allowed word that somebody most likely meant.
pub fn nearest<'a>(word: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let scored = allowed.iter().map(|near| {
        (
            strsim::damerau_levenshtein(&lower, &near.to_lowercase()),
            *near,
        )
    });
    let (distance, near) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + near.len().min(word.len()) / 4).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_by_line_and_column() {
        let text = "{\n  \"é\": 1,\n}";
        let source = Source {
            file: Path::new("x.json"),
            text,
        };
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(text.find('1').unwrap()), (2, 8));
        assert_eq!(source.offset_of(&text[4..5]), 4);
    }

    #[test]
    fn the_readers_place_inside_a_part_is_found_in_the_whole() {
        let text = "[\n  {\n    \"send\": 5\n  }\n]";
        let source = Source {
            file: Path::new("x.json"),
            text,
        };
        let part = &text[4..text.len() - 2];
        let error = serde_json::from_str::<std::collections::BTreeMap<String, String>>(part);
        let problem = source.syntax(part, &error.unwrap_err());
        assert_eq!(problem.line, 3);
        assert_eq!(problem.text.as_deref(), Some("    \"send\": 5"));
    }

    #[test]
    fn a_near_word_is_proposed_and_a_far_one_is_not() {
        let verbs = ["connect", "expect", "expectNothing", "close"];
        assert_eq!(nearest("conect", &verbs), Some("connect"));
        assert_eq!(nearest("expectnothing", &verbs), Some("expectNothing"));
        assert_eq!(nearest("teleport", &verbs), None);
        assert!(meant("teleport", &verbs).starts_with("allowed: `connect`, `expect`"));
    }
}
