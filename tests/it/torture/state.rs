//! What is stored, as the model has it: writes applied to items one after the other.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// How many items a batch sets at once.
pub const BATCH: usize = 4;

/// How many items an imported file has.
pub const IMPORTED: usize = 40;

/// Items by their keys.
pub type Items = BTreeMap<String, Item>;

/// An item without its dates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Item {
    pub value: Value,
    /// `label1` to `label3`.
    pub labels: [Option<String>; 3],
}

impl Item {
    /// Reads an item as `export` writes it, and as the package shows it with metadata.
    pub fn read(item: &Value) -> (String, Self) {
        let text = |name: &str| item[name].as_str().map(str::to_owned);
        let read = Self {
            value: item["value"].clone(),
            labels: ["label1", "label2", "label3"].map(text),
        };
        (text("key").expect("a key"), read)
    }
}

/// A write that succeeds whatever is stored.
#[derive(Debug, Clone)]
pub enum Write {
    /// `data.set` with `overwrite`.
    Set { key: String, v: u64, label: String },
    /// `data.set` that merges a property.
    Merge { key: String, name: String, v: u64 },
    /// `data.set` that sets a label, or removes it.
    Label {
        key: String,
        number: usize,
        label: Option<String>,
    },
    /// `data.add` of 1 to a property.
    Add { key: String },
    /// `data.set` with `$add` beside a property.
    AddAndSet { key: String, v: u64 },
    /// `data.remove`.
    Remove { key: String },
    /// A batch set of items that agree with each other.
    Batch { namespace: String, v: u64 },
    /// A batch remove of the same.
    BatchRemove { namespace: String },
    /// `ampt-ws data set` of a simple value.
    Verb { key: String, v: u64 },
    /// `ampt-ws import` of items that agree with each other.
    Import { namespace: String, v: u64 },
}

impl Write {
    /// The method of `data` and its arguments, for what is a call of the package.
    pub fn call(&self) -> (&'static str, Value) {
        match self {
            Self::Set { key, v, label } => {
                let options = json!({ "overwrite": true, "label1": label });
                ("set", json!([key, { "v": v }, options]))
            }
            Self::Merge { key, name, v } => ("set", json!([key, { name: v }])),
            Self::Label { key, number, label } => {
                let label = json!({ format!("label{number}"): label });
                ("set", json!([key, { "labelled": true }, label]))
            }
            Self::Add { key } => ("add", json!([key, "n", 1])),
            Self::AddAndSet { key, v } => ("set", json!([key, { "n": { "$add": 1 }, "v": v }])),
            Self::Remove { key } => ("remove", json!([key])),
            Self::Batch { namespace, v } => ("set", json!([file(namespace, *v, BATCH)])),
            Self::BatchRemove { namespace } => {
                let keys: Vec<_> = (0..BATCH).map(|n| format!("{namespace}:{n}")).collect();
                ("remove", json!([keys]))
            }
            Self::Verb { .. } | Self::Import { .. } => panic!("no call of the package: {self:?}"),
        }
    }

    /// Makes the write.
    pub fn apply(&self, items: &mut Items) {
        match self {
            Self::Set { key, v, label } => {
                items.insert(key.clone(), agreeing(*v, label));
            }
            Self::Merge { key, name, v } => {
                object(items, key).insert(name.clone(), json!(v));
            }
            Self::Label { key, number, label } => {
                object(items, key).insert("labelled".to_owned(), json!(true));
                let item = items.get_mut(key).expect("made just now");
                item.labels[number - 1].clone_from(label);
            }
            Self::Add { key } => add(object(items, key)),
            Self::AddAndSet { key, v } => {
                let object = object(items, key);
                add(object);
                object.insert("v".to_owned(), json!(v));
            }
            Self::Remove { key } => drop(items.remove(key)),
            Self::Batch { namespace, v } => set_all(items, namespace, *v, BATCH),
            Self::BatchRemove { namespace } => (0..BATCH).for_each(|n| {
                items.remove(&format!("{namespace}:{n}"));
            }),
            Self::Verb { key, v } => {
                let item = items.entry(key.clone()).or_default();
                item.value = json!(v);
            }
            Self::Import { namespace, v } => set_all(items, namespace, *v, IMPORTED),
        }
    }
}

/// Items that all say `v`, as a batch set and an import take them.
pub fn file(namespace: &str, v: u64, count: usize) -> Value {
    let item = |n| json!({ "key": format!("{namespace}:{n}"), "value": { "v": v }, "label1": format!("{namespace}:v{v}") });
    (0..count).map(item).collect()
}

fn set_all(items: &mut Items, namespace: &str, v: u64, count: usize) {
    let label = format!("{namespace}:v{v}");
    for n in 0..count {
        items.insert(format!("{namespace}:{n}"), agreeing(v, &label));
    }
}

fn agreeing(v: u64, label: &str) -> Item {
    Item {
        value: json!({ "v": v }),
        labels: [Some(label.to_owned()), None, None],
    }
}

fn object<'a>(items: &'a mut Items, key: &str) -> &'a mut Map<String, Value> {
    let item = items.entry(key.to_owned()).or_default();
    if item.value.is_null() {
        item.value = json!({});
    }
    item.value.as_object_mut().expect("objects only")
}

fn add(object: &mut Map<String, Value>) {
    let before = object.get("n").and_then(Value::as_u64).unwrap_or(0);
    object.insert("n".to_owned(), json!(before + 1));
}
