//! Looking into the store: what `ampt-ws data` shows and changes.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::broadcast;

use super::Store;
use super::change::Change;
use super::interest::ChangeKind;
use super::json;
use super::key::{Condition, Key};
use super::layout::{self, prefix};
use super::literal::{Literal, exported};
use super::refusal::Refusal;
use super::row::{Row, SCALAR};
use super::rows::{Place, Rows, decode};
use super::transfer::push_date;
use super::wire::{Set, SetOptions, Ttl, mode};
use super::write::Prepared;

/// An item as a data file shows it: dates ISO 8601, values that JSON lacks tagged.
#[derive(Debug, Clone, Serialize)]
pub struct ItemView {
    /// The key.
    pub key: String,
    /// The value's JSON.
    pub value: Box<RawValue>,
    /// When it was created.
    pub created: Box<RawValue>,
    /// When it was last written.
    pub modified: Box<RawValue>,
    /// When it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Box<RawValue>>,
    /// Label 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label1: Option<String>,
    /// Label 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label2: Option<String>,
    /// Label 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label3: Option<String>,
    /// Label 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label4: Option<String>,
    /// Label 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label5: Option<String>,
    /// When it expires, epoch seconds, to tell how much time is left.
    #[serde(skip)]
    pub expires: Option<i64>,
}

impl ItemView {
    fn new(namespace: &str, rest: &str, row: &Row<'_>) -> Result<Self, Refusal> {
        let head = &row.head;
        let [label1, label2, label3, label4, label5] = head
            .labels
            .each_ref()
            .map(|label| label.as_ref().map(|label| label.shown()));
        Ok(Self {
            key: head.key(namespace, rest).as_str().to_owned(),
            value: raw(exported(row.json, head.is(SCALAR)).into_owned())?,
            created: date(head.created)?,
            modified: date(head.modified)?,
            ttl: head.ttl.map(date).transpose()?,
            label1,
            label2,
            label3,
            label4,
            label5,
            expires: head.ttl,
        })
    }
}

/// A change as `data watch` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeView {
    /// What happened.
    pub event: ChangeKind,
    /// The item after it, or the removed one.
    pub item: ItemView,
    /// The item before an update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<ItemView>,
}

impl Change {
    /// The change for people; `None` if a row is damaged.
    pub fn view(&self) -> Option<ChangeView> {
        let view = |row: &[u8]| ItemView::new(&self.namespace, &self.rest, &Row::decode(row)?).ok();
        Some(ChangeView {
            event: self.kind,
            item: view(&self.item)?,
            previous: match &self.previous {
                Some(row) => Some(view(row)?),
                None => None,
            },
        })
    }
}

/// Which items are meant: a key, a key expression (`ns:*`, `ns:>=x`, `ns:a|b`), or all (`*`).
#[derive(Debug, Clone)]
pub struct Pattern(Option<(Key, Condition)>);

impl Pattern {
    /// All items.
    pub const ALL: Self = Self(None);

    /// Reads a pattern.
    ///
    /// # Errors
    /// As `data.get` refuses key expressions.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.trim() == "*" {
            return Ok(Self::ALL);
        }
        let key = Key::parse(text)?;
        let condition = Condition::parse(&key)?;
        condition.check_order()?;
        Ok(Self(Some((key, condition))))
    }

    /// Whether the item with this key is meant.
    pub fn matches(&self, key: &Key) -> bool {
        match &self.0 {
            Some((expression, condition)) => {
                expression.namespace() == key.namespace() && condition.matches(key.rest())
            }
            None => true,
        }
    }
}

/// All of these look at the default table, see an import done or not begun (they wait for it), and
/// are for threads that may block.
impl Store {
    /// An item that has not expired.
    ///
    /// # Errors
    /// If the key is none, or the database fails.
    pub fn get_item(&self, key: &str) -> Result<Option<ItemView>, Refusal> {
        let key = Key::parse(key)?;
        let mut core = self.wait_open();
        let at = Place::new(core.generation("")?, &key).key();
        let stored = core.read(&at)?;
        let row = stored.as_deref().map(decode).transpose()?;
        row.filter(|row| !row.head.is_expired(core.now()))
            .map(|row| ItemView::new(key.namespace(), key.rest(), &row))
            .transpose()
    }

