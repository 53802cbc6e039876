//! What crosses between the worker and the store: operation numbers, requests, replies.
//!
//! A request is UTF-8 text. Keys travel as the user wrote them (parsing them is the store's work);
//! values as JSON text with the tags of [`row`](super::row).
//!
//! The reply to a read begins with one byte: `'0'` plus 1 if the value may hold tags plus 2 if it is
//! not an object, then the value's JSON; or [`PAGE`] and `{"items":[…],"lastKey"?}`; or [`ITEM`] and
//! one item. An item is `[flags,key,value]`, with metadata `[flags,key,value,created,modified,ttl,labels]`,
//! `ttl` null or epoch seconds, `labels` null or an object. Nothing found: no bytes at all.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json;
use super::key::Key;
use super::row::{Head, SCALAR, TAGGED};

/// Operation numbers; for a table other than the default one, 24 more and the table's name as a
/// JSON string before the request.
pub mod op {
    /// A key or key expression: value or page, without metadata.
    pub const GET: u8 = 16;
    /// [`Read`](super::Read).
    pub const READ: u8 = 17;
    /// [`BatchGet`](super::BatchGet).
    pub const BATCH_GET: u8 = 18;
    /// A mode character and [`Set`](super::Set).
    pub const SET: u8 = 19;
    /// [`BatchSet`](super::BatchSet).
    pub const BATCH_SET: u8 = 20;
    /// A key.
    pub const REMOVE: u8 = 21;
    /// A list of keys.
    pub const BATCH_REMOVE: u8 = 22;
    /// [`Scan`](super::Scan).
    pub const SCAN: u8 = 23;
    /// Nothing.
    pub const TRUNCATE: u8 = 24;
    /// [`Check`](super::Check).
    pub const CHECK: u8 = 25;
    /// The first and the last of the plain operations.
    pub const RANGE: std::ops::RangeInclusive<u8> = GET..=39;
    /// Added for another table than the default one.
    pub const OTHER_TABLE: u8 = 24;

    /// Whether an operation may write something.
    pub fn may_write(op: u8) -> bool {
        let plain = if RANGE.contains(&op) {
            op
        } else {
            op.wrapping_sub(OTHER_TABLE)
        };
        !matches!(plain, GET | READ | BATCH_GET | SCAN | CHECK)
    }
}

/// First byte of a reply that is a page.
pub const PAGE: u8 = b'@';
/// First byte of a reply that is one item with its metadata.
pub const ITEM: u8 = b'A';

/// What a call is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 0: done; 1: refused, the payload is the error's JSON.
    pub status: u8,
    /// The answer.
    pub payload: Vec<u8>,
}

impl Reply {
    /// A successful answer.
    pub fn ok(payload: Vec<u8>) -> Self {
        Self { status: 0, payload }
    }

    /// A refusal.
    pub fn refused(refusal: &super::refusal::Refusal) -> Self {
        Self {
            status: 1,
            payload: refusal.to_json(),
        }
    }
}

/// `get` with options, and `getByLabel`.
#[derive(Debug, Deserialize)]
pub struct Read<'a> {
    /// The key expression.
    #[serde(borrow, rename = "k")]
    pub key: Cow<'a, str>,
    /// The label to search by, 1 to 5.
    #[serde(default, rename = "l")]
    pub label: Option<u8>,
    /// Answer with a page even if one item is meant.
    #[serde(default, rename = "p")]
    pub page: bool,
    /// Rows per page; 0 stands for one that is not allowed.
    #[serde(default, rename = "n")]
    pub limit: Option<usize>,
    /// Last one first.
    #[serde(default, rename = "r")]
    pub reverse: bool,
    /// Where to continue.
    #[serde(borrow, default, rename = "s")]
    pub start: Option<Cow<'a, str>>,
    /// The start is no text: the caller has its own error for that.
    #[serde(default, rename = "f")]
    pub fail: bool,
    /// With metadata.
    #[serde(default, rename = "m")]
    pub meta: bool,
}

/// `get([keys])`.
#[derive(Debug, Deserialize)]
pub struct BatchGet<'a> {
    /// The keys.
    #[serde(borrow, rename = "k")]
    pub keys: Vec<Cow<'a, str>>,
    /// With metadata.
    #[serde(default, rename = "m")]
    pub meta: bool,
}

/// `scan`.
#[derive(Debug, Deserialize)]
pub struct Scan<'a> {
    /// Only items that have this label.
    #[serde(default, rename = "l")]
    pub label: Option<u8>,
    /// Rows per page; 0 stands for one that is not allowed.
    #[serde(default, rename = "n")]
    pub limit: Option<usize>,
    /// Where to continue.
    #[serde(borrow, default, rename = "s")]
    pub start: Option<Cow<'a, str>>,
    /// With metadata.
    #[serde(default, rename = "m")]
    pub meta: bool,
}

/// How a write answers and behaves: the bits of its mode character, which is 64 plus them.
pub mod mode {
    /// Answer with metadata.
    pub const META: u8 = 1;
    /// Replace the item.
    pub const OVERWRITE: u8 = 2;
    /// The value may hold tags.
    pub const TAGGED: u8 = 4;
    /// The value is not an object.
    pub const SCALAR: u8 = 8;
}

