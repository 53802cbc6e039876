//! A call that is refused, as the published package's user sees it: the error's name and text.

use std::borrow::Cow;

use serde::Serialize;

use super::error::explain;

/// Whose error a refusal imitates; decides its `name` and fields in JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `ValidationError` with `statusCode` 400: found by the package before any request.
    Validation,
    /// A plain `Error`: conditions that failed, sizes after a merge.
    Plain,
    /// An error the database raises: `ValidationException` with `$fault` and `$metadata`.
    Database,
    /// The store itself failed (disk full, damaged); the name is `StoreError`.
    Store,
    /// The caller found an error of its own, later in the order of checks than the ones made here.
    /// It rejects with that error instead of this one.
    Deferred,
}

/// A refused call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which class of error.
    pub kind: Kind,
    /// The text, as the published package or the database words it.
    pub message: Cow<'static, str>,
}

/// How a refusal crosses to JavaScript.
#[derive(Serialize)]
struct Wire<'a> {
    name: &'a str,
    message: &'a str,
    #[serde(rename = "statusCode", skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    aws: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deferred: bool,
}

impl Refusal {
    /// A `ValidationError`.
    pub fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Validation, message)
    }

    /// A plain `Error`.
    pub fn plain(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Plain, message)
    }

    /// A `ValidationException` of the database.
    pub fn database(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Database, message)
    }

    /// A failure of the store.
    pub fn store(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Store, message)
    }

    /// "All checks before yours passed: reject with your own error."
    pub fn deferred() -> Self {
        Self::new(Kind::Deferred, "")
    }

    fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The JSON text `{name, message, statusCode?, aws?, deferred?}`.
    pub fn to_json(&self) -> Vec<u8> {
        let wire = Wire {
            name: self.name(),
            message: &self.message,
            status_code: (self.kind == Kind::Validation).then_some(400),
            aws: self.kind == Kind::Database,
            deferred: self.kind == Kind::Deferred,
        };
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// The JavaScript error's `name`.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Validation => "ValidationError",
            Kind::Plain | Kind::Deferred => "Error",
            Kind::Database => "ValidationException",
            Kind::Store => "StoreError",
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<sled::Error> for Refusal {
    fn from(error: sled::Error) -> Self {
        Self::store(explain(&error))
    }
}
