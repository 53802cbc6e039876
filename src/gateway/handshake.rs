//! The WebSocket handshake, as a decision: a request's head in, an answer out.

use std::net::SocketAddr;

use hyper::{HeaderMap, Method, StatusCode, Version, header};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::{Map, Value};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Gateway;
use super::access::BadHost;
use crate::event::{Fact, Wire};

/// The head of a request, however it was read.
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The request target.
    pub target: &'a str,
    /// The protocol's version.
    pub version: Version,
    /// The headers.
    pub headers: &'a HeaderMap,
}

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The body's `message`.
    pub message: String,
    /// One more header, if the status wants one.
    pub header: Option<(&'static str, String)>,
}

/// An accepted handshake.
pub struct Acceptance {
    /// The request target.
    pub target: String,
    /// Value of `Sec-WebSocket-Accept`.
    pub accept_key: String,
    /// The subprotocol that was negotiated.
    pub subprotocol: Option<String>,
    /// When that was, in milliseconds since the epoch.
    pub connected_at: i64,
    /// Its query parameters.
    pub query: Option<Map<String, Value>>,
    /// What the `connected` handler gets: [`Meta`](super::registry::Meta) as JSON.
    pub meta: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: &str) -> Self {
        Self {
            status,
            message: message.to_owned(),
            header: None,
        }
    }

    pub(super) fn bad_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden")
    }
}

impl RequestHead<'_> {
    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether some comma-separated value of a header is this token.
    fn has_token(&self, name: header::HeaderName, token: &str) -> bool {
        let values = self.headers.get_all(name);
        let mut tokens = values
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','));
        tokens.any(|t| t.trim().eq_ignore_ascii_case(token))
    }

    /// Whether the client asks for a WebSocket.
    pub fn wants_websocket(&self) -> bool {
        self.has_token(header::UPGRADE, "websocket")
    }
}

impl Gateway {
    /// The check before any routing: is this request meant for us?
    pub(super) fn check_host(&self, head: &RequestHead<'_>) -> Result<(), Refusal> {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|h| h.to_str().ok());
        if hosts.next().is_some() {
            return Err(Refusal::bad_request("more than one Host header"));
        }
        // A target in absolute form names the host as well, and wins over the header.
        let authority = absolute_authority(head.target);
        match self.access.check_host(authority.or(host)) {
            Ok(()) => Ok(()),
            Err(BadHost::Malformed) => {
                Err(Refusal::bad_request("missing or malformed Host header"))
            }
            Err(BadHost::Foreign) => {
                let host = authority.or(host).unwrap_or_default();
                self.bus.tell(Fact::Rejected {
                    status: 403,
                    reason: format!("the Host header names `{host}`, not this sandbox"),
                    hint: Some(format!(
                        "if that name is yours, start with --allow-host {}",
                        host.split(':').next().unwrap_or_default()
                    )),
                });
                Err(Refusal::forbidden())
            }
        }
    }

    /// Decides on a handshake: 403, 429, 400 and 426 come before 101, nothing after it.
    pub(super) fn decide(&self, head: &RequestHead<'_>) -> Result<Acceptance, Refusal> {
        self.judge(head).inspect_err(|refusal| {
            self.bus.wire(|| Wire::Handshake {
                target: head.target.to_owned(),
                headers: texts(&title_cased(head.headers)),
                status: refusal.status.as_u16(),
                connection_id: None,
            });
        })
    }

