//! Operations on the stored items: on a running sandbox's store, or on one opened for the moment.

use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::perform::{Sandbox, document};
use super::{Answer, Changes, DataRequest, Exported, Imported, Progress, Telling};
use crate::domain::Clock;
use crate::error::Failure;
use crate::event::Fact;
use crate::iso;
use crate::store::interest::ChangeKind;
use crate::store::transfer::TransferError;
use crate::store::view::{ChangeView, Pattern};
use crate::store::{Refusal, Store};

/// Changes that wait for a slow reader of `data watch`.
const WATCHED: usize = 1024;

/// Performs a request on a store. `live` are the ids of the open connections; what takes long says
/// in `telling` how far it is. Blocks while the disk works.
pub fn perform(
    store: &Store,
    request: DataRequest,
    live: &[String],
    telling: Option<&Telling>,
) -> Answer {
    let mut tell = |progress: Progress| {
        if let Some(telling) = telling {
            telling.send_replace(Some(progress));
        }
    };
    match request {
        DataRequest::Import {
            file,
            overwrite,
            dry_run,
        } => {
            let (items, orphaned) = if dry_run {
                let plan = store
                    .plan_import(&file, overwrite, live, &mut tell)
                    .map_err(transfer_failure)?;
                (plan.items, plan.orphaned)
            } else {
                let done = store
                    .import(&file, overwrite, live, &mut tell)
                    .map_err(transfer_failure)?;
                (done.items, done.orphaned)
            };
            let orphaned_connections = orphaned.iter().filter_map(|id| id.parse().ok()).collect();
            document(&Imported {
                items,
                overwrite,
                orphaned_connections,
            })
        }
        DataRequest::Export { file, overwrite } => {
            let (path, items) = store
                .export(&file, overwrite, &mut tell)
                .map_err(transfer_failure)?;
            document(&Exported {
                items,
                file: path.display().to_string(),
            })
        }
        DataRequest::Get { key } => document(&store.get_item(&key).map_err(refused_key(&key))?),
        DataRequest::Ls { pattern, limit } => {
            let pattern = parse_pattern(pattern.as_deref())?;
            let listed = store.list_items(&pattern, None, limit.unwrap_or(usize::MAX));
            document(&listed.map_err(refusal)?.0)
        }
        DataRequest::Set {
            key,
            value,
            overwrite,
            ttl,
        } => {
            let written = store.put_item(&key, &value.to_string(), overwrite, ttl);
            document(&written.map_err(refused_key(&key))?)
        }
        DataRequest::Rm { key } => {
            let removed = store.remove_item(&key).map_err(refused_key(&key))?;
            Ok(json!({ "removed": removed }))
        }
        DataRequest::Watch { .. } => {
            Err(Failure::usage("`data watch` is a stream, not an operation"))
        }
    }
}

/// The same on a running sandbox: on a thread that may block, and told as an event where it
/// matters.
pub(super) async fn perform_live(
    sandbox: &Sandbox,
    request: DataRequest,
    telling: Option<Telling>,
) -> Answer {
    let live: Vec<String> = sandbox
        .gateway
        .registry
        .all()
        .iter()
        .map(|c| c.id.to_string())
        .collect();
    let imported = match &request {
        DataRequest::Import {
            file,
            dry_run: false,
            ..
        } => Some(file.display().to_string()),
        _ => None,
    };
    let store = sandbox.store.clone();
    let is_read = matches!(
        request,
        DataRequest::Get { .. } | DataRequest::Ls { .. } | DataRequest::Export { .. }
    );
    let work = tokio::task::spawn_blocking(move || {
        let answer = perform(&store, request, &live, telling.as_ref());
        if is_read {
            // What somebody has seen is there after a kill, too. A disk that refuses still lets
            // them see.
            let _ = store.flush();
        }
        answer
    });
    let answer = work
        .await
        .map_err(|error| Failure::new("internal", error.to_string()))??;
    if let Some(file) = imported {
        tell_import(sandbox, file, &answer);
    }
    Ok(answer)
}

