//! From a target to an open WebSocket, or to why there is none.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::target::Target;
use super::{refusal, tls};
use crate::error::{Failure, reason};

/// How long each step may take: the connection, TLS, the handshake.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a WebSocket runs over: TCP, or TLS over TCP.
pub(in crate::commands) trait Transport:
    AsyncRead + AsyncWrite + Send + Unpin
{
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A WebSocket over whatever the URL asked for.
pub(in crate::commands) type Socket = WebSocketStream<Box<dyn Transport>>;

/// An open WebSocket.
pub(in crate::commands) struct Opened {
    pub(in crate::commands) socket: Socket,
    /// Our end of the TCP connection.
    pub(in crate::commands) local_address: Option<SocketAddr>,
    /// What the server chose of what was asked for.
    pub(in crate::commands) subprotocol: Option<String>,
}

/// Connects and shakes hands.
///
/// # Errors
/// In words, what stood in the way. Only [`refusal::Refused`] knows of a server's refusal.
pub(in crate::commands) async fn dial(target: &Target) -> Result<Opened, refusal::Trouble> {
    let stream = connect(target).await?;
    let local_address = stream.local_addr().ok();
    let _ = stream.set_nodelay(true);
    let stream: Box<dyn Transport> = if target.is_secure {
        Box::new(in_time(target, "TLS", tls::secure(target, stream)).await??)
    } else {
        Box::new(stream)
    };
    // What a message may weigh is for the server to say.
    let config = WebSocketConfig::default()
        .max_message_size(None)
        .max_frame_size(None);
    let shaking = client_async_with_config(target.request.clone(), stream, Some(config));
    let (socket, response) = in_time(target, "the WebSocket handshake", shaking)
        .await?
        .map_err(|error| refusal::of(target, error))?;
    let chosen = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
    Ok(Opened {
        socket,
        local_address,
        subprotocol: chosen.and_then(|v| v.to_str().ok()).map(str::to_owned),
    })
}

async fn in_time<T>(
    target: &Target,
    step: &str,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| {
        let (at, s) = (target.authority(), PATIENCE.as_secs());
        Failure::new("timeout", format!("`{at}` did not answer {step} in {s} s"))
            .hint("is it a WebSocket server, and is it busy or held by a debugger?")
    })
}

/// Tries the host's addresses in turn; the first failure is the one to tell.
async fn connect(target: &Target) -> Result<TcpStream, Failure> {
    let name = (target.host.as_str(), target.port);
    let addresses = lookup_host(name).await.map_err(|e| unknown(target, &e))?;
    let mut first = None;
    for address in addresses {
        let connecting = tokio::time::timeout(PATIENCE, TcpStream::connect(address));
        match connecting.await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => first = first.or(Some(error)),
            Err(_) => first = first.or(Some(io::ErrorKind::TimedOut.into())),
        }
    }
    let error = first.unwrap_or_else(|| io::ErrorKind::NotFound.into());
    Err(unreachable(target, &error))
}

fn unknown(target: &Target, error: &io::Error) -> Failure {
    let host = &target.host;
    // The resolver's own words stand behind the system's prefix.
    let why = reason(error);
    let why = why.rsplit(": ").next().unwrap_or_default();
    Failure::new(
        "unknown-host",
        format!("the host `{host}` is unknown: {why}"),
    )
    .hint("check its spelling, and whether this machine is online")
}

fn unreachable(target: &Target, error: &io::Error) -> Failure {
    let at = target.authority();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            let hint = match target.is_local() {
                true => "`ampt-ws dev` starts a sandbox, `ampt-ws status` says where one listens",
                false => "check host and port, and whether the server runs",
            };
            Failure::new("connection-refused", format!("nothing listens at `{at}`")).hint(hint)
        }
        io::ErrorKind::TimedOut => Failure::new("timeout", format!("`{at}` does not answer"))
            .hint("check host and port; a firewall may be in between"),
        _ => Failure::new(
            "unreachable",
            format!("cannot connect to `{at}`: {}", reason(error)),
        )
        .hint("check host and port, and whether this machine is online"),
    }
}
