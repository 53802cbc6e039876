//! The store as one would write it for a handful of items: a sorted map, and every question
//! answered by looking at all of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Namespace and rest.
pub type Place = (String, String);

/// A key as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    pub namespace: &'static str,
    /// `None`: a simple key.
    pub rest: Option<&'static str>,
}

impl Name {
    pub fn place(&self) -> Place {
        (self.namespace.into(), self.rest.unwrap_or("0").into())
    }

    pub fn text(&self) -> String {
        shown(&self.place(), self.rest.is_none())
    }
}

fn shown((namespace, rest): &Place, simple: bool) -> String {
    if simple {
        namespace.clone()
    } else {
        format!("{namespace}:{rest}")
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    simple: bool,
    value: Value,
    created: i64,
    modified: i64,
    ttl: Option<i64>,
    /// By their numbers; whether each is shown without its rest.
    labels: BTreeMap<u8, (Place, bool)>,
}

/// Everything that a write may ask for.
#[derive(Debug, Clone)]
pub struct Write {
    pub name: Name,
    pub value: Value,
    pub overwrite: bool,
    pub ttl: Option<Ttl>,
    pub labels: Vec<(u8, Change)>,
    pub exists: Option<bool>,
    pub created: Option<i64>,
    pub removes: Vec<&'static str>,
    /// Root properties and what to add to them, in tenths.
    pub adds: Vec<(&'static str, i64)>,
    /// What to add to the value itself, in tenths.
    pub plus: Option<i64>,
    pub defaults: Map<String, Value>,
    pub if_missing: bool,
}

#[derive(Debug, Clone)]
pub enum Ttl {
    After(i64),
    At(i64),
    Remove,
}

#[derive(Debug, Clone)]
pub enum Change {
    Set(Name),
    Default(Name),
    Remove,
}

/// Which rests of a namespace are meant.
#[derive(Debug, Clone)]
pub enum Where {
    Is(&'static str),
    All,
    Prefix(&'static str),
    Compare(&'static str, &'static str),
    Between(&'static str, &'static str),
}

impl Where {
    pub fn text(&self) -> String {
        match self {
            Self::Is(rest) => (*rest).into(),
            Self::All => "*".into(),
            Self::Prefix(prefix) => format!("{prefix}*"),
            Self::Compare(operator, bound) => format!("{operator}{bound}"),
            Self::Between(low, high) => format!("{low}|{high}"),
        }
    }

    fn matches(&self, rest: &str) -> bool {
        match self {
            Self::Is(bound) => rest == *bound,
            Self::All => true,
            Self::Prefix(prefix) => rest.as_bytes().starts_with(prefix.as_bytes()),
            Self::Compare("<", bound) => rest.as_bytes() < bound.as_bytes(),
            Self::Compare("<=", bound) => rest.as_bytes() <= bound.as_bytes(),
            Self::Compare(">", bound) => rest.as_bytes() > bound.as_bytes(),
            Self::Compare(_, bound) => rest.as_bytes() >= bound.as_bytes(),
            Self::Between(low, high) => {
                rest.as_bytes() >= low.as_bytes() && rest.as_bytes() <= high.as_bytes()
            }
        }
    }
}

/// A `get` with a page for an answer, or a `getByLabel`.
#[derive(Debug, Clone)]
pub struct Query {
    pub namespace: &'static str,
    pub what: Where,
    pub label: Option<u8>,
    pub limit: usize,
    pub reverse: bool,
    /// Where to continue: a key, and in a label search a label.
    pub start: Option<(Name, Name)>,
}

/// A call is refused; with what text the other tests know.
pub type Answer = Result<Value, ()>;

#[derive(Debug, Default)]
pub struct Model {
    items: BTreeMap<Place, Item>,
}

impl Model {
    pub fn get(&self, name: &Name, now: i64) -> Value {
        let item = self.items.get(&name.place());
        item.filter(|item| !item.is_expired(now))
            .map_or(Value::Null, |item| json!({ "value": item.value }))
    }

    pub fn batch_get(&self, names: &[Name]) -> Answer {
        refuse_duplicates(names)?;
        let found = names.iter().filter_map(|name| {
            let (place, item) = self.items.get_key_value(&name.place())?;
            Some(item.shown(place))
        });
        Ok(json!({ "items": found.collect::<Vec<_>>() }))
    }

    pub fn query(&self, query: &Query, now: i64) -> Answer {
        if matches!(query.what, Where::Between(low, high) if low.as_bytes() > high.as_bytes()) {
            return Err(());
        }
        let position = |place: &Place, item: &Item| match query.label {
            Some(number) => {
                let label = item.labels.get(&number)?.0.clone();
                Some((label, place.clone()))
            }
            None => Some((place.clone(), place.clone())),
        };
        let mut rows: Vec<_> = (self.items.iter())
            .filter_map(|(place, item)| Some((position(place, item)?, place, item)))
            .filter(|((at, _), ..)| at.0 == query.namespace && query.what.matches(&at.1))
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        if query.reverse {
            rows.reverse();
        }
        if let Some((name, label)) = &query.start {
            let at = query.label.map_or(name.place(), |_| label.place());
            if at.0 != query.namespace || !query.what.matches(&at.1) {
                return Err(());
            }
            let start = (at, name.place());
            rows.retain(|(position, ..)| {
                if query.reverse {
                    *position < start
                } else {
                    *position > start
                }
            });
        }
        rows.truncate(query.limit);
        let last = rows.last().filter(|_| rows.len() == query.limit);
        let last = last.map(|((at, _), place, _)| match query.label {
            Some(_) => format!("{}|{}", shown(place, false), shown(at, false)),
            None => shown(place, false),
        });
        let visible = rows.iter().filter(|(.., item)| !item.is_expired(now));
        let mut page = json!({ "items": visible.map(|(_, place, item)| item.shown(place)).collect::<Vec<_>>() });
        if let Some(last) = last {
            page["lastKey"] = last.into();
        }
        Ok(page)
    }

    /// All items, by their keys.
    pub fn scan(&self, label: Option<u8>) -> Value {
        let has = |item: &Item| label.is_none_or(|number| item.labels.contains_key(&number));
        let all = self.items.iter().filter(|(_, item)| has(item));
        let all: BTreeMap<_, _> = all
            .map(|(place, item)| (format!("{place:?}"), item.shown(place)))
            .collect();
        json!(all)
    }

    pub fn remove(&mut self, names: &[Name]) -> Answer {
        refuse_duplicates(names)?;
        for name in names {
            self.items.remove(&name.place());
        }
        Ok(Value::Null)
    }

    pub fn truncate(&mut self) -> usize {
        std::mem::take(&mut self.items).len()
    }

    pub fn batch_set(&mut self, writes: &[Write], now: i64) -> Answer {
        let names: Vec<_> = writes.iter().map(|write| write.name.clone()).collect();
        refuse_duplicates(&names)?;
        for write in writes {
            self.set(write, now)?;
        }
        Ok(Value::Null)
    }

    /// The item after the write.
    pub fn set(&mut self, write: &Write, now: i64) -> Answer {
        let place = write.name.place();
        let old = self.items.get(&place);
        match write.exists {
            Some(wanted) if wanted != old.is_some() => return Err(()),
            _ => {}
        }
        let created = write.created.filter(|_| write.overwrite);
        if created.is_some() && created != old.map(|old| old.created) {
            return Err(());
        }
        let kept = old.filter(|_| !write.overwrite);
        let mut item = Item {
            simple: write.name.rest.is_none(),
            value: new_value(write, kept.map(|kept| &kept.value))?,
            created: kept.map_or(created.unwrap_or(now), |kept| kept.created),
            modified: now,
            ttl: match write.ttl {
                Some(Ttl::After(seconds)) => Some(now + seconds),
                Some(Ttl::At(at)) => Some(at),
                Some(Ttl::Remove) => None,
                None => kept.and_then(|kept| kept.ttl),
            },
            labels: kept.map(|kept| kept.labels.clone()).unwrap_or_default(),
        };
        for (number, change) in &write.labels {
            item.change_label(*number, change);
        }
        let shown = item.shown(&place);
        self.items.insert(place, item);
        Ok(shown)
    }
}

impl Item {
    fn is_expired(&self, now: i64) -> bool {
        self.ttl.is_some_and(|ttl| ttl < now)
    }

    fn change_label(&mut self, number: u8, change: &Change) {
        match (change, self.labels.get_mut(&number)) {
            (Change::Remove, _) => drop(self.labels.remove(&number)),
            (Change::Default(name), Some((_, simple))) => *simple |= name.rest.is_none(),
            (Change::Set(name) | Change::Default(name), _) => {
                self.labels
                    .insert(number, (name.place(), name.rest.is_none()));
            }
        }
    }

    /// With its metadata.
    fn shown(&self, place: &Place) -> Value {
        let mut item = json!({
            "key": shown(place, self.simple), "value": self.value,
            "created": self.created, "modified": self.modified,
        });
        if let Some(ttl) = self.ttl {
            item["ttl"] = ttl.into();
        }
        for (number, (label, simple)) in &self.labels {
            item[format!("label{number}")] = shown(label, *simple).into();
        }
        item
    }
}

fn refuse_duplicates(names: &[Name]) -> Result<(), ()> {
    let mut places: Vec<_> = names.iter().map(Name::place).collect();
    places.sort();
    places.dedup();
    if places.len() == names.len() {
        Ok(())
    } else {
        Err(())
    }
}

fn new_value(write: &Write, stored: Option<&Value>) -> Result<Value, ()> {
    let Some(given) = write.value.as_object() else {
        if stored.is_some_and(Value::is_object) {
            return Err(());
        }
        if let Some(tenths) = write.plus {
            return plus(stored, tenths);
        }
        let kept = stored.filter(|_| write.if_missing);
        return Ok(kept.unwrap_or(&write.value).clone());
    };
    let mut object = stored
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for name in &write.removes {
        object.shift_remove(*name);
    }
    for (name, value) in given {
        object.insert(name.clone(), value.clone());
    }
    for (name, value) in &write.defaults {
        object.entry(name.clone()).or_insert(value.clone());
    }
    for (name, tenths) in &write.adds {
        let sum = plus(object.get(*name), *tenths)?;
        object.insert((*name).into(), sum);
    }
    Ok(object.into())
}

/// Adds tenths to a number that is stored, or to nothing.
fn plus(stored: Option<&Value>, tenths: i64) -> Result<Value, ()> {
    let stored = match stored {
        None => 0,
        Some(value) => (value.as_f64().ok_or(())? * 10.0).round() as i64,
    };
    Ok(number(stored + tenths))
}

/// A number from tenths.
pub fn number(tenths: i64) -> Value {
    if tenths % 10 == 0 {
        (tenths / 10).into()
    } else {
        (tenths as f64 / 10.0).into()
    }
}
