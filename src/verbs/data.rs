//! `data`: looks into the stored items.

use std::time::Duration;

use serde_json::Value;

use super::{Context, Face, print, typed};
use crate::cli::DataVerb;
use crate::domain::Clock;
use crate::error::{Failure, exit};
use crate::ops::{ClockChange, ClockView, DataRequest, Request};
use crate::output::{items, listing, visible};

/// Items that `data ls` shows to people unless told otherwise.
const LISTED: usize = 1000;

pub(super) async fn data(context: &Context<'_>, verb: DataVerb) -> Result<u8, Failure> {
    match verb {
        DataVerb::Get { key } => return get(context, key).await,
        DataVerb::Ls { pattern, limit } => return list(context, pattern, limit).await,
        DataVerb::Set {
            key,
            value,
            overwrite,
            ttl,
        } => {
            let text = format!("stored {}\n", visible(&key));
            let request = DataRequest::Set {
                key,
                value: json_or_string(value),
                overwrite,
                ttl: ttl.map(whole_seconds),
            };
            let answer = perform(context, request).await?;
            print(context.out, answer, |_: &Value| text)?;
        }
        DataVerb::Rm { key } => return remove(context, key).await,
        DataVerb::Watch { off: true, .. } => return context.streams.end(context.out),
        DataVerb::Watch { pattern, .. } => {
            let request = Request::Data(DataRequest::Watch { pattern });
            return context.streams.print(request, context.out).await;
        }
    }
    Ok(exit::OK)
}

fn missing(key: &str) -> Failure {
    Failure::new("not-found", format!("no item has the key `{key}`"))
        .hint("`data ls` lists the items; `data ls 'user:*'` those of a collection")
}

/// Prints all items that match as JSON, or a table of the first of them.
async fn list(
    context: &Context<'_>,
    pattern: Option<String>,
    limit: Option<usize>,
) -> Result<u8, Failure> {
    let (out, paint) = (context.out, context.out.paint());
    let shortens = limit.is_none() && !out.is_json();
    // One more tells whether there are more.
    let limit = if shortens { Some(LISTED + 1) } else { limit };
    let mut answer = perform(context, DataRequest::Ls { pattern, limit }).await?;
    let is_cut = match answer.as_array_mut() {
        Some(found) if shortens && found.len() > LISTED => {
            found.truncate(LISTED);
            true
        }
        _ => false,
    };
    let now_ms = now_ms(context).await;
    print(out, answer, |found: &Vec<Value>| {
        listing::items(paint, out.columns(), now_ms, found)
    })?;
    if is_cut {
        out.hint(&format!(
            "only the first {LISTED} items are shown; --limit N shows more"
        ));
    }
    Ok(exit::OK)
}

/// The time of the clock that rules the items' ttl: the sandbox's, or where none runs the machine's.
async fn now_ms(context: &Context<'_>) -> i64 {
    let is_told = !context.out.is_json() && context.face != Face::Store;
    let told = async || {
        let show = Request::Clock(ClockChange::Show);
        let view: ClockView = typed(context.sandbox.perform(show).await.ok()?).ok()?;
        let now: jiff::Timestamp = view.now.parse().ok()?;
        Some(now.as_millisecond())
    };
    let now = if is_told { told().await } else { None };
    now.unwrap_or_else(|| Clock::system().now_ms())
}

async fn remove(context: &Context<'_>, key: String) -> Result<u8, Failure> {
    let missing = missing(&key);
    let answer = perform(context, DataRequest::Rm { key: key.clone() }).await?;
    let was_there = answer["removed"] == true;
    if context.out.is_json() {
        context.out.document(&answer)?;
    } else if was_there {
        context.out.text(&format!("removed {}\n", visible(&key)))?;
    } else {
        return Err(missing);
    }
    Ok(if was_there { exit::OK } else { exit::FAILED })
}

async fn get(context: &Context<'_>, key: String) -> Result<u8, Failure> {
    let missing = missing(&key);
    let answer = perform(context, DataRequest::Get { key }).await?;
    if answer.is_null() {
        return Err(missing);
    }
    let paint = context.out.paint();
    print(context.out, answer, |found: &Value| {
        items::item(paint, found)
    })?;
    Ok(exit::OK)
}

async fn perform(context: &Context<'_>, request: DataRequest) -> Result<Value, Failure> {
    context.sandbox.perform(Request::Data(request)).await
}

/// What is not JSON is a string, so that nobody has to write quotes within quotes.
fn json_or_string(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// A store counts in seconds; what began counts.
fn whole_seconds(ttl: Duration) -> i64 {
    let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_json_or_a_string() {
        assert_eq!(json_or_string("{\"a\":1}".into()), json!({"a": 1}));
        assert_eq!(json_or_string("42".into()), json!(42));
        assert_eq!(json_or_string("hello world".into()), json!("hello world"));
        assert_eq!(json_or_string("{broken".into()), json!("{broken"));
    }

    #[test]
    fn a_ttl_is_rounded_up() {
        assert_eq!(whole_seconds(Duration::from_millis(1500)), 2);
        assert_eq!(whole_seconds(Duration::from_secs(60)), 60);
    }
}
