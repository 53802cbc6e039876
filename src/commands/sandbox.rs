//! The verbs about a sandbox, from a shell: performed by the sandbox that runs, or, for what only
//! needs the store, by the store itself.

use std::io::{self, IsTerminal};

use super::{no_sandbox, offline};
use crate::cli::{Common, SandboxVerb};
use crate::control::Client;
use crate::error::{Failure, exit};
use crate::location::Location;
use crate::ops::{Perform, Request};
use crate::output::Output;
use crate::verbs::{self, Ask, Context, Face, LocalBoxed, Streams};

pub(super) async fn run(common: &Common, verb: SandboxVerb, out: &Output) -> Result<u8, Failure> {
    verbs::check(&verb)?;
    let location = Location::of(common)?;
    let client = Client::find(&location.data_dir).await?;
    let store = offline::Store::new(&location);
    let (sandbox, face): (&dyn Perform, Face) = match &client {
        Some(client) => (client, Face::Remote),
        None if offline::serves(&verb) => (&store, Face::Store),
        None => return Err(no_sandbox(&location)),
    };
    let context = Context {
        sandbox,
        streams: &RemoteStreams {
            client: client.as_ref(),
            location: &location,
        },
        ask: &Terminal { out },
        out,
        face,
        app_dir: &location.app_dir,
    };
    verbs::run(verb, &context).await
}

/// Prints what the running sandbox streams.
struct RemoteStreams<'a> {
    client: Option<&'a Client>,
    location: &'a Location,
}

impl Streams for RemoteStreams<'_> {
    fn print<'a>(
        &'a self,
        request: Request,
        out: &'a Output,
    ) -> LocalBoxed<'a, Result<u8, Failure>> {
        Box::pin(async move {
            let client = self.client.ok_or_else(|| no_sandbox(self.location))?;
            let take = |lines: &[u8]| {
                out.write(lines)?;
                Ok(!out.is_closed())
            };
            tokio::select! {
                followed = client.follow(&request, out.style(), take) => followed.map(|()| exit::OK),
                Ok(()) = tokio::signal::ctrl_c() => Ok(exit::INTERRUPTED),
            }
        })
    }
}

/// Asks on the terminal, if somebody sits there.
struct Terminal<'a> {
    out: &'a Output,
}

impl Ask for Terminal<'_> {
    fn confirm(&self, question: &str) -> Option<bool> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let mut answer = String::new();
        self.out.error_text(&format!("{question} [y/N] "));
        // No answer, as after Ctrl-D, is no consent.
        let _ = io::stdin().read_line(&mut answer);
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}
