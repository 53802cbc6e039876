//! What can be done with no sandbox running: the verbs that only need the store.

use std::path::{Path, PathBuf};

use super::no_sandbox;
use crate::app;
use crate::cli::{DataVerb, SandboxVerb};
use crate::domain::Clock;
use crate::error::{Failure, reason};
use crate::location::Location;
use crate::ops::{Answer, Boxed, DataRequest, Perform, Request, Telling, items};

/// Whether a verb can do without a running sandbox.
pub(super) fn serves(verb: &SandboxVerb) -> bool {
    match verb {
        SandboxVerb::Import(_) | SandboxVerb::Export(_) => true,
        SandboxVerb::Data(verb) => !matches!(verb, DataVerb::Watch { .. }),
        _ => false,
    }
}

/// The store of an app whose sandbox does not run.
pub(super) struct Store {
    data_dir: PathBuf,
    no_sandbox: Failure,
}

impl Store {
    pub(super) fn new(location: &Location) -> Self {
        Self {
            data_dir: location.data_dir.clone(),
            no_sandbox: no_sandbox(location),
        }
    }
}

impl Perform for Store {
    fn perform(&self, request: Request) -> Boxed<'_, Answer> {
        Box::pin(self.perform(request, None))
    }

    fn perform_telling(&self, request: Request, telling: Telling) -> Boxed<'_, Answer> {
        Box::pin(self.perform(request, Some(telling)))
    }
}

impl Store {
    async fn perform(&self, request: Request, telling: Option<Telling>) -> Answer {
        let Request::Data(request) = request else {
            return Err(self.no_sandbox.clone());
        };
        let data_dir = self.data_dir.clone();
        // On a thread of its own, so that somebody can show how far it is.
        tokio::task::spawn_blocking(move || perform(&data_dir, request, telling.as_ref()))
            .await
            .map_err(|error| Failure::new("internal", error.to_string()))?
    }
}

/// Performs one operation on the store in `data_dir`, which is opened for it alone.
fn perform(data_dir: &Path, request: DataRequest, telling: Option<&Telling>) -> Answer {
    let writes = matches!(
        request,
        DataRequest::Import { .. } | DataRequest::Set { .. }
    );
    if writes || data_dir.exists() {
        let store = app::open_store(data_dir, Clock::system())?;
        return items::perform(&store, request, &[], telling);
    }
    // Looking for what is not there leaves no folder behind.
    let nothing = tempfile::tempdir().map_err(|e| {
        let message = format!("no temporary folder can be made: {}", reason(&e));
        Failure::new("internal", message)
    })?;
    let store = app::open_store(nothing.path(), Clock::system())?;
    items::perform(&store, request, &[], telling)
}
