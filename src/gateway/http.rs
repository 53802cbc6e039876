//! Requests that are not a fresh WebSocket handshake: the management API, and handshakes on a
//! reused HTTP connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::accept::open;
use super::handshake::{Acceptance, Refusal, RequestHead};
use super::transport::Prefixed;
use super::{Gateway, management};

/// The body of an answer: ours, or the app's as it comes.
pub(super) type Body = BoxBody<Bytes, hyper::Error>;

/// A whole body.
pub(super) fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

/// Serves a connection that speaks plain HTTP.
pub(super) async fn serve(gateway: Arc<Gateway>, stream: Prefixed, remote: SocketAddr) {
    let service = service_fn(|request| {
        let gateway = gateway.clone();
        async move { Ok::<_, Infallible>(answer(gateway, request, remote).await) }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(gateway.handshake_timeout)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // An error here is the client's: a broken request or a connection that went away.
    let _ = gateway.stop.run_until_cancelled(serving).await;
}

async fn answer(
    gateway: Arc<Gateway>,
    mut request: Request<Incoming>,
    remote: SocketAddr,
) -> Response<Body> {
    let target = request.uri().to_string();
    let head = RequestHead {
        method: request.method(),
        target: &target,
        version: request.version(),
        headers: request.headers(),
    };
    if head.wants_websocket() {
        return match gateway.decide(&head) {
            Ok(acceptance) => upgrade(gateway, &mut request, remote, acceptance),
            Err(refusal) => refused(&refusal),
        };
    }
    if let Err(refusal) = gateway.check_host(&head) {
        return refused(&refusal);
    }
    if management::is_addressed(request.uri().path()) {
        return management::answer(&gateway, request).await;
    }
    if let Some(response) = gateway.ask_app(request, remote.ip()).await {
        return response;
    }
    refused(&Refusal {
        status: StatusCode::UPGRADE_REQUIRED,
        message: "this is a WebSocket endpoint; connect to it with ws:// or wss://".to_owned(),
        header: Some(("Upgrade", "websocket".to_owned())),
    })
}

/// Answers 101 and takes the socket over once the answer is written.
fn upgrade(
    gateway: Arc<Gateway>,
    request: &mut Request<Incoming>,
    remote: SocketAddr,
    acceptance: Acceptance,
) -> Response<Body> {
    let mut response = Response::new(body(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(key) = HeaderValue::from_str(&acceptance.accept_key) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, key);
    }
    if let Some(Ok(name)) = acceptance.subprotocol.as_deref().map(HeaderValue::from_str) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, name);
    }
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<Prefixed>>() else {
            return;
        };
        let (stream, mut rest) = parts.io.into_inner().into_parts();
        rest.splice(0..0, parts.read_buf);
        open(&gateway, stream, remote, &acceptance, rest).await;
    });
    response
}

/// A refusal as a response with a JSON body.
pub(super) fn refused(refusal: &Refusal) -> Response<Body> {
    let text = serde_json::json!({ "message": refusal.message }).to_string();
    let mut response = json(refusal.status, text);
    if let Some((name, value)) = &refusal.header
        && let Ok(value) = HeaderValue::from_str(value)
    {
        response.headers_mut().insert(*name, value);
    }
    response
}

/// A response with a JSON body.
pub(super) fn json(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(body(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
