//! `data watch` at the prompt: changes are printed above the line that is being typed.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::{Failure, reason};
use crate::ops::{Changes, Perform};
use crate::output::{ChangeLines, Output, Screen, Style, visible};

/// Follows changes, of one pattern at a time, until it is told to end.
pub(super) struct Following {
    sandbox: Arc<dyn Perform>,
    runtime: Handle,
    screen: Screen,
    now: RefCell<Option<DropGuard>>,
}

impl Following {
    pub(super) fn new(sandbox: Arc<dyn Perform>, runtime: Handle, screen: Screen) -> Self {
        Self {
            sandbox,
            runtime,
            screen,
            now: RefCell::default(),
        }
    }

    /// Begins to follow the changes of the items that match; ends what was followed before.
    ///
    /// # Errors
    /// The pattern is none.
    pub(super) async fn begin(&self, pattern: Option<String>, out: &Output) -> Result<(), Failure> {
        let changes = self.sandbox.watch(pattern.clone()).await?;
        // Said first, so that no change stands above it.
        if !out.is_json() {
            let what = match &pattern {
                Some(pattern) => format!("changes of {}", visible(pattern)),
                None => "all changes".to_owned(),
            };
            let text = format!("following {what}; `data watch --off` or Ctrl-C ends it\n");
            out.text(&text)?;
        }
        let end = CancellationToken::new();
        self.print(changes, out.style(), end.clone())?;
        *self.now.borrow_mut() = Some(end.drop_guard());
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// Nothing is being followed.
    pub(super) fn end(&self, out: &Output) -> Result<(), Failure> {
        if self.now.take().is_none() {
            return Err(Failure::usage("no changes are being followed")
                .hint("`data watch` follows all, `data watch 'user:*'` those of a collection"));
        }
        match out.is_json() {
            true => Ok(()),
            false => out.text("changes are followed no more\n"),
        }
    }

    /// Prints on a thread of its own: the terminal may be stopped with Ctrl-S, and a runtime waits
    /// for its own threads.
    fn print(
        &self,
        mut changes: Changes,
        style: Style,
        end: CancellationToken,
    ) -> Result<(), Failure> {
        let (runtime, mut screen) = (self.runtime.clone(), self.screen.clone());
        let next = async move |changes: &mut Changes| {
            tokio::select! {
                biased;
                () = end.cancelled() => None,
                change = changes.recv() => change,
            }
        };
        let print = move || {
            let lines = ChangeLines::new(style);
            while let Some(change) = runtime.block_on(next(&mut changes)) {
                if screen.write_all(lines.line(&change).as_bytes()).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("follower".into()).spawn(print);
        thread.map(drop).map_err(|e| {
            let message = format!("changes cannot be followed: {}", reason(&e));
            Failure::new("internal", message)
        })
    }
}
