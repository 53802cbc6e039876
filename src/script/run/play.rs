//! A fixture's steps, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::updates::Updates;
use super::wrong::{Done, Wrong};
use crate::ops::{ClockChange, Request};
use crate::script::client::Client;
use crate::script::format::{Millis, Step};
use crate::script::load::{Fixture, Placed};
use crate::script::matching::{Captures, interpolate_text};
use crate::script::outcome::StepFailure;
use crate::script::sandbox::Sandbox;
use crate::script::story;

/// A client of the fixture.
pub(super) struct Peer {
    /// Its socket; `None` once the fixture itself has dropped it.
    pub client: Option<Client>,
    /// Its connection id, if the sandbox has told it.
    pub connection_id: Option<String>,
}

/// A fixture that is being run.
pub(super) struct Play<'a> {
    pub fixture: &'a Fixture,
    pub sandbox: Sandbox,
    pub peers: BTreeMap<String, Peer>,
    /// The clients' names by connection id, also of those that are gone.
    pub names: BTreeMap<String, String>,
    pub captures: Captures,
    /// Numbers of the events that an `expectLog` has found.
    pub found: BTreeSet<usize>,
    /// What is to be rewritten, if anything may be.
    pub updates: Option<Updates>,
    /// Where we are: step numbers, and the round of each `repeat`.
    at: Vec<(usize, Option<u32>)>,
}

impl<'a> Play<'a> {
    pub fn new(fixture: &'a Fixture, sandbox: Sandbox, update: bool) -> Self {
        Self {
            fixture,
            sandbox,
            peers: BTreeMap::new(),
            names: BTreeMap::new(),
            captures: Captures::default(),
            found: BTreeSet::new(),
            updates: update.then(Updates::default),
            at: Vec::new(),
        }
    }

    /// All steps.
    pub async fn all(&mut self) -> Result<(), Box<StepFailure>> {
        let steps = &self.fixture.steps;
        self.steps(steps).await?;
        if self.fixture.handler_errors_fail {
            self.sandbox.log.settle().await;
            self.no_handler_errors()?;
        }
        Ok(())
    }

    async fn steps(&mut self, steps: &[Placed]) -> Result<(), Box<StepFailure>> {
        for placed in steps {
            self.at.push((placed.number, None));
            match &placed.step {
                Step::Repeat(repeat) => self.repeat(repeat.repeat, placed).await?,
                step => {
                    let done = self.step(step).await;
                    let done = done.and_then(|()| self.note_fixes(placed));
                    if let Err(wrong) = done.or_else(|wrong| self.unless_cut(wrong)) {
                        self.sandbox.log.settle().await;
                        return Err(Box::new(self.failure(placed, wrong)));
                    }
                }
            }
            self.at.pop();
        }
        Ok(())
    }

