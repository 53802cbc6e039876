//! JSON as people write it in `tsconfig.json`: with comments, trailing commas and a byte order mark.

use serde_json::Value;

use crate::worker::transpile::SyntaxProblem;

/// Parses such a text.
///
/// # Errors
/// With the place in `text`, if it is not JSON apart from these liberties.
pub fn parse(text: &str) -> Result<Value, SyntaxProblem> {
    strict(text, &without_liberties(text))
}

/// Parses plain JSON (a byte order mark is let pass, as Node does).
///
/// # Errors
/// With the place in `text`, if it is not JSON.
pub fn parse_strict(text: &str) -> Result<Value, SyntaxProblem> {
    strict(
        text,
        &text.replacen('\u{feff}', "   ", usize::from(text.starts_with('\u{feff}'))),
    )
}

/// `json` is `text` with some bytes blanked out: places are the same in both.
fn strict(text: &str, json: &str) -> Result<Value, SyntaxProblem> {
    serde_json::from_str(json).map_err(|error| {
        let line_start = json
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1));
        let offset = line_start.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
        let message = error.to_string();
        let message = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(what, _)| what);
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        SyntaxProblem::at(text, offset, format!("not valid JSON: {message}"), None)
    })
}

/// Blanks out comments and trailing commas, byte for byte; line breaks stay.
fn without_liberties(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    if text.starts_with('\u{feff}') {
        out[..3].fill(b' ');
    }
    let mut comma = None;
    let mut at = 0;
    while at < out.len() {
        let end = match (out[at], out.get(at + 1)) {
            (b'"', _) => string_end(&out, at),
            (b'/', Some(b'/')) => blank(&mut out, at, find(text, at, "\n")),
            (b'/', Some(b'*')) => blank(&mut out, at, find(text, at + 2, "*/") + 2),
            _ => at + 1,
        };
        match out[at] {
            b',' => comma = Some(at),
            b'}' | b']' => {
                if let Some(comma) = comma.take() {
                    out[comma] = b' ';
                }
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        at = end;
    }
    // Only whole ASCII bytes and whole comments were replaced.
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' && bytes[at] != b'\n' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn find(text: &str, from: usize, needle: &str) -> usize {
    text.get(from..)
        .and_then(|rest| rest.find(needle))
        .map_or(text.len(), |at| from + at)
}

fn blank(out: &mut [u8], start: usize, end: usize) -> usize {
    let end = end.min(out.len());
    for byte in &mut out[start..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::transpile::Position;

    #[test]
    fn comments_and_trailing_commas_are_let_pass() {
        let text = "\u{feff}{ // é one\n \"a\": [1, 2, /* , */ ],\n \"b\": \"// no, }\\\"\", }\n";
        let value = parse(text).expect("parses");
        assert_eq!(value, serde_json::json!({"a": [1, 2], "b": "// no, }\""}));
    }

    #[test]
    fn a_mistake_has_its_place() {
        let problem = parse("{\n  // x\n  \"a\": nope\n}").expect_err("fails");
        assert_eq!(problem.position.map(|at| at.line), Some(3));
        assert!(
            problem.message.starts_with("not valid JSON: "),
            "{}",
            problem.message
        );
        let problem = parse_strict("{\"a\": 1,}").expect_err("fails");
        assert_eq!(problem.position, Some(Position { line: 1, column: 9 }));
    }

    #[test]
    fn unclosed_things_do_not_panic() {
        for text in ["\"", "/*", "/", "{\"a\\", "//", "", "[1,", "\u{feff}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
