//! `get`, `getByLabel`, batch `get` and `scan`.

use std::borrow::Cow;
use std::collections::HashSet;

use super::core::Core;
use super::json;
use super::key::{Condition, Key};
use super::layout::{self, Generation, KeyRange, prefix};
use super::refusal::Refusal;
use super::row::{Head, Row};
use super::rows::{Place, decode};
use super::wire::{self, BatchGet, ItemOut, Read, Scan};

/// Rows per page unless the caller says otherwise, and at most.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// A page ends with the row that makes it this large.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// What a page is to hold.
struct Page {
    generation: Generation,
    range: KeyRange,
    limit: usize,
    reverse: bool,
    meta: bool,
    /// Expired items are left out (they still count as rows).
    hide_expired: bool,
    /// Index rows of this label are read instead of items.
    label: Option<u8>,
}

impl Core {
    /// `get(key)` without options: the leanest way to a value.
    pub fn get(&mut self, generation: Generation, text: &str) -> Result<Vec<u8>, Refusal> {
        let key = Key::parse(text)?;
        if key.is_simple() || !looks_like_expression(key.rest()) {
            return self.get_exact(generation, &key, false);
        }
        self.query(
            generation,
            &Read {
                key: Cow::Borrowed(text),
                label: None,
                page: false,
                limit: None,
                reverse: false,
                start: None,
                fail: false,
                meta: false,
            },
        )
    }

    fn get_exact(&self, generation: Generation, key: &Key, meta: bool) -> Result<Vec<u8>, Refusal> {
        let at = Place::new(generation, key);
        let Some(stored) = self.read(&at.key())? else {
            return Ok(Vec::new());
        };
        let row = decode(&stored)?;
        if row.head.is_expired(self.now()) {
            return Ok(Vec::new());
        }
        if meta {
            let key = row.head.key(at.namespace, at.rest);
            let mut out = vec![wire::ITEM];
            let item = ItemOut {
                key: &key,
                head: &row.head,
                json: row.json,
            };
            item.push(&mut out, true);
            return Ok(out);
        }
        let mut out = Vec::with_capacity(1 + row.json.len());
        out.push(wire::value_flags(&row.head));
        out.extend_from_slice(row.json);
        Ok(out)
    }

    /// `get` with options and `getByLabel`.
    pub fn query(&mut self, generation: Generation, read: &Read<'_>) -> Result<Vec<u8>, Refusal> {
        let key = Key::parse(&read.key)?;
        let limit = check_limit(read.limit)?;
        let condition = Condition::parse(&key)?;
        let exact = matches!(condition, Condition::Is(_)) && !read.page && read.label.is_none();
        let mut range = match read.label {
            Some(number) => layout::label_range(generation, number, key.namespace(), &condition),
            None => layout::item_range(generation, key.namespace(), &condition),
        };
        if read.fail {
            return Err(Refusal::deferred());
        }
        let start = (read.start.as_deref())
            .map(|start| Start::parse(start, read.label.is_some()))
            .transpose()?;
        condition.check_order()?;
        if let Some(start) = start {
            start.check(key.namespace(), &condition)?;
            if exact {
                return Ok(Vec::new());
            }
            start.cut(&mut range, generation, read.label, read.reverse);
        }
        if exact {
            return self.get_exact(generation, &key, read.meta);
        }
        self.page(&Page {
            generation,
            range,
            limit,
            reverse: read.reverse,
            meta: read.meta,
            hide_expired: true,
            label: read.label,
        })
    }

    /// `scan`: all items, expired ones too, in the reverse order of their keys' bytes. The database
    /// promises no order; this one shows an app that relies on the ascending one.
    pub fn scan(&mut self, generation: Generation, scan: &Scan<'_>) -> Result<Vec<u8>, Refusal> {
        let limit = check_limit(scan.limit)?;
        let base = match scan.label {
            Some(number) => {
                let mut base = layout::generation_prefix(prefix::LABEL, generation);
                base.push(number);
                base
            }
            None => layout::generation_prefix(prefix::ITEM, generation),
        };
        let mut range = base.clone()..layout::successor(base);
        if let Some(start) = &scan.start {
            if scan.label.is_some() {
                return Err(Refusal::database("The provided starting key is invalid"));
            }
            Start::parse(start, false)?.cut(&mut range, generation, None, true);
        }
        self.page(&Page {
            generation,
            range,
            limit,
            reverse: true,
            meta: scan.meta,
            hide_expired: false,
            label: scan.label,
        })
    }

    fn page(&self, page: &Page) -> Result<Vec<u8>, Refusal> {
        let mut out = PageOut::new();
        if page.range.start >= page.range.end {
            return Ok(out.finish(None));
        }
        let now = self.now();
        let (mut rows, mut bytes) = (0, 0);
        let mut entries = self.db.range(page.range.clone());
        loop {
            let entry = if page.reverse {
                entries.next_back()
            } else {
                entries.next()
            };
            let Some(entry) = entry else {
                return Ok(out.finish(None));
            };
            let (index, mut stored) = entry?;
            let (namespace, rest) =
                layout::item_of(&index).ok_or_else(|| Refusal::store("an index row is damaged"))?;
            if page.label.is_some() {
                let key = layout::item_key(page.generation, &namespace, &rest);
                match self.read(&key)? {
                    Some(row) => stored = row,
                    None => continue,
                }
            }
            let row = decode(&stored)?;
            rows += 1;
            bytes += stored.len();
            if !(page.hide_expired && row.head.is_expired(now)) {
                out.push(&namespace, &rest, &row, page.meta);
            }
            if rows == page.limit || bytes >= MAX_PAGE_BYTES {
                return Ok(out.finish(Some(last_key(&namespace, &rest, &row.head, page.label))));
            }
        }
    }

