//! The data file that is imported at start.

use std::path::Path;

use crate::error::Failure;
use crate::event::{EventBus, Fact};
use crate::ops::{DataRequest, Imported, items};
use crate::store::Store;

/// Imports the seed file, merging, and tells so.
pub async fn import(store: &Store, file: &Path, bus: &EventBus) -> Result<(), Failure> {
    let request = DataRequest::Import {
        file: file.to_owned(),
        overwrite: false,
        dry_run: false,
    };
    let store = store.clone();
    let work = tokio::task::spawn_blocking(move || items::perform(&store, request, &[], None));
    let answer = work
        .await
        .map_err(|error| Failure::new("internal", error.to_string()))??;
    let imported: Imported = serde_json::from_value(answer).unwrap_or_default();
    bus.tell(Fact::Import {
        file: file.display().to_string(),
        items: imported.items,
        overwrite: false,
        orphaned: Vec::new(),
    });
    Ok(())
}
