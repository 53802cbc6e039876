//! Which messages are sent, by how many, how fast and for how long.

use std::time::Duration;

use serde_json::Value;

use crate::script::format::Step;
use crate::script::load::Fixture;

/// What stands in a message for its number, which no other message of the run has.
const NUMBER: &str = "{{n}}";

/// What stands in a message or a query parameter for the client's number, from 0.
const CLIENT: &str = "{{i}}";

/// A load.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What each client sends, in turn and over again.
    pub messages: Vec<Template>,
    /// How many clients.
    pub connections: u32,
    /// How many messages of one client may be unanswered, where no rate is given.
    pub in_flight: usize,
    /// Messages per second of all clients together; without it, each client sends as soon as it
    /// was answered.
    pub rate: Option<f64>,
    /// For how long messages are sent.
    pub duration: Duration,
    /// How long an answer is waited for.
    pub patience: Duration,
}

impl Plan {
    /// How much time lies between two messages of one client.
    pub fn interval(&self) -> Option<Duration> {
        let rate = self.rate?;
        Some(Duration::from_secs_f64(f64::from(self.connections) / rate))
    }
}

/// The numbers that a text is filled in with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Numbers {
    /// The message's.
    pub message: u64,
    /// The client's.
    pub client: u32,
}

/// A text with places for numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// The text as it was written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether each message made from it differs from all others.
    pub fn is_numbered(&self) -> bool {
        self.0.contains(NUMBER)
    }

    /// The text with the numbers in it.
    pub fn fill(&self, numbers: Numbers) -> String {
        self.0
            .replace(NUMBER, &numbers.message.to_string())
            .replace(CLIENT, &numbers.client.to_string())
    }

    /// The messages that a fixture's clients send, in their order; empty if there are none. What
    /// holds a capture cannot be sent alone, and is left out.
    pub fn of_fixture(fixture: &Fixture) -> Vec<Self> {
        let sends = fixture
            .steps
            .iter()
            .filter_map(|placed| match &placed.step {
                Step::Send(send) if send.by.as_deref() != Some("server") => send.message.as_ref(),
                _ => None,
            });
        let texts = sends.map(|message| match message {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        texts
            .filter(|text| !text.contains("${"))
            .map(Self)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_where_they_are_asked_for() {
        let template = Template::new(r#"{"n":{{n}},"who":"c{{i}}","again":{{n}}}"#);
        assert!(template.is_numbered());
        let numbers = Numbers {
            message: 12,
            client: 3,
        };
        assert_eq!(template.fill(numbers), r#"{"n":12,"who":"c3","again":12}"#);
        assert!(!Template::new("hello {{i}}").is_numbered());
    }
}
