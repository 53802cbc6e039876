//! `list`, `status`, `pause`, `resume`, `reload`, `clock`.

use serde::Deserialize;

use super::{Context, print};
use crate::cli::{ClockArgs, ClockVerb};
use crate::error::{Failure, exit};
use crate::ops::{ClockChange, ConnectionView, Request, Status};
use crate::output::{answers, overview};

pub(super) async fn list(context: &Context<'_>) -> Result<u8, Failure> {
    let answer = context.sandbox.perform(Request::List).await?;
    let paint = context.out.paint();
    print(context.out, answer, |views: &Vec<ConnectionView>| {
        overview::list(paint, context.out.columns(), views)
    })?;
    Ok(exit::OK)
}

pub(super) async fn status(context: &Context<'_>) -> Result<u8, Failure> {
    let answer = context.sandbox.perform(Request::Status).await?;
    let paint = context.out.paint();
    print(context.out, answer, |status: &Status| {
        overview::status(paint, status)
    })?;
    Ok(exit::OK)
}

pub(super) async fn pause(context: &Context<'_>) -> Result<u8, Failure> {
    let answer = context.sandbox.perform(Request::Pause).await?;
    let text = "paused: connection attempts get 403 until `resume`; open connections stay\n";
    print(context.out, answer, |_: &serde_json::Value| text.to_owned())?;
    Ok(exit::OK)
}

pub(super) async fn resume(context: &Context<'_>) -> Result<u8, Failure> {
    let answer = context.sandbox.perform(Request::Resume).await?;
    let text = "active: connections are accepted\n";
    print(context.out, answer, |_: &serde_json::Value| text.to_owned())?;
    Ok(exit::OK)
}

/// What a reload answers; one that failed is a [`Failure`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reloaded {
    took_ms: u64,
}

pub(super) async fn reload(context: &Context<'_>) -> Result<u8, Failure> {
    let answer = context.sandbox.perform(Request::Reload).await?;
    let paint = context.out.paint();
    print(context.out, answer, |reloaded: &Reloaded| {
        answers::reloaded(paint, reloaded.took_ms)
    })?;
    Ok(exit::OK)
}

pub(super) async fn clock(context: &Context<'_>, args: ClockArgs) -> Result<u8, Failure> {
    let change = match args.change {
        None | Some(ClockVerb::Show) => ClockChange::Show,
        Some(ClockVerb::Set { time }) => ClockChange::Set(time.as_millisecond()),
        Some(ClockVerb::Freeze) => ClockChange::Freeze,
        Some(ClockVerb::Resume) => ClockChange::Resume,
        Some(ClockVerb::Advance { by }) => {
            ClockChange::Advance(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
        }
    };
    let answer = context.sandbox.perform(Request::Clock(change)).await?;
    let paint = context.out.paint();
    print(context.out, answer, |view| answers::clock(paint, view))?;
    Ok(exit::OK)
}
