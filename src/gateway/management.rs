//! The management API: `/@connections/{id}`, with the answers of API Gateway.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, ORIGIN};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::Gateway;
use super::handshake::Refusal;
use super::http::{Body, body, json, refused};
use super::outbox::{Outgoing, Put};
use super::registry::Connection;
use super::witness::{Passing, Witness};
use crate::domain::{BinaryMessages, CloseReason, ConnectionId};
use crate::event::Fact;
use crate::iso;

/// After so many bytes beyond the largest message the connection is closed.
const MAX_READ: usize = 32 << 20;

/// The header in which AWS names an error.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The header in which AWS numbers its answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The header that asks for a binary frame, with [`BINARY`]. It is ours: a content type would not
/// do, since AWS's SDKs name `application/octet-stream` for whatever they post.
const MESSAGE: HeaderName = HeaderName::from_static("x-ampt-ws-message");

/// What [`MESSAGE`] says then.
const BINARY: &str = "binary";

/// Whether a path is the management API's, with or without a leading stage segment.
pub(super) fn is_addressed(path: &str) -> bool {
    segments(path).is_some()
}

/// What follows `@connections/`; `None` if the path is not below it.
fn segments(path: &str) -> Option<Vec<String>> {
    let decoded = |s: &str| percent_decode_str(s).decode_utf8_lossy().into_owned();
    let all: Vec<String> = path.split('/').skip(1).map(decoded).collect();
    let at = all.iter().take(2).position(|s| s == "@connections")?;
    Some(all[at + 1..].to_vec())
}

/// Serves a request to the management API.
pub(super) async fn answer(gateway: &Arc<Gateway>, request: Request<Incoming>) -> Response<Body> {
    let request_id = gateway.request_id();
    let is_outside = gateway.caller(request.headers()) == Ok(Caller::Outside);
    let witness = is_outside.then(|| gateway.witness(&request)).flatten();
    let request = Witness::hear(witness.as_ref(), request);
    let mut response = decide(gateway, request, &request_id).await;
    if let Some(witness) = witness {
        witness.answered(&response);
    }
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn decide(gateway: &Gateway, request: Request<Passing>, request_id: &str) -> Response<Body> {
    if let Err(reason) = gateway.caller(request.headers()) {
        let method = request.method();
        gateway.bus.tell(Fact::Rejected {
            status: 403,
            reason: format!("a {method} to the management API {reason}"),
            hint: reason.hint().map(str::to_owned),
        });
        return forbidden();
    }
    let id = match segments(request.uri().path()).as_deref() {
        Some([id]) if !id.is_empty() => id.clone(),
        _ => return forbidden(),
    };
    let known = [Method::GET, Method::POST, Method::DELETE];
    if !known.contains(request.method()) {
        return forbidden();
    }
    let Ok(parsed) = id.parse::<ConnectionId>() else {
        return malformed(&id, request_id);
    };
    let live = gateway
        .registry
        .by_id(&parsed)
        .filter(|c| !c.outbox.is_closing());
    let Some(connection) = live else {
        return error(StatusCode::GONE, "GoneException", String::new());
    };
    match *request.method() {
        Method::GET => describe(&connection),
        Method::DELETE => {
            if !connection.close(CloseReason::CLOSED_BY_SERVER) {
                return error(StatusCode::GONE, "GoneException", String::new());
            }
            let mut response = Response::new(body(""));
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        _ => post(gateway, &connection, request).await,
    }
}

async fn post(
    gateway: &Gateway,
    connection: &Connection,
    request: Request<Passing>,
) -> Response<Body> {
    let is_binary = gateway.sends_binary(request.headers());
    let message = match read_message(request.into_body(), gateway.max_sent()).await {
        Ok(Some(message)) => message,
        Ok(None) => {
            let body = r#"{"message":"Message too long"}"#.to_owned();
            return error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "PayloadTooLargeException",
                body,
            );
        }
        Err(_) => return refused(&Refusal::bad_request("the request's body ended early")),
    };
    if connection.outbox.is_slow() {
        return too_slow();
    }
    let message = match is_binary {
        true => Outgoing::Binary(message),
        false => text_of(message),
    };
    match connection.outbox.put(message) {
        Put::Queued | Put::BecameSlow => Response::new(body("")),
        Put::Closing => error(StatusCode::GONE, "GoneException", String::new()),
        Put::Full => too_slow(),
    }
}

/// The message in a body; `None` if it has more than `most` bytes. What is too much is read all the
/// same, if it is not endless: clients write the whole body before they look for an answer.
async fn read_message(mut body: Passing, most: usize) -> Result<Option<Bytes>, hyper::Error> {
    let mut message = BytesMut::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        read += data.len();
        if read <= most {
            message.extend_from_slice(&data);
        } else if read - most > MAX_READ {
            break;
        }
    }
    Ok((read <= most).then(|| message.freeze()))
}

