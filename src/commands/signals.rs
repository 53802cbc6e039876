//! What ends a program in the foreground.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::error::Failure;

/// How long a program may take to end that nobody waits for any more; then it is as if the signal
/// had come a second time.
const GRACE: Duration = Duration::from_secs(1);

/// The signals that end a program in the foreground.
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    /// Completes when standard input is closed, if that matters.
    abandoned: Option<oneshot::Receiver<()>>,
}

impl Signals {
    /// Listens from now on; with `attended` also for the end of standard input.
    pub(super) fn new(attended: bool) -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind)
                .map_err(|error| Failure::new("internal", format!("no signal handler: {error}")))
        };
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: on(SignalKind::hangup())?,
            abandoned: attended.then(notice_end_of_input).transpose()?,
        })
    }

    /// The name of the next signal.
    pub(super) async fn next(&mut self) -> &'static str {
        let abandoned = async {
            match self.abandoned.as_mut() {
                Some(abandoned) if abandoned.is_terminated() => tokio::time::sleep(GRACE).await,
                Some(abandoned) => {
                    let _ = abandoned.await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => "SIGHUP",
            () = abandoned => "end of input",
        }
    }
}

/// Tells when standard input ends: whoever started this sandbox is gone, however it went.
fn notice_end_of_input() -> Result<oneshot::Receiver<()>, Failure> {
    let (ended, told) = oneshot::channel();
    let read = move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    };
    std::thread::Builder::new()
        .name("attendance".into())
        .spawn(read)
        .map_err(|error| Failure::new("internal", format!("no thread: {error}")))?;
    Ok(told)
}
