//! Lines out of what comes in pieces.

use crate::event::Level;

/// Longest line that is kept in one piece, in bytes.
pub(super) const LONGEST: usize = 64 * 1024;

/// Where a worker prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// `process.stdout` and what `console` prints there.
    Out,
    /// `process.stderr` and what `console` prints there.
    Err,
    /// Descriptor 1, past Node's streams: native code, processes that the app started.
    RawOut,
    /// Descriptor 2, likewise.
    RawErr,
}

/// A line, or a part of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Printed {
    pub(super) level: Level,
    pub(super) text: String,
    /// Whether the line had not ended yet.
    pub(super) partial: bool,
}

/// What each origin has printed of a line that has not ended yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    waiting: [Waiting; 4],
}

#[derive(Debug, Default)]
struct Waiting {
    level: Option<Level>,
    bytes: Vec<u8>,
    /// Whether the beginning of this line has been told.
    is_begun: bool,
}

impl Lines {
    /// Takes what was printed by one call. Its lines are one by one, or, of `console.log` and the
    /// like (`is_one`), one entry of several lines.
    pub(super) fn push(
        &mut self,
        origin: Origin,
        level: Level,
        is_one: bool,
        bytes: &[u8],
        out: &mut Vec<Printed>,
    ) {
        // What comes later must not stand before what came earlier.
        for (i, other) in self.waiting.iter_mut().enumerate() {
            if i != origin as usize || other.level != Some(level) {
                other.tell_part(out);
            }
        }
        let line = &mut self.waiting[origin as usize];
        line.level = Some(level);
        line.bytes.extend_from_slice(bytes);
        if is_one {
            if line.bytes.ends_with(b"\n") {
                line.tell_whole(line.bytes.len() - 1, out);
            }
        } else {
            while let Some(end) = line.bytes.iter().position(|b| *b == b'\n') {
                line.tell_whole(end, out);
            }
        }
        if line.bytes.len() >= LONGEST {
            line.tell_part(out);
        }
    }

    /// Tells what waits for its line's end, except the beginning of a character.
    pub(super) fn pause(&mut self, out: &mut Vec<Printed>) {
        for line in &mut self.waiting {
            line.tell_part(out);
        }
    }

    /// Tells everything: nothing more will come.
    pub(super) fn finish(&mut self, out: &mut Vec<Printed>) {
        for line in &mut self.waiting {
            line.tell_first(line.bytes.len(), out);
        }
    }
}

impl Waiting {
    /// Tells the line that ends at `end`, and forgets it.
    fn tell_whole(&mut self, end: usize, out: &mut Vec<Printed>) {
        let line = &self.bytes[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // The end alone of a line that has been told is not another, empty one.
        if !line.is_empty() || !self.is_begun {
            out.extend(self.printed(line, false));
        }
        self.bytes.drain(..=end);
        self.is_begun = false;
    }

    fn tell_part(&mut self, out: &mut Vec<Printed>) {
        self.tell_first(whole_characters(&self.bytes), out);
    }

    fn tell_first(&mut self, count: usize, out: &mut Vec<Printed>) {
        if count > 0 {
            out.extend(self.printed(&self.bytes[..count], true));
            self.bytes.drain(..count);
            self.is_begun = true;
        }
    }

    fn printed(&self, bytes: &[u8], partial: bool) -> Option<Printed> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.level.map(|level| Printed {
            level,
            text,
            partial,
        })
    }
}

/// How many bytes there are before the beginning of a UTF-8 character that is not all there.
fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.iter().rev().take(3);
    for (i, byte) in tail.enumerate() {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        let there = i + 1;
        let missing = if length > there { there } else { 0 };
        return bytes.len() - missing;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(printed: &[Printed]) -> Vec<String> {
        let shown = |p: &Printed| format!("{}{}", p.text, if p.partial { "…" } else { "" });
        printed.iter().map(shown).collect()
    }

    #[test]
    fn the_end_of_a_line_that_was_told_is_no_empty_line() {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        lines.push(Origin::Out, Level::Info, false, b"a", &mut out);
        lines.pause(&mut out);
        lines.push(Origin::Out, Level::Info, false, b"\n\nb\n", &mut out);
        assert_eq!(shown(&out), ["a…", "", "b"]);
    }

    #[test]
    fn a_character_that_is_not_all_there_waits_until_nothing_more_can_come() {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        lines.push(Origin::RawOut, Level::Info, false, b"a\xf0\x9f", &mut out);
        lines.pause(&mut out);
        lines.pause(&mut out);
        assert_eq!(shown(&out), ["a…"]);
        lines.finish(&mut out);
        assert_eq!(shown(&out), ["a…", "\u{fffd}…"]);
    }

    #[test]
    fn whole_characters_end_before_a_beginning_one() {
        for (bytes, whole) in [
            (&b""[..], 0),
            (b"abc", 3),
            (b"a\xc3", 1),
            (b"a\xc3\xbc", 3),
            (b"a\xe2\x82", 1),
            (b"a\xf0\x9f\x8e", 1),
            (b"a\xf0\x9f\x8e\x89", 5),
            (b"\x80\x80\x80\x80", 4),
            (b"\xff", 1),
        ] {
            assert_eq!(whole_characters(bytes), whole, "{bytes:x?}");
        }
    }
}
