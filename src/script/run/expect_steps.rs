//! What comes to a fixture's clients.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::play::Play;
use super::wrong::{Done, Wrong, all_missing};
use crate::domain::spell_duration as spell;
use crate::script::client::{Client, Ending};
use crate::script::format::{Expect, ExpectClosed, ExpectNothing};
use crate::script::matching::diff::{Line, Mark, diff, text_diff};
use crate::script::matching::{Captures, Matched, Pattern, compare, interpolate};
use crate::script::update::Fix;

/// How long `expectNothing` watches unless it says otherwise.
const NOTHING: Duration = Duration::from_millis(250);

/// The likeliest reason for a client to get nothing at all.
const NOT_KNOWN_YET: &str = "did the app know this client already? `connect` does not wait for the `connected` handler: let a step expect its welcome, or what it stores (`expectData`), first";

/// What a message must be.
pub(super) struct Wanted {
    pub pattern: Pattern,
}

impl Wanted {
    /// Of `message` (exact) or `matches` (partial); anything if there is neither.
    pub fn of(exact: Option<&Value>, partial: Option<&Value>) -> Result<Self, Wrong> {
        let any = serde_json::json!({ "$any": true });
        let (value, open) = match (exact, partial) {
            (Some(value), _) => (value, false),
            (None, Some(value)) => (value, true),
            (None, None) => (&any, true),
        };
        let pattern = Pattern::parse(value, open)
            .map_err(|error| Wrong::new(error.message).hint(error.hint))?;
        Ok(Self { pattern })
    }

    /// Compares a message. A string is compared with its text; so is a regular expression.
    pub fn compare(&self, text: &str, captures: &Captures) -> Matched {
        compare(&self.pattern, Some(&self.seen_as(text, captures)), captures)
    }

    /// The message as the pattern looks at it: as text or as JSON.
    fn seen_as(&self, text: &str, captures: &Captures) -> Value {
        let as_text = match &self.pattern {
            Pattern::Text(wanted) => {
                interpolate(wanted, captures).is_ok_and(|wanted| wanted.is_string())
            }
            Pattern::Rule(rule) => rule.regex.is_some(),
            _ => false,
        };
        let text_value = || Value::String(text.to_owned());
        match as_text {
            true => text_value(),
            false => serde_json::from_str(text).unwrap_or_else(|_| text_value()),
        }
    }

    pub fn diff(&self, text: &str, captures: &Captures) -> Vec<Line> {
        if let Pattern::Text(wanted) = &self.pattern
            && let Ok(Value::String(wanted)) = interpolate(wanted, captures)
        {
            return text_diff(&wanted, text);
        }
        diff(&self.pattern, &self.seen_as(text, captures), captures)
    }
}

