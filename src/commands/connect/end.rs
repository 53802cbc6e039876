//! How a connection ended, and what that means for whoever ran the client.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::error::{Failure, exit};
use crate::output::ClientEvent;

/// The end of a connection.
#[derive(Debug)]
pub(super) struct Ended {
    code: u16,
    reason: String,
    by_server: bool,
    hint: Option<String>,
    /// What the program ends with.
    pub(super) exit: Result<u8, Failure>,
}

impl Ended {
    /// We left, and the server answered with `frame`, if with anything.
    pub(super) fn by_us(frame: Option<&CloseFrame>, exit: Result<u8, Failure>) -> Self {
        let (code, reason) = read(frame);
        Self {
            code,
            reason,
            by_server: false,
            hint: None,
            exit,
        }
    }

    /// We left, and the server said nothing in time.
    pub(super) fn unanswered(exit: Result<u8, Failure>) -> Self {
        Self {
            code: 1006,
            reason: String::new(),
            by_server: false,
            hint: Some("the server did not answer the close frame".to_owned()),
            exit,
        }
    }

    /// The server sent a close frame. `is_ours`: it is a sandbox. `unsent`: messages were left.
    pub(super) fn by_server(frame: Option<&CloseFrame>, is_ours: bool, unsent: bool) -> Self {
        let (code, reason) = read(frame);
        let is_normal = matches!(code, 1000 | 1005) && !unsent;
        let hint = match unsent {
            true => Some("not everything was sent".to_owned()),
            false => hint(code, is_ours),
        };
        Self {
            code,
            reason,
            by_server: true,
            hint,
            exit: Ok(if is_normal { exit::OK } else { exit::FAILED }),
        }
    }

    /// The connection broke, with an error or without.
    pub(super) fn lost(error: Option<&Error>, is_ours: bool) -> Self {
        let (code, reason) = match error {
            Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Error::Io(_)) => {
                (1006, String::new())
            }
            Some(Error::Utf8(_)) => (1007, "the server sent a text that is not UTF-8".to_owned()),
            Some(error) => (1002, format!("the server broke the protocol: {error}")),
            None => (1006, String::new()),
        };
        Self {
            code,
            reason,
            by_server: code == 1006,
            hint: hint(code, is_ours),
            exit: Ok(exit::FAILED),
        }
    }

    /// The code for the close frame that answers what broke the protocol.
    pub(super) fn answer(&self) -> Option<u16> {
        matches!(self.code, 1002 | 1007).then_some(self.code)
    }

    /// As it is shown.
    pub(super) fn event(&self) -> ClientEvent {
        ClientEvent::Closed {
            code: self.code,
            reason: self.reason.clone(),
            by_server: self.by_server,
            hint: self.hint.clone(),
        }
    }
}

fn read(frame: Option<&CloseFrame>) -> (u16, String) {
    match frame {
        Some(frame) => (frame.code.into(), frame.reason.as_str().to_owned()),
        None => (1005, String::new()),
    }
}

fn hint(code: u16, is_ours: bool) -> Option<String> {
    let hint = match (code, is_ours) {
        (1001, true) => {
            "the sandbox stopped, or the connection was idle (--idle-timeout) or open \
             (--max-duration) for too long"
        }
        (1006, true) => "there was no close frame: did the sandbox die?",
        (1006, false) => "there was no close frame",
        (1009, true) => {
            "API Gateway takes 128 KB in a message and 32 KB in a frame; to lift that, start the \
             sandbox with --max-message and --max-frame"
        }
        (1009, false) => "the server takes no message as large as this",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(code: u16) -> CloseFrame {
        CloseFrame {
            code: code.into(),
            reason: "why".into(),
        }
    }

    #[test]
    fn only_a_normal_end_by_the_server_is_a_success() {
        for (code, exit) in [(1000, exit::OK), (1001, exit::FAILED), (4001, exit::FAILED)] {
            let ended = Ended::by_server(Some(&frame(code)), true, false);
            assert_eq!(ended.exit, Ok(exit), "{code}");
        }
        assert_eq!(Ended::by_server(None, false, false).exit, Ok(exit::OK));
        let cut = Ended::by_server(Some(&frame(1000)), false, true);
        assert_eq!(cut.exit, Ok(exit::FAILED));
        assert_eq!(Ended::lost(None, false).exit, Ok(exit::FAILED));
    }

    #[test]
    fn limits_are_explained() {
        let ended = Ended::by_server(Some(&frame(1009)), true, false);
        assert!(ended.hint.unwrap().contains("--max-message"));
        assert!(hint(4001, true).is_none());
    }
}
