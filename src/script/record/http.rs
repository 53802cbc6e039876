//! Requests over HTTP: to the app's own handlers, and of others to the management API.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Map, Value};

use super::clients;
use super::compose::{Composer, Heard, SLOW, parsed, patience};
use crate::event::Wire;

/// Longest text that is expected word for word; a longer one is a page or a file, and told by its
/// type.
const LONGEST_TEXT: usize = 1024;

/// The answers to requests, by the requests' numbers.
pub(super) type Answers<'a> = BTreeMap<u64, Answered<'a>>;

/// An answer to a request.
pub(super) struct Answered<'a> {
    request: Option<&'a [u8]>,
    status: u16,
    headers: &'a [(String, String)],
    body: Option<&'a [u8]>,
    after: Duration,
    /// Whether clients did something between the request and its answer.
    is_overtaken: bool,
}

/// A request.
pub(super) struct Asked<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub headers: &'a [(String, String)],
}

/// All answers in what was heard.
pub(super) fn answers(heard: &[Heard]) -> Answers<'_> {
    let mut answers: Answers<'_> = heard.iter().filter_map(answer).collect();
    let mut open = BTreeSet::new();
    for heard in heard {
        match &heard.wire {
            Wire::Request { number, .. } => {
                open.insert(*number);
            }
            Wire::Answer { number, .. } => {
                open.remove(number);
            }
            Wire::Handshake { .. } | Wire::Received { .. } | Wire::ReceivedBinary { .. } => {
                for number in std::mem::take(&mut open) {
                    if let Some(answer) = answers.get_mut(&number) {
                        answer.is_overtaken = true;
                    }
                }
            }
            _ => {}
        }
    }
    answers
}

fn answer(heard: &Heard) -> Option<(u64, Answered<'_>)> {
    let Wire::Answer {
        number,
        request,
        status,
        headers,
        body,
    } = &heard.wire
    else {
        return None;
    };
    let answered = Answered {
        request: request.as_deref(),
        status: *status,
        headers,
        body: body.as_deref(),
        after: heard.after,
        is_overtaken: false,
    };
    Some((*number, answered))
}

impl Answered<'_> {
    /// The request's body, if it is text.
    pub fn request_text(&self) -> Option<String> {
        String::from_utf8(self.request?.to_vec()).ok()
    }

    /// The answer's body, if it is text that can be expected word for word.
    pub fn text(&self) -> Option<String> {
        let text = String::from_utf8(self.body?.to_vec()).ok()?;
        (is_json(&self.content_type()) || text.len() <= LONGEST_TEXT && !self.is_page())
            .then_some(text)
    }

    fn is_page(&self) -> bool {
        self.content_type().starts_with("text/html")
    }

    fn content_type(&self) -> String {
        header(self.headers, "content-type").unwrap_or_default()
    }
}

fn header(headers: &[(String, String)], wanted: &str) -> Option<String> {
    let found = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value.clone())
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind == "application/json" || kind.ends_with("+json")
}

/// Whether a request is for the management API, with or without a stage before it.
fn is_management(path: &str) -> bool {
    path.split('/')
        .skip(1)
        .take(2)
        .any(|part| part == "@connections")
}

impl Composer<'_> {
    /// Adds the step of a request, and of what is expected of its answer.
    pub(super) fn request(&mut self, asked: &Asked<'_>, number: u64, after: Duration) {
        let (path, _) = asked.target.split_once('?').unwrap_or((asked.target, ""));
        // Ids in a path come as an SDK or as a person writes them.
        let path = path.replace("%3D", "=").replace("%40", "@");
        let named = format!("{} {path}", asked.method);
        let Some(answer) = self.answers.remove(&number) else {
            let text = "was not answered when the recording ended, and is not in it";
            self.warnings.insert(format!("`{named}` {text}"));
            return;
        };
        let Some(body) = answer.request else {
            let text = "had a body that is too long for a fixture, and is not in it";
            self.warnings.insert(format!("`{named}` {text}"));
            return;
        };
        if answer.is_overtaken {
            let text =
                "was answered after clients had sent more; a replay waits for the answer first";
            self.warnings.insert(format!("`{named}` {text}"));
        }
        let mut step = Map::new();
        step.insert("http".to_owned(), self.steady.said(&path.clone().into()));
        if asked.method != "GET" {
            step.insert("method".to_owned(), asked.method.into());
        }
        self.query(&mut step, asked.target);
        if !is_management(&path) {
            self.headers(&mut step, asked.headers, body);
        }
        self.body(&mut step, body);
        self.answer(&mut step, &answer, asked.method);
        let took = answer.after.saturating_sub(after);
        if took > SLOW {
            step.insert("within".to_owned(), patience(took).into());
        }
        self.push(step.into());
    }

    fn query(&mut self, step: &mut Map<String, Value>, target: &str) {
        let mut query = Map::new();
        for (name, value) in clients::query(target) {
            let value = Value::from(value);
            self.steady.note_given(&value);
            query.insert(name, self.steady.said(&value));
        }
        if !query.is_empty() {
            step.insert("query".to_owned(), query.into());
        }
    }

    fn headers(
        &mut self,
        step: &mut Map<String, Value>,
        headers: &[(String, String)],
        body: &[u8],
    ) {
        let is_document = |value: &Value| !value.is_string();
        // What a fixture sends by itself with such a body.
        let goes_without_saying = |name: &str, value: &str| {
            name.eq_ignore_ascii_case("content-type")
                && (body.is_empty() || is_json(value) && is_document(&parsed_bytes(body)))
        };
        let mut kept = Map::new();
        for (name, value) in clients::own_headers(headers) {
            if goes_without_saying(name, value) {
                continue;
            }
            self.warn_of_secret(name);
            let value = Value::from(value);
            self.steady.note_given(&value);
            kept.insert(name.to_owned(), self.steady.said(&value));
        }
        if !kept.is_empty() {
            step.insert("headers".to_owned(), kept.into());
        }
    }

    fn body(&mut self, step: &mut Map<String, Value>, body: &[u8]) {
        if body.is_empty() {
            return;
        }
        if std::str::from_utf8(body).is_err() {
            let base64 = base64::engine::general_purpose::STANDARD.encode(body);
            step.insert("binary".to_owned(), base64.into());
            return;
        }
        let value = parsed_bytes(body);
        let said = self.steady.said(&value);
        self.steady.note_given(&value);
        step.insert("body".to_owned(), said);
    }

    fn answer(&mut self, step: &mut Map<String, Value>, answer: &Answered<'_>, method: &str) {
        step.insert("expectStatus".to_owned(), answer.status.into());
        let mut headers = Map::new();
        if let Some(location) = header(answer.headers, "location") {
            let location = self.steady.expected(&location.into());
            headers.insert("location".to_owned(), location);
        }
        match answer.text() {
            Some(text) if !text.is_empty() => {
                let body = self.steady.expected(&parsed(&text));
                step.insert("expectBody".to_owned(), body);
            }
            _ if method == "HEAD" || answer.body.is_some_and(<[u8]>::is_empty) => {}
            _ if answer.content_type().is_empty() => {}
            _ => {
                headers.insert("content-type".to_owned(), answer.content_type().into());
            }
        }
        if !headers.is_empty() {
            step.insert("expectHeaders".to_owned(), headers.into());
        }
    }
}

fn parsed_bytes(body: &[u8]) -> Value {
    parsed(&String::from_utf8_lossy(body))
}
