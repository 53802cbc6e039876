//! The stored items: set, removed, expected, imported, exported.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::expect_steps::Wanted;
use super::play::Play;
use super::wrong::{Done, Wrong, all_missing};
use crate::domain::spell_duration as spell;
use crate::error::reason;
use crate::ops::{DataRequest, Request};
use crate::script::format::{Data, ExpectData, Export, Import};
use crate::script::matching::compare;
use crate::script::matching::diff::diff;

/// Pauses between two looks into the store: short at first, longer later.
const PAUSES: [u64; 5] = [2, 5, 10, 20, 40];

/// Most items that are counted.
const COUNTED: usize = 100_000;

impl Play<'_> {
    pub(super) async fn data(&mut self, step: &Data) -> Done {
        let key = self.text(&step.data)?;
        let request = match &step.value {
            None => DataRequest::Rm { key },
            Some(value) => DataRequest::Set {
                key,
                value: self.value(value)?,
                overwrite: step.overwrite,
                ttl: step
                    .ttl
                    .map(|ttl| i64::try_from(ttl.0.as_secs()).unwrap_or(i64::MAX)),
            },
        };
        self.sandbox.perform(Request::Data(request)).await?;
        Ok(())
    }

    pub(super) async fn expect_data(&mut self, step: &ExpectData) -> Done {
        let key = self.text(&step.expect_data)?;
        let within = self.within(step.within);
        let deadline = Instant::now() + within;
        let mut pauses = PAUSES.iter().chain(std::iter::repeat(&50));
        loop {
            match self.look_at(step, &key).await? {
                Ok(captured) => {
                    self.captures.extend(captured);
                    return Ok(());
                }
                Err(wrong) if Instant::now() >= deadline => {
                    let within = spell(within);
                    let message = format!("{} (after {within})", wrong.message);
                    return Err(Wrong { message, ..wrong });
                }
                Err(_) => {}
            }
            let pause = Duration::from_millis(pauses.next().copied().unwrap_or_default());
            tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
        }
    }

    /// Whether the item is as it should be by now; the outer error is one that waiting cannot mend.
    async fn look_at(
        &self,
        step: &ExpectData,
        key: &str,
    ) -> Result<Result<Vec<(String, Value)>, Wrong>, Wrong> {
        if let Some(count) = step.count {
            return self.count(key, count).await;
        }
        let request = Request::Data(DataRequest::Get {
            key: key.to_owned(),
        });
        let item = self.sandbox.perform(request).await?;
        if step.absent.is_some() {
            return Ok(match item.is_null() {
                true => Ok(Vec::new()),
                false => Err(Wrong::new(format!("there is an item `{key}`")).diff(diff(
                    &nothing()?,
                    &item,
                    &self.captures,
                ))),
            });
        }
        let mut wanted = vec![Wanted::of(step.value.as_ref(), step.matches.as_ref())?];
        let mut seen = vec![item.get("value").cloned().unwrap_or_default()];
        if let Some(fields) = &step.item {
            wanted.push(Wanted::of(None, Some(fields))?);
            seen.push(item.clone());
        }
        let mut captured = Vec::new();
        for (wanted, seen) in wanted.iter().zip(&seen) {
            if item.is_null() {
                return Ok(Err(Wrong::new(format!("there is no item `{key}`"))
                    .diff(all_missing(&wanted.pattern, &self.captures))));
            }
            let matched = compare(&wanted.pattern, Some(seen), &self.captures);
            if !matched.ok {
                return Ok(Err(Wrong::new(format!(
                    "the item `{key}` is another than expected"
                ))
                .diff(diff(&wanted.pattern, seen, &self.captures))));
            }
            captured.extend(matched.captured);
        }
        Ok(Ok(captured))
    }

    async fn count(
        &self,
        pattern: &str,
        count: usize,
    ) -> Result<Result<Vec<(String, Value)>, Wrong>, Wrong> {
        let request = Request::Data(DataRequest::Ls {
            pattern: Some(pattern.to_owned()),
            limit: Some(COUNTED),
        });
        let items = self.sandbox.perform(request).await?;
        let keys: Vec<&str> = items
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(key_of)
            .collect();
        if keys.len() == count {
            return Ok(Ok(Vec::new()));
        }
        let wrong = Wrong::new(format!(
            "{} items match `{pattern}`, and {count} were expected",
            keys.len()
        ));
        let shown: Vec<&str> = keys.iter().take(20).copied().collect();
        Ok(Err(match keys.is_empty() {
            true => wrong,
            false => wrong.hint(format!("there are: {}", shown.join(", "))),
        }))
    }

    pub(super) async fn import(&mut self, step: &Import) -> Done {
        let request = DataRequest::Import {
            file: self.fixture.dir.join(self.text(&step.import)?),
            overwrite: step.overwrite,
            dry_run: false,
        };
        self.sandbox.perform(Request::Data(request)).await?;
        Ok(())
    }

    pub(super) async fn export(&mut self, step: &Export) -> Done {
        let expected = self.exported_items(&step.export)?;
        let items = self.exported().await?;
        let wanted = Wanted::of(None, Some(&by_key(&expected)))?;
        let mut wanted = wanted.pattern;
        if let crate::script::matching::Pattern::Fields { open, .. } = &mut wanted {
            // Every item must be named, though not every field of it.
            *open = false;
        }
        let came = by_key(&items);
        let matched = compare(&wanted, Some(&came), &self.captures);
        if !matched.ok {
            return Err(Wrong::new("the export is another than expected").diff(diff(
                &wanted,
                &came,
                &self.captures,
            )));
        }
        self.captures.extend(matched.captured);
        Ok(())
    }

    /// The items that are expected: those of the file, or those in the fixture.
    fn exported_items(&self, export: &Value) -> Result<Value, Wrong> {
        let Value::String(name) = export else {
            return Ok(export.clone());
        };
        let name = self.text(name)?;
        let file = self.fixture.dir.join(&name);
        let text = std::fs::read_to_string(&file)
            .map_err(|e| Wrong::new(format!("cannot read `{name}`: {}", reason(&e))))?;
        serde_json::from_str(&text).map_err(|e| Wrong::new(format!("`{name}` is not JSON: {e}")))
    }

    /// What the sandbox exports now.
    async fn exported(&self) -> Result<Value, Wrong> {
        let dir = self.sandbox.scratch();
        let file = dir.join("export.json");
        let unreadable = |e: std::io::Error| {
            Wrong::new(format!(
                "cannot read the export `{}`: {}",
                file.display(),
                reason(&e)
            ))
        };
        std::fs::create_dir_all(&dir).map_err(unreadable)?;
        let request = DataRequest::Export {
            file: file.clone(),
            overwrite: true,
        };
        self.sandbox.perform(Request::Data(request)).await?;
        let text = std::fs::read_to_string(&file).map_err(unreadable)?;
        serde_json::from_str(&text).map_err(|e| Wrong::new(format!("the export is not JSON: {e}")))
    }
}

/// A pattern that nothing which is there can match.
fn nothing() -> Result<crate::script::matching::Pattern, Wrong> {
    Ok(Wanted::of(Some(&json!({ "$absent": true })), None)?.pattern)
}

fn key_of(item: &Value) -> Option<&str> {
    item.get("key")?.as_str()
}

/// A list of items as an object, since their order does not matter.
fn by_key(items: &Value) -> Value {
    let items = items.as_array().into_iter().flatten();
    let named = items.filter_map(|item| Some((key_of(item)?.to_owned(), item.clone())));
    Value::Object(named.collect::<Map<_, _>>())
}
