//! What stands in the sandbox's event log.

use serde_json::Value;

use super::expect_steps::Wanted;
use super::play::Play;
use super::wrong::{Done, Wrong, all_missing};
use crate::domain::spell_duration as spell;
use crate::script::format::ExpectLog;
use crate::script::matching::{Captures, Matched, Pattern, compare, interpolate};

impl Play<'_> {
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
