//! Long texts in lines that people can read.

use std::io::stdout;

use rustix::termios::tcgetwinsize;

/// Longest line for people; longer ones are hard to read.
pub(super) const LONGEST: usize = 100;

/// Shortest line that is worth wrapping for.
pub(super) const SHORTEST: usize = 60;

/// How long lines on standard output may be.
pub(super) fn width() -> usize {
    let columns = tcgetwinsize(stdout()).map_or(LONGEST, |size| usize::from(size.ws_col));
    columns.clamp(SHORTEST, LONGEST)
}

/// The words of a text in lines of at most `width` characters.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
