//! What a request over HTTP needs.

use serde_json::{Map, Value};

use super::Checker;
use super::steps::{exact_or_partial, is_status};
use crate::script::format::Http;
use crate::script::problem::{Mistake, meant};
use crate::script::run::decode;

/// The usual methods.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

impl Checker<'_> {
    pub(super) fn http(&mut self, step: &Http) -> Result<(), Mistake> {
        self.path("http", &step.http)?;
        if let Some(method) = &step.method
            && !METHODS.contains(&method.as_str())
        {
            return Err(Mistake::new(format!("`{method}` is not a method of HTTP"))
                .hint(meant(method, &METHODS)));
        }
        self.texts_of("query", &step.query)?;
        self.texts_of("headers", &step.headers)?;
        match (&step.body, &step.binary) {
            (Some(_), Some(_)) => {
                return Err(Mistake::new("there is a `body` and a `binary`")
                    .hint("a request has one body; leave one of them out"));
            }
            (Some(body), None) => self.value(body)?,
            (None, Some(base64)) => drop(decode(base64).map_err(Mistake::new)?),
            (None, None) => {}
        }
        is_status(step.expect_status)?;
        exact_or_partial("expectBody", &step.expect_body, &step.matches)?;
        for (name, value) in &step.expect_headers {
            self.pattern(&format!("expectHeaders.{name}"), value)?;
        }
        let bodies = [
            ("expectBody", &step.expect_body),
            ("matches", &step.matches),
        ];
        for (field, value) in bodies {
            if let Some(value) = value {
                self.pattern(field, value)?;
            }
        }
        Ok(())
    }

    /// A path on the sandbox.
    pub(super) fn path(&self, field: &str, path: &str) -> Result<(), Mistake> {
        self.text(path)?;
        match path.starts_with('/') {
            true => Ok(()),
            false => Err(Mistake::new(format!("`{field}` begins with `/`"))
                .hint("it is a path on the sandbox, whose address only the run knows")),
        }
    }

    /// Names with texts: query parameters or headers.
    pub(super) fn texts_of(&self, field: &str, map: &Map<String, Value>) -> Result<(), Mistake> {
        for (name, value) in map {
            if matches!(value, Value::Array(_) | Value::Object(_) | Value::Null) {
                let message = format!("`{field}.{name}` is a string, a number or a boolean");
                return Err(Mistake::new(message));
            }
            self.text(name)?;
            self.value(value)?;
        }
        Ok(())
    }
}
