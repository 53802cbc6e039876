//! What somebody wants of a sandbox.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::Selector;

/// One operation on a running sandbox; the form in which it crosses the control socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verb")]
pub enum Request {
    /// The live connections; answers an array of [`super::ConnectionView`].
    List,
    /// Sends text to the selected connections; answers [`super::Sent`].
    Send {
        /// To whom.
        selector: Selector,
        /// What, as it goes over the wire.
        data: String,
    },
    /// Closes the selected connections; answers [`super::Closed`].
    Close {
        /// Which ones; all of them must be known, else none is closed.
        selectors: Vec<Selector>,
    },
    /// What runs; answers [`super::Status`].
    Status,
    /// Makes the sandbox inactive: connection attempts get 403.
    Pause,
    /// Makes it active again.
    Resume,
    /// Restarts the app's code; answers `{"ok":true,"tookMs":n}` or the load error.
    Reload,
    /// Stops the sandbox; answered once it has begun to.
    Stop,
    /// Looks at or changes the clock; answers [`super::ClockView`].
    Clock(ClockChange),
    /// Follows the event log; answered by a stream of events.
    Logs {
        /// Go on after the past events.
        follow: bool,
    },
    /// Something about the stored items; also possible without a running sandbox.
    Data(DataRequest),
}

/// An operation on the store's items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "data")]
pub enum DataRequest {
    /// Loads a data file; answers [`super::Imported`].
    Import {
        /// Absolute path.
        file: PathBuf,
        /// Empty the store first.
        overwrite: bool,
        /// Only check the file and tell what would happen.
        dry_run: bool,
    },
    /// Writes a data file; answers [`super::Exported`].
    Export {
        /// Absolute path.
        file: PathBuf,
        /// Replace an existing file.
        overwrite: bool,
    },
    /// One item; answers the item or `null`.
    Get {
        /// Its key.
        key: String,
    },
    /// Items that match a pattern; answers an array.
    Ls {
        /// `ns:*` and the other query forms; all items if absent.
        pattern: Option<String>,
        /// At most this many.
        limit: Option<usize>,
    },
    /// Stores a value; answers the item.
    Set {
        /// Its key.
        key: String,
        /// The value.
        value: serde_json::Value,
        /// Replace instead of merge.
        overwrite: bool,
        /// Time to live in seconds from now.
        ttl: Option<i64>,
    },
    /// Removes an item; answers `{"removed":bool}`.
    Rm {
        /// Its key.
        key: String,
    },
    /// Follows changes; answered by a stream.
    Watch {
        /// As in `Ls`.
        pattern: Option<String>,
    },
}

/// What to do to the clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockChange {
    /// Nothing.
    Show,
    /// Set it to this time, in milliseconds since the epoch.
    Set(i64),
    /// Stop it.
    Freeze,
    /// Move it forward by this many milliseconds.
    Advance(i64),
    /// Back to the machine's time, running.
    Resume,
}
