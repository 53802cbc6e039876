//! Random operations, as requests to the store and as calls of the model.

use serde_json::{Map, Value, json};

use super::model::{Change, Name, Query, Ttl, Where, Write, number};
use super::random::Random;

const NAMESPACES: [&str; 4] = ["a", "b", "ab", "é"];
const RESTS: [&str; 12] = [
    "0", "00", "1", "10", "2", "a", "a:b", "ab", "b", "z", "é", "😀",
];
const PROPERTIES: [&str; 4] = ["p", "q", "r", ""];

/// One step of a sequence.
#[derive(Debug, Clone)]
pub enum Step {
    Set(Write),
    BatchSet(Vec<Write>),
    Remove(Name),
    BatchRemove(Vec<Name>),
    Get(Name),
    BatchGet(Vec<Name>),
    Query(Query),
    Scan(Option<u8>),
    Truncate,
    /// So many seconds pass.
    Wait(i64),
}

/// The steps that a seed makes.
pub fn steps(random: &mut Random) -> Vec<Step> {
    let length = 4 + random.below(22);
    (0..length).map(|_| step(random)).collect()
}

fn step(random: &mut Random) -> Step {
    match random.below(100) {
        0..40 => Step::Set(write(random)),
        40..45 => Step::BatchSet(several(random, |random| Write {
            overwrite: true,
            ..plain(random)
        })),
        45..51 => Step::Remove(name(random)),
        51..54 => Step::BatchRemove(several(random, name)),
        54..62 => Step::Get(name(random)),
        62..66 => Step::BatchGet(several(random, name)),
        66..88 => Step::Query(query(random)),
        88..93 => Step::Scan(random.percent(50).then(|| label_number(random))),
        93..94 => Step::Truncate,
        _ => Step::Wait([1, 1, 2, 5, 30][random.below(5)]),
    }
}

fn several<T>(random: &mut Random, one: impl Fn(&mut Random) -> T) -> Vec<T> {
    (0..=random.below(4)).map(|_| one(random)).collect()
}

fn name(random: &mut Random) -> Name {
    let namespace = NAMESPACES[random.below(NAMESPACES.len()).min(random.below(4))];
    let rest = random.percent(80).then(|| random.pick(&RESTS));
    Name { namespace, rest }
}

fn label_number(random: &mut Random) -> u8 {
    [1, 1, 1, 2, 5][random.below(5)]
}

fn scalar(random: &mut Random) -> Value {
    match random.below(6) {
        0 => json!("text"),
        1 => json!(true),
        2 => json!([1, "two", { "three": 3 }]),
        3 => json!(""),
        _ => number(random.below(60) as i64 - 20),
    }
}

fn object(random: &mut Random) -> Map<String, Value> {
    let count = random.below(4);
    (0..count)
        .map(|_| {
            let value = match random.below(4) {
                0 => json!({ "deep": [null, { "er": 1 }] }),
                _ => scalar(random),
            };
            ((random.pick(&PROPERTIES)).to_owned(), value)
        })
        .collect()
}

/// A write with a value, perhaps a ttl and labels.
fn plain(random: &mut Random) -> Write {
    let value = if random.percent(65) {
        object(random).into()
    } else {
        scalar(random)
    };
    let mut labels = Vec::new();
    for number in [1, 2, 5] {
        if random.percent(20) {
            let change = match random.below(6) {
                0 => Change::Remove,
                1 => Change::Default(name(random)),
                _ => Change::Set(name(random)),
            };
            labels.push((number, change));
        }
    }
    let ttl = random.percent(20).then(|| match random.below(4) {
        0 => Ttl::Remove,
        1 => Ttl::At(1_704_067_200 + random.below(40) as i64),
        _ => Ttl::After(random.below(10) as i64 - 2),
    });
    Write {
        name: name(random),
        value,
        overwrite: random.percent(20),
        ttl,
        labels,
        exists: None,
        created: None,
        removes: Vec::new(),
        adds: Vec::new(),
        plus: None,
        defaults: Map::new(),
        if_missing: false,
    }
}

