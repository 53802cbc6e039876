//! What to say when the command line is not understood, or asks for help.

use std::ffi::OsString;

use clap::error::ErrorKind;

use crate::cli::{ColorWhen, Common, wants_json};
use crate::error::{Failure, exit};
use crate::output::Output;

/// Reports what the parser says; gives the exit code.
pub fn report(args: &[OsString], error: &clap::Error) -> u8 {
    let common = Common {
        app: None,
        data_dir: None,
        json: wants_json(args),
        color: color(args),
        quiet: false,
        verbose: false,
    };
    let out = Output::standard(&common);
    let rendered = error.render();
    let text = |color: bool| match color {
        true => rendered.ansi().to_string(),
        false => rendered.to_string(),
    };
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return match out.text(&text(out.style().color)) {
            Ok(()) => exit::OK,
            Err(failure) => {
                out.failure(&failure);
                failure.exit
            }
        };
    }
    if common.json {
        out.failure(&as_failure(error));
    } else {
        out.error_text(&text(out.err_paint().is_on()));
    }
    exit::USAGE
}

/// The parser's words as a failure: the first paragraph, and the tip or where to read more.
pub fn as_failure(error: &clap::Error) -> Failure {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage("a verb is missing").hint("`--help` lists the verbs");
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

/// What `--color` says on a command line that could not be parsed.
fn color(args: &[OsString]) -> ColorWhen {
    let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let after = |i: usize| words.get(i + 1).map(|word| word.as_ref());
    let chosen = words.iter().enumerate().find_map(|(i, word)| {
        let inline = word.strip_prefix("--color=");
        inline.or_else(|| after(i).filter(|_| word == "--color"))
    });
    match chosen {
        Some("always") => ColorWhen::Always,
        Some("never") => ColorWhen::Never,
        _ => ColorWhen::Auto,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn failure(line: &[&str]) -> Failure {
        let parsed = Cli::try_parse_from(["ampt-ws"].iter().chain(line));
        as_failure(&parsed.unwrap_err())
    }

    #[test]
    fn the_parsers_words_become_a_failure() {
        let unknown = failure(&["lits"]);
        assert_eq!(unknown.exit, exit::USAGE);
        assert_eq!(unknown.message, "unrecognized subcommand 'lits'");
        assert!(unknown.hint.unwrap().contains("'list'"));
        assert_eq!(failure(&[]).message, "a verb is missing");
        let duration = failure(&["clock", "advance", "5"]);
        assert!(duration.message.contains("write 500ms"), "{duration}");
    }

    #[test]
    fn the_colour_is_found_in_a_broken_line() {
        let args = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(color(&args(&["--color", "never", "x"])), ColorWhen::Never);
        assert_eq!(color(&args(&["--color=always"])), ColorWhen::Always);
        assert_eq!(color(&args(&["--color"])), ColorWhen::Auto);
    }
}
