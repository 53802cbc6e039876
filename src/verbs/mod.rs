//! The verbs about a sandbox: one function each, behind the command line and the REPL alike.
//!
//! A verb turns its arguments into a [`Request`], has it performed, prints the answer for people
//! or as JSON, and gives the exit code.

mod close;
mod data;
mod inspect;
mod progress;
mod send;
mod transfer;
mod usage;

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::{DataVerb, SandboxVerb};
use crate::domain::{ConnectionId, Selector};
use crate::error::Failure;
use crate::ops::{Perform, Request};
use crate::output::Output;

pub use usage::as_failure;

/// Who runs a verb, and with what.
pub struct Context<'a> {
    /// Performs requests.
    pub sandbox: &'a dyn Perform,
    /// Prints streams.
    pub streams: &'a dyn Streams,
    /// Asks the user.
    pub ask: &'a dyn Ask,
    /// Prints everything else.
    pub out: &'a Output,
    /// From where.
    pub face: Face,
    /// The app's folder, where the default data file lies.
    pub app_dir: &'a Path,
}

/// Where a verb was typed, and what it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// A shell, with a sandbox running.
    Remote,
    /// A shell, with no sandbox running: only the store can be reached.
    Store,
    /// The sandbox's own terminal.
    Repl,
}

/// A future that stays on its thread.
pub type LocalBoxed<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + 'a>>;

/// Prints the answers that are streams: `logs` and `data watch`.
pub trait Streams {
    /// Prints until the stream ends; gives the exit code.
    fn print<'a>(
        &'a self,
        request: Request,
        out: &'a Output,
    ) -> LocalBoxed<'a, Result<u8, Failure>>;

    /// Ends a stream that goes on beside other verbs, as `data watch` does at the prompt.
    fn end(&self, out: &Output) -> Result<u8, Failure> {
        let _ = out;
        Err(no_stream_beside())
    }
}

fn no_stream_beside() -> Failure {
    Failure::usage("`--off` is for the sandbox's own prompt, where changes are followed beside it")
        .hint("here Ctrl-C ends `data watch`")
}

/// Asks the user a question that is answered with yes or no.
pub trait Ask {
    /// The answer; `None` if there is nobody to ask.
    fn confirm(&self, question: &str) -> Option<bool>;
}

/// Finds what is wrong with a verb's arguments before anything is asked of anybody.
pub fn check(verb: &SandboxVerb) -> Result<(), Failure> {
    match verb {
        SandboxVerb::Send(args) => send::whom_and_what(args.clone()).map(drop),
        SandboxVerb::Close(args) => close::selectors(args.clone()).map(drop),
        SandboxVerb::Data(DataVerb::Watch { off: true, .. }) => Err(no_stream_beside()),
        SandboxVerb::Export(args) => match &args.file {
            Some(file) => transfer::with_extension(file.clone()).map(drop),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Runs one verb; gives the exit code.
pub async fn run(verb: SandboxVerb, context: &Context<'_>) -> Result<u8, Failure> {
    match verb {
        SandboxVerb::List => inspect::list(context).await,
        SandboxVerb::Status => inspect::status(context).await,
        SandboxVerb::Pause => inspect::pause(context).await,
        SandboxVerb::Resume => inspect::resume(context).await,
        SandboxVerb::Reload => inspect::reload(context).await,
        SandboxVerb::Clock(args) => inspect::clock(context, args).await,
        SandboxVerb::Logs(args) => {
            let request = Request::Logs {
                follow: args.follow,
            };
            context.streams.print(request, context.out).await
        }
        SandboxVerb::Send(args) => send::send(context, args).await,
        SandboxVerb::Close(args) => close::close(context, args).await,
        SandboxVerb::Import(args) => transfer::import(context, args).await,
        SandboxVerb::Export(args) => transfer::export(context, args).await,
        SandboxVerb::Data(verb) => data::data(context, verb).await,
    }
}

/// The connection with this id, or this beginning of one. A word with two hyphens in front is far
/// more likely an option that does not exist.
fn by_id(text: String) -> Result<Selector, Failure> {
    if text.starts_with("--") && text.parse::<ConnectionId>().is_err() {
        return Err(Failure::usage(format!("there is no option `{text}`"))
            .hint("`--help` explains the options; of an id that begins with `--`, write all"));
    }
    Ok(Selector::Id(text))
}

/// Prints an answer: as it came, or as `render` shows it to people.
fn print<T: DeserializeOwned>(
    out: &Output,
    answer: Value,
    render: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    if out.is_json() {
        return out.document(&answer);
    }
    out.text(&render(&typed(answer)?))
}

/// Reads an answer as what it should be.
pub fn typed<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|e| {
        Failure::new(
            "answer",
            format!("the sandbox gave an answer of another form: {e}"),
        )
        .hint("is it of the same version? `ampt-ws status --json` tells")
    })
}

#[cfg(test)]
mod tests;
