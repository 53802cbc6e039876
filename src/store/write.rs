//! `set`, `add` and `remove`: the rules for what becomes of an item.
//!
//! A write happens in two steps. [`Prepared`] makes every check that needs no stored item, in the
//! package's order; [`Core::write`] then looks at the stored item, checks the conditions and applies
//! the change as one atomic step.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::core::Core;
use super::decimal::Decimal;
use super::json;
use super::key::Key;
use super::layout::Generation;
use super::refusal::Refusal;
use super::row::{Head, Label, Row, SCALAR, SIMPLE_KEY, TAGGED, encode};
use super::rows::{Place, Rows, decode};
use super::size::{self, MAX_ITEM};
use super::wire::{LabelChange, NO_OPTIONS, Set, SetOptions, Ttl, mode};

const CONVERT: &str = "Cannot convert an existing object to a simple value.";
const OPERAND: &str = "An operand in the update expression has an incorrect data type";

/// A label's new state.
enum NewLabel {
    Remove,
    Set(Label),
    Default(Label),
}

/// A write whose own texts were found to be in order.
pub(super) struct Prepared<'a> {
    pub key: Key,
    mode: u8,
    value: &'a str,
    options: &'a SetOptions<'a>,
    labels: Vec<(u8, NewLabel)>,
    /// Epoch seconds of the write.
    now: i64,
}

/// What became of an item.
pub(super) struct Written {
    pub head: Head,
    pub json: Vec<u8>,
}

impl<'a> Prepared<'a> {
    /// Checks key, labels and size; `mode` is the mode character.
    ///
    /// # Errors
    /// The first check that fails; [`Refusal::deferred`] if all pass and the caller has an error.
    pub fn new(mode: u8, set: &'a Set<'a>, now: i64) -> Result<Self, Refusal> {
        let key = Key::parse_for_write(&set.0)?;
        let options = set.1.as_ref().unwrap_or(&NO_OPTIONS);
        let labels = parse_labels(options)?;
        let prepared = Self {
            key,
            mode,
            value: set.2.get(),
            options,
            labels,
            now,
        };
        if !prepared.is(mode::SCALAR) && !prepared.value.starts_with('{') {
            return Err(Refusal::store("an object's value is not an object"));
        }
        prepared.check_size()?;
        if prepared.options.fail {
            return Err(Refusal::deferred());
        }
        Ok(prepared)
    }

    fn is(&self, bit: u8) -> bool {
        self.mode & bit != 0
    }

    /// Refuses an item that is too large as it is given.
    fn check_size(&self) -> Result<(), Refusal> {
        let defaults = self.options.defaults.map_or("{}", RawValue::get);
        if size::surely_small(self.value.len() + defaults.len()) {
            return Ok(());
        }
        let mut head = self.fresh_head();
        self.change_labels(&mut head);
        let given = if self.is(mode::SCALAR) {
            size::item_size(&self.key, &head, self.value.as_bytes())
        } else {
            let adds = self
                .options
                .adds
                .iter()
                .map(|(name, by)| (name.get(), &**by));
            let joined = (self.split_value()?.into_iter())
                .chain(split(defaults)?)
                .chain(adds);
            size::item_size(&self.key, &head, &json::write_object(joined))
        };
        match given {
            Some(size) if size > MAX_ITEM => Err(Refusal::validation(format!(
                "Item size of {} KB is greater than the maximum size of 400 KB.",
                size::kilobytes(size)
            ))),
            _ => Ok(()),
        }
    }

    fn split_value(&self) -> Result<Vec<(&str, &str)>, Refusal> {
        split(self.value)
    }

    /// The head of an item that did not exist before, without labels.
    fn fresh_head(&self) -> Head {
        let mut head = Head {
            created: self.now,
            ..Head::default()
        };
        self.update_head(&mut head);
        head
    }

    /// Applies to a head what every write changes.
    fn update_head(&self, head: &mut Head) {
        head.set(SCALAR, self.is(mode::SCALAR));
        head.set(SIMPLE_KEY, self.key.is_simple());
        head.set(TAGGED, self.is(mode::TAGGED));
        head.modified = self.now;
        match self.options.ttl {
            Some(Ttl::At(at)) => head.ttl = Some(at),
            Some(Ttl::After([seconds])) => head.ttl = Some(self.now.saturating_add(seconds)),
            Some(Ttl::Remove(_)) => head.ttl = None,
            None => {}
        }
    }

