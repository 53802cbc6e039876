//! A request over HTTP, and its answer.

use std::fmt::Display;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A request to make.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// `GET` and so on.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers besides those of every request.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// Headers; those that came several times are joined by `, `.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// Asks the sandbox at `host`, an address with a port. Redirects are not followed.
///
/// # Errors
/// In words, if the request cannot be made or is not answered.
pub async fn ask(host: &str, ask: &Ask) -> Result<Answered, String> {
    let text = |error: &dyn Display| error.to_string();
    let mut request = Request::builder()
        .method(ask.method.as_str())
        .uri(&ask.target)
        .header(HOST, host);
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(Bytes::from(ask.body.clone())))
        .map_err(|e| text(&e))?;
    let stream = TcpStream::connect(host).await.map_err(|e| text(&e))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|e| text(&e))?;
    // Its end, good or bad, is seen by whoever reads the response.
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|e| text(&e))?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|e| text(&e))?;
    let mut headers: Vec<(String, String)> = Vec::new();
    for name in head.headers.keys() {
        let values = head.headers.get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        headers.push((name.to_string(), values.collect::<Vec<_>>().join(", ")));
    }
    Ok(Answered {
        status: head.status.as_u16(),
        headers,
        body: body.to_bytes(),
    })
}
