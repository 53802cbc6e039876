//! What the rest of a word could be.

use clap::{Command, CommandFactory};
use rustyline::completion::{FilenameCompleter, Pair};

use super::words::{self, quoted};
use crate::cli::ReplLine;

/// Looks up what only the sandbox knows.
pub(super) trait Lookup {
    /// Ids of the live connections.
    fn connections(&self) -> Vec<String>;
    /// Keys of stored items that begin with `prefix`.
    fn keys(&self, prefix: &str) -> Vec<String>;
}

/// Where the word begins, and what it could be.
pub(super) type Candidates = (usize, Vec<Pair>);

/// Completes verbs, options, connection ids, keys and file names.
pub(super) struct Completion {
    command: Command,
    files: FilenameCompleter,
}

impl Default for Completion {
    fn default() -> Self {
        let mut command = ReplLine::command();
        command.build();
        Self {
            command,
            files: FilenameCompleter::new(),
        }
    }
}

impl Completion {
    /// Completes the word that ends at `pos`.
    pub(super) fn complete(&self, line: &str, pos: usize, lookup: &dyn Lookup) -> Candidates {
        let head = &line[..pos];
        let mut before = words::all(head);
        let is_open = before.last().is_some_and(|word| word.end == pos);
        let current = if is_open { before.pop() } else { None };
        let (start, prefix) = match &current {
            Some(word) => (word.start, word.text.as_str()),
            None => (pos, ""),
        };
        let before: Vec<&str> = before.iter().map(|word| word.text.as_str()).collect();
        let (verb, rest) = match &before[..] {
            [] => return (start, names(&self.command, prefix)),
            ["help" | "?"] => return (start, names(&self.command, prefix)),
            [verb, rest @ ..] => (*verb, rest),
        };
        let Some(mut command) = self.command.find_subcommand(verb) else {
            return (start, Vec::new());
        };
        let mut rest = rest;
        if command.has_subcommands() {
            let Some((sub, after)) = rest.split_first() else {
                return (start, names(command, prefix));
            };
            let Some(found) = command.find_subcommand(sub) else {
                return (start, Vec::new());
            };
            (command, rest) = (found, after);
        }
        if prefix.starts_with('-') {
            return (start, options(command, prefix));
        }
        let values = rest.iter().filter(|word| !word.starts_with('-')).count();
        let selects = rest.iter().any(|word| word.starts_with("--"));
        let found = match (verb, command.get_name()) {
            ("send", _) if values == 0 && !selects => lookup.connections(),
            ("close", _) => lookup.connections(),
            ("data", "get" | "set" | "rm" | "ls" | "watch") if values == 0 => lookup.keys(prefix),
            ("import" | "export", _) => {
                return self.files.complete_path(line, pos).unwrap_or_default();
            }
            _ => Vec::new(),
        };
        let matching = found.into_iter().filter(|text| text.starts_with(prefix));
        (start, matching.map(|text| pair(&text, true)).collect())
    }

    /// What a complete verb expects, to be shown behind it.
    pub(super) fn usage(&self, line: &str) -> Option<String> {
        let typed = line.strip_suffix(' ')?;
        let mut command = &self.command;
        for word in typed.split(' ') {
            command = command.find_subcommand(word)?;
        }
        if command.has_subcommands() {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            return Some(names.join(" | "));
        }
        let values = command.get_positionals().filter(|arg| !arg.is_hide_set());
        let values: Vec<String> = values.map(|arg| arg.to_string()).collect();
        (!values.is_empty()).then(|| values.join(" "))
    }

    /// The rest of the only verb that begins with `line`.
    pub(super) fn rest_of_verb(&self, line: &str) -> Option<String> {
        let candidates = names(&self.command, line);
        match &candidates[..] {
            [only] if !line.is_empty() && only.display != line => {
                Some(only.display[line.len()..].to_owned())
            }
            _ => None,
        }
    }
}

fn names(command: &Command, prefix: &str) -> Vec<Pair> {
    let visible = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    let names = visible.map(Command::get_name);
    let matching = names.filter(|name| name.starts_with(prefix));
    matching.map(|name| pair(name, true)).collect()
}

fn options(command: &Command, prefix: &str) -> Vec<Pair> {
    let visible = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let names = visible.filter_map(|arg| arg.get_long());
    let options = names.map(|name| format!("--{name}"));
    let matching = options.filter(|option| option.starts_with(prefix));
    matching.map(|option| pair(&option, true)).collect()
}

fn pair(text: &str, is_whole: bool) -> Pair {
    let space = if is_whole { " " } else { "" };
    Pair {
        display: text.to_owned(),
        replacement: format!("{}{space}", quoted(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known;

    impl Lookup for Known {
        fn connections(&self) -> Vec<String> {
            vec!["abc=".to_owned(), "xyz=".to_owned()]
        }

        fn keys(&self, _: &str) -> Vec<String> {
            vec!["user:1".to_owned(), "user:a b".to_owned(), "x".to_owned()]
        }
    }

    fn complete(line: &str) -> (usize, Vec<String>) {
        let (start, pairs) = Completion::default().complete(line, line.len(), &Known);
        let texts = pairs.into_iter().map(|pair| pair.replacement);
        (start, texts.collect())
    }

    #[test]
    fn verbs_and_their_own_verbs() {
        assert_eq!(
            complete("re"),
            (0, vec!["resume ".into(), "reload ".into()])
        );
        assert!(complete("").1.len() > 10);
        assert_eq!(complete("help cl").1, ["close ", "clock ", "clear "]);
        assert_eq!(complete("data r"), (5, vec!["rm ".into()]));
        assert_eq!(complete("nonsense x").1, [""; 0]);
    }

    #[test]
    fn connections_where_one_is_expected() {
        assert_eq!(complete("send a"), (5, vec!["abc= ".into()]));
        assert_eq!(complete("send abc= a").1, [""; 0]);
        assert_eq!(complete("send --all a").1, [""; 0]);
        assert_eq!(complete("close abc= ").1, ["abc= ", "xyz= "]);
        assert_eq!(complete("send --w").1, ["--where "]);
    }

    #[test]
    fn keys_are_quoted_if_need_be() {
        assert_eq!(complete("data get user:").1, ["user:1 ", "\"user:a b\" "]);
        assert_eq!(complete("data get \"user:a").1, ["\"user:a b\" "]);
        assert_eq!(complete("data set x ").1, [""; 0]);
    }

    #[test]
    fn hints_say_what_is_expected() {
        let completion = Completion::default();
        assert_eq!(
            completion.usage("send ").as_deref(),
            Some("[SELECTOR] [DATA]")
        );
        assert_eq!(completion.usage("data get ").as_deref(), Some("<KEY>"));
        assert!(completion.usage("data ").unwrap().starts_with("get | ls"));
        assert_eq!(completion.usage("list "), None);
        assert_eq!(completion.rest_of_verb("sta").as_deref(), Some("tus"));
        assert_eq!(completion.rest_of_verb("re"), None);
    }
}
