//! A change of an item, as `data.on` and `data watch` hear of it.

use std::sync::Arc;

use super::interest::ChangeKind;
use super::key::Key;
use super::row::Row;
use super::wire::ItemOut;

/// A recorded change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order of all recorded changes.
    pub seq: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// The item's namespace: changes of one namespace are delivered in order.
    pub namespace: Arc<str>,
    /// The rest of its key, `"0"` for a simple key.
    pub rest: Arc<str>,
    /// The item's row after the change, or the removed one.
    pub item: Vec<u8>,
    /// The row before an update.
    pub previous: Option<Vec<u8>>,
}

impl Change {
    /// The item's key as it is shown; `None` if the row is damaged.
    pub fn key(&self) -> Option<Key> {
        Some(
            Row::decode(&self.item)?
                .head
                .key(&self.namespace, &self.rest),
        )
    }

    /// The JSON text that the worker's `decodeChange` reads: `[name, item, previous | null]`, items
    /// as in [`wire`](super::wire) with metadata. `None` if a row is damaged.
    pub fn to_wire(&self) -> Option<Vec<u8>> {
        let mut out = format!(r#"["{}","#, self.kind.name()).into_bytes();
        self.push_item(&mut out, &self.item)?;
        out.push(b',');
        match &self.previous {
            Some(row) => self.push_item(&mut out, row)?,
            None => out.extend_from_slice(b"null"),
        }
        out.push(b']');
        Some(out)
    }

    fn push_item(&self, out: &mut Vec<u8>, row: &[u8]) -> Option<()> {
        let row = Row::decode(row)?;
        let key = row.head.key(&self.namespace, &self.rest);
        let item = ItemOut {
            key: &key,
            head: &row.head,
            json: row.json,
        };
        item.push(out, true);
        Some(())
    }

    /// The value of the change's row: kind, then each part with its length, the previous row last.
    pub fn encode(&self) -> Vec<u8> {
        let mut value = vec![self.kind as u8];
        let parts = [self.namespace.as_bytes(), self.rest.as_bytes(), &self.item];
        for part in parts {
            value.extend_from_slice(&(part.len() as u32).to_le_bytes());
            value.extend_from_slice(part);
        }
        value.extend_from_slice(self.previous.as_deref().unwrap_or_default());
        value
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(seq: u64, value: &[u8]) -> Option<Self> {
        let (&kind, mut rest) = value.split_first()?;
        let kind = *ChangeKind::ALL.get(usize::from(kind))?;
        let mut part = || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (part, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = after;
            Some(part)
        };
        let (namespace, key_rest, item) = (part()?, part()?, part()?);
        Some(Self {
            seq,
            kind,
            namespace: std::str::from_utf8(namespace).ok()?.into(),
            rest: std::str::from_utf8(key_rest).ok()?.into(),
            item: item.to_vec(),
            previous: (!rest.is_empty()).then(|| rest.to_vec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::row::{Head, encode};

    #[test]
    fn a_change_comes_back_and_crosses_as_json() {
        let head = Head {
            created: 5,
            modified: 6,
            ..Head::default()
        };
        let change = Change {
            seq: 9,
            kind: ChangeKind::Updated,
            namespace: "n".into(),
            rest: "r".into(),
            item: encode(&head, br#"{"a":1}"#),
            previous: Some(encode(&head, b"{}")),
        };
        let value = change.encode();
        assert_eq!(Change::decode(9, &value), Some(change.clone()));
        for cut in 0..12 {
            assert_eq!(Change::decode(9, &value[..cut]), None);
        }
        assert_eq!(
            String::from_utf8(change.to_wire().expect("sound rows")).expect("text"),
            r#"["updated",["0","n:r",{"a":1},5,6,null,null],["0","n:r",{},5,6,null,null]]"#
                .replace("\"0\",", "0,")
        );
    }
}
