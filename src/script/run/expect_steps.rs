//! What comes to a fixture's clients, and what stands in the event log.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::play::Play;
use super::wrong::{Done, Wrong, all_missing};
use crate::domain::spell_duration as spell;
use crate::script::client::{Client, Ending};
use crate::script::format::{Expect, ExpectClosed, ExpectLog, ExpectNothing};
use crate::script::matching::diff::{Line, Mark, diff, text_diff};
use crate::script::matching::{Captures, Matched, Pattern, compare, interpolate};

/// How long `expectNothing` watches unless it says otherwise.
const NOTHING: Duration = Duration::from_millis(250);

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
            let captured = match looking.until(deadline).await {
                Ok(captured) => captured,
                Err(why) => return Err(self.not_come(&name, &wanted, within, why)),
            };
            self.captures.extend(captured);
        }
        Ok(())
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
                Wrong::new(format!("nothing came to `{name}` within {within}")).diff(missing())
            }
            NotCome::Late(waiting) => {
                let count = waiting.len();
                let s = if count == 1 { "" } else { "s" };
                let diffs = waiting.iter().map(|text| wanted.diff(text, &self.captures));
                let wrong =
                    |lines: &Vec<Line>| lines.iter().filter(|l| l.mark != Mark::Same).count();
                let nearest = diffs.min_by_key(wrong).unwrap_or_default();
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
            self.check_ending(&name, step, &ending)?;
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
        if !matched.ok {
            return Err(
                Wrong::new(format!("`{name}` was closed in another way than expected")).diff(diff(
                    &wanted.pattern,
                    &came,
                    &self.captures,
                )),
            );
        }
        self.captures.extend(matched.captured);
        Ok(())
    }

    pub(super) async fn expect_log(&mut self, step: &ExpectLog) -> Done {
        let wanted = LogPattern::of(&step.expect_log, &self.captures)?;
        let within = self.within(step.within);
        let found = self.sandbox.log.find(|seen| {
            !self.found.contains(&seen.number) && wanted.compare(&seen.event, &self.captures).ok
        });
        match tokio::time::timeout(within, found).await {
            Ok(Some(seen)) => {
                let matched = wanted.compare(&seen.event, &self.captures);
                self.captures.extend(matched.captured);
                self.found.insert(seen.number);
                Ok(())
            }
            _ => {
                let within = spell(within);
                Err(
                    Wrong::new(format!("no such event came into the log within {within}"))
                        .hint("an event is found once; the last ones are listed below")
                        .diff(all_missing(wanted.pattern(), &self.captures)),
                )
            }
        }
    }
}

/// What an event of the log must be.
enum LogPattern {
    /// The app has printed a line that holds this text.
    Line(String, Pattern),
    /// The text of a log line obeys this rule.
    Text(Pattern),
    /// The event has these fields.
    Event(Pattern),
}

impl LogPattern {
    fn of(value: &Value, captures: &Captures) -> Result<Self, Wrong> {
        let pattern = Wanted::of(None, Some(value))?.pattern;
        Ok(match pattern {
            Pattern::Text(text) => {
                let text = interpolate(&text, captures).map_err(Wrong::unset)?;
                let text = text
                    .as_str()
                    .map_or_else(|| text.to_string(), str::to_owned);
                let shown = Pattern::Text(text.replace("${", "$${"));
                Self::Line(text, shown)
            }
            Pattern::Rule(_) => Self::Text(pattern),
            other => Self::Event(other),
        })
    }

    fn pattern(&self) -> &Pattern {
        match self {
            Self::Line(_, pattern) | Self::Text(pattern) | Self::Event(pattern) => pattern,
        }
    }

    fn compare(&self, event: &Value, captures: &Captures) -> Matched {
        let field = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_line = field("event") == "log";
        match self {
            Self::Line(text, _) => Matched {
                ok: is_line && field("source") == "app" && field("text").contains(text),
                captured: Vec::new(),
            },
            Self::Text(pattern) if is_line => compare(pattern, event.get("text"), captures),
            Self::Text(_) => Matched::default(),
            Self::Event(pattern) => compare(pattern, Some(event), captures),
        }
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

/// A message that was not to come.
fn extra(text: &str) -> Vec<Line> {
    vec![Line {
        mark: Mark::Extra,
        text: text.to_owned(),
    }]
}