    /// Applies the label changes.
    fn change_labels(&self, head: &mut Head) {
        for (number, change) in &self.labels {
            let Some(slot) = head.labels.get_mut(usize::from(*number) - 1) else {
                continue;
            };
            match (change, slot.as_mut()) {
                (NewLabel::Remove, _) => *slot = None,
                (NewLabel::Set(label), _) | (NewLabel::Default(label), None) => {
                    *slot = Some(label.clone());
                }
                // A quirk of the package: a simple default does not replace a stored label, but
                // lets it show without its rest.
                (NewLabel::Default(label), Some(stored)) => stored.simple |= label.simple,
            }
        }
    }

    /// Checks `exists` and `created` against the stored item.
    fn check_conditions(&self, old: Option<&Head>) -> Result<(), Refusal> {
        let overwrite = self.is(mode::OVERWRITE);
        match (self.options.exists, old) {
            (Some(false), Some(_)) => return Err(Refusal::plain("Item already exists")),
            (Some(true), None) => return Err(Refusal::plain("Item does not exist")),
            _ => {}
        }
        let expected = self
            .options
            .created
            .filter(|&seconds| overwrite && seconds != 0.0);
        if expected.is_some_and(|expected| old.is_none_or(|old| old.created as f64 != expected)) {
            return Err(Refusal::plain(
                "The 'created' date integrity check failed. The dates must match.",
            ));
        }
        if !overwrite && self.is(mode::SCALAR) && old.is_some_and(|old| !old.is(SCALAR)) {
            return Err(Refusal::plain(CONVERT));
        }
        Ok(())
    }

    /// What the item becomes.
    ///
    /// # Errors
    /// A condition that fails, an `$add` to something that is no number, the size after a merge.
    fn apply(&self, old: Option<&Row<'_>>) -> Result<Written, Refusal> {
        self.check_conditions(old.map(|old| &old.head))?;
        if self.is(mode::OVERWRITE) {
            return Ok(self.overwrite());
        }
        let mut head = match old {
            Some(old) => old.head.clone(),
            None => self.fresh_head(),
        };
        let stored_tags = old.is_some_and(|old| old.head.is(TAGGED));
        self.update_head(&mut head);
        self.change_labels(&mut head);
        let (json, tagged) = if self.is(mode::SCALAR) {
            self.new_scalar(old)?
        } else {
            self.merged(old.filter(|old| !old.head.is(SCALAR)))?
        };
        head.set(TAGGED, tagged || (stored_tags && !self.is(mode::SCALAR)));
        if size::item_size(&self.key, &head, &json).is_some_and(|size| size > MAX_ITEM) {
            return Err(Refusal::plain(
                "Item size to update is greater than the maximum size of 400 KB.",
            ));
        }
        Ok(Written { head, json })
    }

    fn overwrite(&self) -> Written {
        let mut head = self.fresh_head();
        self.change_labels(&mut head);
        if let Some(created) = self.options.created.filter(|&seconds| seconds != 0.0) {
            head.created = created as i64;
        }
        Written {
            head,
            json: self.value.as_bytes().to_vec(),
        }
    }

    /// The new value that is no object, and whether it is tagged.
    fn new_scalar(&self, old: Option<&Row<'_>>) -> Result<(Vec<u8>, bool), Refusal> {
        let stored = old.map(|old| (old.json, old.head.is(TAGGED)));
        if let Some(number) = &self.options.plus {
            let stored = stored.map(|(json, tagged)| (String::from_utf8_lossy(json), tagged));
            let stored = stored.as_ref().map(|(json, tagged)| (&**json, *tagged));
            let (json, tagged) = add(stored, number)?;
            return Ok((json.into_bytes(), tagged));
        }
        Ok(match stored.filter(|_| self.options.if_missing) {
            Some((json, tagged)) => (json.to_vec(), tagged),
            None => (self.value.as_bytes().to_vec(), self.is(mode::TAGGED)),
        })
    }

    /// The object after the merge, and whether something tagged was added.
    fn merged(&self, old: Option<&Row<'_>>) -> Result<(Vec<u8>, bool), Refusal> {
        let options = self.options;
        let mut tagged = self.is(mode::TAGGED);
        let only_sets = options.adds.is_empty() && options.defaults.is_none();
        if only_sets && old.is_none() {
            return Ok((self.value.as_bytes().to_vec(), tagged));
        }
        let stored = match old {
            Some(old) => json::properties(old.json)
                .map_err(|_| Refusal::store("a stored item is damaged"))?,
            None => Vec::new(),
        };
        let stored_tags = old.is_some_and(|old| old.head.is(TAGGED));
        let mut object = Object::new(stored);
        for name in &options.removes {
            object.remove(name.get());
        }
        for (name, value) in self.split_value()? {
            object.set(name, value.into());
        }
        if let Some(defaults) = options.defaults {
            for (name, value) in split(defaults.get())? {
                object.set_if_missing(name, value);
            }
        }
        for (name, number) in &options.adds {
            let stored = object.get(name.get()).map(|value| (value, stored_tags));
            let (sum, sum_tagged) = add(stored, number)?;
            tagged |= sum_tagged;
            object.set(name.get(), sum.into());
        }
        Ok((object.write(), tagged))
    }
}

