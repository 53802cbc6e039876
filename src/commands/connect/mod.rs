//! `connect`: a WebSocket client on the terminal, or in a pipe.

mod command;
mod dial;
mod end;
mod prompt;
mod refusal;
mod show;
mod talk;
mod target;
mod tls;
mod wish;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use super::no_sandbox;
use super::signals::Signals;
use crate::app::certificate::authority_of;
use crate::cli::{Common, ConnectArgs};
use crate::control::Client;
use crate::error::{Failure, exit};
use crate::location::Location;
use crate::ops::{Perform, Request};
use crate::output::{ClientEvent, ClientEvents, Output, Screen};
use crate::terminal::{self, Reading};
pub(super) use dial::{Socket, dial};
use show::Shown;
use talk::Talk;
pub(super) use target::Target;
use wish::Wish;

/// How long the sandbox may take to say which of its connections is ours.
const INTRODUCTION: Duration = Duration::from_secs(2);

pub(super) async fn run(common: &Common, args: ConnectArgs, out: &Output) -> Result<u8, Failure> {
    let mut signals = Signals::new(false)?;
    let (target, sandbox) = find(common, &args).await?;
    let opened = tokio::select! {
        opened = dial::dial(&target) => opened,
        _ = signals.next() => return Ok(exit::INTERRUPTED),
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(trouble) => return Err(trouble.explain(&target, sandbox.as_ref()).await),
    };
    let connection_id = match &sandbox {
        Some(sandbox) => connection_id(sandbox, opened.local_address).await,
        None => None,
    };
    let is_interactive = args.execute.is_empty() && !common.json && terminal::is_possible();
    let screen = Screen::stdout();
    let output = match is_interactive {
        true => Output::to(out.style(), screen.clone(), screen.clone()),
        false => Output::standard(common),
    };
    let shown = Shown::start(ClientEvents::new(output, is_interactive))?;
    let greeting = ClientEvent::Open {
        url: target.url.clone(),
        connection_id,
        subprotocol: opened.subprotocol,
    };
    shown.show(greeting).await;
    let (wishing, wishes) = mpsc::channel(wish::WAITING);
    let (reading, quiet) = match is_interactive {
        true => {
            let history = Location::of(common)?.data_dir.join("connect-history");
            let reading = prompt::start(wishing, out.style(), &screen, kept(history))?;
            (Some(reading), Duration::ZERO)
        }
        false => {
            feed(args.execute, wishing)?;
            (None, Duration::from_millis(args.wait))
        }
    };
    let talk = Talk::start(opened.socket, wishes, quiet, &shown);
    let ended = talk.until_end(&mut signals, sandbox.is_some()).await;
    shown.show(ended.event()).await;
    leave(shown, reading)?;
    ended.exit
}

/// What to connect to, and the sandbox that it belongs to, if that is one of ours.
async fn find(common: &Common, args: &ConnectArgs) -> Result<(Target, Option<Client>), Failure> {
    let Some(url) = &args.url else {
        let location = Location::of(common)?;
        let Some(client) = Client::find(&location.data_dir).await? else {
            return Err(no_sandbox(&location));
        };
        let mut target = Target::new(&client.announced().ws_url, args)?;
        target.authority = Some(authority_of(&location.data_dir));
        return Ok((target, Some(client)));
    };
    let mut target = Target::new(url, args)?;
    // Anything may stand in the current folder when a URL is given, but if the sandbox there is
    // what the URL leads to, it can say more than a stranger.
    let Ok(location) = Location::of(common) else {
        return Ok((target, None));
    };
    let client = Client::find(&location.data_dir).await.ok().flatten();
    let client = client.filter(|client| {
        let port = client.announced().ws_url.rsplit(':').next();
        target.is_local() && port == Some(target.port.to_string().as_str())
    });
    if client.is_some() {
        target.authority = Some(authority_of(&location.data_dir));
    }
    Ok((target, client))
}

/// The id of our connection, which a server never tells its client: the sandbox knows it by our
/// address.
async fn connection_id(sandbox: &Client, ours: Option<SocketAddr>) -> Option<String> {
    let ours = ours?.to_string();
    let asking = tokio::time::timeout(INTRODUCTION, sandbox.perform(Request::List));
    let rows = asking.await.ok()?.ok()?;
    let mut rows = rows.as_array()?.iter();
    let row = rows.find(|row| row["remoteAddress"] == ours.as_str())?;
    row["connectionId"].as_str().map(str::to_owned)
}

/// A file for the lines typed, where there is a folder for it already.
fn kept(file: PathBuf) -> Option<PathBuf> {
    file.parent()
        .is_some_and(std::path::Path::is_dir)
        .then_some(file)
}

/// Wishes for what was given with `-x`, or for each line of standard input.
fn feed(execute: Vec<String>, wishing: mpsc::Sender<Wish>) -> Result<(), Failure> {
    if execute.is_empty() {
        return wish::read_lines(wishing);
    }
    tokio::spawn(async move {
        for data in execute {
            if wishing.send(Wish::Send(data)).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Everything is printed, and the terminal as it was.
fn leave(shown: Shown, reading: Option<Reading>) -> Result<(), Failure> {
    let printed = shown.finish();
    drop(reading);
    printed
}