    fn judge(&self, head: &RequestHead<'_>) -> Result<Acceptance, Refusal> {
        self.check_host(head)?;
        let key = well_formed_upgrade(head)?;
        self.check_origin(head)?;
        if !self.is_active() {
            self.bus.tell(Fact::Rejected {
                status: 403,
                reason: "a client tried to connect while the sandbox is paused".to_owned(),
                hint: Some("`resume` makes it active again".to_owned()),
            });
            return Err(Refusal::forbidden());
        }
        if self.registry.len() >= self.max_connections {
            self.bus.tell(Fact::Rejected {
                status: 503,
                reason: format!(
                    "as many connections are open as this sandbox holds: {}",
                    self.max_connections
                ),
                hint: Some("--max-connections lets more in".to_owned()),
            });
            return Err(Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Service Unavailable",
            ));
        }
        let connected_at = self.clock.now_ms();
        if !self.take_token(connected_at) {
            self.tell_throttled(None);
            return Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too Many Requests",
            ));
        }
        let query = query_parameters(head.target);
        let meta = NewMeta {
            connected_at,
            query_string_parameters: query.as_ref(),
            headers: TitleCased(head.headers),
        };
        Ok(Acceptance {
            target: head.target.to_owned(),
            accept_key: derive_accept_key(key.as_bytes()),
            subprotocol: self.negotiate(head),
            meta: serde_json::to_string(&meta).unwrap_or_default(),
            connected_at,
            query,
        })
    }

    fn check_origin(&self, head: &RequestHead<'_>) -> Result<(), Refusal> {
        let mut origins = head.headers.get_all(header::ORIGIN).iter();
        let origin = match (origins.next(), origins.next()) {
            (None, _) => None,
            (Some(origin), None) => Some(origin.to_str().unwrap_or("(not ASCII)")),
            (Some(_), Some(_)) => return Err(Refusal::bad_request("more than one Origin header")),
        };
        if self.access.allows_origin(origin) {
            return Ok(());
        }
        let origin = origin.unwrap_or_default();
        let flag = match origin {
            "null" => {
                "a page opened from a file has no origin: serve it over http://localhost, or start with --allow-origin null".to_owned()
            }
            _ => format!("to let it in, start with --allow-origin {origin}"),
        };
        self.bus.tell(Fact::Rejected {
            status: 403,
            reason: format!("a page of the origin `{origin}` tried to connect"),
            hint: Some(flag),
        });
        Err(Refusal::forbidden())
    }

    /// The first subprotocol that the client asks for and `--subprotocol` names.
    fn negotiate(&self, head: &RequestHead<'_>) -> Option<String> {
        let asked = head.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
        let mut names = asked
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','))
            .map(str::trim);
        let known = |name: &&str| self.subprotocols.iter().any(|known| known == name);
        names.find(known).map(str::to_owned)
    }
}

/// [`Meta`](super::registry::Meta) to be written, without a copy of every header.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewMeta<'a> {
    connected_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<&'a Map<String, Value>>,
    headers: TitleCased<'a>,
}

/// Headers as handlers see them; of a repeated one the last counts.
struct TitleCased<'a>(&'a HeaderMap);

impl Serialize for TitleCased<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.keys_len()))?;
        for name in self.0.keys() {
            if let Some(value) = self.0.get_all(name).iter().next_back() {
                let value = String::from_utf8_lossy(value.as_bytes());
                map.serialize_entry(&title_case(name.as_str()), &value)?;
            }
        }
        map.end()
    }
}

/// Checks what RFC 6455, section 4.2.1, asks of the request; gives the key.
fn well_formed_upgrade<'a>(head: &'a RequestHead<'_>) -> Result<&'a str, Refusal> {
    if head.method != Method::GET {
        return Err(Refusal::bad_request(
            "a WebSocket handshake is a GET request",
        ));
    }
    if head.version != Version::HTTP_11 {
        return Err(Refusal::bad_request("a WebSocket handshake needs HTTP/1.1"));
    }
    // A body would be read as frames by one side and as a request by the other.
    let has_body = head.headers.contains_key(header::TRANSFER_ENCODING)
        || head
            .header(header::CONTENT_LENGTH)
            .is_some_and(|n| n.trim() != "0");
    if has_body {
        return Err(Refusal::bad_request("a WebSocket handshake has no body"));
    }
    if !head.has_token(header::CONNECTION, "upgrade") {
        return Err(Refusal::bad_request(
            "the Connection header does not say `Upgrade`",
        ));
    }
    if head.header(header::SEC_WEBSOCKET_VERSION).map(str::trim) != Some("13") {
        return Err(Refusal {
            status: StatusCode::UPGRADE_REQUIRED,
            message: "only version 13 of the WebSocket protocol is spoken here".to_owned(),
            header: Some(("Sec-WebSocket-Version", "13".to_owned())),
        });
    }
    let mut keys = head.headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let key = keys.next().and_then(|k| k.to_str().ok()).map(str::trim);
    match (key, keys.next()) {
        (Some(key), None) if is_key(key) => Ok(key),
        _ => Err(Refusal::bad_request(
            "the Sec-WebSocket-Key header is missing or malformed",
        )),
    }
}