impl Play<'_> {
    pub(super) async fn expect(&mut self, step: &Expect) -> Done {
        let wanted = Wanted::of(step.message.as_ref(), step.matches.as_ref())?;
        let within = self.within(step.within);
        let deadline = Instant::now() + within;
        for name in self.clients(&step.expect.0)? {
            let captures = self.captures.clone();
            let client = self.client(&name)?;
            let looking = Looking {
                client,
                wanted: &wanted,
                captures: &captures,
                unordered: step.unordered,
            };
            match looking.until(deadline).await {
                Ok(captured) => self.captures.extend(captured),
                Err(_) if self.is_cut(&name) => {}
                Err(why) => {
                    let came = self.came_instead(&name, &wanted, &why);
                    let fix = came.and_then(|text| self.fixed_message(step, &text));
                    let wrong = self.not_come(&name, &wanted, within, why);
                    self.unless_fixed(wrong.fix(fix))?;
                }
            }
        }
        Ok(())
    }

    /// The message that most likely stands in place of the expected one, taken out of the inbox.
    /// Only looked for if expectations may be rewritten.
    fn came_instead(&self, name: &str, wanted: &Wanted, why: &NotCome) -> Option<String> {
        self.updates.as_ref()?;
        let waiting = match why {
            NotCome::Other(text) => return Some(text.clone()),
            NotCome::Late(waiting) => waiting,
            NotCome::Ended(_) => return None,
        };
        let differing = |text: &&String| differences(&wanted.diff(text, &self.captures));
        let nearest = waiting.iter().min_by_key(differing)?;
        let client = self.peers.get(name)?.client.as_ref()?;
        client.take(|_, text| text == nearest)
    }

    fn fixed_message(&mut self, step: &Expect, text: &str) -> Option<Fix> {
        let (field, old, open) = match (&step.message, &step.matches) {
            (Some(old), _) => ("message", old, false),
            (None, old) => ("matches", old.as_ref()?, true),
        };
        let parsed = serde_json::from_str(text).ok();
        let is_json = |value: &Value| !old.is_string() || value.is_object() || value.is_array();
        let came = parsed.filter(is_json).unwrap_or_else(|| Value::from(text));
        Some(Fix::Field(field, self.reconciled(old, open, &came)?))
    }

    /// Why the expected message is not there.
    fn not_come(&self, name: &str, wanted: &Wanted, within: Duration, why: NotCome) -> Wrong {
        let missing = || all_missing(&wanted.pattern, &self.captures);
        let within = spell(within);
        match why {
            NotCome::Other(text) => {
                Wrong::new(format!("another message came to `{name}` than expected"))
                    .diff(wanted.diff(&text, &self.captures))
            }
            NotCome::Ended(ending) => Wrong::new(format!(
                "`{name}` was closed ({ending}) before the message came"
            ))
            .diff(missing()),
            NotCome::Late(waiting) if waiting.is_empty() => {
                let wrong = Wrong::new(format!("nothing came to `{name}` within {within}"));
                let wrong = wrong.diff(missing());
                match self.has_heard(name) {
                    true => wrong,
                    false => wrong.hint(NOT_KNOWN_YET),
                }
            }
            NotCome::Late(waiting) => {
                let count = waiting.len();
                let s = if count == 1 { "" } else { "s" };
                let diffs = waiting.iter().map(|text| wanted.diff(text, &self.captures));
                let nearest = diffs
                    .min_by_key(|lines| differences(lines))
                    .unwrap_or_default();
                Wrong::new(format!(
                    "{count} message{s} came to `{name}` within {within}, but not the expected one"
                ))
                .hint(match count {
                    1 => "the difference is shown",
                    _ => "the difference to the most similar one is shown",
                })
                .diff(nearest)
            }
        }
    }

    /// Whether anything has come to a client since it connected.
    fn has_heard(&self, name: &str) -> bool {
        let peer = self.peers.get(name);
        let Some(id) = peer.and_then(|peer| peer.connection_id.as_deref()) else {
            return false;
        };
        let events = self.sandbox.log.events();
        events
            .iter()
            .any(|seen| seen.event["event"] == "sent" && seen.event["connectionId"] == id)
    }

    pub(super) async fn expect_nothing(&mut self, step: &ExpectNothing) -> Done {
        let within = step.within.map_or(NOTHING, |within| within.0);
        let deadline = Instant::now() + within;
        for name in self.clients(&step.expect_nothing.0)? {
            let client = self.client(&name)?;
            let mut changes = client.changes();
            let came = loop {
                if let Some(text) = client.take(|_, _| true) {
                    break Some(text);
                }
                let changed = tokio::time::timeout_at(deadline, changes.changed()).await;
                if !matches!(changed, Ok(Ok(()))) {
                    break client.take(|_, _| true);
                }
            };
            if let Some(text) = came {
                return Err(Wrong::new(format!(
                    "a message came to `{name}`, and nothing was to come"
                ))
                .diff(extra(&text)));
            }
        }
        Ok(())
    }

    pub(super) async fn expect_closed(&mut self, step: &ExpectClosed) -> Done {
        let within = self.within(step.within);
        let deadline = Instant::now() + within;
        for name in self.clients(&step.expect_closed.0)? {
            let client = self.client(&name)?;
            let mut changes = client.changes();
            let ending = loop {
                if let Some(ending) = client.ending() {
                    break ending;
                }
                let changed = tokio::time::timeout_at(deadline, changes.changed()).await;
                if changed.is_err() {
                    let within = spell(within);
                    let open = format!("`{name}` is still connected after {within}");
                    return Err(Wrong::new(open));
                }
            };
            if !self.is_cut(&name) {
                self.check_ending(&name, step, &ending)?;
            }
            if let Some(peer) = self.peers.get_mut(&name) {
                peer.client = None;
            }
        }
        Ok(())
    }

    fn check_ending(&mut self, name: &str, step: &ExpectClosed, ending: &Ending) -> Done {
        let mut wanted = serde_json::Map::new();
        wanted.extend(step.code.clone().map(|code| ("code".to_owned(), code)));
        wanted.extend(
            step.reason
                .clone()
                .map(|reason| ("reason".to_owned(), reason)),
        );
        let wanted = Wanted::of(None, Some(&Value::Object(wanted)))?;
        let came = serde_json::json!({ "code": ending.code, "reason": ending.reason });
        let matched = compare(&wanted.pattern, Some(&came), &self.captures);
        if matched.ok {
            self.captures.extend(matched.captured);
            return Ok(());
        }
        let diff = diff(&wanted.pattern, &came, &self.captures);
        let told = format!("`{name}` was closed in another way than expected");
        let wrong = match (ending.code, step.code.as_ref().and_then(Value::as_u64)) {
            (1005, Some(code)) => Wrong::new(told).hint(format!(
                "1005 stands for a close frame without a code; `close` sends the code that it is given: \"code\": {code}"
            )),
            _ => Wrong::new(told),
        };
        let mut fixes = Vec::new();
        for (field, old) in [("code", &step.code), ("reason", &step.reason)] {
            if let Some(old) = old
                && let Some(new) = self.reconciled(old, false, &came[field])
                && new != *old
            {
                fixes.push(Fix::Field(field, new));
            }
        }
        self.unless_all_fixed(wrong.diff(diff), fixes)
    }
}

