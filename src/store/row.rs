//! An item as it is stored (pure): a small binary head and the value's JSON text, so that reading
//! a value is copying it.
//!
//! ```text
//! flags u8 · created i64 · modified i64 · [ttl i64] · [labels] · JSON text
//! labels: count u8, then per label: number u8 (top bit: simple) · length u16 · namespace · length u16 · rest
//! ```
//! Numbers are little-endian, times epoch seconds.
//!
//! The JSON text is what `JSON.stringify` writes. What JSON lacks is written as an object with one
//! property whose name begins with [`TAG`]: `{"$ampt:n":"12345678901234567890"}` a number that a
//! JavaScript number cannot hold exactly, `b` bytes (base64), `ns` `ss` `bs` sets of numbers,
//! strings, bytes; `m` stands for a user's object that looks like such a tag itself. Only rows with
//! the [`TAGGED`] flag may hold tags. The root of an object item is never a tag.

use super::key::{Key, SIMPLE_REST};

/// How the names of tags begin.
pub const TAG: &str = "$ampt:";

/// The value may hold tags.
pub const TAGGED: u8 = 1;
/// The value is not an object (the attribute `val` of the published package).
pub const SCALAR: u8 = 2;
/// The key was written without `:` (the attribute `kv`).
pub const SIMPLE_KEY: u8 = 4;
const HAS_TTL: u8 = 8;
const HAS_LABELS: u8 = 16;

/// A label of an item: a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The part before the first `:`.
    pub namespace: String,
    /// The part after it, `"0"` if there was none.
    pub rest: String,
    /// Whether it is shown without its rest.
    pub simple: bool,
}

impl Label {
    /// The label that a parsed key makes.
    pub fn from_key(key: &Key) -> Self {
        Self {
            namespace: key.namespace().to_owned(),
            rest: key.rest().to_owned(),
            simple: key.is_simple(),
        }
    }

    /// How it is shown.
    pub fn shown(&self) -> String {
        if self.simple {
            self.namespace.clone()
        } else {
            format!("{}:{}", self.namespace, self.rest)
        }
    }
}

/// The five labels of an item, `label1` first.
pub type Labels = [Option<Label>; 5];

/// Everything about an item but its value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// [`TAGGED`], [`SCALAR`], [`SIMPLE_KEY`].
    pub flags: u8,
    /// When it was created, epoch seconds.
    pub created: i64,
    /// When it was last written, epoch seconds.
    pub modified: i64,
    /// When it expires, epoch seconds.
    pub ttl: Option<i64>,
    /// Its labels.
    pub labels: Labels,
}

impl Head {
    /// Whether `flag` is set.
    pub fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Sets or clears `flag`.
    pub fn set(&mut self, flag: u8, on: bool) {
        self.flags = if on {
            self.flags | flag
        } else {
            self.flags & !flag
        };
    }

    /// Whether the item is hidden at `now` (epoch seconds): it is visible while `ttl >= now`.
    pub fn is_expired(&self, now: i64) -> bool {
        self.ttl.is_some_and(|ttl| ttl < now)
    }

    /// The key as it is shown.
    pub fn key(&self, namespace: &str, rest: &str) -> Key {
        Key::from_parts(namespace, rest, self.is(SIMPLE_KEY) && rest == SIMPLE_REST)
    }
}

/// A stored item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// What is known about it.
    pub head: Head,
    /// Its value.
    pub json: &'a [u8],
}

impl<'a> Row<'a> {
    /// Reads a stored row; `None` if it is damaged.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let flags = input.byte()?;
        let mut head = Head {
            flags: flags & (TAGGED | SCALAR | SIMPLE_KEY),
            created: input.number()?,
            modified: input.number()?,
            ..Head::default()
        };
        if flags & HAS_TTL != 0 {
            head.ttl = Some(input.number()?);
        }
        if flags & HAS_LABELS != 0 {
            for _ in 0..input.byte()? {
                let number = input.byte()?;
                let label = Label {
                    simple: number & 0x80 != 0,
                    namespace: input.text()?,
                    rest: input.text()?,
                };
                let slot = usize::from(number & 0x7f).checked_sub(1)?;
                *head.labels.get_mut(slot)? = Some(label);
            }
        }
        Some(Self {
            head,
            json: input.0,
        })
    }
}

/// Writes a row.
pub fn encode(head: &Head, json: &[u8]) -> Vec<u8> {
    let labels = head.labels.iter().flatten().count();
    let mut flags = head.flags & (TAGGED | SCALAR | SIMPLE_KEY);
    let mut row = Vec::with_capacity(32 + json.len());
    if head.ttl.is_some() {
        flags |= HAS_TTL;
    }
    if labels > 0 {
        flags |= HAS_LABELS;
    }
    row.push(flags);
    row.extend_from_slice(&head.created.to_le_bytes());
    row.extend_from_slice(&head.modified.to_le_bytes());
    if let Some(ttl) = head.ttl {
        row.extend_from_slice(&ttl.to_le_bytes());
    }
    if labels > 0 {
        row.push(labels as u8);
        for (number, label) in (1u8..).zip(&head.labels) {
            if let Some(label) = label {
                row.push(number | if label.simple { 0x80 } else { 0 });
                push_text(&mut row, &label.namespace);
                push_text(&mut row, &label.rest);
            }
        }
    }
    row.extend_from_slice(json);
    row
}

/// Appends a text of at most 256 bytes (a key's part) with its length.
fn push_text(row: &mut Vec<u8>, text: &str) {
    row.extend_from_slice(&(text.len() as u16).to_le_bytes());
    row.extend_from_slice(text.as_bytes());
}

/// Bytes still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<String> {
        let length = u16::from_le_bytes(self.take(2)?.try_into().ok()?);
        let bytes = self.take(usize::from(length))?;
        Some(std::str::from_utf8(bytes).ok()?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_as_it_was_written() {
        let mut head = Head {
            flags: TAGGED | SIMPLE_KEY,
            created: 1_704_067_200,
            modified: -1,
            ..Head::default()
        };
        let bytes = encode(&head, b"{}");
        assert_eq!(
            Row::decode(&bytes),
            Some(Row {
                head: head.clone(),
                json: b"{}"
            })
        );
        head.ttl = Some(-5);
        head.labels[4] = Some(Label {
            namespace: "n".into(),
            rest: "r:é".into(),
            simple: true,
        });
        let bytes = encode(&head, b"1");
        assert_eq!(Row::decode(&bytes), Some(Row { head, json: b"1" }));
        for cut in 0..bytes.len() - 1 {
            let _ = Row::decode(&bytes[..cut]);
        }
    }
}
