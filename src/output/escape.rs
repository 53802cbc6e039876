//! Makes text from outside harmless for a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with control characters written out, so that a payload, an id, a header or a log line
/// can neither move the cursor nor recolour, retitle or reverse what stands around it.
pub fn visible(text: &str) -> Cow<'_, str> {
    escape(text, |c| c == '\t')
}

/// The same for one line of a log, where a tab is only white space.
pub(super) fn visible_line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// What may be kept of a line that the app prints: its colours and the like if `colors`, ended at
/// the line's end. Without, they are left out: they are no part of the text.
pub(super) fn printed_line(line: &str, colors: bool) -> Cow<'_, str> {
    if !line.contains('\x1b') {
        return visible_line(line);
    }
    let (mut out, mut rest) = (String::with_capacity(line.len() + 16), line);
    let mut is_colored = false;
    while let Some(at) = rest.find("\x1b[") {
        let length = rendition(&rest[at..]);
        let (text, sequence) = (&rest[..at], &rest[at..at + length.unwrap_or(1)]);
        out.push_str(&visible_line(text));
        match length {
            Some(_) if colors => out.push_str(sequence),
            Some(_) => {}
            None => out.push_str(&visible_line(sequence)),
        }
        is_colored |= colors && length.is_some();
        rest = &rest[at + sequence.len()..];
    }
    out.push_str(&visible_line(rest));
    if is_colored && !out.ends_with("\x1b[0m") {
        out.push_str("\x1b[0m");
    }
    Cow::Owned(out)
}

/// Length of the "select graphic rendition" sequence (ECMA-48, 8.3.117) at the beginning.
fn rendition(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'))?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

fn escape(text: &str, tab_is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    let bad = |c: char| {
        if c == '\t' {
            tab_is_bad(c)
        } else {
            is_unsafe(c)
        }
    };
    if !text.contains(bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if bad(c) {
            push_escape(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and the marks that reverse
/// the direction of what follows.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_escape(out: &mut String, c: char) {
    // Writing to a String cannot fail.
    let _ = match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if u32::from(c) < 0x100 => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(visible("grüße, 世界 🎉"), Cow::Borrowed(_)));
    }

    #[test]
    fn colours_are_kept_or_left_out_and_nothing_else_gets_through() {
        let line = "\x1b[1;31mred\x1b[39m \x1b[2J\x1b[31\x1b]0;t\x07\x1b";
        let rest = " \\x1b[2J\\x1b[31\\x1b]0;t\\x07\\x1b";
        assert_eq!(printed_line(line, false), format!("red{rest}"));
        assert_eq!(
            printed_line(line, true),
            format!("\x1b[1;31mred\x1b[39m{rest}\x1b[0m")
        );
        assert_eq!(printed_line("\x1b[32mg\x1b[0m", true), "\x1b[32mg\x1b[0m");
        assert!(matches!(printed_line("plain", true), Cow::Borrowed(_)));
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(visible("\x1b[2J\x07"), "\\x1b[2J\\x07");
        assert_eq!(visible("a\r\nb\tc\x7f"), "a\\r\\nb\\tc\\x7f");
        assert_eq!(visible("\u{9b}31m"), "\\x9b31m");
        assert_eq!(visible("\u{202e}evil"), "\\u{202e}evil");
        assert_eq!(visible_line("a\tb\x1b"), "a\tb\\x1b");
    }
}