/// Whether a text is the base64 of 16 bytes.
fn is_key(text: &str) -> bool {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD.decode(text);
    decoded.is_ok_and(|bytes| bytes.len() == 16)
}

/// The authority of a request target in absolute form.
fn absolute_authority(target: &str) -> Option<&str> {
    let (_, rest) = target
        .split_once("://")
        .filter(|_| !target.starts_with('/'))?;
    Some(rest.split(['/', '?', '#']).next().unwrap_or(rest))
}

/// The query parameters, decoded; the last of a repeated name wins; `None` without a query.
pub(super) fn query_parameters(target: &str) -> Option<Map<String, Value>> {
    let (_, query) = target.split_once('?')?;
    let mut parameters = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.insert(decode(name), Value::String(decode(value)));
    }
    (!parameters.is_empty()).then_some(parameters)
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// Headers as handlers see them.
pub(super) fn title_cased(headers: &HeaderMap) -> Map<String, Value> {
    let mut named = Map::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        named.insert(title_case(name.as_str()), Value::String(value));
    }
    named
}

/// Headers as text.
pub(super) fn texts(headers: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    headers
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// `sec-websocket-key` as `Sec-WebSocket-Key`: the HTTP library lower-cases names, API Gateway
/// shows them as clients commonly write them.
fn title_case(name: &str) -> String {
    let mut titled = String::with_capacity(name.len());
    for (place, word) in name.split('-').enumerate() {
        if place > 0 {
            titled.push('-');
        }
        let mut letters = word.chars();
        match word {
            "websocket" => titled.push_str("WebSocket"),
            _ => {
                let first = letters.next().map(|c| c.to_ascii_uppercase());
                titled.extend(first.into_iter().chain(letters));
            }
        }
    }
    titled
}

/// A connection that opened, as an event.
pub(super) fn connected_fact(
    id: crate::domain::ConnectionId,
    query: Option<&Map<String, Value>>,
    remote: SocketAddr,
) -> Fact {
    let parameters = query.into_iter().flatten();
    let query = parameters
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    Fact::Connected {
        connection_id: id,
        query,
        remote_address: remote.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_parameters_are_decoded_and_the_last_wins() {
        let parameters = query_parameters("/p?name=Ana%20B&x=1&x=2&flag&plus=a+b&=e").unwrap();
        let json = serde_json::to_value(parameters).unwrap();
        let expected =
            serde_json::json!({"name": "Ana B", "x": "2", "flag": "", "plus": "a b", "": "e"});
        assert_eq!(json, expected);
        assert_eq!(query_parameters("/p"), None);
        assert_eq!(query_parameters("/p?"), None);
    }

    #[test]
    fn header_names_are_shown_as_clients_write_them() {
        assert_eq!(title_case("sec-websocket-key"), "Sec-WebSocket-Key");
        assert_eq!(title_case("host"), "Host");
        assert_eq!(title_case("x--y"), "X--Y");
        assert_eq!(title_case("-x-"), "-X-");
    }

    #[test]
    fn a_target_in_absolute_form_names_its_host() {
        assert_eq!(
            absolute_authority("http://evil.example:1/x"),
            Some("evil.example:1")
        );
        assert_eq!(absolute_authority("/http://x/"), None);
    }
}
