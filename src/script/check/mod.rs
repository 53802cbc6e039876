//! Finds what could never work in a fixture, before anything is started.
//!
//! The steps are gone through in order, rounds of a `repeat` included, with what is known without
//! running them: which clients are connected, and which captures are set.

mod http;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use super::format::Step;
use super::load::{Fixture, Placed};
use super::matching::{Captures, Pattern, interpolate_text, names_in};
use super::problem::{MOST_PROBLEMS, Mistake, Problem, Source, listed, nearest};

/// Most steps that a fixture may come to, rounds of a `repeat` counted.
const MOST_STEPS: usize = 100_000;

/// Everything that is wrong with the steps of a fixture. With `update`, a file to compare an export
/// with may yet have to be made.
pub fn check(fixture: &Fixture, update: bool) -> Vec<Problem> {
    let mut checker = Checker {
        fixture,
        clients: BTreeMap::new(),
        set: BTreeSet::new(),
        index: Captures::default(),
        done: 0,
        update,
        problems: Vec::new(),
    };
    checker.steps(&fixture.steps, None);
    checker.problems
}

/// What is known of a client at a point of the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Connected since this line.
    Open(usize),
    /// The server closes it, or the sandbox ends, in this line: what came before can be read.
    Ending(usize),
    /// The client itself has closed in this line: only the end can be read.
    Closing(usize),
    /// Nothing more can come of it since this line.
    Gone(usize),
}

struct Checker<'a> {
    fixture: &'a Fixture,
    clients: BTreeMap<String, State>,
    set: BTreeSet<String>,
    /// The rounds of the `repeat`s that we are in.
    index: Captures,
    done: usize,
    update: bool,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn steps(&mut self, steps: &[Placed], parent: Option<&str>) {
        for placed in steps {
            if self.problems.len() >= MOST_PROBLEMS {
                return;
            }
            let label = match parent {
                None => format!("step {}", placed.number),
                Some(parent) => format!("{parent}, its step {}", placed.number),
            };
            self.done += 1;
            if self.done > MOST_STEPS {
                if self.done == MOST_STEPS + 1 {
                    let mistake =
                        Mistake::new(format!("this comes to more than {MOST_STEPS} steps"));
                    self.tell(placed, &label, mistake.hint("repeat less often"));
                }
                return;
            }
            if let Step::Repeat(repeat) = &placed.step {
                self.repeat(repeat.repeat, placed, &label);
                continue;
            }
            if let Err(mistake) = self.step(placed) {
                self.tell(placed, &label, mistake);
            }
        }
    }

    fn repeat(&mut self, times: u32, placed: &Placed, label: &str) {
        if times == 0 {
            return self.tell(placed, label, Mistake::new("`repeat` is 1 or more"));
        }
        let (outer, before) = (self.index.clone(), self.problems.len());
        let is_new = self.set.insert("index".to_owned());
        for round in 0..times {
            self.index.set("index", round.into());
            self.steps(&placed.inner, Some(label));
            // A mistake of the first round need not be told again for each of the others.
            if self.problems.len() > before {
                break;
            }
        }
        self.index = outer;
        if is_new {
            self.set.remove("index");
        }
    }

    fn tell(&mut self, placed: &Placed, label: &str, mistake: Mistake) {
        let source = Source {
            file: &self.fixture.file,
            text: &self.fixture.text,
        };
        let problem = source.problem_at_line(placed.line, mistake);
        self.problems.push(Problem {
            step: Some(label.to_owned()),
            ..problem
        });
    }

    /// A string that may mention captures.
    fn text(&self, text: &str) -> Result<(), Mistake> {
        names_in(text)
            .into_iter()
            .try_for_each(|name| self.is_set(name))
    }

    fn is_set(&self, name: &str) -> Result<(), Mistake> {
        if self.set.contains(name) {
            return Ok(());
        }
        let known: Vec<&str> = self.set.iter().map(String::as_str).collect();
        let mistake = Mistake::new(format!("the capture `{name}` is used before it is set"));
        Err(match (nearest(name, &known), name.strip_suffix(".connectionId")) {
            (Some(near), _) => mistake.hint(format!("did you mean `${{{near}}}`?")),
            (None, Some(client)) => mistake.hint(format!("`{client}` is not connected yet")),
            (None, None) => mistake.hint(format!(
                "an earlier `expect` sets it with {{\"$capture\": \"{name}\"}}; `$${{{name}}}` is the text itself"
            )),
        })
    }

    /// A value whose strings may mention captures.
    fn value(&self, value: &serde_json::Value) -> Result<(), Mistake> {
        use serde_json::Value;
        match value {
            Value::String(text) => self.text(text),
            Value::Array(list) => list.iter().try_for_each(|value| self.value(value)),
            Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
                self.text(name)?;
                self.value(value)
            }),
            _ => Ok(()),
        }
    }

    /// A pattern; what it captures is set from now on.
    fn pattern(&mut self, field: &str, value: &serde_json::Value) -> Result<(), Mistake> {
        let pattern = Pattern::parse(value, true).map_err(|error| {
            Mistake::new(format!("`{field}{}`: {}", error.path, error.message)).hint(error.hint)
        })?;
        let mut wrong = None;
        pattern.captures(&mut |name, made| match made {
            true => {
                self.set.insert(name.to_owned());
            }
            false => {
                if let Err(mistake) = self.is_set(name) {
                    wrong.get_or_insert(mistake);
                }
            }
        });
        wrong.map_or(Ok(()), Err)
    }

    /// A client's name; it may mention the round of a `repeat`, and nothing that only a run knows.
    fn name(&self, name: &str) -> Result<String, Mistake> {
        self.text(name)?;
        let filled = interpolate_text(name, &self.index);
        match filled {
            Ok(name) if name.is_empty() => Err(Mistake::new("a client's name is empty")),
            Ok(name) => Ok(name),
            Err(capture) => Err(Mistake::new(format!(
                "a client's name cannot depend on the capture `{capture}`"
            ))
            .hint("only `${index}` of a `repeat` can stand in a name")),
        }
    }

    fn names(&self, names: &[String]) -> Result<Vec<String>, Mistake> {
        names.iter().map(|name| self.name(name)).collect()
    }

    fn state(&self, name: &str) -> Result<State, Mistake> {
        self.clients.get(name).copied().ok_or_else(|| {
            let known: Vec<&String> = self.clients.keys().collect();
            let near: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
            let mistake = Mistake::new(format!("`{name}` was never connected"));
            match (nearest(name, &near), known.is_empty()) {
                (Some(near), _) => mistake.hint(format!("did you mean `{near}`?")),
                (None, true) => {
                    mistake.hint(format!("connect it first: {{ \"connect\": \"{name}\" }}"))
                }
                (None, false) => mistake.hint(format!("connected so far: {}", listed(&known))),
            }
        })
    }

    /// The sandbox ends: so do all connections.
    fn sandbox_ends(&mut self, line: usize) {
        for state in self.clients.values_mut() {
            if matches!(state, State::Open(_)) {
                *state = State::Ending(line);
            }
        }
    }
}
