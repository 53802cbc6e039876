//! From a TCP connection to a request's head, and on to whoever serves it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::handshake::{Acceptance, Refusal, RequestHead, connected_fact, texts};
use super::inbound::Presence;
use super::registry::Connection;
use super::transport::{Insecure, Prefixed, Transport};
use super::{Gateway, connection, http};
use crate::domain::{CloseReason, ConnectionId};
use crate::error::reason;
use crate::event::{Level, Wire};

/// Longest head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Most headers of a request.
const MAX_HEADERS: usize = 100;

/// Connections accepted before other tasks get their turn.
const ACCEPTS: usize = 32;

/// Room for the head of a request as most clients send it.
const USUAL_HEAD: usize = 1024;

/// Accepts connections until told to stop.
pub async fn serve(gateway: Arc<Gateway>, listener: TcpListener, stop: CancellationToken) {
    // Linux hands the listener's options on to what it accepts; elsewhere `greet` sets them.
    let _ = rustix::net::sockopt::set_tcp_nodelay(&listener, true);
    let mut is_told = false;
    for turn in (0..ACCEPTS).cycle() {
        if turn == 0 {
            tokio::task::yield_now().await;
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, remote)) => {
                is_told = false;
                begin(greet(gateway.clone(), stream, remote)).await;
            }
            // The client is gone already.
            Err(error) if is_of_client(&error) => {}
            // Out of descriptors, mostly, which does not end the sandbox: some will be free again.
            Err(error) => {
                if !is_told {
                    gateway.bus.log(Level::Warn, not_accepted(&error));
                }
                is_told = true;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionReset)
}

fn not_accepted(error: &io::Error) -> String {
    format!(
        "cannot accept another connection: {}; clients wait until an open one ends (`ulimit -Hn` shows how many files the sandbox may have open)",
        reason(error)
    )
}

/// Runs a task as far as it gets at once, and what is left of it by itself. Most clients have sent
/// their request by the time they are accepted; they are answered before the next one is accepted,
/// so that they need not wait for each other.
async fn begin(task: impl Future<Output = ()> + Send + 'static) {
    let mut task = Box::pin(task);
    let is_unfinished = poll_fn(|cx| {
        let polled = AssertUnwindSafe(|| task.as_mut().poll(cx).is_pending());
        // As if it had been spawned: its panic is not the others' end.
        Poll::Ready(catch_unwind(polled).unwrap_or(false))
    });
    if is_unfinished.await {
        tokio::spawn(task);
    }
}

/// What the first bytes of a connection turned out to be.
enum Greeting {
    Handshake(Result<Box<Acceptance>, Refusal>),
    Http,
    Gone,
}

async fn greet(gateway: Arc<Gateway>, stream: TcpStream, remote: SocketAddr) {
    if !cfg!(target_os = "linux") {
        let _ = stream.set_nodelay(true);
    }
    let mut bytes = Vec::with_capacity(USUAL_HEAD);
    let reading = async {
        let mut stream = secure(&gateway, stream).await?;
        let greeting = read_head(&gateway, &mut stream, &mut bytes).await;
        Some((stream, greeting))
    };
    let patience = gateway.handshake_timeout;
    let Ok(Some((mut stream, greeting))) = tokio::time::timeout(patience, reading).await else {
        return;
    };
    match greeting {
        Greeting::Gone => {}
        Greeting::Http => {
            let stream = Prefixed::new(bytes, stream);
            Box::pin(http::serve(gateway, stream, remote)).await;
        }
        Greeting::Handshake(Err(refusal)) => refuse(stream, &refusal).await,
        Greeting::Handshake(Ok(acceptance)) => {
            let answer = switching_protocols(&acceptance);
            let written = stream.write_now(&answer);
            if stream.write_all(&answer[written..]).await.is_ok() {
                // A buffer of its size: this one would stay with the connection.
                let rest = bytes.as_slice().to_vec();
                open(&gateway, stream, remote, &acceptance, rest).await;
            }
        }
    }
}

/// The stream to read from; `None` if that is already the end. With TLS, who does not speak it is
/// told so, in the one language that its client surely knows.
async fn secure(gateway: &Gateway, stream: TcpStream) -> Option<Transport> {
    let Some(acceptor) = &gateway.tls else {
        return Some(Transport::Plain(stream));
    };
    match Transport::secure(stream, acceptor).await {
        Ok(stream) => Some(stream),
        Err(Insecure::Plain(stream)) => {
            let said = "this sandbox speaks TLS: write wss:// or https://";
            refuse(Transport::Plain(stream), &Refusal::bad_request(said)).await;
            None
        }
        Err(Insecure::Failed(error)) => {
            let text = format!("a TLS handshake failed: {}", reason(&error));
            gateway.bus.log(Level::Debug, text);
            None
        }
    }
}

