//! Every recorded program of `@ampt/data` calls, answered by the real program.
//!
//! `tests/vectors` says what the published package answered; its app executes the calls here. The
//! sandbox's clock stands still and is moved by the program's own `tick`s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};

use crate::support::{App, Client, Dev};

/// How many sandboxes answer at a time.
const LANES: usize = 4;

/// Where the programs' clock starts, in epoch seconds: 2024-01-01T00:00:00Z.
const START: i64 = 1_704_067_200;

#[test]
fn every_recorded_program_is_answered_alike() {
    let programs = programs();
    assert!(programs.len() > 40, "{} programs", programs.len());
    let queue = Mutex::new(programs.iter());
    let lane = || {
        let mut wrong = String::new();
        // Handlers stay registered: after a program that registered some, begin anew.
        let mut sandbox: Option<Sandbox> = None;
        loop {
            let Some(program) = queue.lock().expect("no poison").next() else {
                return wrong;
            };
            let used = sandbox.take().filter(|used| !used.hears);
            let running = sandbox.insert(used.unwrap_or_else(Sandbox::start));
            running.run(program, &mut wrong);
        }
    };
    let wrong: String = thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        let ends = lanes.into_iter().map(|lane| lane.join());
        ends.map(|end| end.expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{wrong}");
}

struct Program {
    name: String,
    steps: Vec<Value>,
}

fn programs() -> Vec<Program> {
    let mut paths: Vec<PathBuf> = fs::read_dir(vectors().join("data"))
        .expect("programs")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a program");
        Program {
            name: path.file_stem().expect("a name").display().to_string(),
            steps: serde_json::from_str(&without_halves(&text)).expect("JSON"),
        }
    };
    paths.into_iter().map(read).collect()
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// A running app that executes programs.
struct Sandbox {
    app: App,
    _dev: Dev,
    client: Client,
    /// Whether a change handler is registered.
    hears: bool,
}

impl Sandbox {
    fn start() -> Self {
        let text = |name: &str| fs::read_to_string(vectors().join(name)).expect("a file");
        let app = App::named("vectors/app")
            .file("index.mjs", &text("app/index.mjs"))
            .file("package.json", "{}")
            .file("../codec.mjs", &text("codec.mjs"));
        let dev = app.dev(&["--no-limits", "--no-watch"]);
        let client = dev.client();
        let sandbox = Self {
            app,
            client,
            _dev: dev,
            hears: false,
        };
        sandbox.verb(&["clock", "freeze"]);
        sandbox
    }

    fn verb(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        let output = self.app.verb(&all);
        assert_eq!(output.code, Some(0), "{output:?}");
        output.json()
    }

    /// Runs a program and writes down every answer that differs from the recorded one.
    fn run(&mut self, program: &Program, wrong: &mut String) {
        self.verb(&["clock", "set", "2024-01-01T00:00:00Z"]);
        self.ask(&json!({ "begin": START }));
        let (mut seconds, mut expected, mut heard) = (0, Vec::new(), Vec::new());
        for (index, step) in program.steps.iter().enumerate() {
            expected.extend(list(&step["events"]));
            let (op, args) = (step["op"].as_str().expect("an operation"), &step["args"]);
            let got = match op {
                "dump" => continue,
                "tick" => {
                    let by = args[0].as_i64().expect("seconds");
                    seconds += by;
                    self.verb(&["clock", "advance", &format!("{by}s")]);
                    json!({ "i": index, "ok": seconds })
                }
                _ => self.ask(&json!({ "i": index, "op": op, "args": args })),
            };
            if op == "on" {
                self.hears = true;
            }
            if self.hears {
                heard.extend(self.collect());
            }
            if let Some(difference) = difference(step, &got) {
                let line = index + 2;
                let call = json!([op, args]);
                writeln!(wrong, "{}.json:{line}: {call}\n{difference}", program.name)
                    .expect("room");
            }
        }
        if self.hears {
            self.settle();
            heard.extend(self.collect());
        }
        let (expected, heard) = (by_key(&expected), by_key(&heard));
        for key in expected.keys().chain(heard.keys()).collect::<BTreeSet<_>>() {
            let (expected, heard) = (expected.get(key), heard.get(key));
            if expected != heard {
                let (expected, heard) = (json!(expected), json!(heard));
                let name = &program.name;
                writeln!(
                    wrong,
                    "{name}.json: changes of `{key}`\n  recorded {expected}\n  got      {heard}\n"
                )
                .expect("room");
            }
        }
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.client.send(&with_halves(&message.to_string()));
        let answer = self.client.text();
        serde_json::from_str(&without_halves(&answer)).expect("JSON")
    }

    fn collect(&mut self) -> Vec<Value> {
        list(&self.ask(&json!({ "collect": true }))["events"])
    }

    /// Waits until every change has been delivered.
    fn settle(&self) {
        while self.verb(&["status"])["pending"]["dataEvents"] != 0 {}
    }
}

/// JavaScript's strings may hold half of a surrogate pair, Rust's may not: here `\ud83d` becomes the
/// six characters, with their own backslash escaped.
fn without_halves(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let length = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(0xd800..0xe000), _) => {
                out.push('\\');
                6
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        let (escape, after) = escape.split_at(length);
        out.push_str(escape);
        rest = after;
    }
    out + rest
}

/// The reverse.
fn with_halves(json: &str) -> String {
    json.replace(r"\\ud", r"\ud")
}

/// The code unit of a `\uXXXX` at the start.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// Between namespaces change events come in any order, and the items of one batch are recorded in
/// the order in which that database happened to store them: each key's own order is what counts.
fn by_key(events: &[Value]) -> BTreeMap<String, Vec<Value>> {
    let mut keys: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in events {
        let key = event["event"]["item"]["key"].as_str().expect("a key");
        // The same item is shown as either.
        let key = key.strip_suffix(":0").unwrap_or(key).to_owned();
        keys.entry(key).or_default().push(event.clone());
    }
    keys
}

/// How an answer differs from the recorded one.
fn difference(step: &Value, got: &Value) -> Option<String> {
    let part = |name: &str| {
        let (recorded, got) = (&step[name], &got[name]);
        let alike = match name {
            "error" if recorded["aws"] == true => is_like(recorded, got),
            _ => recorded == got,
        };
        (!alike).then(|| format!("  recorded {name} {recorded}\n  got      {name} {got}\n"))
    };
    if step["unchecked"] == true {
        return None;
    }
    let parts = ["ok", "error", "refs"].into_iter().filter_map(part);
    Some(parts.collect()).filter(|text: &String| !text.is_empty())
}

/// An error of the database must have the same name; its text is near enough if it begins alike.
fn is_like(recorded: &Value, got: &Value) -> bool {
    let begin = |error: &Value| -> String {
        let text = error["message"].as_str().unwrap_or_default();
        text.to_lowercase().chars().take(30).collect()
    };
    recorded["name"] == got["name"] && got["aws"] == true && begin(recorded) == begin(got)
}
