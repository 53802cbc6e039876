//! How long an update's expression would be in the published package (pure).
//!
//! The database limits it to 4096 bytes, which bounds the root properties of one updating set. The
//! pieces below were fitted to the recorded answers: 4101 bytes for 304 properties of a simple key,
//! 14 for each further one, 49 for a simple label and a ttl.

use super::key::Key;
use super::wire::{LabelChange, SetOptions, Ttl};

/// `md`, `ct` and what removes a simple value.
const BASE: usize = 55;
/// `kv = :kv, `.
const SIMPLE_KEY: usize = 10;
/// `#ttl = :ttl, `.
const TTL: usize = 13;
/// `pk1 = :pk1, `, and as much each for `sk1` and `kv1`.
const LABEL_PART: usize = 12;
/// What `if_not_exists` adds around a property.
const IF_MISSING: usize = 20;

/// The bytes of the expression that sets `sets` properties, and `defaults` if they are missing.
pub fn update_size(key: &Key, options: &SetOptions<'_>, sets: usize, defaults: usize) -> usize {
    let mut size = BASE + if key.is_simple() { SIMPLE_KEY } else { 0 };
    if let Some(Ttl::At(_) | Ttl::After(_)) = options.ttl {
        size += TTL;
    }
    for (_, change) in &options.labels {
        size += match change {
            Some(LabelChange::Set(text)) if text.contains(':') => 2 * LABEL_PART,
            Some(_) => 3 * LABEL_PART,
            None => LABEL_PART,
        };
    }
    let adds = options.adds.len();
    size += (0..sets + adds + defaults)
        // `#7 = :a7, `: the property's number is written twice.
        .map(|number| 8 + 2 * digits(number))
        .sum::<usize>();
    size += (defaults + adds) * IF_MISSING;
    size + options.removes.iter().map(|_| 7).sum::<usize>()
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_the_recorded_ones() {
        let simple = Key::parse("w").expect("a key");
        let none = SetOptions::default();
        assert_eq!(update_size(&simple, &none, 304, 0), 4101);
        assert_eq!(update_size(&simple, &none, 305, 0), 4115);
        assert_eq!(update_size(&simple, &none, 350, 0), 4745);
        let collection = Key::parse("ns:w").expect("a key");
        assert!(update_size(&collection, &none, 304, 0) <= 4096);
        assert!(update_size(&collection, &none, 305, 0) > 4096);
        let options = SetOptions {
            ttl: Some(Ttl::After([5])),
            labels: vec![(1, Some(LabelChange::Set("x".into())))],
            ..SetOptions::default()
        };
        assert_eq!(update_size(&simple, &options, 303, 0), 4136);
    }
}
