//! How rows are keyed (pure). Everything lives in one tree, so that one batch is one atomic change:
//!
//! | key | value |
//! |---|---|
//! | `m` name | the store's own facts: format, next generation |
//! | `g` table | the generation in which the table's items live now |
//! | `d` generation | a generation that is being deleted |
//! | `i` generation namespace rest | an item ([`row`](super::row)) |
//! | `l` generation label-number label-namespace label-rest namespace rest | nothing: an index row |
//! | `t` generation ttl namespace rest | nothing: an index row |
//! | `c` number | connections that are owed a `disconnected` |
//! | `o` sequence number | a change that waits for `data.on` |
//! | `e` number | a published event that waits for its time or its handlers |
//! | `s` sequence number | an item of an import that is being applied |
//!
//! A *generation* is a number that every item of a table carries in its key: emptying a table is
//! giving it a new one. Numbers are big-endian; a text that others follow ends in `00 01` and has
//! its own zero bytes doubled as `00 FF`, so that keys sort as the UTF-8 bytes of their parts.

use super::key::Condition;

/// First bytes of the keys.
pub mod prefix {
    /// The store's own facts.
    pub const META: u8 = b'm';
    /// A table's generation.
    pub const TABLE: u8 = b'g';
    /// A generation to delete.
    pub const DEAD: u8 = b'd';
    /// An item.
    pub const ITEM: u8 = b'i';
    /// A label's index row.
    pub const LABEL: u8 = b'l';
    /// A ttl's index row.
    pub const TTL: u8 = b't';
    /// Connections.
    pub const CONNECTION: u8 = b'c';
    /// A change.
    pub const CHANGE: u8 = b'o';
    /// A published event.
    pub const PUBLISHED: u8 = b'e';
    /// An import's item.
    pub const STAGED: u8 = b's';
}

/// A table's current generation.
pub type Generation = u32;

/// A half-open range of keys.
pub type KeyRange = std::ops::Range<Vec<u8>>;

/// `prefix` followed by a generation: all rows of that kind in that generation begin so.
pub fn generation_prefix(kind: u8, generation: Generation) -> Vec<u8> {
    let mut key = Vec::with_capacity(48);
    key.push(kind);
    key.extend_from_slice(&generation.to_be_bytes());
    key
}

/// The key of an item.
pub fn item_key(generation: Generation, namespace: &str, rest: &str) -> Vec<u8> {
    let mut key = generation_prefix(prefix::ITEM, generation);
    push_part(&mut key, namespace);
    key.extend_from_slice(rest.as_bytes());
    key
}

/// The key of an index row for label `number` (1 to 5) of an item.
pub fn label_key(
    generation: Generation,
    number: u8,
    label: (&str, &str),
    item: (&str, &str),
) -> Vec<u8> {
    let mut key = generation_prefix(prefix::LABEL, generation);
    key.push(number);
    push_part(&mut key, label.0);
    push_part(&mut key, label.1);
    push_part(&mut key, item.0);
    key.extend_from_slice(item.1.as_bytes());
    key
}

/// The key of an index row for an item's ttl (epoch seconds).
pub fn ttl_key(generation: Generation, ttl: i64, item: (&str, &str)) -> Vec<u8> {
    let mut key = generation_prefix(prefix::TTL, generation);
    key.extend_from_slice(&sortable(ttl));
    push_part(&mut key, item.0);
    key.extend_from_slice(item.1.as_bytes());
    key
}

/// All ttl index rows of a generation with `from <= ttl < to`.
pub fn ttl_range(generation: Generation, from: i64, to: i64) -> KeyRange {
    let base = generation_prefix(prefix::TTL, generation);
    let at = |ttl: i64| [base.as_slice(), &sortable(ttl)].concat();
    at(from)..at(to)
}

/// Eight bytes that sort as the number does.
fn sortable(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// Appends a text that other parts follow.
pub fn push_part(key: &mut Vec<u8>, text: &str) {
    push_escaped(key, text);
    key.extend_from_slice(&[0, 1]);
}

fn push_escaped(key: &mut Vec<u8>, text: &str) {
    if !text.as_bytes().contains(&0) {
        key.extend_from_slice(text.as_bytes());
        return;
    }
    for &byte in text.as_bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(0xff);
        }
    }
}

/// Takes a text written by [`push_part`] off the front; gives it and what follows.
pub fn take_part(key: &[u8]) -> Option<(String, &[u8])> {
    let mut text = Vec::with_capacity(key.len());
    let mut at = 0;
    loop {
        match (key.get(at)?, key.get(at + 1)) {
            (0, Some(1)) => {
                let rest = key.get(at + 2..)?;
                return Some((String::from_utf8(text).ok()?, rest));
            }
            (0, Some(_)) => {
                text.push(0);
                at += 2;
            }
            (&byte, _) => {
                text.push(byte);
                at += 1;
            }
        }
    }
}

/// Takes a namespace and a rest, the end of most keys.
pub fn take_item(key: &[u8]) -> Option<(String, String)> {
    let (namespace, rest) = take_part(key)?;
    Some((namespace, std::str::from_utf8(rest).ok()?.to_owned()))
}

