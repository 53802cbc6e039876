//! Reads a data file's items, one at a time.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::de::{Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::TransferError;
use super::item::BadItem;

/// Gives each element of the array in a file to `each`, with its index, one at a time; tells how
/// many there are.
pub(super) fn read_items(
    path: &Path,
    each: impl FnMut(usize, &str) -> Result<(), BadItem>,
) -> Result<u64, TransferError> {
    let unreadable = |source| TransferError::Read {
        path: path.into(),
        source,
    };
    let mut input = BufReader::with_capacity(64 * 1024, File::open(path).map_err(unreadable)?);
    let byte_order_mark = b"\xef\xbb\xbf";
    if input
        .fill_buf()
        .map_err(unreadable)?
        .starts_with(byte_order_mark)
    {
        input.consume(byte_order_mark.len());
    }
    let mut items = Items {
        count: 0,
        bad: None,
        found: None,
        begun: false,
        each,
    };
    let mut json = serde_json::Deserializer::from_reader(input);
    let read = json.deserialize_any(&mut items).and_then(|()| json.end());
    let (count, bad) = (items.count, items.bad);
    let is_empty = !items.begun && read.as_ref().is_err_and(serde_json::Error::is_eof);
    if let Some(found) = items.found.or(is_empty.then_some("nothing")) {
        let path = path.into();
        return Err(TransferError::Shape { path, found });
    }
    if let Some(bad) = bad {
        return Err(TransferError::Item {
            path: path.into(),
            index: count,
            key: bad.key,
            problem: bad.problem,
        });
    }
    match read {
        Ok(()) => Ok(count as u64),
        Err(error) if error.is_io() => Err(unreadable(error.into())),
        Err(error) => Err(TransferError::Syntax {
            path: path.into(),
            line: error.line(),
            column: error.column(),
            problem: problem_of(&error),
        }),
    }
}

/// serde's text without the position that it ends with, in words for people.
fn problem_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    let text = text.get(..end).unwrap_or_default();
    match text.strip_prefix("EOF while parsing ") {
        Some(what) => format!("the file ends in the middle of {what}"),
        None => text.to_owned(),
    }
}

/// Visits an array's elements one at a time.
struct Items<F> {
    count: usize,
    bad: Option<BadItem>,
    /// What stands in place of the array.
    found: Option<&'static str>,
    /// Whether the array has begun.
    begun: bool,
    each: F,
}

impl<F> Items<F> {
    fn no_array<E: serde::de::Error>(&mut self, found: &'static str) -> Result<(), E> {
        self.found = Some(found);
        Err(E::custom("no array"))
    }
}

impl<'de, F: FnMut(usize, &str) -> Result<(), BadItem>> Visitor<'de> for &mut Items<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.no_array("an object")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.no_array("a string")
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.no_array("a boolean")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.no_array("null")
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.no_array("a number")
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.no_array("a number")
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.no_array("a number")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.begun = true;
        while let Some(text) = list.next_element::<Box<RawValue>>()? {
            if let Err(bad) = (self.each)(self.count, text.get()) {
                self.bad = Some(bad);
                return Err(A::Error::custom("an item is bad"));
            }
            self.count += 1;
        }
        Ok(())
    }
}
