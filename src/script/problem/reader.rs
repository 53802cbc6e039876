//! The JSON reader's words, as one would say them to a person who writes a fixture.

use super::{Mistake, meant};

/// The offset of a line and column (in bytes, from 1) as the JSON reader tells them.
pub(super) fn offset_in(part: &str, line: usize, column: usize) -> usize {
    let skipped = part.split_inclusive('\n').take(line.saturating_sub(1));
    let start: usize = skipped.map(str::len).sum();
    let mut offset = (start + column.saturating_sub(1)).min(part.len());
    while !part.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// What is wrong with `part`, and where; `at` is where the reader stopped.
pub(super) fn explain(part: &str, at: usize, error: &serde_json::Error) -> (usize, Mistake) {
    let whole = error.to_string();
    let text = match whole.rfind(" at line ") {
        Some(end) => &whole[..end],
        None => &whole,
    };
    match error.is_syntax() || error.is_eof() {
        true => broken(part, at, text),
        // It is missing in all of the object, not at its end.
        false if text.starts_with("missing field") => (0, misfit(text)),
        false => (at, misfit(text)),
    }
}

/// Text that is not JSON.
fn broken(part: &str, at: usize, text: &str) -> (usize, Mistake) {
    let (before, after) = (part[..at].trim_end(), &part[at..]);
    if after.starts_with("//") || after.starts_with("/*") {
        let hint = "a step may have a \"comment\", the fixture a \"description\"";
        return (at, Mistake::new("comments are not JSON").hint(hint));
    }
    if before.ends_with(',') && after.starts_with(['}', ']']) {
        let hint = "take it away; behind the last one stands none";
        return (
            before.len() - 1,
            Mistake::new("a comma too many").hint(hint),
        );
    }
    if after.starts_with('\'') {
        let hint = "names and texts stand in double quotes";
        return (at, Mistake::new("single quotes are not JSON").hint(hint));
    }
    if let Some(what) = text.strip_prefix("EOF while parsing ") {
        let open = match what {
            "a list" => "a `]` is missing",
            "an object" => "a `}` is missing",
            "a string" => "a `\"` is missing",
            _ => "something is missing",
        };
        return (at, Mistake::new("the text ends too early").hint(open));
    }
    let said = match text {
        "key must be a string" => "the name of a field must follow, in double quotes".to_owned(),
        text => text.to_owned(),
    };
    let hint = "a fixture is plain JSON: double quotes, no comments, no comma at the end of a list";
    (at, Mistake::new(format!("not JSON: {said}")).hint(hint))
}

/// JSON that does not fit.
fn misfit(text: &str) -> Mistake {
    let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((unknown, allowed)) if text.starts_with("unknown field") && !allowed.is_empty() => {
            Mistake::new(format!("`{unknown}` is not known here")).hint(meant(unknown, allowed))
        }
        Some((unknown, allowed)) if text.starts_with("unknown variant") && !allowed.is_empty() => {
            Mistake::new(format!("`{unknown}` is not one of the values"))
                .hint(meant(unknown, allowed))
        }
        Some((field, _)) if text.starts_with("missing field") => {
            Mistake::new(format!("there is no `{field}`")).hint(match *field {
                "app" => "add \"app\": the app's folder or entry file, seen from this file",
                "steps" => "add \"steps\": [ … ]; `ampt-ws help fixtures` explains them",
                _ => "add it",
            })
        }
        Some((field, _)) if text.starts_with("duplicate field") => {
            Mistake::new(format!("`{field}` is there twice"))
                .hint("a name stands once in an object; make two steps of it, or take one away")
        }
        _ => match text
            .strip_prefix("invalid type: ")
            .or_else(|| text.strip_prefix("invalid value: "))
            .and_then(|text| text.split_once(", expected "))
        {
            Some((came, expected)) => {
                let (came, expected) = (plain(came), plain(expected));
                Mistake::new(format!("this must be {expected}, and is {came}"))
            }
            None => Mistake::new(text.to_owned()),
        },
    }
}

/// The reader's names for values of JSON.
fn plain(words: &str) -> String {
    match words {
        "map" => "an object".to_owned(),
        "sequence" | "a sequence" => "a list".to_owned(),
        "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
        "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "null" => "`null`".to_owned(),
        _ => match words.split_once(' ') {
            Some(("integer" | "floating", rest)) => {
                format!("the number {}", rest.trim_start_matches("point "))
            }
            Some(("boolean", rest)) => rest.to_owned(),
            Some(("string", rest)) => format!("the text {rest}"),
            Some(("struct", _)) => "an object".to_owned(),
            _ => words.to_owned(),
        },
    }
}
