//! The WebSocket endpoint: owns the sockets, outlives the app's code.
//!
//! The gateway knows nothing of workers or the store. It tells what comes in through its
//! [`InboundQueue`]; whoever has something for a client puts it into the connection's outbox.

mod accept;
pub mod access;
mod connection;
mod handshake;
mod http;
pub mod inbound;
mod management;
pub mod outbox;
mod outlet;
pub mod posting;
mod proxy;
mod reaper;
pub mod registry;
mod socket;
mod transport;
mod turbulence;
mod witness;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use access::AccessRules;
pub use inbound::InboundQueue;
pub use proxy::HttpApp;
pub use registry::{Connection, Registry};

use turbulence::Turbulence;

use crate::domain::{Chaos, Clock, ConnectionId, ConnectionLimits, RateLimits, TokenBucket};
use crate::event::{EventBus, Fact, Payload, Wire};

/// The credentials with which the worker signs its requests to the management API.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// As `AWS_ACCESS_KEY_ID`.
    pub key_id: String,
    /// As `AWS_SECRET_ACCESS_KEY`.
    pub secret: String,
}

/// What a gateway is made of.
pub struct GatewayConfig {
    /// Rate and burst.
    pub rate: RateLimits,
    /// The bounds of each connection.
    pub limits: ConnectionLimits,
    /// How long a client may take over its TLS handshake and the head of its request.
    pub handshake_timeout: Duration,
    /// Most connections that may be open at once.
    pub max_connections: usize,
    /// Whether clients are told of failed handlers and throttled messages.
    pub error_frames: bool,
    /// Who may come in.
    pub access: AccessRules,
    /// Subprotocols that may be negotiated.
    pub subprotocols: Vec<String>,
    /// The worker's credentials.
    pub credentials: Credentials,
    /// Whether any credentials will do.
    pub any_credentials: bool,
    /// The certificate and key to serve with; without it connections are not encrypted.
    pub tls: Option<Arc<ServerConfig>>,
    /// Disorder between clients and handlers.
    pub chaos: Option<Chaos>,
}

/// The gateway's shared state.
pub struct Gateway {
    /// Live connections.
    pub registry: Registry,
    /// What it tells the dispatcher.
    pub inbound: InboundQueue,
    /// Its connection tasks and the good-byes of closed sockets.
    pub tasks: TaskTracker,
    clock: Clock,
    bus: EventBus,
    limits: ConnectionLimits,
    handshake_timeout: Duration,
    error_frames: bool,
    access: AccessRules,
    subprotocols: Vec<String>,
    credentials: Credentials,
    any_credentials: bool,
    tls: Option<TlsAcceptor>,
    max_connections: usize,
    rate: RateLimits,
    bucket: Mutex<TokenBucket>,
    active: AtomicBool,
    stop: CancellationToken,
    arrivals: mpsc::Sender<u32>,
    requests: AtomicU64,
    http_app: watch::Sender<HttpApp>,
    turbulence: Option<Arc<Turbulence>>,
}

impl Gateway {
    /// A gateway without listeners; starts its reaper, so it needs a runtime.
    pub fn start(
        config: GatewayConfig,
        clock: Clock,
        bus: EventBus,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let (arrivals, receiver) = mpsc::channel(reaper::ARRIVALS);
        let gateway = Arc::new(Self {
            registry: Registry::default(),
            inbound: InboundQueue::default(),
            tasks: TaskTracker::new(),
            bucket: Mutex::new(TokenBucket::full(config.rate, clock.now_ms())),
            rate: config.rate,
            clock,
            bus,
            limits: config.limits,
            handshake_timeout: config.handshake_timeout,
            error_frames: config.error_frames,
            access: config.access,
            subprotocols: config.subprotocols,
            credentials: config.credentials,
            any_credentials: config.any_credentials,
            tls: config.tls.map(TlsAcceptor::from),
            max_connections: config.max_connections,
            active: AtomicBool::new(true),
            stop,
            arrivals,
            requests: AtomicU64::new(0),
            http_app: watch::Sender::default(),
            turbulence: config.chaos.map(Turbulence::new).map(Arc::new),
        });
        if let Some(turbulence) = &gateway.turbulence {
            tokio::spawn(turbulence::run(gateway.clone(), turbulence.clone()));
        }
        tokio::spawn(reaper::run(gateway.clone(), receiver));
        gateway
    }

    /// Serves a listener until the gateway is told to stop.
    pub fn listen(self: &Arc<Self>, listener: TcpListener) {
        let serving = accept::serve(self.clone(), listener, self.stop.clone());
        tokio::spawn(serving);
    }

    /// Whether connection attempts are accepted.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Pauses or resumes: connection attempts get 403 while paused.
    pub fn set_active(&self, active: bool) {
        self.active.store(active, Ordering::Relaxed);
    }

    /// The rate limits in force.
    pub fn rate(&self) -> RateLimits {
        self.rate
    }

    /// Largest message to a client, in bytes.
    pub fn max_sent(&self) -> usize {
        self.limits.max_sent()
    }

    /// A request id in API Gateway's form, for errors that no invocation stands behind.
    pub fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0xff; 11];
        bytes[3..].copy_from_slice(&number.to_be_bytes());
        ConnectionId::from_random(bytes).to_string()
    }

    /// Tells a client, in API Gateway's words, that nothing came of its message.
    pub fn send_error(&self, connection: &Connection, message: &str, request_id: &str) {
        if !self.error_frames {
            return;
        }
        let frame = serde_json::json!({
            "message": message,
            "connectionId": connection.id,
            "requestId": request_id,
        });
        connection.outbox.put(frame.to_string());
    }

    /// Tells that a message goes to a client.
    fn note_sent(&self, connection: &Connection, told: &str, bytes: usize, now_ms: i64) {
        connection.traffic.sent(bytes, now_ms);
        let connection_id = connection.id;
        let data = Payload::of(told);
        self.bus.tell_at(
            now_ms,
            Fact::Sent {
                connection_id,
                data,
            },
        );
        self.bus.wire(|| Wire::Sent {
            connection_id,
            text: told.to_owned(),
        });
    }

    fn take_token(&self, now_ms: i64) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(|e| e.into_inner());
        bucket.take(now_ms)
    }

    fn tell_throttled(&self, connection_id: Option<ConnectionId>) {
        let RateLimits { rate, burst, .. } = self.rate;
        self.bus.tell(Fact::Throttled {
            connection_id,
            hint: format!(
                "the limits are {rate} messages a second and a burst of {burst}; --env stage raises them, --no-limits lifts them"
            ),
        });
    }
}
