//! The values that a recording captures: those that the app made up, and that come up again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::compose::{Heard, parsed};
use super::http::Answers;
use crate::event::Wire;
use crate::script::volatile::{scalars, strangers};

/// Finds them in what was heard.
pub(super) fn wanted(heard: &[Heard], answers: &Answers<'_>) -> Vec<String> {
    let mut search = Search::default();
    for heard in heard {
        match &heard.wire {
            Wire::Sent { text, .. } => search.came(&parsed(text), heard.wall_ms),
            Wire::Received { text, .. } => search.went(text),
            Wire::Handshake { target, .. } => search.went(target),
            Wire::Request { number, target, .. } => {
                search.went(target);
                let Some(answer) = answers.get(number) else {
                    continue;
                };
                search.went(&answer.request_text().unwrap_or_default());
                if let Some(body) = answer.text() {
                    search.came(&parsed(&body), heard.wall_ms);
                }
            }
            _ => {}
        }
    }
    search.wanted
}

#[derive(Default)]
struct Search {
    /// What came first from the app, and whether it looks like an id.
    first: BTreeMap<String, bool>,
    /// What clients brought in.
    given: BTreeSet<String>,
    wanted: Vec<String>,
}

impl Search {
    /// The app said something.
    fn came(&mut self, value: &Value, now_ms: i64) {
        for (value, is_id) in strangers(value, now_ms) {
            match self.first.get(&value) {
                Some(true) => self.wanted.push(value),
                Some(false) => {}
                None if !self.given.contains(&value) => {
                    self.first.insert(value, is_id);
                }
                None => {}
            }
        }
    }

    /// Somebody said something to the app.
    fn went(&mut self, text: &str) {
        let again = self.first.keys().filter(|value| text.contains(*value));
        self.wanted.extend(again.cloned());
        scalars(&parsed(text), &mut |scalar| {
            self.given.insert(scalar.to_owned());
        });
    }
}
