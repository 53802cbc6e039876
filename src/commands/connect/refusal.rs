//! Why a server did not open a WebSocket, in words.

use std::io;

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::http::header::{LOCATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::http::{Response, StatusCode};

use super::target::Target;
use crate::control::Client;
use crate::error::{Failure, reason};
use crate::ops::{Perform, Request, Status};
use crate::verbs;

/// What keeps a client out.
#[derive(Debug)]
pub(in crate::commands) enum Trouble {
    /// The server answered something other than 101.
    Refused(Refused),
    /// Anything else.
    Failed(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// An answer other than 101.
#[derive(Debug)]
pub(in crate::commands) struct Refused {
    status: StatusCode,
    /// What the server says about it.
    message: Option<String>,
    /// Where it wants us to go instead.
    location: Option<String>,
}

impl Trouble {
    /// The failure to tell; `sandbox` is asked for its reasons if it is what we connected to.
    pub(in crate::commands) async fn explain(
        self,
        target: &Target,
        sandbox: Option<&Client>,
    ) -> Failure {
        let refused = match self {
            Self::Failed(failure) => return failure,
            Self::Refused(refused) => refused,
        };
        let status = match sandbox {
            Some(sandbox) => sandbox.perform(Request::Status).await.ok(),
            None => None,
        };
        let status = status.and_then(|answer| verbs::typed::<Status>(answer).ok());
        refused.explain(target, status.as_ref())
    }
}

impl Refused {
    fn new(response: &Response<Option<Vec<u8>>>) -> Self {
        let body = response.body().as_deref().unwrap_or_default();
        let location = response.headers().get(LOCATION);
        Self {
            status: response.status(),
            message: message(body),
            location: location.and_then(|v| v.to_str().ok()).map(str::to_owned),
        }
    }

    fn explain(&self, target: &Target, sandbox: Option<&Status>) -> Failure {
        let code = self.status.as_u16();
        let name = self.status.canonical_reason().unwrap_or("no name");
        let mut text = format!("`{}` refused the connection: {code} {name}", target.url);
        let own_words = self.message.as_deref().filter(|m| *m != name);
        if let Some(message) = own_words {
            text.push_str(&format!(", \"{message}\""));
        }
        let failure = match code {
            429 => Failure::new("throttled", text),
            _ => Failure::new("refused", text),
        };
        match self.hint(target, sandbox) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    fn hint(&self, target: &Target, sandbox: Option<&Status>) -> Option<String> {
        let names_origin = target.request.headers().contains_key("origin");
        let may_be_ours = sandbox.is_some() || target.is_local();
        Some(match self.status.as_u16() {
            300..=399 => match &self.location {
                Some(location) => format!("it leads to `{location}`; connect there"),
                None => "redirects are not followed".to_owned(),
            },
            401 => {
                "it wants credentials, for example --header 'Authorization: Bearer …'".to_owned()
            }
            403 if sandbox.is_some_and(|status| !status.active) => {
                "the sandbox is paused; `ampt-ws resume` makes it active again".to_owned()
            }
            403 if names_origin && may_be_ours => {
                "the Origin header is not allowed; start the sandbox with --allow-origin".to_owned()
            }
            403 if sandbox.is_some() => "`ampt-ws logs` says why".to_owned(),
            403 if may_be_ours => {
                "if it is a sandbox: is it paused? `ampt-ws logs` there says why".to_owned()
            }
            404 | 405 | 200 => "there is no WebSocket at this path".to_owned(),
            426 => "there is no WebSocket at this path, or none of version 13".to_owned(),
            429 => match sandbox {
                Some(status) => format!(
                    "a connection takes a token, and the {} environment has {} a second; wait, or \
                     start the sandbox with --env or --no-limits",
                    status.env, status.limits.rate
                ),
                None => "too many requests; wait a moment".to_owned(),
            },
            500..=599 => "the server or a proxy before it is in trouble; try again".to_owned(),
            _ => return None,
        })
    }
}

/// What a failed handshake means.
pub(super) fn of(target: &Target, error: Error) -> Trouble {
    let at = target.authority();
    let failure = |code, text| Failure::new(code, text);
    let wrong_scheme = match target.is_secure {
        true => "is it a WebSocket server?",
        false => "is it a WebSocket server? perhaps it speaks TLS: try wss://",
    };
    Trouble::Failed(match error {
        Error::Http(response) => return Trouble::Refused(Refused::new(&response)),
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(error)) => {
            subprotocol(target, error)
        }
        Error::Protocol(ProtocolError::HttparseError(_) | ProtocolError::WrongHttpVersion) => {
            failure(
                "no-websocket",
                format!("`{at}` does not answer in HTTP/1.1"),
            )
            .hint(wrong_scheme)
        }
        Error::Protocol(ProtocolError::HandshakeIncomplete) => hung_up(&at, wrong_scheme),
        Error::Io(error)
            if matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::BrokenPipe
            ) =>
        {
            hung_up(&at, wrong_scheme)
        }
        Error::Io(error) => failure("unreachable", format!("lost `{at}`: {}", reason(&error))),
        other => {
            let text = format!("`{at}` answered, but not as a WebSocket server does: {other}");
            failure("no-websocket", text)
        }
    })
}

fn hung_up(at: &str, hint: &str) -> Failure {
    Failure::new("hung-up", format!("`{at}` hung up during the handshake")).hint(hint)
}

fn subprotocol(target: &Target, error: SubProtocolError) -> Failure {
    let asked = target.request.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let asked = asked.and_then(|v| v.to_str().ok()).unwrap_or_default();
    let what = match error {
        SubProtocolError::NoSubProtocol => {
            format!("the server speaks none of the subprotocols asked for: `{asked}`")
        }
        _ => "the server chose a subprotocol that was not asked for".to_owned(),
    };
    let failure = Failure::new("subprotocol", what);
    match target.is_local() {
        true => failure.hint(
            "a sandbox agrees to those it was started with: `ampt-ws dev --subprotocol NAME`",
        ),
        false => failure,
    }
}

/// What the body of an answer says: the `message` of a JSON object, or the line that is all there
/// is. Pages are not for terminals.
fn message(body: &[u8]) -> Option<String> {
    const LONGEST: usize = 200;
    let text = std::str::from_utf8(body).ok()?.trim();
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(text) {
        return json["message"].as_str().map(str::to_owned);
    }
    let is_line = !text.is_empty() && text.len() <= LONGEST && !text.contains(['<', '\n']);
    is_line.then(|| text.to_owned())
}