fn tell_import(sandbox: &Sandbox, file: String, answer: &Value) {
    if let Ok(imported) = serde_json::from_value::<Imported>(answer.clone()) {
        sandbox.bus.tell(Fact::Import {
            file,
            items: imported.items,
            overwrite: imported.overwrite,
            orphaned: imported.orphaned_connections,
        });
    }
}

/// Follows the changes of the items that match `pattern`.
pub(super) fn watch(
    store: &Store,
    clock: &Clock,
    pattern: Option<&str>,
) -> Result<Changes, Failure> {
    let pattern = parse_pattern(pattern)?;
    let clock = clock.clone();
    let mut changes = store.watch();
    let (sender, receiver) = mpsc::channel(WATCHED);
    tokio::spawn(async move {
        loop {
            let line = match changes.recv().await {
                Ok(change) if change.key().is_some_and(|key| pattern.matches(&key)) => {
                    change.view().map(|view| change_line(&view, clock.now_ms()))
                }
                Ok(_) => None,
                Err(RecvError::Lagged(missed)) => Some(json!({ "missed": missed })),
                Err(RecvError::Closed) => return,
            };
            if let Some(line) = line
                && sender.send(line).await.is_err()
            {
                return;
            }
            if sender.is_closed() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// A change as `data watch` tells it; the value is the one stored now.
fn change_line(view: &ChangeView, at_ms: i64) -> Value {
    let mut line = json!({
        "at": iso::from_ms(at_ms),
        "change": view.event,
        "key": view.item.key,
    });
    if view.event != ChangeKind::Deleted {
        line["value"] = json!(view.item.value);
    }
    line
}

fn parse_pattern(pattern: Option<&str>) -> Result<Pattern, Failure> {
    let Some(pattern) = pattern else {
        return Ok(Pattern::ALL);
    };
    Pattern::parse(pattern).map_err(refused_key(pattern))
}

fn refusal(refusal: Refusal) -> Failure {
    Failure::new("data", refusal.message.into_owned())
}

/// A refusal of what was to be done with a key: it names the key.
fn refused_key(key: &str) -> impl Fn(Refusal) -> Failure {
    move |refusal| {
        let message = format!("`{key}`: {}", refusal.message);
        match refusal.message.starts_with("Invalid key") {
            true => Failure::new("invalid-key", message)
                .hint("a key is `name` or `collection:name`; both parts have something in them"),
            false => Failure::new("data", message),
        }
    }
}

fn transfer_failure(error: TransferError) -> Failure {
    Failure::new(error.code(), error.to_string()).hint(error.hint())
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::ops::Phase;

    #[test]
    fn imports_and_exports_tell_how_far_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("data"), Clock::system()).unwrap();
        let file = dir.path().join("items.json");
        let items: Vec<Value> = (0..3000)
            .map(|n| json!({ "key": format!("n:{n}"), "value": n }))
            .collect();
        std::fs::write(&file, json!(items).to_string()).unwrap();
        let (telling, told) = watch::channel(None);
        let last = |request| {
            telling.send_replace(None);
            perform(&store, request, &[], Some(&telling)).unwrap();
            *told.borrow()
        };
        let import = |dry_run| DataRequest::Import {
            file: file.clone(),
            overwrite: false,
            dry_run,
        };
        let at = |items, total, phase| {
            Some(Progress {
                items,
                total,
                phase,
            })
        };
        assert_eq!(last(import(true)), at(2816, None, Phase::Reading));
        assert_eq!(last(import(false)), at(3000, Some(3000), Phase::Applying));
        let export = DataRequest::Export {
            file: dir.path().join("out.json"),
            overwrite: false,
        };
        assert_eq!(last(export), at(2048, None, Phase::Writing));
    }
}
