//! A fixture's client: a WebSocket whose messages wait until a step asks for them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};
use tokio_tungstenite::{WebSocketStream, client_async};

/// Most bytes that may wait for steps that never ask.
const INBOX: usize = 64 << 20;

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

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// 1005 for a close frame without a code, 1006 for none at all.
    pub code: u16,
    /// The reason that came with it.
    pub reason: String,
}

/// What has come and was not asked for yet.
#[derive(Debug, Default)]
struct Inbox {
    messages: VecDeque<String>,
    bytes: usize,
    ending: Option<Ending>,
}

/// An open WebSocket.
pub struct Client {
    sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    inbox: Arc<Mutex<Inbox>>,
    changes: watch::Receiver<u64>,
    reader: JoinHandle<()>,
    /// Where it connected from; the event log names it by that.
    pub address: SocketAddr,
}

impl Client {
    /// Makes a handshake with the sandbox at `ws_url`.
    pub async fn connect(ws_url: &str, dial: &Dial) -> Result<Self, Refused> {
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
            Ok((socket, _)) => Ok(Self::over(socket, address)),
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

    fn over(socket: WebSocketStream<TcpStream>, address: SocketAddr) -> Self {
        let (sink, stream) = socket.split();
        let inbox = Arc::default();
        let (changed, changes) = watch::channel(0);
        let reader = tokio::spawn(receive(stream, Arc::clone(&inbox), changed));
        Self {
            sink,
            inbox,
            changes,
            reader,
            address,
        }
    }

    /// Sends a text message.
    pub async fn send(&mut self, text: String) -> Result<(), String> {
        self.put(Message::text(text)).await
    }

    /// Sends a binary message.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        self.put(Message::binary(bytes)).await
    }

    /// Sends a close frame.
    pub async fn close(&mut self, frame: Option<(u16, String)>) -> Result<(), String> {
        let frame = frame.map(|(code, reason)| CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        });
        self.put(Message::Close(frame)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), String> {
        let sent = self.sink.send(message).await;
        sent.map_err(|error| match (self.ending(), error) {
            (Some(ending), _) => format!("its connection has ended: {ending}"),
            (None, error) => error.to_string(),
        })
    }

    /// Vanishes without a close frame.
    pub async fn vanish(mut self) {
        self.reader.abort();
        // The socket closes when both its halves are gone; this one with the task.
        let _ = (&mut self.reader).await;
    }

    /// Takes the first waiting message that `wanted` accepts. It is given the message's place.
    pub fn take(&self, mut wanted: impl FnMut(usize, &str) -> bool) -> Option<String> {
        let mut inbox = self.lock();
        let mut places = inbox.messages.iter().enumerate();
        let at = places.find_map(|(i, text)| wanted(i, text).then_some(i))?;
        let text = inbox.messages.remove(at)?;
        inbox.bytes -= text.len();
        Some(text)
    }

    /// The messages that wait.
    pub fn waiting(&self) -> Vec<String> {
        self.lock().messages.iter().cloned().collect()
    }

    /// How the connection ended, if it has.
    pub fn ending(&self) -> Option<Ending> {
        self.lock().ending.clone()
    }

    /// Notices each message and the end.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.reason.as_str()) {
            (1006, _) => f.write_str("1006, without a close frame"),
            (code, "") => write!(f, "{code}, without a reason"),
            (code, reason) => write!(f, "{code} `{reason}`"),
        }
    }
}

/// Puts into the inbox what comes, until the connection ends.
async fn receive(
    mut stream: SplitStream<WebSocketStream<TcpStream>>,
    inbox: Arc<Mutex<Inbox>>,
    changed: watch::Sender<u64>,
) {
    let mut ending = Ending {
        code: 1006,
        reason: String::new(),
    };
    loop {
        let text = match stream.next().await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            Some(Ok(Message::Binary(bytes))) => String::from_utf8_lossy(&bytes).into_owned(),
            Some(Ok(Message::Close(frame))) => {
                // Reading on sends the answer; the step need not wait for the last packet.
                ending = ending_of(frame);
                set_ending(&inbox, &changed, ending.clone());
                continue;
            }
            Some(Ok(_)) => continue,
            Some(Err(_)) | None => break,
        };
        let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.bytes += text.len();
        inbox.messages.push_back(text);
        let is_full = inbox.bytes > INBOX;
        drop(inbox);
        changed.send_modify(|n| *n += 1);
        if is_full {
            ending.reason = "the fixture left more than 64 MB unread".to_owned();
            break;
        }
    }
    set_ending(&inbox, &changed, ending);
}

fn set_ending(inbox: &Mutex<Inbox>, changed: &watch::Sender<u64>, ending: Ending) {
    inbox.lock().unwrap_or_else(PoisonError::into_inner).ending = Some(ending);
    changed.send_modify(|n| *n += 1);
}

fn ending_of(frame: Option<CloseFrame>) -> Ending {
    match frame {
        None => Ending {
            code: 1005,
            reason: String::new(),
        },
        Some(frame) => Ending {
            code: frame.code.into(),
            reason: frame.reason.to_string(),
        },
    }
}
