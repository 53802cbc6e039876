//! The operations behind every face: REPL, verbs, fixtures and management API.
//!
//! A [`Request`] is what somebody wants; performing it gives the JSON document that `--json`
//! prints, so that the REPL, the control socket and scripts all see the same answer.

mod answer;
pub mod items;
pub mod perform;
mod request;
#[cfg(test)]
pub mod testing;

pub use crate::dispatch::{PendingView, WorkerView};
pub use crate::store::transfer::{Phase, Progress};
pub use answer::{ClockView, ConnectionView, Exported, Imported, SendFailure, Sent, Status};
pub use answer::{Closed, LimitsView};
pub use request::{ClockChange, DataRequest, Request};

/// Where a long operation leaves how far it is; only the newest word counts.
pub type Telling = tokio::sync::watch::Sender<Option<Progress>>;

/// What performing a [`Request`] gives: the document that `--json` prints.
pub type Answer = Result<serde_json::Value, crate::error::Failure>;

/// Changes of stored items as they happen, each `{"at","change","key","value"?}`; `change` is
/// `created`, `updated` or `deleted`. `{"missed":n}` stands for changes that were not kept for a
/// slow reader.
pub type Changes = tokio::sync::mpsc::Receiver<serde_json::Value>;

/// A future in a box, because [`Perform`] is used as `dyn`.
pub type Boxed<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Somebody who can perform requests: the running sandbox, in this process or behind its socket.
pub trait Perform: Send + Sync {
    /// Performs one request. `Logs` and `data watch` are streams and are not served here: the
    /// one reads the event bus, the other is [`Perform::watch`].
    fn perform(&self, request: Request) -> Boxed<'_, Answer>;

    /// The same; an import or export meanwhile tells how far it is.
    fn perform_telling(&self, request: Request, telling: Telling) -> Boxed<'_, Answer> {
        drop(telling);
        self.perform(request)
    }

    /// Follows the changes of the items that match `pattern`.
    fn watch(&self, pattern: Option<String>) -> Boxed<'_, Result<Changes, crate::error::Failure>> {
        let _ = pattern;
        Box::pin(async {
            let message = "following changes needs a running sandbox";
            Err(crate::error::Failure::new("unsupported", message))
        })
    }
}