/// A posted message as text; what is not UTF-8 is replaced.
fn text_of(body: Bytes) -> Outgoing {
    match Utf8Bytes::try_from(body.clone()) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(&body).into_owned().into(),
    }
}

fn too_slow() -> Response<Body> {
    let body = r#"{"message":"The client is reading too slowly"}"#.to_owned();
    error(
        StatusCode::TOO_MANY_REQUESTS,
        "LimitExceededException",
        body,
    )
}

fn forbidden() -> Response<Body> {
    let body = r#"{"message":"Forbidden"}"#.to_owned();
    error(StatusCode::FORBIDDEN, "ForbiddenException", body)
}

fn malformed(id: &str, request_id: &str) -> Response<Body> {
    let body = serde_json::json!({
        "message": format!("Invalid connectionId: {id}"),
        "connectionId": id,
        "requestId": request_id,
    });
    error(
        StatusCode::BAD_REQUEST,
        "BadRequestException",
        body.to_string(),
    )
}

fn describe(connection: &Connection) -> Response<Body> {
    use std::sync::atomic::Ordering::Relaxed;
    let meta = connection.meta();
    let agent = meta.as_ref().and_then(|m| m.headers.get("User-Agent"));
    let last_active = connection.traffic.last_active_at.load(Relaxed);
    let body = serde_json::json!({
        "connectedAt": iso::from_ms(connection.connected_at),
        "identity": {
            "sourceIp": connection.remote.ip(),
            "userAgent": agent.and_then(|a| a.as_str()).unwrap_or_default(),
        },
        "lastActiveAt": iso::from_ms(last_active),
    });
    json(StatusCode::OK, body.to_string())
}

fn error(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = json(status, body);
    response
        .headers_mut()
        .insert(ERROR_TYPE, HeaderValue::from_static(kind));
    response
}

/// Who uses the management API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// The app, with the credentials that this sandbox gave to it; or who has got them from it.
    App,
    /// Somebody else, where any credentials will do.
    Outside,
}

/// Why a caller may not use the management API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum BadCaller {
    /// It is a page in a browser.
    #[error("came from a web page")]
    Page,
    /// There is no signature.
    #[error("is not signed")]
    Unsigned,
    /// The access key is not the one that the sandbox gave to the app.
    #[error("is signed with an access key that this sandbox did not give out")]
    Stranger,
}

impl BadCaller {
    fn hint(self) -> Option<&'static str> {
        match self {
            Self::Page => None,
            Self::Unsigned => Some(
                "AWS wants Signature Version 4; its SDKs sign as soon as they have credentials",
            ),
            Self::Stranger => Some(
                "the app finds the right one in AWS_ACCESS_KEY_ID; for callers outside it, start with --allow-any-credentials",
            ),
        }
    }
}

impl Gateway {
    /// Whether what is posted with these headers goes out as a binary message.
    fn sends_binary(&self, headers: &HeaderMap) -> bool {
        let is_wanted = headers
            .get(MESSAGE)
            .is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(BINARY.as_bytes()));
        is_wanted && self.limits.binary == BinaryMessages::Allow
    }

    /// Whether a request comes from somebody to whom this sandbox gave credentials. The signature
    /// itself is not computed: whoever can read the key id could read the secret as well.
    fn caller(&self, headers: &HeaderMap) -> Result<Caller, BadCaller> {
        if headers.contains_key(ORIGIN) {
            return Err(BadCaller::Page);
        }
        let header = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
        let parts = header.and_then(|h| h.strip_prefix("AWS4-HMAC-SHA256 "));
        let credential = parts.and_then(|parts| {
            let mut parts = parts.split(',');
            parts.find_map(|part| part.trim().strip_prefix("Credential="))
        });
        let key_id = credential.and_then(|c| c.split('/').next());
        match key_id {
            None | Some("") => Err(BadCaller::Unsigned),
            Some(key) if key == self.credentials.key_id => Ok(Caller::App),
            Some(_) if self.any_credentials => Ok(Caller::Outside),
            Some(_) => Err(BadCaller::Stranger),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_recognised_with_and_without_a_stage_and_percent_encoded() {
        let id = vec!["AAAAAAAAAAAAAAA=".to_owned()];
        for path in [
            "/@connections/AAAAAAAAAAAAAAA=",
            "/%40connections/AAAAAAAAAAAAAAA%3D",
            "/prod/@connections/AAAAAAAAAAAAAAA%3D",
        ] {
            assert_eq!(segments(path), Some(id.clone()), "{path}");
        }
        assert_eq!(segments("/"), None);
        assert_eq!(segments("/a/b/@connections/x"), None);
        assert_eq!(segments("/@connections"), Some(vec![]));
    }
}
