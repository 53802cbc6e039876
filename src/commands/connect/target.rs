//! What to connect to, and with which request.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{
    AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode,
};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HOST, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Uri};

use crate::cli::ConnectArgs;
use crate::error::Failure;

/// What a query parameter may hold as it is (RFC 3986, unreserved characters).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What cannot stand in a URL, and is encoded for whoever pasted it.
const NOT_IN_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Headers that the handshake itself sets.
const OWN_HEADERS: [&str; 5] = [
    "connection",
    "upgrade",
    "sec-websocket-version",
    "sec-websocket-key",
    "sec-websocket-extensions",
];

/// A server, and the request that asks it for a WebSocket.
#[derive(Debug)]
pub(in crate::commands) struct Target {
    /// Name or address of the host, without brackets.
    pub(in crate::commands) host: String,
    /// Its port.
    pub(in crate::commands) port: u16,
    /// Whether to speak TLS.
    pub(in crate::commands) is_secure: bool,
    /// The URL with its query, without a password.
    pub(in crate::commands) url: String,
    /// The handshake.
    pub(in crate::commands) request: Request,
    /// One more authority to trust: a sandbox's own.
    pub(in crate::commands) authority: Option<PathBuf>,
}

impl Target {
    /// What `url` and the options ask for.
    ///
    /// # Errors
    /// Wrong usage: not a WebSocket URL, not a header, not the name of a subprotocol.
    pub(in crate::commands) fn new(url: &str, args: &ConnectArgs) -> Result<Self, Failure> {
        let uri = parse(url, &args.query)?;
        let is_secure = uri.scheme_str() == Some("wss");
        let host = uri.host().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err(not_a_url(url, "it names no host"));
        }
        let port = match uri.authority().map(|a| (a.port_u16(), a.as_str())) {
            Some((Some(port), _)) => port,
            Some((None, authority)) if has_port(authority) => {
                return Err(not_a_url(url, "its port is not a number up to 65535"));
            }
            _ if is_secure => 443,
            _ => 80,
        };
        let shown = without_user(&uri);
        let mut request = uri
            .clone()
            .into_client_request()
            .map_err(|e| not_a_url(url, &e.to_string()))?;
        let headers = request.headers_mut();
        if let Some(credentials) = basic_authorization(&uri) {
            headers.insert(AUTHORIZATION, credentials);
        }
        for header in &args.header {
            let (name, value) = parse_header(header)?;
            if name == HOST || name == AUTHORIZATION {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
        if let Some(names) = subprotocols(&args.subprotocol)? {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, names);
        }
        Ok(Self {
            host,
            port,
            is_secure,
            url: shown,
            request,
            authority: None,
        })
    }

    /// Whether the server is on this machine.
    pub(in crate::commands) fn is_local(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        address.is_ok_and(|a| a.is_loopback()) || self.host.eq_ignore_ascii_case("localhost")
    }

    /// Host and port as one writes them.
    pub(in crate::commands) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// The URL, with more query parameters and without a fragment, which no server ever sees.
fn parse(url: &str, query: &[(String, String)]) -> Result<Uri, Failure> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| not_a_url(url, "it does not begin with ws:// or wss://"))?;
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "ws" | "wss") {
        return Err(not_a_url(url, "it does not begin with ws:// or wss://"));
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let mut text = format!("{scheme}://{}", utf8_percent_encode(rest, NOT_IN_URL));
    if !query.is_empty() {
        // A URL without a path needs one before its query.
        let has_path = rest.contains('/') || rest.contains('?');
        if !has_path {
            text.push('/');
        }
        for (key, value) in query {
            text.push_str(match text.split_once('?') {
                None => "?",
                Some((_, "")) => "",
                Some(_) => "&",
            });
            text.extend(utf8_percent_encode(key, QUERY));
            text.push('=');
            text.extend(utf8_percent_encode(value, QUERY));
        }
    }
    text.parse()
        .map_err(|e: tokio_tungstenite::tungstenite::http::uri::InvalidUri| {
            not_a_url(url, &e.to_string())
        })
}

