//! A WebSocket client with deadlines.

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use serde_json::Value;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::HandshakeError;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

use super::PATIENCE;

/// An open WebSocket, seen from the client.
pub struct Client {
    socket: WebSocket<TcpStream>,
    /// Headers of the 101 response.
    pub headers: HeaderMap,
    /// Its connection id, as the sandbox tells it.
    pub id: String,
}

/// A refused handshake.
#[derive(Debug)]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Connects a client.
pub fn dial(
    address: SocketAddr,
    target: &str,
    headers: &[(&str, &str)],
) -> Result<Client, Refused> {
    let stream = TcpStream::connect(address).expect("the sandbox listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.set_nodelay(true).expect("a socket");
    let url = format!("ws://{address}{target}");
    let mut request = url.into_client_request().expect("a WebSocket URL");
    for (name, value) in headers {
        request.headers_mut().insert(
            HeaderName::from_bytes(name.as_bytes()).expect("a header's name"),
            HeaderValue::from_str(value).expect("a header's value"),
        );
    }
    match client(request, stream) {
        Ok((socket, response)) => Ok(Client {
            socket,
            headers: response.headers().clone(),
            id: String::new(),
        }),
        Err(HandshakeError::Failure(Error::Http(response))) => Err(Refused {
            status: response.status().as_u16(),
            body: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into(),
        }),
        Err(error) => panic!("the handshake failed: {error}"),
    }
}

impl Client {
    /// The address it connected from.
    pub fn local_address(&self) -> SocketAddr {
        self.socket.get_ref().local_addr().expect("an address")
    }

    /// Sends a text message.
    pub fn send(&mut self, text: &str) {
        self.send_frame(Message::text(text));
    }

    /// Sends a value as JSON.
    pub fn send_json(&mut self, value: &Value) {
        self.send(&value.to_string());
    }

    /// Sends any message.
    pub fn send_frame(&mut self, message: Message) {
        self.socket.send(message).expect("the socket is open");
    }

    /// Sends a text message; false if the connection is lost.
    pub fn try_send(&mut self, text: &str) -> bool {
        self.socket.send(Message::text(text)).is_ok()
    }

    /// The next text; `None` once the connection is lost or closed.
    pub fn try_text(&mut self) -> Option<String> {
        match self.socket.read() {
            Ok(Message::Text(text)) => Some(text.to_string()),
            Ok(Message::Close(_)) => None,
            Ok(other) => panic!("not a text: {other:?}"),
            Err(Error::Io(error)) if is_late(error.kind()) => {
                panic!("no message came to {}", self.id)
            }
            Err(_) => None,
        }
    }

    /// The next message, whatever it is.
    pub fn next(&mut self) -> Message {
        match self.socket.read() {
            Ok(message) => message,
            Err(Error::Io(error)) if is_late(error.kind()) => {
                panic!("no message came to {}", self.id)
            }
            Err(error) => panic!("the connection of {} failed: {error}", self.id),
        }
    }

    /// The next message, which must be a text.
    pub fn text(&mut self) -> String {
        match self.next() {
            Message::Text(text) => text.to_string(),
            other => panic!("not a text: {other:?}"),
        }
    }

    /// The next message, which must be a text of JSON.
    pub fn json(&mut self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("not JSON ({e}): {text}"))
    }

    /// Sends a message and gives the next one that comes.
    pub fn ask(&mut self, text: &str) -> String {
        self.send(text);
        self.text()
    }

    /// Waits for the close frame, which must be the next thing; its code and reason. 1005 stands
    /// for a frame without a code.
    pub fn closed(&mut self) -> (u16, String) {
        match self.next() {
            Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
            Message::Close(None) => (1005, String::new()),
            other => panic!("not a close frame: {other:?}"),
        }
    }

    /// Closes with a code and a reason, and waits for the server's close frame.
    pub fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        self.socket.close(Some(frame)).expect("the socket is open");
        self.finish();
    }

    /// Closes without a code, and waits for the server's close frame.
    pub fn close_silently(mut self) {
        self.socket.close(None).expect("the socket is open");
        self.finish();
    }

    /// Reads until the connection has ended.
    pub fn finish(&mut self) {
        loop {
            match self.socket.read() {
                Ok(_) => {}
                Err(Error::Io(error)) if is_late(error.kind()) => panic!("the socket stays open"),
                Err(_) => return,
            }
        }
    }

    /// Goes away without a close frame: the end of the stream is all that the server sees.
    pub fn vanish(self) {
        let stream = self.socket.get_ref();
        stream.shutdown(Shutdown::Both).expect("the socket is open");
    }

    /// Goes away with a TCP reset.
    pub fn reset(self) {
        let stream = self.socket.get_ref();
        set_socket_linger(stream, Some(Duration::ZERO)).expect("a socket");
    }

    /// The TCP stream beneath, for what no well-behaved client does.
    pub fn stream(&mut self) -> &mut TcpStream {
        self.socket.get_mut()
    }
}

fn is_late(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