/// Why a message is not there.
enum NotCome {
    /// The next one was another.
    Other(String),
    /// The connection ended.
    Ended(Ending),
    /// Time is up; these have come instead.
    Late(Vec<String>),
}

/// A client whose next messages are looked through.
struct Looking<'a> {
    client: &'a Client,
    wanted: &'a Wanted,
    captures: &'a Captures,
    unordered: bool,
}

impl Looking<'_> {
    /// Takes the expected message out of the client's inbox as soon as it is there.
    async fn until(&self, deadline: Instant) -> Result<Vec<(String, Value)>, NotCome> {
        let mut changes = self.client.changes();
        loop {
            changes.mark_unchanged();
            let ending = self.client.ending();
            if let Some(captured) = self.look()? {
                return Ok(captured);
            }
            if let Some(ending) = ending {
                return Err(match self.client.waiting() {
                    waiting if waiting.is_empty() => NotCome::Ended(ending),
                    waiting => NotCome::Late(waiting),
                });
            }
            let changed = tokio::time::timeout_at(deadline, changes.changed()).await;
            if changed.is_err() {
                return match self.look()? {
                    Some(captured) => Ok(captured),
                    None => Err(NotCome::Late(self.client.waiting())),
                };
            }
        }
    }

    fn look(&self) -> Result<Option<Vec<(String, Value)>>, NotCome> {
        let mut captured = Vec::new();
        let mut fits = |text: &str| {
            let matched = self.wanted.compare(text, self.captures);
            captured = matched.captured;
            matched.ok
        };
        let taken = self
            .client
            .take(|place, text| match (self.unordered, place) {
                (false, 1..) => false,
                _ => fits(text),
            });
        match taken {
            Some(_) => Ok(Some(captured)),
            None if self.unordered => Ok(None),
            None => match self.client.take(|_, _| true) {
                Some(other) => Err(NotCome::Other(other)),
                None => Ok(None),
            },
        }
    }
}

/// How many lines of a difference are not as expected.
fn differences(lines: &[Line]) -> usize {
    lines.iter().filter(|line| line.mark != Mark::Same).count()
}

/// A message that was not to come.
fn extra(text: &str) -> Vec<Line> {
    vec![Line {
        mark: Mark::Extra,
        text: text.to_owned(),
    }]
}
