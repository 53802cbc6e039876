//! The data file that is imported at start.

use std::path::Path;

use crate::error::Failure;
use crate::event::EventBus;
use crate::store::{Store, StoreError};

/// Imports the seed file, merging.
pub async fn import(_store: &Store, _file: &Path, _bus: &EventBus) -> Result<(), Failure> {
    Ok(())
}

/// Empties the store.
pub fn empty(_store: &Store) -> Result<(), StoreError> {
    Ok(())
}