    /// At most `limit` items that match and have not expired, in the order of their keys, and
    /// whether there are more. `after` is the key of the last one shown.
    ///
    /// # Errors
    /// If `after` is no key, or the database fails.
    pub fn list_items(
        &self,
        pattern: &Pattern,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<ItemView>, bool), Refusal> {
        let (db, generation, now) = {
            let mut core = self.wait_open();
            (core.db.clone(), core.generation("")?, core.now())
        };
        let mut range = match &pattern.0 {
            Some((key, condition)) => layout::item_range(generation, key.namespace(), condition),
            None => {
                let all = layout::generation_prefix(prefix::ITEM, generation);
                all.clone()..layout::successor(all)
            }
        };
        if let Some(after) = after {
            let after = Place::new(generation, &Key::parse(after)?).key();
            range.start = range.start.max(layout::just_after(&after));
        }
        let mut items = Vec::new();
        if range.start >= range.end {
            return Ok((items, false));
        }
        for entry in db.range(range) {
            let (key, stored) = entry?;
            let row = decode(&stored)?;
            if row.head.is_expired(now) {
                continue;
            }
            if items.len() == limit {
                return Ok((items, true));
            }
            let (namespace, rest) =
                layout::item_of(&key).ok_or_else(|| Refusal::store("an item's key is damaged"))?;
            items.push(ItemView::new(&namespace, &rest, &row)?);
        }
        Ok((items, false))
    }

    /// Writes an item as `data.set` does, merging objects unless `overwrite` is given, and returns it
    /// once it is on disk. The value is JSON as in a data file; `ttl` is in seconds from now.
    ///
    /// # Errors
    /// If the key or the value is none, or a rule of `data.set` forbids it.
    pub fn put_item(
        &self,
        key: &str,
        value: &str,
        overwrite: bool,
        ttl: Option<i64>,
    ) -> Result<ItemView, Refusal> {
        serde_json::from_str::<serde::de::IgnoredAny>(value)
            .map_err(|error| Refusal::validation(format!("the value is not JSON: {error}")))?;
        let literal = Literal::parse(value).map_err(Refusal::validation)?;
        let (value, options) = without_nulls(&literal)?;
        let removes = options.iter().map(|name| &**name).collect();
        let options = SetOptions {
            removes,
            ttl: ttl.map(|seconds| Ttl::After([seconds])),
            ..SetOptions::default()
        };
        let set = Set(key.into(), Some(options), &value);
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        let mode = 64
            | bit(overwrite, mode::OVERWRITE)
            | bit(literal.tagged, mode::TAGGED)
            | bit(literal.scalar, mode::SCALAR);
        let view = {
            let mut core = self.wait_open();
            let generation = core.generation("")?;
            let prepared = Prepared::new(mode, &set, core.now())?;
            let written = core.write(generation, &prepared)?;
            let row = Row {
                head: written.head,
                json: &written.json,
            };
            ItemView::new(prepared.key.namespace(), prepared.key.rest(), &row)?
        };
        self.flush()
            .map_err(|error| Refusal::store(error.to_string()))?;
        Ok(view)
    }

    /// Removes an item; tells, once that is on disk, whether there was one.
    ///
    /// # Errors
    /// If the key is none, or the database fails.
    pub fn remove_item(&self, key: &str) -> Result<bool, Refusal> {
        let key = Key::parse(key)?;
        key.refuse_conditional_remove()?;
        let existed = {
            let mut core = self.wait_open();
            let generation = core.generation("")?;
            let mut rows = Rows::default();
            let existed = core.remove_into(&mut rows, &Place::new(generation, &key))?;
            core.apply(rows)?;
            existed
        };
        self.flush()
            .map_err(|error| Refusal::store(error.to_string()))?;
        Ok(existed)
    }

    /// Every change from now on; a receiver that lags far behind loses some.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Change>> {
        self.core().feed.subscribe()
    }
}

/// An object's value without the root properties that are null, and their names: `data.set` removes
/// those.
fn without_nulls(literal: &Literal) -> Result<(Box<RawValue>, Vec<Box<RawValue>>), Refusal> {
    if literal.scalar {
        return Ok((raw(literal.json.clone().into_bytes())?, Vec::new()));
    }
    let properties = json::properties(literal.json.as_bytes())
        .map_err(|error| Refusal::store(error.to_string()))?;
    let (nulls, kept): (Vec<_>, Vec<_>) = properties
        .into_iter()
        .partition(|(_, value)| *value == "null");
    let names = nulls
        .into_iter()
        .map(|(name, _)| raw(name.as_bytes().to_vec()));
    Ok((
        raw(json::write_object(kept.into_iter()))?,
        names.collect::<Result<_, _>>()?,
    ))
}

fn raw(json: Vec<u8>) -> Result<Box<RawValue>, Refusal> {
    let damaged = || Refusal::store("a stored value is damaged");
    let text = String::from_utf8(json).map_err(|_| damaged())?;
    RawValue::from_string(text).map_err(|_| damaged())
}

fn date(seconds: i64) -> Result<Box<RawValue>, Refusal> {
    let mut json = Vec::new();
    push_date(&mut json, seconds);
    raw(json)
}
