//! Passes HTTP requests on to the app's own handlers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::Gateway;
use super::handshake::Refusal;
use super::http::{Body, refused};
use super::witness::{Passing, Witness};

/// Longest wait of a request for the app's code to be back after a reload or a crash.
const RELOAD_TIME: Duration = Duration::from_secs(15);

/// Where the app serves HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HttpApp {
    /// It does not.
    #[default]
    None,
    /// On this Unix socket.
    At(PathBuf),
    /// It did, and its code is being loaded again.
    Reloading,
}

impl Gateway {
    /// Tells where the app serves HTTP from now on.
    pub fn set_http_app(&self, app: HttpApp) {
        self.http_app.send_replace(app);
    }

    /// The app's socket; `None` if it serves no HTTP.
    async fn http_socket(&self) -> Option<PathBuf> {
        let mut app = self.http_app.subscribe();
        let settled = app.wait_for(|app| *app != HttpApp::Reloading);
        match tokio::time::timeout(RELOAD_TIME, settled).await {
            Ok(Ok(app)) => match &*app {
                HttpApp::At(socket) => Some(socket.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// The app's answer to a request; `None` if it serves no HTTP.
    pub(super) async fn ask_app(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        client: std::net::IpAddr,
    ) -> Option<Response<Body>> {
        let socket = self.http_socket().await?;
        let witness = self.witness(&request);
        if let Ok(client) = HeaderValue::from_str(&client.to_string()) {
            request.headers_mut().insert("x-forwarded-for", client);
        }
        request.headers_mut().remove(CONNECTION);
        let response = match forward(socket, Witness::hear(witness.as_ref(), request)).await {
            Ok(response) => return Some(Witness::pass(witness, response)),
            Err(error) => refused(&Refusal::new(
                StatusCode::BAD_GATEWAY,
                &format!("the app did not answer: {error}"),
            )),
        };
        if let Some(witness) = witness {
            witness.answered(&response);
        }
        Some(response)
    }
}

async fn forward(
    socket: PathBuf,
    request: Request<Passing>,
) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Its end, good or bad, is seen by whoever reads the response.
    tokio::spawn(connection);
    let mut response = sender.send_request(request).await?;
    response.headers_mut().remove(CONNECTION);
    Ok(response)
}
