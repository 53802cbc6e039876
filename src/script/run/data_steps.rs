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
use crate::script::matching::diff::diff;
use crate::script::matching::{Pattern, compare};
use crate::script::update::Fix;

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
                    let fixes = self.fixed_data(step, &key).await?;
                    return self.unless_all_fixed(Wrong { message, ..wrong }, fixes);
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

    /// What the step would have to say of the item as it is now, if it may be rewritten.
    async fn fixed_data(&mut self, step: &ExpectData, key: &str) -> Result<Vec<Fix>, Wrong> {
        if self.updates.is_none() || step.absent.is_some() {
            return Ok(Vec::new());
        }
        if step.count.is_some() {
            let count = self.keys(key).await?.len();
            return Ok(vec![Fix::Field("count", count.into())]);
        }
        let request = Request::Data(DataRequest::Get {
            key: key.to_owned(),
        });
        let item = self.sandbox.perform(request).await?;
        let value = item.get("value").cloned().unwrap_or_default();
        let expectations = [
            ("value", &step.value, false, &value),
            ("matches", &step.matches, true, &value),
            ("item", &step.item, true, &item),
        ];
        let mut fixes = Vec::new();
        for (field, old, open, came) in expectations {
            if let Some(old) = old.as_ref().filter(|_| !item.is_null())
                && let Some(new) = self.reconciled(old, open, came)
                && new != *old
            {
                fixes.push(Fix::Field(field, new));
            }
        }
        Ok(fixes)
    }

    async fn count(
        &self,
        pattern: &str,
        count: usize,
    ) -> Result<Result<Vec<(String, Value)>, Wrong>, Wrong> {
        let keys = self.keys(pattern).await?;
        if keys.len() == count {
            return Ok(Ok(Vec::new()));
        }
        let wrong = Wrong::new(format!(
            "{} items match `{pattern}`, and {count} were expected",
            keys.len()
        ));
        let shown: Vec<&str> = keys.iter().take(20).map(String::as_str).collect();
        Ok(Err(match keys.is_empty() {
            true => wrong,
            false => wrong.hint(format!("there are: {}", shown.join(", "))),
        }))
    }

    /// The keys that match a pattern.
    async fn keys(&self, pattern: &str) -> Result<Vec<String>, Wrong> {
        let request = Request::Data(DataRequest::Ls {
            pattern: Some(pattern.to_owned()),
            limit: Some(COUNTED),
        });
        let items = self.sandbox.perform(request).await?;
        let items = items.as_array().into_iter().flatten();
        Ok(items.filter_map(key_of).map(str::to_owned).collect())
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
        let expected = match self.exported_items(&step.export) {
            // The file may yet have to be made.
            Err(_) if self.updates.is_some() => json!([]),
            expected => expected?,
        };
        let items = self.exported().await?;
        let wanted = Wanted::of(None, Some(&by_key(&expected)))?;
        let mut wanted = wanted.pattern;
        if let Pattern::Fields { open, .. } = &mut wanted {
            // Every item must be named, though not every field of it.
            *open = false;
        }
        let came = by_key(&items);
        let matched = compare(&wanted, Some(&came), &self.captures);
        if matched.ok {
            self.captures.extend(matched.captured);
            return Ok(());
        }
        let fix = self.fixed_export(&step.export, &expected, &items)?;
        self.unless_fixed(
            Wrong::new("the export is another than expected")
                .diff(diff(&wanted, &came, &self.captures))
                .fix(fix),
        )
    }

    /// The expected items as they would have to be, if they may be rewritten.
    fn fixed_export(
        &mut self,
        export: &Value,
        expected: &Value,
        items: &Value,
    ) -> Result<Option<Fix>, Wrong> {
        let mut new = Vec::new();
        for item in items.as_array().into_iter().flatten() {
            let mut known = expected.as_array().into_iter().flatten();
            let old = known.find(|old| old.get("key") == item.get("key")).cloned();
            // An item that is new is told without its times, which are others each time.
            let old = old.unwrap_or_else(|| without_times(item));
            new.extend(self.reconciled(&old, true, item));
        }
        let new = Value::Array(new);
        Ok(match (&self.updates, export) {
            (None, _) => None,
            (Some(_), Value::String(name)) => {
                Some(Fix::File(self.fixture.dir.join(self.text(name)?), new))
            }
            (Some(_), _) => Some(Fix::Field("export", new)),
        })
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
fn nothing() -> Result<Pattern, Wrong> {
    Ok(Wanted::of(Some(&json!({ "$absent": true })), None)?.pattern)
}

fn without_times(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(fields) = item.as_object_mut() {
        for time in ["created", "modified", "ttl"] {
            fields.shift_remove(time);
        }
    }
    item
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
