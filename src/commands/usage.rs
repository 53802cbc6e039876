//! What to say when the command line is not understood, or asks for help.

use std::ffi::OsString;

use clap::error::ErrorKind;
use serde_json::json;

use crate::cli::{ColorWhen, Common, wants_json};
use crate::error::exit;
use crate::output::Output;
use crate::verbs::as_failure;

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
    let asked_for = match error.kind() {
        ErrorKind::DisplayHelp => Some(json!({ "help": rendered.to_string() })),
        ErrorKind::DisplayVersion => Some(json!({ "version": env!("CARGO_PKG_VERSION") })),
        _ => None,
    };
    if let Some(document) = asked_for {
        let printed = match common.json {
            true => out.document(&document),
            false => out.text(&text(out.style().color)),
        };
        return match printed {
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
    use super::*;

    #[test]
    fn the_colour_is_found_in_a_broken_line() {
        let args = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(color(&args(&["--color", "never", "x"])), ColorWhen::Never);
        assert_eq!(color(&args(&["--color=always"])), ColorWhen::Always);
        assert_eq!(color(&args(&["--color"])), ColorWhen::Auto);
    }
}
