//! Random sequences of operations against a naive model: the store must answer each as the model
//! does.
//!
//! A failure names its seed; `AMPT_WS_SEED=<seed>` runs that one sequence first.

mod model;
mod random;
mod sequences;

use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Map, Value, json};

use super::{Bench, START};
use crate::store::Reply;
use crate::store::wire::{ITEM, PAGE, mode, op};
use model::{Answer, Model};
use random::Random;
use sequences::Step;

/// Sequences in all.
const SEQUENCES: u64 = 10_000;
/// Stores that answer side by side.
const LANES: u64 = 2;
/// After so many sequences a lane's store is closed and opened again.
const REOPEN_EVERY: u64 = 500;

#[test]
fn random_sequences_are_answered_as_by_the_model() {
    let given = std::env::var("AMPT_WS_SEED")
        .ok()
        .map(|seed| seed.parse().expect("a number"));
    let first = given.unwrap_or_else(Random::fresh_seed);
    let lane = |lane: u64| {
        let mut bench = Bench::new();
        for number in (lane..SEQUENCES).step_by(LANES as usize) {
            let seed = first.wrapping_add(number);
            let model = run(&bench, seed);
            if number % REOPEN_EVERY < LANES {
                bench = bench.reopened();
                check_all(&bench, seed, &model);
            }
        }
    };
    thread::scope(|scope| {
        let lane = &lane;
        (0..LANES).for_each(|number| drop(scope.spawn(move || lane(number))));
    });
}

/// A sequence's own table, so that each begins empty.
fn request(seed: u64, operation: u8, payload: &str) -> (u8, String) {
    (operation + op::OTHER_TABLE, format!("\"{seed}\"{payload}"))
}

/// What is to come of a step, and how its answer is read.
struct Expected {
    step: Step,
    answer: Answer,
    read: fn(&Reply) -> Value,
}

/// Makes a sequence's calls without waiting in between, then compares the answers.
fn run(bench: &Bench, seed: u64) -> Model {
    bench.clock.set(START * 1000);
    let mut model = Model::default();
    let (done, replies) = channel();
    let mut expected = Vec::new();
    for step in sequences::steps(&mut Random::new(seed)) {
        let now = bench.clock.now_secs();
        let Some((operation, payload)) = to_request(&step) else {
            let Step::Wait(seconds) = step else { continue };
            bench.clock.advance(seconds * 1000);
            continue;
        };
        let (answer, read) = ask_model(&mut model, &step, now);
        let (operation, payload) = request(seed, operation, &payload);
        let (done, number) = (done.clone(), expected.len());
        bench
            .store
            .call(operation, payload.as_bytes(), move |reply| {
                done.send((number, reply)).expect("a listener");
            });
        expected.push(Expected { step, answer, read });
    }
    compare(seed, &expected, &replies);
    model
}

fn compare(seed: u64, expected: &[Expected], replies: &Receiver<(usize, Reply)>) {
    let mut in_order = vec![None; expected.len()];
    for (number, reply) in replies.iter().take(expected.len()) {
        in_order[number] = Some(reply);
    }
    for (number, (expected, reply)) in expected.iter().zip(&in_order).enumerate() {
        let reply = reply.as_ref().expect("one answer to each call");
        let got = if reply.status == 0 {
            Ok((expected.read)(reply))
        } else {
            Err(())
        };
        let history = || {
            let steps = sequences::steps(&mut Random::new(seed)).into_iter();
            let lines = steps.map(|step| format!("  {step:?}\n"));
            lines.collect::<String>()
        };
        assert_eq!(
            got,
            expected.answer,
            "AMPT_WS_SEED={seed}, call {number}: {:?}\nanswered {}\nof\n{}",
            expected.step,
            String::from_utf8_lossy(&reply.payload),
            history()
        );
    }
}

