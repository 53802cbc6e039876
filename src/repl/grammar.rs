//! From a typed line to the arguments that the parser of verbs reads.
//!
//! Messages and values can be typed as they are: `send ab {"a": 1}` needs no quotes. What begins
//! with `{` or `[` is taken to the end of the line; other words are joined with a space, as a
//! shell would give them.

use clap::Parser;
use clap::error::ErrorKind;
use serde_json::Value;

use super::words::{self, Word};
use crate::cli::ReplLine;
use crate::error::Failure;
use crate::verbs::as_failure;

/// What became of a line.
pub(super) enum Parsed {
    /// A verb with its arguments.
    Line(Box<ReplLine>),
    /// Somebody asked for help with `--help`; here it is.
    Help(String),
}

/// Reads a line.
pub(super) fn parse(line: &str) -> Result<Parsed, Failure> {
    let arguments = arguments(line)?;
    match ReplLine::try_parse_from(arguments) {
        Ok(line) => Ok(Parsed::Line(Box::new(line))),
        Err(e) if !e.use_stderr() => Ok(Parsed::Help(e.render().to_string())),
        Err(e) if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let verb = line.trim();
            Err(Failure::usage(format!("`{verb}` alone does nothing"))
                .hint(format!("`help {verb}` tells what may follow")))
        }
        Err(e) => {
            let failure = as_failure(&e);
            let hint = match failure.hint.as_deref() {
                Some(tip) if !tip.contains("--help") => tip.to_owned(),
                _ => "`help` lists the verbs, `help VERB` explains one".to_owned(),
            };
            Err(failure.hint(hint))
        }
    }
}

fn arguments(line: &str) -> Result<Vec<String>, Failure> {
    let Some(verb) = words::next(line, 0) else {
        return Ok(Vec::new());
    };
    if verb.text == "send" {
        return send(line, &verb);
    }
    if verb.text == "data"
        && let Some(set) = words::next(line, verb.end).filter(|word| word.text == "set")
    {
        return data_set(line, &set);
    }
    let words = words::all(line);
    words.into_iter().map(closed).collect()
}

fn closed(word: Word) -> Result<String, Failure> {
    if word.is_closed {
        return Ok(word.text);
    }
    Err(
        Failure::usage(format!("a quote is not closed: {}", word.text))
            .hint("quotes come in pairs; write \\' or \\\" for one that is meant as such"),
    )
}

/// `send`: options, a selector unless an option is one, then the message.
fn send(line: &str, verb: &Word) -> Result<Vec<String>, Failure> {
    let mut arguments = vec!["send".to_owned()];
    let mut values = Vec::new();
    let mut has_selector = false;
    let mut at = verb.end;
    while let Some(word) = words::next(line, at) {
        let is_where = word.text == "--where";
        let selects = is_where || word.text == "--all" || word.text.starts_with("--where=");
        let is_option = selects || matches!(word.text.as_str(), "--json" | "--help" | "-h");
        if is_option {
            has_selector |= selects;
            at = word.end;
            arguments.push(closed(word)?);
            if is_where && let Some(value) = words::next(line, at) {
                at = value.end;
                arguments.push(closed(value)?);
            }
        } else if !has_selector {
            has_selector = true;
            at = word.end;
            values.push(closed(word)?);
        } else {
            values.push(message(line[word.start..].trim_end()));
            break;
        }
    }
    arguments.push("--".to_owned());
    arguments.append(&mut values);
    Ok(arguments)
}

/// The rest of a line as a message.
fn message(rest: &str) -> String {
    let words = words::all(rest);
    // An apostrophe is more likely than a quote that somebody forgot to close.
    if rest.starts_with(['{', '[']) || words.iter().any(|word| !word.is_closed) {
        return rest.to_owned();
    }
    let texts: Vec<String> = words.into_iter().map(|word| word.text).collect();
    texts.join(" ")
}

