//! What crosses the control socket: JSON lines of bounded size.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

use crate::error::Failure;
use crate::ops::Progress;
use crate::output::Style;

/// The version that both sides must share.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Largest request line: a message of 128 KB or a stored value with all its characters escaped
/// fits well.
pub(super) const LONGEST_REQUEST: usize = 8 << 20;

/// Largest answer line; a listing of the whole store is the longest there is.
pub(super) const LONGEST_ANSWER: usize = 1 << 30;

/// The line that ends a stream; no rendered line looks like it.
pub(super) const END: &[u8] = b".\n";

/// How long a peer may take nothing at all of what is written to it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A request with its circumstances.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    /// The version of the program that asks.
    pub(super) version: String,
    /// How a stream should be rendered; answers are always documents.
    #[serde(default)]
    pub(super) style: Style,
    /// Whether to tell how far a long operation is.
    #[serde(default)]
    pub(super) progress: bool,
    /// A request, read only once the versions are known to agree.
    pub(super) request: Value,
}

/// The line that answers a request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reply {
    /// The document.
    Answer(Value),
    /// It failed.
    Failed {
        /// Why.
        failure: Failure,
        /// With which exit code; [`Failure`] itself does not carry it in JSON.
        exit: u8,
    },
    /// Lines follow, until [`END`].
    Stream,
    /// How far the operation is; another reply follows.
    Progress(Progress),
}

impl Reply {
    pub(super) fn failed(failure: Failure) -> Self {
        let exit = failure.exit;
        Self::Failed { failure, exit }
    }
}

/// Reads a line of at most `most` bytes; `None` where the peer has nothing more to say.
pub(super) async fn read_line(
    reader: &mut (impl AsyncBufRead + Unpin),
    most: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let chunk = reader.fill_buf().await?;
        if chunk.is_empty() {
            return if line.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(chunk.len(), |end| end + 1);
        if line.len() + taken > most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        line.extend_from_slice(&chunk[..taken]);
        reader.consume(taken);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// Writes a value as one line.
pub(super) async fn write_line(
    writer: &mut (impl AsyncWrite + Unpin),
    value: &impl Serialize,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    write_patiently(writer, &line).await
}

/// Writes everything, as long as the peer takes some of it now and then.
pub(super) async fn write_patiently(
    writer: &mut (impl AsyncWrite + Unpin),
    mut bytes: &[u8],
) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = tokio::time::timeout(PATIENCE, writer.write(bytes)).await??;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_bounded() {
        let mut input = &b"{\"a\":1}\nrest"[..];
        let line = read_line(&mut input, 100).await.unwrap().unwrap();
        assert_eq!(line, b"{\"a\":1}\n");
        let error = read_line(&mut input, 100).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let error = read_line(&mut &[b'x'; 101][..], 100).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(read_line(&mut &b""[..], 100).await.unwrap().is_none());
    }

    #[test]
    fn a_failure_keeps_its_exit_code() {
        let reply = Reply::failed(Failure::usage("no"));
        let text = serde_json::to_string(&reply).unwrap();
        let Ok(Reply::Failed { failure, exit }) = serde_json::from_str(&text) else {
            panic!("{text}");
        };
        assert_eq!(failure.exiting(exit), Failure::usage("no"));
    }
}
