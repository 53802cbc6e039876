//! Requests over HTTP: to the app's own handlers, and to the management API.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::client_steps::decode;
use super::expect_steps::Wanted;
use super::play::Play;
use super::wrong::{Done, Wrong};
use crate::domain::spell_duration as spell;
use crate::script::client::{Answered, Ask, ask};
use crate::script::format::Http;
use crate::script::matching::compare;
use crate::script::matching::diff::diff;
use crate::script::update::Fix;

/// What cannot stand in a path as it is. What is encoded already stays so.
const PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');

/// The region and service in a signature; nobody looks at them.
const SCOPE: &str = "20260101/us-east-1/execute-api/aws4_request";

impl Play<'_> {
    pub(super) async fn http(&mut self, step: &Http) -> Done {
        let request = self.ask_of(step)?;
        let within = self.within(step.within);
        let host = self.sandbox.ws_url.trim_start_matches("ws://").to_owned();
        let name = format!("{} {}", request.method, request.target);
        let Ok(answered) = tokio::time::timeout(within, ask(&host, &request)).await else {
            let within = spell(within);
            return Err(Wrong::new(format!(
                "`{name}` was not answered within {within}"
            )));
        };
        let answered =
            answered.map_err(|why| Wrong::new(format!("`{name}` was not answered: {why}")))?;
        self.check_status(step, &name, &answered)?;
        self.check_headers(step, &name, &answered)?;
        self.check_body(step, &name, &answered)
    }

    fn ask_of(&self, step: &Http) -> Result<Ask, Wrong> {
        let path = self.text(&step.http)?;
        let path = utf8_percent_encode(&path, PATH).to_string();
        let mut headers = self.pairs(&step.headers)?;
        let has = |headers: &[(String, String)], wanted: &str| {
            let mut names = headers.iter().map(|(name, _)| name);
            names.any(|name| name.eq_ignore_ascii_case(wanted))
        };
        let body = match (&step.body, &step.binary) {
            (Some(body), _) => match self.value(body)? {
                Value::String(text) => text.into_bytes(),
                value => {
                    if !has(&headers, "content-type") {
                        headers.push(("content-type".to_owned(), "application/json".to_owned()));
                    }
                    value.to_string().into_bytes()
                }
            },
            (None, Some(base64)) => decode(base64).map_err(Wrong::new)?,
            (None, None) => Vec::new(),
        };
        if path.contains("/@connections/") && !has(&headers, "authorization") {
            let key = self.sandbox.access_key_id();
            // Only who it is matters; the signature is not computed by anybody.
            let signed = format!(
                "AWS4-HMAC-SHA256 Credential={key}/{SCOPE}, SignedHeaders=host, Signature=0"
            );
            headers.push(("authorization".to_owned(), signed));
        }
        Ok(Ask {
            method: step.method.as_deref().unwrap_or("GET").to_owned(),
            target: self.with_query(path, &step.query)?,
            headers,
            body,
        })
    }

    fn check_status(&mut self, step: &Http, name: &str, answered: &Answered) -> Done {
        let status = answered.status;
        let is_expected = match step.expect_status {
            Some(wanted) => status == wanted,
            None => status < 400,
        };
        if is_expected {
            return Ok(());
        }
        let but = match step.expect_status {
            Some(wanted) => format!("`{name}` was answered with {status}, not with {wanted}"),
            None => format!("`{name}` was answered with {status}"),
        };
        let body = String::from_utf8_lossy(&answered.body);
        let wrong = Wrong::new(match body.trim() {
            "" => but,
            body => format!("{but}: {}", shortened(body)),
        });
        let wrong = match (status, step.expect_status) {
            (426, _) => {
                wrong.hint("no handler of the app serves HTTP: `http.use(…)` or `http.node.use(…)`")
            }
            (_, None) => wrong.hint(format!(
                "an answer that is meant is written \"expectStatus\": {status}"
            )),
            _ => wrong,
        };
        let fix = Fix::Field("expectStatus", status.into());
        self.unless_fixed(wrong.fix(step.expect_status.map(|_| fix)))
    }

    fn check_headers(&mut self, step: &Http, name: &str, answered: &Answered) -> Done {
        if step.expect_headers.is_empty() {
            return Ok(());
        }
        // They are compared under the names that the fixture gives them.
        let mut came = Map::new();
        for name in step.expect_headers.keys() {
            let found = answered
                .headers
                .iter()
                .find(|(other, _)| other.eq_ignore_ascii_case(name));
            came.extend(found.map(|(_, value)| (name.clone(), Value::from(value.as_str()))));
        }
        let came = Value::Object(came);
        let old = Value::Object(step.expect_headers.clone());
        let wanted = Wanted::of(None, Some(&old))?;
        let matched = compare(&wanted.pattern, Some(&came), &self.captures);
        if matched.ok {
            self.captures.extend(matched.captured);
            return Ok(());
        }
        let diff = diff(&wanted.pattern, &came, &self.captures);
        let new = self.reconciled(&old, true, &came);
        let wrong = Wrong::new(format!(
            "`{name}` was answered with other headers than expected"
        ));
        let fix = new.map(|new| Fix::Field("expectHeaders", new));
        self.unless_fixed(wrong.diff(diff).fix(fix))
    }

    fn check_body(&mut self, step: &Http, name: &str, answered: &Answered) -> Done {
        let (field, old, open) = match (&step.expect_body, &step.matches) {
            (None, None) => return Ok(()),
            (Some(old), _) => ("expectBody", old, false),
            (None, Some(old)) => ("matches", old, true),
        };
        let text = String::from_utf8_lossy(&answered.body);
        let wanted = Wanted::of(step.expect_body.as_ref(), step.matches.as_ref())?;
        let matched = wanted.compare(&text, &self.captures);
        if matched.ok {
            self.captures.extend(matched.captured);
            return Ok(());
        }
        let diff = wanted.diff(&text, &self.captures);
        let parsed = serde_json::from_str(&text).ok();
        let is_json = |value: &Value| value.is_object() || value.is_array() || !old.is_string();
        let came = parsed.filter(is_json).unwrap_or_else(|| json!(text));
        let fix = self.reconciled(old, open, &came);
        let wrong = Wrong::new(format!(
            "`{name}` was answered with another body than expected"
        ));
        self.unless_fixed(wrong.diff(diff).fix(fix.map(|new| Fix::Field(field, new))))
    }
}

/// The beginning of a body that may be a whole page.
fn shortened(body: &str) -> String {
    const SHOWN: usize = 300;
    match body.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &body[..end]),
        None => body.to_owned(),
    }
}