impl Core {
    /// Writes one item.
    pub fn write(
        &mut self,
        generation: Generation,
        set: &Prepared<'_>,
    ) -> Result<Written, Refusal> {
        let mut rows = Rows::default();
        let written = self.write_into(&mut rows, generation, set)?;
        self.apply(rows)?;
        Ok(written)
    }

    /// Works out what one write changes; the caller applies `rows`.
    pub fn write_into(
        &mut self,
        rows: &mut Rows,
        generation: Generation,
        set: &Prepared<'_>,
    ) -> Result<Written, Refusal> {
        let at = Place::new(generation, &set.key);
        let old = self.read(&at.key())?;
        let old_row = old.as_deref().map(decode).transpose()?;
        let written = set.apply(old_row.as_ref())?;
        let row = encode(&written.head, &written.json);
        self.replace(rows, &at, old.as_deref(), Some(row))?;
        Ok(written)
    }

    /// Works out what removing an item changes; tells whether there was one.
    pub fn remove_into(&mut self, rows: &mut Rows, at: &Place<'_>) -> Result<bool, Refusal> {
        let old = self.read(&at.key())?;
        self.replace(rows, at, old.as_deref(), None)?;
        Ok(old.is_some())
    }
}

/// The root properties of an object while they are merged.
struct Object<'a> {
    properties: Vec<(&'a str, Option<Cow<'a, str>>)>,
    places: std::collections::HashMap<&'a str, usize>,
}

impl<'a> Object<'a> {
    fn new(stored: Vec<(&'a str, &'a str)>) -> Self {
        let mut object = Self {
            properties: Vec::with_capacity(stored.len() + 8),
            places: std::collections::HashMap::with_capacity(stored.len() + 8),
        };
        for (name, value) in stored {
            object.set(name, value.into());
        }
        object
    }

    fn slot(&mut self, name: &'a str) -> &mut Option<Cow<'a, str>> {
        let at = *self.places.entry(name).or_insert(self.properties.len());
        if at == self.properties.len() {
            self.properties.push((name, None));
        }
        &mut self.properties[at].1
    }

    fn get(&self, name: &str) -> Option<&str> {
        let at = self.places.get(name)?;
        self.properties.get(*at)?.1.as_deref()
    }

    fn set(&mut self, name: &'a str, value: Cow<'a, str>) {
        *self.slot(name) = Some(value);
    }

    fn set_if_missing(&mut self, name: &'a str, value: &'a str) {
        self.slot(name).get_or_insert(value.into());
    }

    fn remove(&mut self, name: &'a str) {
        *self.slot(name) = None;
    }

    fn write(&self) -> Vec<u8> {
        let present =
            |(name, value): &'_ (&'a str, Option<Cow<'a, str>>)| value.is_some().then_some(*name);
        let pairs = (self.properties.iter())
            .filter_map(|property| Some((present(property)?, property.1.as_deref()?)));
        json::write_object(pairs)
    }
}

/// Adds `number` to a stored value; nothing stored counts as zero.
fn add(stored: Option<(&str, bool)>, number: &str) -> Result<(String, bool), Refusal> {
    let number = Decimal::parse(number).ok_or_else(|| Refusal::database(OPERAND))?;
    let stored = match stored {
        Some((json, tagged)) => {
            Decimal::from_json(json, tagged).ok_or_else(|| Refusal::database(OPERAND))?
        }
        None => Decimal::ZERO,
    };
    let sum = stored.add(&number);
    Ok(sum
        .map_err(|error| Refusal::database(error.to_string()))?
        .to_json())
}

fn parse_labels(options: &SetOptions<'_>) -> Result<Vec<(u8, NewLabel)>, Refusal> {
    let parse = |text: &str| Key::parse(text).map(|key| Label::from_key(&key));
    let labels = options.labels.iter().map(|(number, change)| {
        if !(1..=5).contains(number) {
            return Err(Refusal::store("a label's number is not 1 to 5"));
        }
        let change = match change {
            None => NewLabel::Remove,
            Some(LabelChange::Set(text)) => NewLabel::Set(parse(text)?),
            Some(LabelChange::Default([text])) => NewLabel::Default(parse(text)?),
        };
        Ok((*number, change))
    });
    labels.collect()
}

fn split(object: &str) -> Result<Vec<(&str, &str)>, Refusal> {
    json::properties(object.as_bytes())
        .map_err(|_| Refusal::store("an object's value is not an object"))
}