/// After a restart everything is as it was.
fn check_all(bench: &Bench, seed: u64, model: &Model) {
    let (operation, payload) = request(seed, op::SCAN, r#"{"m":true,"n":1000}"#);
    let reply = bench.reply(operation, &payload);
    assert_eq!(
        by_place(&reply),
        model.scan(None),
        "AMPT_WS_SEED={seed}, after a restart"
    );
}

fn to_request(step: &Step) -> Option<(u8, String)> {
    let texts = |names: &[model::Name]| names.iter().map(model::Name::text).collect::<Vec<_>>();
    Some(match step {
        Step::Set(write) => {
            let (how, request) = write.request();
            let how = char::from(how as u8 + mode::META);
            (op::SET, format!("{how}{request}"))
        }
        Step::BatchSet(writes) => {
            let items = writes.iter().map(|write| {
                let (how, request) = write.request();
                format!("[{},{request}]", how as u8)
            });
            (
                op::BATCH_SET,
                format!("{{\"i\":[{}]}}", items.collect::<Vec<_>>().join(",")),
            )
        }
        Step::Remove(name) => (op::REMOVE, name.text()),
        Step::BatchRemove(names) => (op::BATCH_REMOVE, json!(texts(names)).to_string()),
        Step::Get(name) => (op::GET, name.text()),
        Step::BatchGet(names) => (
            op::BATCH_GET,
            json!({ "k": texts(names), "m": true }).to_string(),
        ),
        Step::Query(query) => (op::READ, query.request()),
        Step::Scan(label) => {
            let mut request = json!({ "m": true, "n": 1000 });
            if let Some(label) = label {
                request["l"] = (*label).into();
            }
            (op::SCAN, request.to_string())
        }
        Step::Truncate => (op::TRUNCATE, String::new()),
        Step::Wait(_) => return None,
    })
}

/// The model's answer, and how the store's is made comparable.
fn ask_model(model: &mut Model, step: &Step, now: i64) -> (Answer, fn(&Reply) -> Value) {
    match step {
        Step::Set(write) => {
            let mut answer = model.set(write, now);
            // The caller of an overwrite has the value.
            if let (true, Ok(item)) = (write.overwrite, &mut answer) {
                item["value"] = Value::Null;
            }
            (answer, written)
        }
        Step::BatchSet(writes) => (model.batch_set(writes, now), |_| Value::Null),
        Step::Remove(name) => (model.remove(std::slice::from_ref(name)), |_| Value::Null),
        Step::BatchRemove(names) => (model.remove(names), |_| Value::Null),
        Step::Get(name) => (Ok(model.get(name, now)), value),
        Step::BatchGet(names) => (model.batch_get(names), page),
        Step::Query(query) => (model.query(query, now), page),
        Step::Scan(label) => (Ok(model.scan(*label)), by_place),
        Step::Truncate => (Ok(json!(model.truncate())), |reply| {
            serde_json::from_slice(&reply.payload).expect("a number")
        }),
        Step::Wait(_) => (Ok(Value::Null), |_| Value::Null),
    }
}

/// A value without metadata.
fn value(reply: &Reply) -> Value {
    let json = reply.payload.get(1..);
    json.map_or(Value::Null, |json| json!({ "value": parse(json) }))
}

fn written(reply: &Reply) -> Value {
    let list = reply.payload.strip_prefix(&[ITEM]).expect("an item");
    item(&parse(list))
}

fn page(reply: &Reply) -> Value {
    let page = reply.payload.strip_prefix(&[PAGE]).expect("a page");
    let mut page = parse(page);
    for entry in page["items"].as_array_mut().expect("items") {
        *entry = item(entry);
    }
    page
}

/// A page without an order.
fn by_place(reply: &Reply) -> Value {
    let page = page(reply);
    let items = page["items"].as_array().expect("items").iter();
    let placed = items.map(|item| {
        let key = item["key"].as_str().expect("a key");
        let (namespace, rest) = key.split_once(':').unwrap_or((key, "0"));
        (format!("{:?}", (namespace, rest)), item.clone())
    });
    placed.collect::<Map<_, _>>().into()
}

/// `[flags,key,value,created,modified,ttl,labels]` with names.
fn item(list: &Value) -> Value {
    let mut item = json!({
        "key": list[1], "value": list[2], "created": list[3], "modified": list[4],
    });
    if !list[5].is_null() {
        item["ttl"] = list[5].clone();
    }
    for (name, label) in list[6].as_object().into_iter().flatten() {
        item[name] = label.clone();
    }
    item
}

fn parse(json: &[u8]) -> Value {
    serde_json::from_slice(json).expect("JSON")
}
