//! Import and export: `data.json`, a JSON array of
//! `{key, value, label1…label5?, ttl?, created?, modified?}`, dates ISO 8601 in UTC.
//!
//! An import reads and checks the whole file while it writes the items to a generation that no table
//! uses, in pieces, so that memory stays bounded. Then one atomic step makes them visible:
//! * overwriting: the table gets that generation;
//! * merging: a mark says that this generation is to be applied, and calls wait while its items
//!   replace the stored ones. A crash in between leaves the mark, and opening the store goes on.
//!
//! Values that JSON lacks are tagged as in [`row`](super::row), so that what an export writes an
//! import restores exactly, but for the display quirk of a label default: such a label is restored
//! as it is found, not as it was shown.

mod draft;
mod error;
mod export;
mod import;
mod item;
mod mention;
mod read;

use serde::{Deserialize, Serialize};

pub use error::TransferError;
pub use import::{Imported, Plan};

pub(super) use import::resume;
pub(super) use item::push_date;

/// How far an import or export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Items read, applied or written so far.
    pub items: u64,
    /// Items in all, once that is known.
    pub total: Option<u64>,
    /// What is being done.
    pub phase: Phase,
}

/// The parts of an import or export, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// An import reads and checks its file.
    Reading,
    /// An import's items become visible.
    Applying,
    /// An export writes its file.
    Writing,
}
