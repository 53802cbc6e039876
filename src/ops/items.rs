//! Operations on the stored items: on a running sandbox's store, or on one opened for the moment.

use super::perform::Sandbox;
use super::{Answer, DataRequest};
use crate::error::Failure;

/// Performs a request about items on a running sandbox.
pub(super) async fn perform(_sandbox: &Sandbox, _request: DataRequest) -> Answer {
    Err(Failure::new("todo", "todo"))
}
