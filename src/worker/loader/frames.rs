//! The loader channel's frames.
//!
//! Request: `length: u32 LE`, then that many bytes of JSON.
//! Reply: `length: u32 LE`, `head: u32 LE`, `head` bytes of JSON, and the rest raw text (source
//! code, which would only suffer from being quoted). `length` counts what follows it.

use std::io::{self, ErrorKind, Read, Write};

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use super::resolve::Via;

/// No sane request is longer. In bytes.
const MAX_REQUEST: u32 = 16 << 20;

/// What the hooks ask.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    /// The code of a file that is about to be loaded.
    Load {
        path: PathBuf,
        via: ViaName,
        /// This Node's `require` can load ES modules through the hooks.
        #[serde(default)]
        require_esm: bool,
    },
    /// The format of the entry, compiled as a side effect.
    Format { path: PathBuf },
    /// What a spare worker should have ready.
    Spare,
    /// The files of an ES module graph, ready to be compiled one after the other: see `prelink`.
    Prelink { path: PathBuf, embedded_sdk: bool },
    Resolve {
        specifier: String,
        from: PathBuf,
        via: ViaName,
    },
    /// Places in running code → places in the source.
    Map { places: Vec<RunningPlace> },
    /// What the parser says of a file that Node could not parse; without a path, of the newest
    /// file that it has something to say of (Node does not name an ES module that is at fault).
    Diagnose { path: Option<PathBuf> },
    /// The lines around a place of the source.
    Frame(Place),
    /// Where a file names a specifier.
    Locate { path: PathBuf, specifier: String },
    /// Where a file imports something by a name.
    LocateImport { path: PathBuf, name: String },
    /// Why a package cannot be found.
    Missing { specifier: String, from: PathBuf },
    /// Files that were loaded without our help. Has no reply.
    Loaded { paths: Vec<PathBuf> },
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ViaName {
    Require,
    Import,
}

impl From<ViaName> for Via {
    fn from(name: ViaName) -> Self {
        match name {
            ViaName::Require => Self::Require,
            ViaName::Import => Self::Import,
        }
    }
}

/// A place in a file; both numbers from 1.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Place {
    pub path: PathBuf,
    pub line: u32,
    pub column: u32,
}

/// A place in a file that runs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningPlace {
    #[serde(flatten)]
    pub place: Place,
    /// The runtime names the file by URL: it runs as an ES module.
    pub is_url: bool,
}

/// The next request; `None` at the end of the stream.
pub fn read(stream: &mut impl Read) -> io::Result<Option<Request>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        // A worker that was killed.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length);
    if length > MAX_REQUEST {
        let message = format!("a request of {length} bytes on the loader channel");
        return Err(io::Error::new(ErrorKind::InvalidData, message));
    }
    let mut body = Vec::new();
    let got = stream.take(u64::from(length)).read_to_end(&mut body)?;
    if got < length as usize {
        return Ok(None);
    }
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(io::Error::other)
}

/// Writes a reply in one go.
pub fn write(stream: &mut impl Write, head: &impl Serialize, text: &str) -> io::Result<()> {
    let head = serde_json::to_vec(head).map_err(io::Error::other)?;
    let number = |count: usize| {
        let error = || io::Error::new(ErrorKind::InvalidData, "a source file of over 4 GB");
        u32::try_from(count)
            .map(u32::to_le_bytes)
            .map_err(|_| error())
    };
    let mut frame = Vec::with_capacity(8 + head.len() + text.len());
    frame.extend(number(4 + head.len() + text.len())?);
    frame.extend(number(head.len())?);
    frame.extend(head);
    frame.extend(text.as_bytes());
    stream.write_all(&frame)
}
