//! What the parser of command lines says, as a failure.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::Failure;

/// The parser's words as a failure: the first paragraph, and the tip or where to read more.
pub fn as_failure(error: &clap::Error) -> Failure {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
    ) {
        return Failure::usage("a verb is missing").hint("`--help` lists the verbs");
    }
    if let Some(failure) = unknown_verb(error) {
        return failure;
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(str::trim);
    let first = paragraphs.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    let tips = paragraphs.filter_map(|paragraph| paragraph.strip_prefix("tip: "));
    let tips: Vec<&str> = tips.collect();
    let hint = match tips[..] {
        [] => "`--help` explains the options".to_owned(),
        _ => tips.join("\n"),
    };
    Failure::usage(message).hint(hint)
}

/// The failure of naming a verb that does not exist, with those that may have been meant.
fn unknown_verb(error: &clap::Error) -> Option<Failure> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let mut meant = match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::Strings(names)) => names.clone(),
        Some(ContextValue::String(name)) => vec![name.clone()],
        _ => Vec::new(),
    };
    // The most similar comes last.
    meant.reverse();
    let meant: Vec<String> = meant.iter().map(|name| format!("`{name}`")).collect();
    let hint = match meant.is_empty() {
        true => "`--help` lists the verbs".to_owned(),
        false => format!("did you mean {}?", meant.join(" or ")),
    };
    Some(Failure::usage(format!("there is no verb `{name}`")).hint(hint))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;
    use crate::error::exit;

    fn failure(line: &[&str]) -> Failure {
        let parsed = Cli::try_parse_from(["ampt-ws"].iter().chain(line));
        as_failure(&parsed.unwrap_err())
    }

    #[test]
    fn the_parsers_words_become_a_failure() {
        let unknown = failure(&["lits"]);
        assert_eq!(unknown.exit, exit::USAGE);
        assert_eq!(unknown.message, "there is no verb `lits`");
        assert!(unknown.hint.unwrap().contains("`list`"));
        let strange = failure(&["frobnicate"]);
        assert_eq!(strange.hint.as_deref(), Some("`--help` lists the verbs"));
        assert_eq!(failure(&[]).message, "a verb is missing");
        assert_eq!(failure(&["--json"]).message, "a verb is missing");
        assert_eq!(failure(&["data", "--json"]).message, "a verb is missing");
        let duration = failure(&["clock", "advance", "5"]);
        assert!(duration.message.contains("write 500ms"), "{duration}");
    }
}