/// The namespace and rest of the item that an item row or an index row belongs to.
pub fn item_of(key: &[u8]) -> Option<(String, String)> {
    let body = key.get(5..)?;
    match *key.first()? {
        prefix::ITEM => take_item(body),
        prefix::LABEL => {
            let (_, body) = take_part(body.get(1..)?)?;
            let (_, body) = take_part(body)?;
            take_item(body)
        }
        prefix::TTL => take_item(body.get(8..)?),
        _ => None,
    }
}

/// The item rows of a namespace that satisfy a condition.
pub fn item_range(generation: Generation, namespace: &str, condition: &Condition) -> KeyRange {
    let mut base = generation_prefix(prefix::ITEM, generation);
    push_part(&mut base, namespace);
    range(base, condition, false)
}

/// The index rows of label `number` whose label lies in a namespace and satisfies a condition.
pub fn label_range(
    generation: Generation,
    number: u8,
    namespace: &str,
    condition: &Condition,
) -> KeyRange {
    let mut base = generation_prefix(prefix::LABEL, generation);
    base.push(number);
    push_part(&mut base, namespace);
    range(base, condition, true)
}

/// The keys below `base` whose next part satisfies the condition; `followed` tells whether more
/// parts come after it.
fn range(base: Vec<u8>, condition: &Condition, followed: bool) -> KeyRange {
    let open = |text: &str| {
        let mut key = base.clone();
        if followed {
            push_escaped(&mut key, text);
        } else {
            key.extend_from_slice(text.as_bytes());
        }
        key
    };
    let whole = |text: &str| {
        let mut key = open(text);
        if followed {
            key.extend_from_slice(&[0, 1]);
        }
        key
    };
    let past = |text: &str| {
        if followed {
            successor(whole(text))
        } else {
            just_after(&whole(text))
        }
    };
    let all = base.clone()..successor(base.clone());
    match condition {
        Condition::Is(text) => whole(text)..past(text),
        Condition::All => all,
        Condition::Prefix(text) => open(text)..successor(open(text)),
        Condition::Less(text) => all.start..whole(text),
        Condition::LessOrEqual(text) => all.start..past(text),
        Condition::Greater(text) => past(text)..all.end,
        Condition::GreaterOrEqual(text) => whole(text)..all.end,
        Condition::Between(low, high) => whole(low)..past(high),
    }
}

/// The least key greater than every key that begins with `key`.
pub fn successor(mut key: Vec<u8>) -> Vec<u8> {
    while let Some(last) = key.pop() {
        if last < 0xff {
            key.push(last + 1);
            return key;
        }
    }
    vec![0xff; 1024]
}

/// The least key greater than `key`.
pub fn just_after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_with_zero_bytes_come_back_and_sort_as_their_text() {
        let texts = [
            "", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "a\u{1}", "ab", "é",
        ];
        let mut encoded: Vec<Vec<u8>> = Vec::new();
        for text in texts {
            let mut key = Vec::new();
            push_part(&mut key, text);
            key.extend_from_slice(b"tail");
            assert_eq!(take_part(&key), Some((text.to_owned(), &b"tail"[..])));
            encoded.push(key);
        }
        assert!(encoded.is_sorted(), "{encoded:?}");
    }

    #[test]
    fn ranges_select_what_the_condition_matches() {
        let rests = [
            "", "\0", "0", "09", "1", "a", "a\0", "a\0b", "a:1", "ab", "b", "é", "\u{ffff}", "😀",
        ];
        let bounds = ["a", "a\0", "1", "é", "zz"];
        let mut conditions = vec![Condition::All];
        for bound in bounds {
            let bound = bound.to_owned();
            conditions.extend([
                Condition::Is(bound.clone()),
                Condition::Prefix(bound.clone()),
                Condition::Less(bound.clone()),
                Condition::LessOrEqual(bound.clone()),
                Condition::Greater(bound.clone()),
                Condition::GreaterOrEqual(bound.clone()),
                Condition::Between("1".into(), bound),
            ]);
        }
        for condition in &conditions {
            let items = item_range(7, "n", condition);
            let labels = label_range(7, 2, "n", condition);
            for rest in rests {
                let expected = condition.matches(rest);
                assert_eq!(
                    items.contains(&item_key(7, "n", rest)),
                    expected,
                    "{condition:?} {rest:?}"
                );
                let label = label_key(7, 2, ("n", rest), ("p", "1"));
                assert_eq!(
                    labels.contains(&label),
                    expected,
                    "label {condition:?} {rest:?}"
                );
                assert!(!items.contains(&item_key(7, "m", rest)));
                assert!(!items.contains(&item_key(8, "n", rest)));
            }
        }
    }

    #[test]
    fn the_item_is_found_in_every_kind_of_key() {
        let item = ("n\0s", "a:b");
        let expected = Some((item.0.to_owned(), item.1.to_owned()));
        assert_eq!(item_of(&item_key(1, item.0, item.1)), expected);
        assert_eq!(item_of(&label_key(1, 5, ("l", "m"), item)), expected);
        assert_eq!(item_of(&ttl_key(1, -5, item)), expected);
        assert!(ttl_key(1, -5, item) < ttl_key(1, 5, item));
        assert_eq!(item_of(b"i"), None);
        assert_eq!(item_of(b"l0000"), None);
    }
}