fn not_a_url(url: &str, why: &str) -> Failure {
    let guess = match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => format!("ws://{rest}"),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => format!("wss://{rest}"),
        None if url.contains([':', '.']) || url == "localhost" => format!("ws://{url}"),
        _ => "ws://127.0.0.1:8810".to_owned(),
    };
    Failure::usage(format!("`{url}` is not a WebSocket URL: {why}")).hint(format!(
        "for example `ampt-ws connect {guess}`; without a URL it is the running sandbox"
    ))
}

/// Whether an authority says something about a port.
fn has_port(authority: &str) -> bool {
    let host = authority.rsplit('@').next().unwrap_or_default();
    let after = host.rsplit(']').next().unwrap_or_default();
    after.contains(':') && !after.ends_with(':')
}

fn without_user(uri: &Uri) -> String {
    let text = uri.to_string();
    match (text.split_once("://"), uri.authority()) {
        (Some((scheme, rest)), Some(authority)) if authority.as_str().contains('@') => {
            let after = rest.split_once('@').map_or(rest, |(_, after)| after);
            format!("{scheme}://{after}")
        }
        _ => text,
    }
}

/// `user:password@` of a URL, as the header that carries it (RFC 7617).
fn basic_authorization(uri: &Uri) -> Option<HeaderValue> {
    let (user, _) = uri.authority()?.as_str().rsplit_once('@')?;
    let user = percent_decode_str(user).collect::<Vec<u8>>();
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(user))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let wrong = |why: &str| {
        Failure::usage(format!("`--header {text}`: {why}"))
            .hint("write --header 'Name: value', for example --header 'Authorization: Bearer abc'")
    };
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| wrong("there is no `:` between name and value"))?;
    let name = HeaderName::from_bytes(name.trim().as_bytes())
        .map_err(|_| wrong("that is not the name of a header"))?;
    if OWN_HEADERS.contains(&name.as_str()) {
        return Err(wrong("the handshake sets this header itself"));
    }
    if name == SEC_WEBSOCKET_PROTOCOL {
        return Err(
            Failure::usage("a subprotocol is not asked for with `--header`")
                .hint("write --subprotocol NAME"),
        );
    }
    // Headers are bytes; UTF-8 is what most servers take them for.
    let value = HeaderValue::from_bytes(value.trim().as_bytes())
        .map_err(|_| wrong("a header's value has no control characters"))?;
    Ok((name, value))
}

