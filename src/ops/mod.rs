//! The operations behind every face: REPL, verbs, fixtures and management API.
//!
//! A [`Request`] is what somebody wants; performing it gives the JSON document that `--json`
//! prints, so that the REPL, the control socket and scripts all see the same answer.

mod answer;
pub mod items;
pub mod perform;
mod request;

pub use answer::{ClockView, ConnectionView, Exported, Imported, SendFailure, Sent, Status};
pub use answer::{Closed, LimitsView, PendingView, WorkerView};
pub use request::{ClockChange, DataRequest, Request};

/// What performing a [`Request`] gives: the document that `--json` prints.
pub type Answer = Result<serde_json::Value, crate::error::Failure>;

/// Somebody who can perform requests: the running sandbox, in this process or behind its socket.
pub trait Perform: Send + Sync {
    /// Performs one request. `Logs` and `data watch` are streams and are not served here: they
    /// read the event bus.
    fn perform(
        &self,
        request: Request,
    ) -> std::pin::Pin<Box<dyn Future<Output = Answer> + Send + '_>>;
}
