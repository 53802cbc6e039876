//! Connection ids in the form that API Gateway gives them.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

/// Random bytes behind an id: 11, which base64url writes as 15 characters and one `=`.
const RANDOM_BYTES: usize = 11;

/// Length of an id in characters.
pub const ID_LENGTH: usize = 16;

/// The name of one connection: 16 ASCII characters, never given out twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId([u8; ID_LENGTH]);

/// How many ids' random bytes are fetched at once: each fetch is a system call.
const STOCK_IDS: usize = 64;

/// Random bytes that no id has used.
struct Stock {
    bytes: [[u8; RANDOM_BYTES]; STOCK_IDS],
    left: usize,
}

thread_local! {
    static STOCK: RefCell<Stock> = const {
        RefCell::new(Stock { bytes: [[0; RANDOM_BYTES]; STOCK_IDS], left: 0 })
    };
}

impl Stock {
    fn take(&mut self) -> Result<[u8; RANDOM_BYTES], getrandom::Error> {
        if self.left == 0 {
            getrandom::fill(self.bytes.as_flattened_mut())?;
            self.left = STOCK_IDS;
        }
        self.left -= 1;
        Ok(self.bytes[self.left])
    }
}

/// Why a text is not a connection id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a connection id")]
pub struct MalformedId;

impl ConnectionId {
    /// A new id from the operating system's random source; 88 random bits make a repetition
    /// impossible in practice. Fails only if that source does.
    pub fn random() -> Result<Self, getrandom::Error> {
        let bytes = STOCK.with_borrow_mut(Stock::take)?;
        Ok(Self::from_random(bytes))
    }

    /// The id that stands for these random bytes.
    pub fn from_random(bytes: [u8; RANDOM_BYTES]) -> Self {
        let mut id = [0; ID_LENGTH];
        // The output of 11 bytes is 16 characters by construction, so this cannot fall short.
        let written = URL_SAFE.encode_slice(bytes, &mut id).unwrap_or(0);
        debug_assert_eq!(written, ID_LENGTH);
        Self(id)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever stored; the fallback is unreachable.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The id's 16 ASCII bytes.
    pub fn as_bytes(&self) -> &[u8; ID_LENGTH] {
        &self.0
    }
}

impl FromStr for ConnectionId {
    type Err = MalformedId;

    /// Accepts `^[A-Za-z0-9_-]{14}[AEIMQUYcgkosw048]=$`: the last character before `=` carries
    /// four random bits and two zero bits.
    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let bytes: [u8; ID_LENGTH] = text.as_bytes().try_into().map_err(|_| MalformedId)?;
        let plain = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        let well_formed = bytes[..14].iter().all(plain)
            && b"AEIMQUYcgkosw048".contains(&bytes[14])
            && bytes[15] == b'=';
        if well_formed {
            Ok(Self(bytes))
        } else {
            Err(MalformedId)
        }
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for ConnectionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for ConnectionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_have_the_gateways_form_and_differ() {
        let ids: std::collections::HashSet<_> =
            (0..1000).map(|_| ConnectionId::random().unwrap()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert_eq!(id.as_str().parse(), Ok(id));
        }
    }

    #[test]
    fn texts_of_another_form_are_refused() {
        for text in [
            "",
            "nope",
            "AAAAAAAAAAAAAAA=",
            "AAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAB=",
            "ÄAAAAAAAAAAAAA=",
        ] {
            let last_is_fine = text == "AAAAAAAAAAAAAAA=";
            assert_eq!(text.parse::<ConnectionId>().is_ok(), last_is_fine, "{text}");
        }
    }
}