/// Registers an accepted connection and starts its task. `rest` is what the client sent after
/// its request.
pub(super) async fn open(
    gateway: &Arc<Gateway>,
    stream: Transport,
    remote: SocketAddr,
    acceptance: &Acceptance,
    rest: Vec<u8>,
) {
    let id = match ConnectionId::random() {
        Ok(id) => id,
        Err(error) => {
            gateway.bus.log(
                Level::Error,
                format!("no random numbers for a connection id: {error}"),
            );
            return;
        }
    };
    let handle = gateway.registry.next_handle();
    let Acceptance { connected_at, .. } = *acceptance;
    let meta = acceptance.meta.as_str();
    let connection = Arc::new(Connection::new(handle, id, remote, connected_at, meta));
    let fact = connected_fact(id, acceptance.query.as_ref(), remote);
    gateway.bus.tell_at(connected_at, fact);
    gateway.bus.wire(|| Wire::Handshake {
        target: acceptance.target.clone(),
        headers: connection
            .meta()
            .map_or_else(Vec::new, |meta| texts(&meta.headers)),
        status: 101,
        connection_id: Some(id),
    });
    gateway.registry.insert(connection.clone());
    gateway
        .inbound
        .presence(Presence::Opened(connection.clone()));
    let _ = gateway.arrivals.send(handle).await;
    // Who came while the others were sent away goes as well.
    if gateway.stop.is_cancelled() {
        connection.close(CloseReason::GOING_AWAY);
    }
    connection::spawn(gateway.clone(), connection, stream, rest);
}

/// Reads until the head is complete. After a handshake, `bytes` holds what came behind it.
async fn read_head(gateway: &Gateway, stream: &mut Transport, bytes: &mut Vec<u8>) -> Greeting {
    loop {
        // The runtime knows of what a new connection has brought only after a look at all sockets.
        let is_new = bytes.is_empty();
        if !(is_new && stream.read_now(bytes)) {
            match stream.read_buf(bytes).await {
                Ok(0) | Err(_) => return Greeting::Gone,
                Ok(_) => {}
            }
        }
        match parse_head(bytes) {
            Ok(head) if head.as_ref().map_or(bytes.len(), |head| head.length) > MAX_HEAD => {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                return Greeting::Handshake(Err(Refusal::new(
                    status,
                    "the request's head is too large",
                )));
            }
            Ok(Some(head)) => {
                let request = RequestHead {
                    method: &head.method,
                    target: &head.target,
                    version: head.version,
                    headers: &head.headers,
                };
                if !request.wants_websocket() {
                    return Greeting::Http;
                }
                let decision = gateway.decide(&request).map(Box::new);
                bytes.drain(..head.length);
                return Greeting::Handshake(decision);
            }
            Ok(None) => {}
            Err(refusal) => return Greeting::Handshake(Err(refusal)),
        }
    }
}

struct ParsedHead {
    method: Method,
    target: String,
    version: Version,
    headers: HeaderMap,
    length: usize,
}

/// Parses a head; `None` while it is incomplete.
fn parse_head(bytes: &[u8]) -> Result<Option<ParsedHead>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Err(Refusal::new(status, "the request has too many headers"));
        }
        Err(error) => {
            return Err(Refusal::bad_request(&format!(
                "not an HTTP request: {error}"
            )));
        }
    };
    let bad = || Refusal::bad_request("not an HTTP request");
    let method = Method::from_bytes(request.method.unwrap_or_default().as_bytes());
    let mut map = HeaderMap::with_capacity(request.headers.len());
    for header in request.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_bytes(header.value).map_err(|_| bad())?;
        map.append(name, value);
    }
    Ok(Some(ParsedHead {
        method: method.map_err(|_| bad())?,
        target: request.path.unwrap_or_default().to_owned(),
        version: match request.version {
            Some(1) => Version::HTTP_11,
            _ => Version::HTTP_10,
        },
        headers: map,
        length,
    }))
}

fn switching_protocols(acceptance: &Acceptance) -> Vec<u8> {
    let mut head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        acceptance.accept_key
    );
    if let Some(name) = &acceptance.subprotocol {
        head.push_str("Sec-WebSocket-Protocol: ");
        head.push_str(name);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Answers a refused handshake and lets the client read the answer.
async fn refuse(mut stream: Transport, refusal: &Refusal) {
    let body = serde_json::json!({ "message": refusal.message }).to_string();
    let mut head = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n",
        refusal.status.as_u16(),
        refusal.status.canonical_reason().unwrap_or("Refused"),
        body.len()
    );
    if let Some((name, value)) = &refusal.header {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let answer = format!("{head}\r\n{body}");
    if stream.write_all(answer.as_bytes()).await.is_ok() {
        stream.drain().await;
    }
}
