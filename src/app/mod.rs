//! The composition root of a sandbox: builds everything, and takes it down in order.

mod address;
pub mod certificate;
mod data_dir;
mod former;
mod listen;
mod reloader;
mod seed;
mod start;

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::control::Announcement;
use crate::dispatch::{self, Command, DispatchHandle};
use crate::domain::CloseReason;
use crate::error::Failure;
use crate::event::{Fact, Level, Ready};
use crate::ops::perform::Sandbox;
pub use data_dir::open_store;
pub use start::start;

/// How long closing sockets may take when the sandbox stops.
const GOODBYE_TIME: Duration = Duration::from_secs(2);

/// A sandbox that runs, and what only its owner needs.
pub struct Running {
    /// The operations.
    pub sandbox: Sandbox,
    /// Ends the gateway.
    stop_gateway: CancellationToken,
    /// Serves the verbs of other terminals.
    control: JoinHandle<()>,
    stop_control: CancellationToken,
    /// Lets those verbs find the sandbox.
    announcement: Announcement,
    /// The watcher of the app's files.
    _reloader: Option<reloader::Reloader>,
}

impl Running {
    /// Waits until the app's first load has come to an end, one way or the other.
    ///
    /// # Errors
    /// Why the app's code does not run. [`is_final`] tells whether a save may mend it.
    pub async fn settled(&self) -> Result<(), Failure> {
        let mut seen = self.sandbox.dispatch.watch();
        let is_settled = |seen: &dispatch::Seen| {
            matches!(seen.worker.state.as_str(), "ready" | "failed" | "none")
        };
        match seen.wait_for(is_settled).await {
            Ok(seen) if seen.worker.state == "failed" => seen.failure.clone().map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }

    /// Waits until the app's code runs.
    pub async fn settled_well(&self) {
        let mut seen = self.sandbox.dispatch.watch();
        let _ = seen.wait_for(|seen| seen.worker.state == "ready").await;
    }

    /// Tells that the sandbox is ready.
    pub fn tell_ready(&self) {
        let facts = &self.sandbox.facts;
        let ready = Ready {
            url: facts.url.clone(),
            ws_url: facts.ws_url.clone(),
            pid: std::process::id(),
            app: facts.app.display().to_string(),
            env: facts.env.name(),
            data_dir: facts.data_dir.display().to_string(),
            handlers: self.sandbox.dispatch.worker().handlers,
            limits: self.sandbox.gateway.rate(),
        };
        self.sandbox.bus.tell(Fact::Ready(Box::new(ready)));
        self.tell_missing_handlers();
    }

    /// Says so if nobody will answer.
    fn tell_missing_handlers(&self) {
        let worker = self.sandbox.dispatch.worker();
        if !worker.handlers.is_empty() {
            return;
        }
        let folder = self.sandbox.facts.app.display();
        let why = match worker.state.as_str() {
            "none" => format!(
                "there is no app code in `{folder}` (no `main` in a package.json, no index file)"
            ),
            _ => "the app never calls `ws.on`".to_owned(),
        };
        let text = format!(
            "no handlers are registered: {why}; clients can connect, messages are only logged"
        );
        self.sandbox.bus.log(Level::Warn, text);
    }

    /// Takes the sandbox down: no new connections, clients closed with 1001, `disconnected`
    /// handlers get their time, Node ends, everything is on disk.
    pub async fn stop(self, cause: &str) {
        let Self {
            sandbox,
            stop_gateway,
            control,
            stop_control,
            announcement,
            ..
        } = self;
        let Sandbox {
            gateway,
            dispatch,
            store,
            bus,
            ..
        } = &sandbox;
        bus.tell(Fact::Stopping {
            cause: cause.to_owned(),
        });
        stop_gateway.cancel();
        for connection in gateway.registry.all() {
            connection.close(CloseReason::GOING_AWAY);
        }
        gateway.tasks.close();
        let ended = async {
            while !gateway.registry.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE_TIME, ended).await;
        stop_dispatch(dispatch).await;
        let _ = tokio::time::timeout(GOODBYE_TIME, gateway.tasks.wait()).await;
        let store = store.clone();
        let flushed = tokio::task::spawn_blocking(move || store.flush()).await;
        if let Ok(Err(error)) = flushed {
            bus.log(
                Level::Error,
                format!("the last writes are not on disk: {error}"),
            );
        }
        // Only now: `ampt-ws stop` waits for the announcement and the socket to be gone.
        drop(announcement);
        stop_control.cancel();
        bus.close();
        let _ = tokio::time::timeout(GOODBYE_TIME, control).await;
    }
}

async fn stop_dispatch(dispatch: &DispatchHandle) {
    let (done, told) = oneshot::channel();
    if dispatch.command(Command::Stop { done }).await {
        let _ = told.await;
    }
}

/// Whether a failure of the first load is one that no save of the app's files can mend.
pub fn is_final(failure: &Failure) -> bool {
    matches!(failure.code.as_str(), "node-too-old" | "no-node")
}
