//! The app's `.env` file.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::OURS;
use crate::error::reason;

/// What an app's `.env` file declares.
#[derive(Debug, Default)]
pub struct DotEnv {
    /// Its variables, the last of a name.
    pub variables: BTreeMap<String, String>,
    /// What of it has no effect, and why.
    pub trouble: Option<String>,
}

impl DotEnv {
    /// Reads the file; it declares nothing if there is none.
    pub fn read(app_dir: &Path) -> Self {
        match fs::read_to_string(app_dir.join(".env")) {
            Ok(text) => Self::of(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => Self {
                trouble: Some(format!(
                    "`.env` cannot be read and is left out: {}",
                    unreadable(&error)
                )),
                ..Self::default()
            },
        }
    }

    fn of(text: &str) -> Self {
        let variables = parse(text);
        let ours = OURS
            .into_iter()
            .filter(|name| variables.contains_key(*name));
        let ours: Vec<String> = ours.map(|name| format!("`{name}`")).collect();
        let trouble = (!ours.is_empty()).then(|| {
            format!(
                "`.env` sets {}, which the sandbox sets itself, as the cloud does: that has no \
                 effect; choose another name",
                ours.join(", ")
            )
        });
        Self { variables, trouble }
    }
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "it is not UTF-8; save it as such".to_owned(),
        _ => reason(error),
    }
}

/// Reads `NAME=value` lines as dotenv does: `#` comments, `export `, single quotes literal,
/// double quotes with `\n` and `\"`, quoted values over several lines.
fn parse(text: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line_text = line.trim_start();
        let declared = line_text.strip_prefix("export ").unwrap_or(line_text);
        let Some((name, _)) = declared.split_once('=') else {
            rest = after;
            continue;
        };
        let name = name.trim();
        let well_named = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if !well_named {
            rest = after;
            continue;
        }
        let value_at = rest.find('=').map_or(rest.len(), |at| at + 1);
        let value = rest[value_at..].trim_start_matches([' ', '\t']);
        let (value, tail) = value_and_rest(value);
        variables.insert(name.to_owned(), value);
        rest = tail;
    }
    variables
}

/// A value and what follows its line.
fn value_and_rest(text: &str) -> (String, &str) {
    let after_line = |s| match str::split_once(s, '\n') {
        Some((_, after)) => after,
        None => "",
    };
    for quote in ['"', '\'', '`'] {
        let Some(inner) = text.strip_prefix(quote) else {
            continue;
        };
        let escaped = |at: usize| quote == '"' && inner[..at].ends_with('\\');
        let end = inner
            .match_indices(quote)
            .map(|(at, _)| at)
            .find(|at| !escaped(*at));
        let Some(end) = end else { break };
        let raw = &inner[..end];
        let value = match quote {
            '"' => raw
                .replace("\\n", "\n")
                .replace("\\r", "\r")
                .replace("\\\"", "\""),
            _ => raw.to_owned(),
        };
        return (value, after_line(&inner[end..]));
    }
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    let value = line.split(" #").next().unwrap_or(line);
    let value = if value.starts_with('#') { "" } else { value };
    (value.trim().to_owned(), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_env_files_are_read_as_dotenv_reads_them() {
        let text = "# c\nA=1\nexport B = two words # c\nC='x # \"y'\nD=\"a\\nb\\\"c\"\nE=\n\nbad line\n\
                    F=\"two\nlines\" # c\r\nG=after\r\nH=a=b\n";
        let read = parse(text);
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "x # \"y"),
            ("D", "a\nb\"c"),
            ("E", ""),
            ("F", "two\nlines"),
            ("G", "after"),
            ("H", "a=b"),
        ];
        let expected = expected
            .into_iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(read, expected.collect());
    }

    #[test]
    fn an_unclosed_quote_is_taken_as_it_stands() {
        let read = parse("A=\"open\nB=2");
        assert_eq!(read["A"], "\"open");
        assert_eq!(read["B"], "2");
    }
}