fn write(random: &mut Random) -> Write {
    let mut write = plain(random);
    if random.percent(12) {
        write.exists = Some(random.percent(50));
    }
    if random.percent(8) {
        write.created = Some(1_704_067_200 + [0, 0, 1, 5][random.below(4)]);
    }
    if write.overwrite {
        return write;
    }
    let tenths = |random: &mut Random| random.below(80) as i64 - 40;
    if !write.value.is_object() {
        match random.below(4) {
            0 => {
                write.plus = Some(tenths(random));
                write.value = Value::Null;
            }
            1 => write.if_missing = true,
            _ => {}
        }
        return write;
    }
    // Each property is dealt with once, as JavaScript's objects have it.
    for property in PROPERTIES {
        if write.value.get(property).is_some() {
            continue;
        }
        match random.below(12) {
            0 => write.removes.push(property),
            1 => write.adds.push((property, tenths(random))),
            2 => drop(write.defaults.insert(property.into(), scalar(random))),
            _ => {}
        }
    }
    write
}

fn query(random: &mut Random) -> Query {
    let what = match random.below(10) {
        0..3 => Where::All,
        3..5 => Where::Prefix(random.pick(&["a", "1", "é", "0", "a:"])),
        5..8 => Where::Compare(random.pick(&["<", "<=", ">", ">="]), random.pick(&RESTS)),
        8 => Where::Between(random.pick(&RESTS), random.pick(&RESTS)),
        _ => Where::Is(random.pick(&RESTS)),
    };
    let by_label = random.percent(40) || matches!(what, Where::Is(_));
    Query {
        namespace: name(random).namespace,
        what,
        label: by_label.then(|| label_number(random)),
        limit: [1, 2, 3, 100, 1000][random.below(5)],
        reverse: random.percent(40),
        start: random.percent(35).then(|| (name(random), name(random))),
    }
}

impl Write {
    /// The mode character and the request.
    pub fn request(&self) -> (char, String) {
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        let mode = 64 + bit(self.overwrite, 2) + bit(!self.value.is_object(), 8);
        let mut options = Map::new();
        let mut put = |name: &str, value: Value| drop(options.insert(name.into(), value));
        match self.ttl {
            Some(Ttl::After(seconds)) => put("t", json!([seconds])),
            Some(Ttl::At(at)) => put("t", json!(at)),
            Some(Ttl::Remove) => put("t", json!("-")),
            None => {}
        }
        let label = |change: &Change| match change {
            Change::Set(name) => json!(name.text()),
            Change::Default(name) => json!([name.text()]),
            Change::Remove => Value::Null,
        };
        let labels = self
            .labels
            .iter()
            .map(|(number, change)| json!([number, label(change)]));
        put("l", labels.collect());
        let adds = self
            .adds
            .iter()
            .map(|(name, tenths)| json!([name, number(*tenths).to_string()]));
        put("a", adds.collect());
        put("r", json!(self.removes));
        put("i", json!(self.if_missing));
        if let Some(exists) = self.exists {
            put("e", json!(exists));
        }
        if let Some(created) = self.created {
            put("c", json!(created));
        }
        if let Some(tenths) = self.plus {
            put("p", json!(number(tenths).to_string()));
        }
        if !self.defaults.is_empty() {
            put("d", json!(self.defaults));
        }
        let request = json!([self.name.text(), options, self.value]);
        (char::from(mode), request.to_string())
    }
}

impl Query {
    pub fn request(&self) -> String {
        let start = self.start.as_ref().map(|(name, label)| match self.label {
            Some(_) => format!("{}|{}", name.text(), label.text()),
            None => name.text(),
        });
        let mut request = json!({
            "k": format!("{}:{}", self.namespace, self.what.text()),
            "n": self.limit, "r": self.reverse, "m": true,
        });
        if let Some(number) = self.label {
            request["l"] = number.into();
        }
        if let Some(start) = start {
            request["s"] = start.into();
        }
        request.to_string()
    }
}