    /// `get([keys])`: in the order of the keys, expired ones too.
    pub fn batch_get(
        &mut self,
        generation: Generation,
        batch: &BatchGet<'_>,
    ) -> Result<Vec<u8>, Refusal> {
        let keys = parse_keys(&batch.keys)?;
        let mut out = PageOut::new();
        for key in &keys {
            let at = Place::new(generation, key);
            if let Some(stored) = self.read(&at.key())? {
                out.push(at.namespace, at.rest, &decode(&stored)?, batch.meta);
            }
        }
        Ok(out.finish(None))
    }
}

/// A page while it is written.
struct PageOut {
    json: Vec<u8>,
    is_empty: bool,
}

impl PageOut {
    fn new() -> Self {
        let mut json = vec![wire::PAGE];
        json.extend_from_slice(b"{\"items\":[");
        Self {
            json,
            is_empty: true,
        }
    }

    fn push(&mut self, namespace: &str, rest: &str, row: &Row<'_>, meta: bool) {
        if !std::mem::take(&mut self.is_empty) {
            self.json.push(b',');
        }
        let item = ItemOut {
            key: &row.head.key(namespace, rest),
            head: &row.head,
            json: row.json,
        };
        item.push(&mut self.json, meta);
    }

    fn finish(mut self, last_key: Option<String>) -> Vec<u8> {
        self.json.push(b']');
        if let Some(last_key) = last_key {
            self.json.extend_from_slice(b",\"lastKey\":");
            json::push_string(&mut self.json, &last_key);
        }
        self.json.push(b'}');
        self.json
    }
}

/// The keys of a batch; two that name the same item are the database's error.
pub(super) fn parse_keys(texts: &[Cow<'_, str>]) -> Result<Vec<Key>, Refusal> {
    let keys: Vec<Key> = texts
        .iter()
        .map(|text| Key::parse(text))
        .collect::<Result<_, _>>()?;
    refuse_duplicates(&keys)?;
    Ok(keys)
}

/// Refuses keys that name the same item.
pub(super) fn refuse_duplicates<'a>(
    keys: impl IntoIterator<Item = &'a Key>,
) -> Result<(), Refusal> {
    let mut seen = HashSet::new();
    for key in keys {
        if !seen.insert((key.namespace(), key.rest())) {
            return Err(Refusal::database(
                "Provided list of item keys contains duplicates",
            ));
        }
    }
    Ok(())
}

/// Whether a rest is anything but an exact key.
fn looks_like_expression(rest: &str) -> bool {
    rest.starts_with(['<', '>']) || rest.contains(['*', '|'])
}

fn check_limit(limit: Option<usize>) -> Result<usize, Refusal> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Refusal::validation("'limit' must be between 1 and 1000")),
    }
}

/// How a page's last row is named: `namespace:rest` (a simple key as `name:0`), and in a label
/// search the label after a `|`.
fn last_key(namespace: &str, rest: &str, head: &Head, label: Option<u8>) -> String {
    let label = label.and_then(|number| head.labels.get(usize::from(number) - 1)?.as_ref());
    match label {
        Some(label) => format!("{namespace}:{rest}|{}:{}", label.namespace, label.rest),
        None => format!("{namespace}:{rest}"),
    }
}

/// Where a page continues: after this item, and in a label search after its label.
struct Start {
    item: Key,
    label: Option<Key>,
}

impl Start {
    /// Reads `<primary>`, or `<primary>|<label>` for a label search.
    fn parse(text: &str, by_label: bool) -> Result<Self, Refusal> {
        if !by_label {
            let item = Key::parse(text)?;
            return Ok(Self { item, label: None });
        }
        let mut pieces = text.split('|');
        let item = Key::parse(pieces.next().unwrap_or_default())?;
        let label = Key::parse(pieces.next().unwrap_or_default())?;
        let label = Some(label);
        Ok(Self { item, label })
    }

    /// Refuses a start that lies outside of what is searched, with the database's texts.
    fn check(&self, namespace: &str, condition: &Condition) -> Result<(), Refusal> {
        let at = self.label.as_ref().unwrap_or(&self.item);
        if !condition.matches(at.rest()) {
            return Err(Refusal::database(
                "The provided starting key does not match the range key predicate",
            ));
        }
        if at.namespace() != namespace {
            return Err(Refusal::database(if *condition == Condition::All {
                "The provided starting key is outside query boundaries based on provided conditions"
            } else {
                "The query can return at most one row and cannot be restarted"
            }));
        }
        Ok(())
    }

    /// Leaves of a range what comes after the start.
    fn cut(&self, range: &mut KeyRange, generation: Generation, label: Option<u8>, reverse: bool) {
        let item = (self.item.namespace(), self.item.rest());
        let at = match (label, &self.label) {
            (Some(number), Some(label)) => {
                let label = (label.namespace(), label.rest());
                layout::label_key(generation, number, label, item)
            }
            _ => layout::item_key(generation, item.0, item.1),
        };
        if reverse {
            range.end = range.end.clone().min(at);
        } else {
            range.start = range.start.clone().max(layout::just_after(&at));
        }
    }
}