    async fn repeat(&mut self, times: u32, placed: &Placed) -> Result<(), Box<StepFailure>> {
        let outer = self.captures.get("index").cloned();
        for round in 0..times {
            if let Some(last) = self.at.last_mut() {
                last.1 = Some(round);
            }
            self.captures.set("index", round.into());
            Box::pin(self.steps(&placed.inner)).await?;
        }
        if let Some(outer) = outer {
            self.captures.set("index", outer);
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Done {
        match step {
            Step::Connect(step) => self.connect(step).await,
            Step::Http(step) => self.http(step).await,
            Step::Send(step) => self.send(step).await,
            Step::Close(step) => self.close(step).await,
            Step::Drop(step) => self.drop_clients(step).await,
            Step::Expect(step) => self.expect(step).await,
            Step::ExpectNothing(step) => self.expect_nothing(step).await,
            Step::ExpectClosed(step) => self.expect_closed(step).await,
            Step::ExpectLog(step) => self.expect_log(step).await,
            Step::Data(step) => self.data(step).await,
            Step::ExpectData(step) => self.expect_data(step).await,
            Step::Import(step) => self.import(step).await,
            Step::Export(step) => self.export(step).await,
            Step::Pause(_) => self.ask(Request::Pause).await,
            Step::Resume(_) => self.ask(Request::Resume).await,
            Step::Reload(_) => self.ask(Request::Reload).await,
            Step::Advance(step) => {
                let ms = i64::try_from(step.advance.0.as_millis()).unwrap_or(i64::MAX);
                self.ask(Request::Clock(ClockChange::Advance(ms))).await
            }
            Step::Restart(_) => Ok(self.sandbox.restart().await?),
            Step::Kill(_) => Ok(self.sandbox.kill().await?),
            Step::Wait(step) => {
                tokio::time::sleep(step.wait.0).await;
                Ok(())
            }
            // The only step with steps of its own is not performed but gone through.
            Step::Repeat(_) => Ok(()),
        }
    }

    /// Has the sandbox do something whose answer does not matter.
    async fn ask(&self, request: Request) -> Done {
        self.sandbox.perform(request).await?;
        Ok(())
    }

    /// A string of the fixture with its captures filled in.
    pub fn text(&self, text: &str) -> Result<String, Wrong> {
        interpolate_text(text, &self.captures).map_err(Wrong::unset)
    }

    /// A value of the fixture with its captures filled in.
    pub fn value(&self, value: &Value) -> Result<Value, Wrong> {
        fill(value, &self.captures).map_err(Wrong::unset)
    }

    /// Strings of the fixture with their captures filled in.
    pub fn texts(&self, texts: &[String]) -> Result<Vec<String>, Wrong> {
        texts.iter().map(|text| self.text(text)).collect()
    }

    /// The names of a step's clients, without those that disorder has taken away.
    pub fn clients(&self, names: &[String]) -> Result<Vec<String>, Wrong> {
        let mut names = self.texts(names)?;
        names.retain(|name| !self.is_cut(name));
        Ok(names)
    }

    /// Whether disorder has ended a client's connection.
    pub fn is_cut(&self, name: &str) -> bool {
        let peer = self.peers.get(name).and_then(|peer| peer.client.as_ref());
        peer.is_some_and(Client::is_cut)
    }

    /// What a client that is gone would have captured is nobody's fault to miss.
    fn unless_cut(&self, wrong: Wrong) -> Done {
        let is_excused = wrong.is_unset && self.peers.keys().any(|name| self.is_cut(name));
        if is_excused { Ok(()) } else { Err(wrong) }
    }

    /// The socket of a client.
    pub fn client(&self, name: &str) -> Result<&Client, Wrong> {
        match self.peers.get(name) {
            None => Err(Wrong::new(format!("`{name}` was never connected"))),
            Some(Peer { client: None, .. }) => {
                Err(Wrong::new(format!("`{name}` is not connected any more")))
            }
            Some(Peer {
                client: Some(client),
                ..
            }) => Ok(client),
        }
    }

    /// How long a step waits.
    pub fn within(&self, within: Option<Millis>) -> Duration {
        within.map_or(self.fixture.within, |within| within.0)
    }

    fn failure(&self, placed: &Placed, wrong: Wrong) -> StepFailure {
        let mut hint = wrong.hint;
        if self.sandbox.log.is_over() {
            let stderr = self.sandbox.log.stderr();
            let words = format!("the sandbox has ended unexpectedly\n{}", stderr.trim());
            hint = Some(words.trim_end().to_owned());
        }
        StepFailure {
            line: placed.line,
            step: self.label(),
            text: self.fixture.text[placed.range.clone()].to_owned(),
            message: wrong.message,
            hint,
            diff: wrong.diff,
            story: self.story(),
        }
    }

    /// Where we are, in words.
    fn label(&self) -> String {
        let mut label = String::new();
        for (number, round) in &self.at {
            let of = if label.is_empty() { "" } else { ", its " };
            label.push_str(&format!("{of}step {number}"));
            if let Some(round) = round {
                label.push_str(&format!(" (index {round})"));
            }
        }
        label
    }

    fn story(&self) -> Vec<story::Section> {
        let clients: Vec<String> = self.peers.keys().cloned().collect();
        story::tell(&self.sandbox.log.events(), &self.names, &clients)
    }

    fn no_handler_errors(&self) -> Result<(), Box<StepFailure>> {
        let errors = story::handler_errors(&self.sandbox.log.events());
        if errors == 0 {
            return Ok(());
        }
        Err(Box::new(StepFailure {
            line: 0,
            step: "the end".to_owned(),
            text: "\"handlerErrors\": \"fail\"".to_owned(),
            message: match errors {
                1 => "a handler has failed".to_owned(),
                _ => format!("handlers have failed {errors} times"),
            },
            hint: None,
            diff: Vec::new(),
            story: self.story(),
        }))
    }

    /// Takes everything down; gives what a reader should know.
    pub async fn end(mut self, at_once: bool) -> Vec<String> {
        self.peers.clear();
        match at_once {
            true => self.sandbox.end_now().await,
            false => self.sandbox.stop().await,
        }
        let errors = story::handler_errors(&self.sandbox.log.events());
        let mut notes = Vec::new();
        if errors > 0 && !self.fixture.handler_errors_fail {
            let s = if errors == 1 { "" } else { "s" };
            notes.push(format!(
                "{errors} handler error{s}; \"handlerErrors\": \"fail\" in the fixture makes that a failure"
            ));
        }
        notes
    }
}

/// A value with its captures filled in, at every depth; also in names of fields.
fn fill(value: &Value, captures: &Captures) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => crate::script::matching::interpolate(text, captures)?,
        Value::Array(list) => {
            let filled: Result<Vec<_>, _> =
                list.iter().map(|value| fill(value, captures)).collect();
            Value::Array(filled?)
        }
        Value::Object(fields) => {
            let mut filled = serde_json::Map::new();
            for (name, value) in fields {
                filled.insert(interpolate_text(name, captures)?, fill(value, captures)?);
            }
            Value::Object(filled)
        }
        other => other.clone(),
    })
}
