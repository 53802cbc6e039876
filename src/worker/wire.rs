//! The frames between the sandbox and its worker.
//!
//! A frame is a little-endian `u32` length, one byte of kind, and a body; the length counts the
//! kind and the body. Integers in bodies are little-endian `u32`. Payloads stand raw at the end,
//! so that a message is never encoded twice. `js/link.cjs` is the other side.
//!
//! The worker keeps a mirror of the live connections, kept true by [`opened`] and [`gone`] in
//! the same stream as everything else: a send to a connection that is gone is refused there, and
//! a send needs no answer.

/// Longest frame that is accepted, in bytes.
pub const MAX_FRAME: usize = 64 << 20;

/// A broken stream: the worker did not write these bytes with our link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the worker's link carries bytes that are not a frame")]
pub struct WireError;

/// Kinds of frames to the worker.
mod to {
    pub const OPENED: u8 = 1;
    pub const GONE: u8 = 2;
    pub const CONNECTED: u8 = 3;
    pub const MESSAGE: u8 = 4;
    pub const DISCONNECTED: u8 = 5;
    pub const REPLY: u8 = 6;
    pub const LOAD: u8 = 7;
    pub const PING: u8 = 8;
    pub const STOP: u8 = 9;
    pub const CHANGE: u8 = 10;
    pub const EVENT: u8 = 11;
    pub const BINARY: u8 = 12;
    pub const SLOW: u8 = 13;
    pub const FAST: u8 = 14;
}

