//! What an earlier run left to this one.

use super::data_dir::store_failure;
use crate::domain::ConnectionId;
use crate::error::Failure;
use crate::event::{EventBus, Fact, JsError, Level};
use crate::store::Store;

/// Connections that are owed a `disconnected`. One whose handler had begun, and may have written
/// something, is not owed another: that it was cut off is told.
///
/// # Errors
/// If the database fails.
pub fn connections(store: &Store, bus: &EventBus) -> Result<Vec<ConnectionId>, Failure> {
    let mut owed = Vec::new();
    for kept in store.connections() {
        if kept.has_begun {
            bus.tell(cut_off(kept.id));
            // The next flush makes it durable; until then a kill has it told again, no more.
            let forgotten = store.remove_connections(&[kept.id]);
            forgotten.map_err(store_failure)?;
        } else {
            owed.push(kept.id);
        }
    }
    Ok(owed)
}

fn cut_off(id: ConnectionId) -> Fact {
    Fact::HandlerError {
        handler: "disconnected".to_owned(),
        connection_id: Some(id),
        request_id: None,
        error: Box::new(JsError {
            name: "Error".to_owned(),
            message: format!(
                "the sandbox ended before the disconnected handler of {id} had returned, as far as is known"
            ),
            hint: Some(
                "what it had written is in the store, so it is not run again: look whether something is left undone"
                    .to_owned(),
            ),
            ..JsError::default()
        }),
    }
}

/// Tells how many connections get their `disconnected`, and how many published events wait.
pub fn tell(connections: usize, published: usize, bus: &EventBus) {
    let connections = match connections {
        0 => None,
        1 => Some("1 connection of an earlier run gets its `disconnected` now".to_owned()),
        n => Some(format!(
            "{n} connections of an earlier run get their `disconnected` now"
        )),
    };
    let published = match published {
        0 => None,
        1 => Some("1 event that an earlier run published comes when it is due".to_owned()),
        n => Some(format!(
            "{n} events that an earlier run published come when they are due"
        )),
    };
    for text in [connections, published].into_iter().flatten() {
        bus.log(Level::Info, text);
    }
}
