//! Names for the clients of a recording, and what is worth keeping of their handshakes.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::domain::ConnectionId;

/// Query parameters that are likely to hold a name, the likeliest first.
const TELLING: [&str; 8] = [
    "name", "user", "username", "userName", "nick", "userId", "user_id", "client",
];

/// Headers that every client sends, or that belong to one connection alone.
const ORDINARY: [&str; 26] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "expect",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "priority",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade-insecure-requests",
    "connection",
    "content-length",
    "dnt",
    "host",
    "origin",
    "pragma",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "sec-gpc",
    "upgrade",
    "user-agent",
];

/// Headers whose values are often secret.
const SECRET: [&str; 4] = [
    "authorization",
    "cookie",
    "x-api-key",
    "proxy-authorization",
];

/// The clients' names.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_id: BTreeMap<ConnectionId, String>,
    taken: BTreeMap<String, usize>,
}

impl Names {
    /// Names a client by its query, or numbers it.
    pub fn new_name(&mut self, query: &[(String, String)]) -> String {
        let told = TELLING.iter().find_map(|key| {
            let (_, value) = query.iter().find(|(name, _)| name == key)?;
            is_name(value).then(|| value.clone())
        });
        let (base, is_told) = match told {
            Some(name) => (name, true),
            None => ("client".to_owned(), false),
        };
        loop {
            let count = self.taken.entry(base.clone()).or_default();
            *count += 1;
            let name = match (*count, is_told) {
                (1, true) => base.clone(),
                (n, _) => format!("{base}{n}"),
            };
            let is_free = name == base || !self.taken.contains_key(&name);
            if is_free {
                if name != base {
                    self.taken.insert(name.clone(), 1);
                }
                return name;
            }
        }
    }

    pub fn insert(&mut self, id: ConnectionId, name: String) {
        self.by_id.insert(id, name);
    }

    pub fn get(&self, id: &ConnectionId) -> Option<&str> {
        self.by_id.get(id).map(String::as_str)
    }

    /// The name of a connection whose id is told as text.
    pub fn by_text(&self, id: &str) -> Option<&str> {
        self.get(&id.parse().ok()?)
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic());
    first && text.len() <= 24 && chars.all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// The headers that are worth keeping.
pub(super) fn own_headers(headers: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    let own = |(name, value): &(&str, &str)| match name.to_ascii_lowercase().as_str() {
        // A page of this machine is let in, and any other is what the step is about.
        "origin" => !value.contains("localhost") && !value.contains("127.0.0.1"),
        name => {
            !ORDINARY.contains(&name)
                && !name.starts_with("sec-fetch-")
                && !name.starts_with("sec-ch-")
        }
    };
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(own)
}

/// Whether a header's value is often secret.
pub(super) fn is_secret(header: &str) -> bool {
    SECRET.contains(&header.to_ascii_lowercase().as_str())
}

/// The fields of a `connect` step besides the client's name.
pub(super) fn handshake(target: &str, headers: &[(String, String)]) -> Map<String, Value> {
    let mut fields = Map::new();
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    if path != "/" && path.starts_with('/') {
        fields.insert("path".to_owned(), path.into());
    }
    let query: Map<String, Value> = query(target)
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    if !query.is_empty() {
        fields.insert("query".to_owned(), query.into());
    }
    let kept: Map<String, Value> = own_headers(headers)
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    if !kept.is_empty() {
        fields.insert("headers".to_owned(), kept.into());
    }
    let protocol = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"));
    if let Some((_, names)) = protocol {
        let names: Vec<&str> = names.split(',').map(str::trim).collect();
        let value = match names[..] {
            [one] => Value::from(one),
            _ => Value::from(names),
        };
        fields.insert("subprotocol".to_owned(), value);
    }
    fields
}

/// The query parameters of a request target, decoded.
pub(super) fn query(target: &str) -> Vec<(String, String)> {
    let (_, query) = target.split_once('?').unwrap_or((target, ""));
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_come_from_the_query_and_are_never_given_twice() {
        let mut names = Names::default();
        let mut name = |target: &str| names.new_name(&query(target));
        assert_eq!(name("/?room=1&name=ana"), "ana");
        assert_eq!(name("/?name=ana"), "ana2");
        assert_eq!(name("/?name=ana2"), "ana22");
        assert_eq!(name("/"), "client1");
        assert_eq!(name("/?name=5%20of%20us"), "client2");
    }

    #[test]
    fn a_handshake_is_kept_without_what_every_client_sends() {
        let headers = [
            ("Host", "127.0.0.1:8810"),
            ("Sec-WebSocket-Key", "x"),
            ("Sec-WebSocket-Protocol", "v1, v2"),
            ("Origin", "http://localhost:3000"),
            ("Authorization", "Bearer t"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let fields = handshake("/chat?name=ana+b", &headers);
        assert_eq!(
            Value::Object(fields),
            json!({
                "path": "/chat",
                "query": {"name": "ana b"},
                "headers": {"Authorization": "Bearer t"},
                "subprotocol": ["v1", "v2"],
            })
        );
        assert!(is_secret("Authorization"));
    }
}