/// A frame from the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FromWorker<'a> {
    /// Node is up and our SDK is loaded; JSON `{"node":"v20.1.0"}`.
    Hello(&'a [u8]),
    /// The app's code has run to its end.
    Loaded,
    /// It could not be loaded; JSON as [`crate::event::JsError`].
    LoadFailed(&'a [u8]),
    /// A handler was registered; JSON `{"event","timeout"}` and what else its kind needs.
    Register(&'a [u8]),
    /// An invocation of `disconnected` begins: what comes after this may be its doing.
    Begun(u32),
    /// An invocation's handler returned.
    Done(u32),
    /// An invocation's handler threw; JSON as [`crate::event::JsError`].
    Failed(u32, &'a [u8]),
    /// Text for a connection.
    Send(u32, &'a [u8]),
    /// The text of the last [`Self::Send`], for another connection.
    SendSame(u32),
    /// A call that wants a reply.
    Call {
        /// Its number, for the reply.
        call: u32,
        /// What is wanted.
        op: u8,
        /// Its arguments.
        payload: &'a [u8],
    },
    /// The answer to a ping.
    Pong(u32),
    /// A warning or error of the SDK; JSON `{"level","text","file"?,"line"?}`.
    Notice(&'a [u8]),
}

fn number(bytes: &[u8]) -> Result<(u32, &[u8]), WireError> {
    let (head, rest) = bytes.split_first_chunk().ok_or(WireError)?;
    Ok((u32::from_le_bytes(*head), rest))
}

fn decode(frame: &[u8]) -> Result<FromWorker<'_>, WireError> {
    let (kind, body) = frame.split_first().ok_or(WireError)?;
    Ok(match kind {
        1 => FromWorker::Hello(body),
        2 => FromWorker::Loaded,
        3 => FromWorker::LoadFailed(body),
        4 => FromWorker::Register(body),
        5 => FromWorker::Done(number(body)?.0),
        6 => {
            let (invocation, error) = number(body)?;
            FromWorker::Failed(invocation, error)
        }
        7 => {
            let (handle, text) = number(body)?;
            FromWorker::Send(handle, text)
        }
        8 => {
            let (call, rest) = number(body)?;
            let (op, payload) = rest.split_first().ok_or(WireError)?;
            FromWorker::Call {
                call,
                op: *op,
                payload,
            }
        }
        9 => FromWorker::Pong(number(body)?.0),
        10 => FromWorker::Notice(body),
        11 => FromWorker::SendSame(number(body)?.0),
        12 => FromWorker::Begun(number(body)?.0),
        _ => return Err(WireError),
    })
}

/// Splits the next complete frame off `bytes`; `None` while it is incomplete.
pub fn next_frame(bytes: &[u8]) -> Result<Option<(FromWorker<'_>, usize)>, WireError> {
    let Ok((length, rest)) = number(bytes) else {
        return Ok(None);
    };
    let length = length as usize;
    if length == 0 || length > MAX_FRAME {
        return Err(WireError);
    }
    match rest.get(..length) {
        Some(frame) => Ok(Some((decode(frame)?, 4 + length))),
        None => Ok(None),
    }
}

fn frame(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|p| p.len()).sum::<usize>() + 1;
    // What is longer than a frame may be is refused where it comes in.
    out.extend_from_slice(&(length as u32).to_le_bytes());
    out.push(kind);
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// A connection is live from here on.
pub fn opened(out: &mut Vec<u8>, handle: u32, id: &[u8]) {
    frame(out, to::OPENED, &[&handle.to_le_bytes(), id]);
}

/// A connection is gone from here on.
pub fn gone(out: &mut Vec<u8>, handle: u32) {
    frame(out, to::GONE, &[&handle.to_le_bytes()]);
}

/// Sends to a connection are refused from here on, or (`slow` false) accepted again.
pub fn slow(out: &mut Vec<u8>, handle: u32, slow: bool) {
    let kind = if slow { to::SLOW } else { to::FAST };
    frame(out, kind, &[&handle.to_le_bytes()]);
}

/// Who an invocation is about. The id goes along because the connection may be gone from the
/// mirror by the time its last messages are handled.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The invocation's number.
    pub invocation: u32,
    /// The connection's number.
    pub handle: u32,
    /// The connection's id.
    pub id: &'a [u8],
}

impl Subject<'_> {
    fn frame(self, out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
        let numbers = [self.invocation.to_le_bytes(), self.handle.to_le_bytes()];
        frame(out, kind, &[numbers.as_flattened(), self.id, payload]);
    }
}

/// Invokes `connected`; `meta` is JSON.
pub fn connected(out: &mut Vec<u8>, subject: Subject<'_>, meta: &[u8]) {
    subject.frame(out, to::CONNECTED, meta);
}

/// Invokes `message`; a binary one comes as base64 and is not parsed.
pub fn message(out: &mut Vec<u8>, subject: Subject<'_>, text: &[u8], binary: bool) {
    subject.frame(out, if binary { to::BINARY } else { to::MESSAGE }, text);
}

/// Invokes `disconnected`. By id, since the connection may be one of an earlier run.
pub fn disconnected(out: &mut Vec<u8>, invocation: u32, id: &[u8], reason: &str) {
    frame(
        out,
        to::DISCONNECTED,
        &[&invocation.to_le_bytes(), id, reason.as_bytes()],
    );
}

/// Answers a call; status 0 is success.
pub fn reply(out: &mut Vec<u8>, call: u32, status: u8, payload: &[u8]) {
    frame(out, to::REPLY, &[&call.to_le_bytes(), &[status], payload]);
}

/// Loads the app; JSON `{"entry": path or null}`.
pub fn load(out: &mut Vec<u8>, json: &[u8]) {
    frame(out, to::LOAD, &[json]);
}

/// Asks whether the worker still turns its event loop.
pub fn ping(out: &mut Vec<u8>, number: u32) {
    frame(out, to::PING, &[&number.to_le_bytes()]);
}

/// Asks the worker to end.
pub fn stop(out: &mut Vec<u8>) {
    frame(out, to::STOP, &[]);
}

/// Invokes the `data.on` handlers with these numbers.
pub fn change(out: &mut Vec<u8>, invocation: u32, handlers: &[u32], payload: &[u8]) {
    let numbers: Vec<u8> = [invocation, handlers.len() as u32]
        .iter()
        .chain(handlers)
        .flat_map(|n| n.to_le_bytes())
        .collect();
    frame(out, to::CHANGE, &[&numbers, payload]);
}

/// Invokes the handlers of a published event; JSON.
pub fn event(out: &mut Vec<u8>, invocation: u32, json: &[u8]) {
    frame(out, to::EVENT, &[&invocation.to_le_bytes(), json]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        frame(&mut out, kind, &[body]);
        out
    }

    #[test]
    fn frames_are_read_whole_or_not_at_all() {
        let bytes = bytes_of(7, b"\x05\0\0\0hello");
        for cut in 0..bytes.len() {
            assert_eq!(next_frame(&bytes[..cut]), Ok(None), "{cut}");
        }
        let read = next_frame(&bytes);
        assert_eq!(read, Ok(Some((FromWorker::Send(5, b"hello"), bytes.len()))));
    }

    #[test]
    fn bytes_that_are_no_frame_are_an_error_and_never_a_panic() {
        assert_eq!(next_frame(&[0, 0, 0, 0]), Err(WireError));
        assert_eq!(next_frame(&[0xff; 8]), Err(WireError));
        assert_eq!(next_frame(&bytes_of(99, b"")), Err(WireError));
        for kind in 1..=12 {
            for length in 0..8 {
                let _ = next_frame(&bytes_of(kind, &vec![1; length]));
            }
        }
    }

    #[test]
    fn what_is_written_has_the_length_it_says() {
        let mut out = Vec::new();
        let subject = Subject {
            invocation: 1,
            handle: 2,
            id: b"id",
        };
        message(&mut out, subject, b"text", false);
        assert_eq!(out.len(), 4 + 1 + 8 + 2 + 4);
        assert_eq!(out[..5], [15, 0, 0, 0, to::MESSAGE]);
    }
}