fn subprotocols(names: &[String]) -> Result<Option<HeaderValue>, Failure> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    for (i, name) in names.iter().enumerate() {
        if name.is_empty() || !name.chars().all(is_token) {
            let message = format!("`{name}` cannot be the name of a subprotocol");
            return Err(Failure::usage(message)
                .hint("a name has no spaces or commas; for several, repeat --subprotocol"));
        }
        if names[..i].contains(name) {
            let message = format!("the subprotocol `{name}` is asked for twice");
            return Err(Failure::usage(message).hint("name each once"));
        }
    }
    Ok((!names.is_empty())
        .then(|| HeaderValue::try_from(names.join(", ")).ok())
        .flatten())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Verb};
    use crate::error::exit;

    fn target(args: &[&str]) -> Result<Target, Failure> {
        let args = ["ampt-ws", "connect"].iter().chain(args);
        let Verb::Connect(args) = Cli::try_parse_from(args).unwrap().verb else {
            panic!("not connect");
        };
        Target::new(args.url.as_deref().unwrap(), &args)
    }

    fn path(args: &[&str]) -> String {
        let uri = target(args).unwrap().request.uri().clone();
        uri.path_and_query().unwrap().to_string()
    }

    #[test]
    fn the_url_says_where_and_how() {
        for (url, host, port, is_secure) in [
            ("ws://127.0.0.1:8810", "127.0.0.1", 8810, false),
            ("WS://example.com", "example.com", 80, false),
            ("wss://example.com/p", "example.com", 443, true),
            ("ws://[::1]:7/", "::1", 7, false),
            ("wss://u:p@example.com:8/x", "example.com", 8, true),
        ] {
            let target = target(&[url]).unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port), "{url}");
            assert_eq!(target.is_secure, is_secure, "{url}");
        }
        assert!(target(&["ws://[::1]:7"]).unwrap().is_local());
        assert_eq!(target(&["ws://[::1]:7"]).unwrap().authority(), "[::1]:7");
        assert!(!target(&["ws://example.com"]).unwrap().is_local());
    }

    #[test]
    fn query_parameters_are_encoded_and_added() {
        assert_eq!(path(&["ws://h"]), "/");
        let name = ["--query", "name=Ana & Bö", "--query", "a=b=c"];
        let encoded = "name=Ana%20%26%20B%C3%B6&a=b%3Dc";
        assert_eq!(
            path(&[&["ws://h"], &name[..]].concat()),
            format!("/?{encoded}")
        );
        assert_eq!(
            path(&[&["ws://h/p?x=1#f"], &name[..]].concat()),
            format!("/p?x=1&{encoded}")
        );
        assert_eq!(path(&["ws://h/?", "--query", "a=1"]), "/?a=1");
        assert_eq!(path(&["ws://h?x=1", "--query", "a="]), "/?x=1&a=");
        assert_eq!(path(&["ws://h/a b?n=ö{"]), "/a%20b?n=%C3%B6%7B");
    }

    #[test]
    fn headers_and_subprotocols_are_part_of_the_request() {
        let target = target(&[
            "ws://u:p%40ss@h:1/",
            "--header",
            "X-A: 1",
            "--header",
            "x-a:2",
            "--header",
            "Host: other",
            "--subprotocol",
            "one",
            "--subprotocol",
            "two",
        ])
        .unwrap();
        let headers = target.request.headers();
        let all: Vec<_> = headers.get_all("x-a").iter().collect();
        assert_eq!(all, ["1", "2"]);
        assert_eq!(headers.get_all(HOST).iter().collect::<Vec<_>>(), ["other"]);
        assert_eq!(headers[SEC_WEBSOCKET_PROTOCOL], "one, two");
        assert_eq!(headers[AUTHORIZATION], "Basic dTpwQHNz");
        assert_eq!(target.url, "ws://h:1/");
    }

    #[test]
    fn nonsense_is_wrong_usage_and_says_what_to_write() {
        for (args, part) in [
            (vec!["localhost:8810"], "connect ws://localhost:8810`"),
            (vec!["http://h/p"], "connect ws://h/p`"),
            (vec!["https://h/p"], "connect wss://h/p`"),
            (vec!["ws://"], "is not a WebSocket URL"),
            (vec!["ws://h:99999/"], "is not a WebSocket URL"),
            (vec!["ws://:80/"], "is not a WebSocket URL"),
            (vec!["ws://h", "--header", "nothing"], "no `:`"),
            (vec!["ws://h", "--header", "a b: c"], "not the name"),
            (vec!["ws://h", "--header", "Upgrade: x"], "itself"),
            (
                vec!["ws://h", "--header", "a: b\nc: d"],
                "control characters",
            ),
            (
                vec!["ws://h", "--header", "Sec-WebSocket-Protocol: x"],
                "--subprotocol NAME",
            ),
            (vec!["ws://h", "--subprotocol", "a,b"], "repeat"),
            (
                vec!["ws://h", "--subprotocol=a", "--subprotocol=a"],
                "twice",
            ),
        ] {
            let failure = target(&args).unwrap_err();
            assert_eq!(failure.exit, exit::USAGE);
            let text = format!("{} {}", failure.message, failure.hint.unwrap_or_default());
            assert!(text.contains(part), "{args:?}: {text}");
        }
    }
}
