//! A fixture's client: a WebSocket whose messages wait until a step asks for them.

mod disorder;
mod http;
mod inbox;
mod line;

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};
use tokio_tungstenite::{WebSocketStream, client_async};

pub use disorder::Disorder;
pub use http::{Answered, Ask, ask};
pub use inbox::Ending;
use inbox::{Inbox, receive};
use line::Line;

/// A handshake to make.
#[derive(Debug, Clone, Default)]
pub struct Dial {
    /// Path and query.
    pub target: String,
    /// Headers besides those of every handshake.
    pub headers: Vec<(String, String)>,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum Refused {
    /// The answer was another status than 101.
    Status {
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
    /// It did not come to an answer.
    Failed(String),
}

/// An open WebSocket.
pub struct Client {
    line: Arc<Line>,
    inbox: Arc<Inbox>,
    reader: JoinHandle<()>,
    /// Where it connected from; the event log names it by that.
    pub address: SocketAddr,
}

impl Client {
    /// Makes a handshake with the sandbox at `ws_url`.
    pub async fn connect(
        ws_url: &str,
        dial: &Dial,
        disorder: Option<Disorder>,
    ) -> Result<Self, Refused> {
        let failed = |error: &dyn std::fmt::Display| Refused::Failed(error.to_string());
        let host = ws_url.trim_start_matches("ws://");
        let stream = TcpStream::connect(host).await.map_err(|e| failed(&e))?;
        let address = stream.local_addr().map_err(|e| failed(&e))?;
        // A message is one write; nothing is gained by holding it back.
        let _ = stream.set_nodelay(true);
        let url = format!("{ws_url}{}", dial.target);
        let mut request = url.into_client_request().map_err(|e| failed(&e))?;
        for (name, value) in &dial.headers {
            let bad = |_| Refused::Failed(format!("`{name}: {value}` is not a header"));
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(()))?;
            let value = HeaderValue::from_str(value).map_err(|_| bad(()))?;
            request.headers_mut().append(header, value);
        }
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self::over(socket, address, disorder)),
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err(Refused::Status {
                    status: response.status().as_u16(),
                    body: String::from_utf8_lossy(body).into_owned(),
                })
            }
            Err(error) => Err(failed(&error)),
        }
    }

    fn over(
        socket: WebSocketStream<TcpStream>,
        address: SocketAddr,
        disorder: Option<Disorder>,
    ) -> Self {
        let (sink, stream) = socket.split();
        let inbox = Arc::new(Inbox::default());
        let line = Arc::new(Line::new(sink, inbox.clone(), disorder));
        let reader = tokio::spawn(receive(stream, inbox.clone(), line.clone()));
        Self {
            line,
            inbox,
            reader,
            address,
        }
    }

    /// Sends a text message.
    pub async fn send(&self, text: String) -> Result<(), String> {
        self.line.send(Message::text(text)).await
    }

    /// Sends a binary message.
    pub async fn send_binary(&self, bytes: Vec<u8>) -> Result<(), String> {
        self.line.send(Message::binary(bytes)).await
    }

    /// Sends a close frame, after everything that is still to be sent again.
    pub async fn close(&self, frame: Option<(u16, String)>) -> Result<(), String> {
        let frame = frame.map(|(code, reason)| CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        });
        self.line.settle().await;
        self.line.put(Message::Close(frame)).await
    }

    /// Vanishes without a close frame, after everything that is still to be sent again.
    pub async fn vanish(mut self) {
        self.line.settle().await;
        self.reader.abort();
        // The socket closes when both its halves are gone; this one with the task.
        let _ = (&mut self.reader).await;
        self.line.cut().await;
    }

    /// Takes the first waiting message that `wanted` accepts. It is given the message's place.
    pub fn take(&self, wanted: impl FnMut(usize, &str) -> bool) -> Option<String> {
        self.inbox.take(wanted)
    }

    /// The messages that wait.
    pub fn waiting(&self) -> Vec<String> {
        self.inbox.waiting()
    }

    /// How the connection ended, if it has.
    pub fn ending(&self) -> Option<Ending> {
        self.inbox.ending()
    }

    /// Whether disorder has ended the connection.
    pub fn is_cut(&self) -> bool {
        self.inbox.is_cut()
    }

    /// Notices each message and the end.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inbox.changes()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::SinkExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_tungstenite::accept_async;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_is_closed_closes_its_socket_too() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = accept_async(stream).await.unwrap();
            socket.send(Message::Close(None)).await.unwrap();
            let mut stream = socket.into_inner();
            stream.shutdown().await.unwrap();
            let mut rest = Vec::new();
            let end = stream.read_to_end(&mut rest);
            tokio::time::timeout(Duration::from_secs(10), end).await
        };
        let dial = Dial {
            target: "/".to_owned(),
            ..Dial::default()
        };
        let (client, end) = tokio::join!(Client::connect(&url, &dial, None), server);
        let client = client.expect("a connection");
        end.expect("the client's end comes").expect("in order");
        let refused = client.send("late".to_owned()).await.unwrap_err();
        assert_eq!(refused, "its connection has ended: 1005, without a reason");
    }
}
