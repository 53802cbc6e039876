//! `ampt-ws help`: what the program, a verb or the rules are about.

use clap::CommandFactory;
use serde_json::json;

use crate::cli::{Cli, HelpArgs};
use crate::error::{Failure, exit};
use crate::output::{Output, fidelity, fixtures};
use crate::verbs::as_failure;

/// Explains a verb, the rules (`help fidelity`), the format of fixtures (`help fixtures`), or,
/// without words, the program.
pub fn run(args: &HelpArgs, out: &Output) -> Result<u8, Failure> {
    let words: Vec<&str> = args.topic.iter().map(String::as_str).collect();
    if words == ["fidelity"] {
        if args.markdown && !out.is_json() {
            fidelity::print_markdown(out)?;
        } else {
            fidelity::print(out)?;
        }
        return Ok(exit::OK);
    }
    if let ["fixtures", step @ ..] = &words[..]
        && step.len() < 2
    {
        fixtures::print(out, step.first().copied())?;
        return Ok(exit::OK);
    }
    let mut command = Cli::command();
    command.build();
    let mut explained = &mut command;
    for word in &words {
        explained = match explained.find_subcommand_mut(word) {
            Some(found) => found,
            None => return Err(unknown(&words)),
        };
    }
    let text = explained.render_long_help();
    if out.is_json() {
        out.document(&json!({ "help": text.to_string() }))?;
        return Ok(exit::OK);
    }
    let shown = match out.style().color {
        true => text.ansi().to_string(),
        false => text.to_string(),
    };
    out.text(&shown)?;
    Ok(exit::OK)
}

/// The parser knows how to suggest what was meant.
fn unknown(words: &[&str]) -> Failure {
    let line = ["ampt-ws"].iter().chain(words);
    match Cli::command().try_get_matches_from(line) {
        Err(error) if error.use_stderr() => as_failure(&error),
        _ => Failure::usage(format!("there is no help on `{}`", words.join(" ")))
            .hint("`ampt-ws --help` lists the verbs; `help fidelity` tells the rules, `help fixtures` how to write one"),
    }
}