/// `data set`: a key, a value, and options around them.
fn data_set(line: &str, set: &Word) -> Result<Vec<String>, Failure> {
    let mut arguments = vec!["data".to_owned(), "set".to_owned()];
    let mut values = Vec::new();
    let mut at = set.end;
    let mut text: Vec<String> = Vec::new();
    while let Some(word) = words::next(line, at) {
        at = word.end;
        let rest = &line[word.start..];
        if is_set_option(&word.text) {
            let takes_value = word.text == "--ttl";
            arguments.push(closed(word)?);
            if takes_value && let Some(value) = words::next(line, at) {
                at = value.end;
                arguments.push(closed(value)?);
            }
        } else if values.is_empty() {
            values.push(closed(word)?);
        } else if text.is_empty() && rest.starts_with(['{', '[']) {
            let length = json_length(rest);
            text.push(rest[..length].trim_end().to_owned());
            at = word.start + length;
        } else {
            text.push(closed(word)?);
        }
    }
    if !text.is_empty() {
        values.push(text.join(" "));
    }
    arguments.push("--".to_owned());
    arguments.append(&mut values);
    Ok(arguments)
}

fn is_set_option(word: &str) -> bool {
    matches!(
        word,
        "-o" | "--overwrite" | "--ttl" | "--json" | "--help" | "-h"
    ) || word.starts_with("--ttl=")
}

/// Length of the JSON value at the beginning; everything, if there is none.
fn json_length(text: &str) -> usize {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(_)) => values.byte_offset(),
        _ => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        arguments(line).unwrap()
    }

    #[test]
    fn a_message_is_typed_as_it_is() {
        for (line, message) in [
            (
                r#"send ab {"a": 1, "b": "it's"}"#,
                r#"{"a": 1, "b": "it's"}"#,
            ),
            ("send ab [1,  2] ", "[1,  2]"),
            ("send ab hello   there", "hello there"),
            (r#"send ab "hello  there""#, "hello  there"),
            (r#"send ab '{"a": 1}'"#, r#"{"a": 1}"#),
            ("send ab it's fine", "it's fine"),
            ("send ab -5 --all", "-5 --all"),
            ("send ab -", "-"),
        ] {
            assert_eq!(split(line), ["send", "--", "ab", message], "{line}");
        }
    }

    #[test]
    fn selecting_options_come_before_the_message() {
        assert_eq!(
            split("send --all {\"a\": 1}"),
            ["send", "--all", "--", "{\"a\": 1}"]
        );
        assert_eq!(
            split("send --where name='a b' hi"),
            ["send", "--where", "name=a b", "--", "hi"]
        );
        assert_eq!(
            split("send --json ab hi"),
            ["send", "--json", "--", "ab", "hi"]
        );
        assert_eq!(split("send"), ["send", "--"]);
    }

    #[test]
    fn a_value_is_typed_as_it_is_with_options_around_it() {
        assert_eq!(
            split(r#"data set -o user:1 {"a": [1, 2]} --ttl 5m"#),
            [
                "data",
                "set",
                "-o",
                "--ttl",
                "5m",
                "--",
                "user:1",
                r#"{"a": [1, 2]}"#
            ]
        );
        assert_eq!(
            split("data set k two words"),
            ["data", "set", "--", "k", "two words"]
        );
        assert_eq!(
            split("data set k {broken -o"),
            ["data", "set", "--", "k", "{broken -o"]
        );
        assert_eq!(split("data set k -5"), ["data", "set", "--", "k", "-5"]);
    }

    #[test]
    fn mistakes_are_explained() {
        let Err(error) = parse("lsit") else { panic!() };
        assert!(error.message.contains("lsit"), "{error}");
        assert!(error.hint.unwrap().contains("list"));
        let Err(error) = parse("import 'x") else {
            panic!()
        };
        assert!(error.message.contains("not closed"), "{error}");
        let Err(error) = parse("import a b") else {
            panic!()
        };
        assert!(error.hint.unwrap().contains("`help`"));
        assert!(matches!(parse("send --help"), Ok(Parsed::Help(_))));
    }
}