/// One item to write: a JSON list `[key, options | null, value]`.
#[derive(Debug, Deserialize)]
pub struct Set<'a>(
    /// The key.
    #[serde(borrow)]
    pub Cow<'a, str>,
    /// Everything else.
    #[serde(borrow)]
    pub Option<SetOptions<'a>>,
    /// The value, an object's without what the options hold apart.
    #[serde(borrow)]
    pub &'a RawValue,
);

/// What a write is given besides key and value.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SetOptions<'a> {
    /// What to do with the ttl.
    #[serde(rename = "t")]
    pub ttl: Option<Ttl>,
    /// What to do with labels: `[number, text]` sets, `[number, null]` removes, `[number, [text]]`
    /// sets one that is missing. In the order in which they are checked.
    #[serde(borrow, rename = "l")]
    pub labels: Vec<(u8, Option<LabelChange<'a>>)>,
    /// The item must, or must not, exist.
    #[serde(rename = "e")]
    pub exists: Option<bool>,
    /// The item must have been created then (epoch seconds).
    #[serde(rename = "c")]
    pub created: Option<f64>,
    /// Names of root properties to remove.
    #[serde(borrow, rename = "r")]
    pub removes: Vec<&'a RawValue>,
    /// Root properties to add to: name and number.
    #[serde(borrow, rename = "a")]
    pub adds: Vec<(&'a RawValue, Cow<'a, str>)>,
    /// Add this to the value itself.
    #[serde(borrow, rename = "p")]
    pub plus: Option<Cow<'a, str>>,
    /// Root properties to set if they are missing: an object.
    #[serde(borrow, rename = "d")]
    pub defaults: Option<&'a RawValue>,
    /// Set the value only if there is none.
    #[serde(rename = "i")]
    pub if_missing: bool,
    /// The caller has an error of its own that comes after the checks made before conditions.
    #[serde(rename = "f")]
    pub fail: bool,
}

/// No options at all.
pub static NO_OPTIONS: SetOptions<'static> = SetOptions {
    ttl: None,
    labels: Vec::new(),
    exists: None,
    created: None,
    removes: Vec::new(),
    adds: Vec::new(),
    plus: None,
    defaults: None,
    if_missing: false,
    fail: false,
};

/// A new ttl.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub enum Ttl {
    /// Epoch seconds.
    At(i64),
    /// Seconds from now.
    After([i64; 1]),
    /// None: `"-"`.
    Remove(char),
}

/// A new label.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum LabelChange<'a> {
    /// Set it.
    Set(#[serde(borrow)] Cow<'a, str>),
    /// Set it if there is none.
    Default(#[serde(borrow)] [Cow<'a, str>; 1]),
}

/// `set([items])`: each is a mode character and a [`Set`], in one JSON list.
#[derive(Debug, Deserialize)]
pub struct BatchSet<'a> {
    /// Mode and item.
    #[serde(borrow, rename = "i")]
    pub items: Vec<(u8, Set<'a>)>,
    /// Checks to make after the items', before the caller's own error.
    #[serde(borrow, default, rename = "c")]
    pub check: Option<Check<'a>>,
}

/// Texts that must be keys, for a caller that has an error of its own to raise after them.
#[derive(Debug, Deserialize)]
pub struct Check<'a> {
    /// A key to write; none if there is nothing to check.
    #[serde(borrow, default, rename = "k")]
    pub key: Option<Cow<'a, str>>,
    /// Labels.
    #[serde(borrow, default, rename = "l")]
    pub labels: Vec<Cow<'a, str>>,
}

/// An item on its way to JavaScript.
pub struct ItemOut<'a> {
    /// Its key.
    pub key: &'a Key,
    /// What is known about it.
    pub head: &'a Head,
    /// Its value; empty for `null` where only metadata is wanted.
    pub json: &'a [u8],
}

impl ItemOut<'_> {
    /// Appends the item as a JSON list.
    pub fn push(&self, out: &mut Vec<u8>, meta: bool) {
        out.push(b'[');
        out.push(value_flags(self.head));
        out.push(b',');
        json::push_string(out, self.key.as_str());
        out.push(b',');
        out.extend_from_slice(if self.json.is_empty() {
            b"null"
        } else {
            self.json
        });
        if meta {
            push_meta(out, self.head);
        }
        out.push(b']');
    }
}

/// `'0'` to `'3'`: whether a value may hold tags and whether it is not an object.
pub fn value_flags(head: &Head) -> u8 {
    b'0' + (head.flags & (TAGGED | SCALAR))
}

fn push_meta(out: &mut Vec<u8>, head: &Head) {
    out.push(b',');
    json::push_number(out, head.created);
    out.push(b',');
    json::push_number(out, head.modified);
    out.push(b',');
    match head.ttl {
        Some(ttl) => json::push_number(out, ttl),
        None => out.extend_from_slice(b"null"),
    }
    let mut separator: &[u8] = b",{";
    for (number, label) in (b'1'..).zip(&head.labels) {
        if let Some(label) = label {
            out.extend_from_slice(separator);
            out.extend_from_slice(b"\"label");
            out.extend_from_slice(&[number, b'"', b':']);
            json::push_string(out, &label.shown());
            separator = b",";
        }
    }
    out.extend_from_slice(if separator == b"," { b"}" } else { b",null" });
}
