//! Streams over the control socket: the event log and the changes of items.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::wire::{END, write_patiently};
use crate::event::EventBus;
use crate::ops::Changes;
use crate::output::{ChangeLines, Renderer, Style};

/// Writes the past events and, if `follow`, those to come until the bus closes or the peer leaves.
///
/// The lines are rendered here rather than by the verb: they are then the same that `dev` prints.
pub(super) async fn logs(
    writer: &mut (impl AsyncWrite + Unpin),
    reader: &mut (impl AsyncRead + Unpin),
    bus: &EventBus,
    style: Style,
    follow: bool,
) -> io::Result<()> {
    let (history, subscription) = bus.subscribe_with_history();
    let mut renderer = Renderer::new(style);
    let mut lines = Vec::new();
    for event in &history {
        renderer.push(&mut lines, event);
    }
    write_patiently(writer, &lines).await?;
    if follow {
        loop {
            let batch = tokio::select! {
                batch = subscription.next() => batch,
                () = departure(reader) => return Err(io::ErrorKind::BrokenPipe.into()),
            };
            let Some(batch) = batch else { break };
            lines.clear();
            renderer.push_batch(&mut lines, &batch);
            write_patiently(writer, &lines).await?;
        }
    }
    write_patiently(writer, END).await
}

/// Writes changes as they come, until there are no more, the sandbox stops or the peer leaves.
pub(super) async fn changes(
    writer: &mut (impl AsyncWrite + Unpin),
    reader: &mut (impl AsyncRead + Unpin),
    mut changes: Changes,
    style: Style,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let lines = ChangeLines::new(style);
    loop {
        let change = tokio::select! {
            change = changes.recv() => change,
            () = shutdown.cancelled() => None,
            () = departure(reader) => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        let Some(change) = change else { break };
        write_patiently(writer, lines.line(&change).as_bytes()).await?;
    }
    write_patiently(writer, END).await
}

/// Completes when the peer closes its end. What it says meanwhile is of no interest.
async fn departure(reader: &mut (impl AsyncRead + Unpin)) {
    let mut ignored = [0; 64];
    while !matches!(reader.read(&mut ignored).await, Ok(0) | Err(_)) {}
}
