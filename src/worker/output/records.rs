//! What `js/output.cjs` sends: records of a little-endian `u32` length, one byte of flags, and
//! bytes. The length counts the flags and the bytes.

use super::lines::{LONGEST, Lines, Origin, Printed};
use crate::event::Level;

/// The level's bits among the flags.
const LEVEL: u8 = 3;
/// Flag: it goes to standard error.
const TO_STDERR: u8 = 4;
/// Flag: it is one entry, even if it has several lines.
const IS_ONE: u8 = 8;

/// A record that has not come whole yet.
#[derive(Debug, Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
}

impl Records {
    /// Takes what was read; whether it is what it should be.
    pub(super) fn push(&mut self, bytes: &[u8], lines: &mut Lines, out: &mut Vec<Printed>) -> bool {
        self.bytes.extend_from_slice(bytes);
        let mut at = 0;
        while let Some((head, rest)) = self.bytes[at..].split_first_chunk() {
            let length = u32::from_le_bytes(*head) as usize;
            if length == 0 || length > 1 + LONGEST {
                out.push(foreign());
                return false;
            }
            let Some([flags, text @ ..]) = rest.get(..length) else {
                break;
            };
            let origin = match flags & TO_STDERR {
                0 => Origin::Out,
                _ => Origin::Err,
            };
            lines.push(origin, level(*flags), flags & IS_ONE != 0, text, out);
            at += 4 + length;
        }
        self.bytes.drain(..at);
        true
    }
}

/// Somebody else has written there.
fn foreign() -> Printed {
    Printed {
        level: Level::Error,
        text: "what the app prints is not shown any more until it is reloaded: it wrote to \
               descriptor 4, which the sandbox uses"
            .to_owned(),
        partial: false,
    }
}

fn level(flags: u8) -> Level {
    match flags & LEVEL {
        0 => Level::Debug,
        2 => Level::Warn,
        3 => Level::Error,
        _ => Level::Info,
    }
}
