//! `stop`: ends the running sandbox, and waits until it is gone.

use std::time::Duration;

use serde_json::json;

use super::no_sandbox;
use crate::cli::Common;
use crate::control::Client;
use crate::error::{Failure, exit};
use crate::location::Location;
use crate::ops::{Perform, Request};
use crate::output::Output;

/// How long a sandbox may take: its `disconnected` handlers are given their time.
const PATIENCE: Duration = Duration::from_secs(75);

pub(super) async fn run(common: &Common, out: &Output) -> Result<u8, Failure> {
    let location = Location::of(common)?;
    let Some(client) = Client::find(&location.data_dir).await? else {
        return Err(no_sandbox(&location));
    };
    client.perform(Request::Stop).await?;
    let announced = client.announced();
    let (pid, url) = (announced.pid, &announced.url);
    if !client.wait_until_gone(PATIENCE).await {
        let s = PATIENCE.as_secs();
        let message =
            format!("the sandbox was told to stop {s} s ago, but process {pid} still runs");
        return Err(Failure::new("stop", message)
            .hint(format!("look at its terminal, or end it with `kill {pid}`")));
    }
    match out.is_json() {
        true => out.document(&json!({ "stopped": true, "pid": pid }))?,
        false => out.text(&format!("stopped {url} (process {pid})\n"))?,
    }
    Ok(exit::OK)
}
