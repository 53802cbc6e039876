//! Performs requests on the sandbox of this process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    Answer, Boxed, Changes, ClockChange, ClockView, Closed, ConnectionView, LimitsView, Perform,
    Request, SendFailure, Sent, Status, Telling, items,
};
use crate::dispatch::{Command, DispatchHandle};
use crate::domain::selector::SelectError;
use crate::domain::{Clock, CloseReason, ConnectionId, EnvironmentType, Selector};
use crate::error::Failure;
use crate::event::{EventBus, Wire};
use crate::gateway::outbox::Put;
use crate::gateway::{Connection, Gateway};
use crate::iso;
use crate::store::Store;

/// What does not change while the sandbox runs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// `http://127.0.0.1:8810`.
    pub url: String,
    /// `ws://127.0.0.1:8810`.
    pub ws_url: String,
    /// The app's folder or entry file.
    pub app: PathBuf,
    /// The environment type.
    pub env: EnvironmentType,
    /// Where connections and data are kept.
    pub data_dir: PathBuf,
    /// When the sandbox started.
    pub started: Instant,
}

/// The running sandbox, as its operations need it.
#[derive(Clone)]
pub struct Sandbox {
    /// What does not change.
    pub facts: Arc<Facts>,
    /// The sockets.
    pub gateway: Arc<Gateway>,
    /// The handlers.
    pub dispatch: DispatchHandle,
    /// The items.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// The events.
    pub bus: EventBus,
    /// Cancelled by `stop`.
    pub stop: CancellationToken,
}

impl Perform for Sandbox {
    fn perform(&self, request: Request) -> Boxed<'_, Answer> {
        Box::pin(self.perform(request, None))
    }

    fn perform_telling(&self, request: Request, telling: Telling) -> Boxed<'_, Answer> {
        Box::pin(self.perform(request, Some(telling)))
    }

    fn watch(&self, pattern: Option<String>) -> Boxed<'_, Result<Changes, Failure>> {
        Box::pin(async move { items::watch(&self.store, &self.clock, pattern.as_deref()) })
    }
}

impl Sandbox {
    /// Performs a request, and tells of it to whoever records.
    async fn perform(&self, request: Request, telling: Option<Telling>) -> Answer {
        let told = serde_json::to_value(&request).unwrap_or_default();
        let answer = self.carry_out(request, telling).await?;
        self.bus.wire(|| Wire::Done {
            request: told,
            answer: answer.clone(),
        });
        Ok(answer)
    }

    async fn carry_out(&self, request: Request, telling: Option<Telling>) -> Answer {
        match request {
            Request::List => document(&self.list()),
            Request::Send { selector, data } => self.send(&selector, &data),
            Request::Close { selectors } => self.close(&selectors),
            Request::Status => document(&self.status()),
            Request::Pause => Ok(self.set_active(false)),
            Request::Resume => Ok(self.set_active(true)),
            Request::Reload => self.reload().await,
            Request::Stop => {
                self.stop.cancel();
                Ok(json!({ "ok": true, "pid": std::process::id() }))
            }
            Request::Clock(change) => document(&self.change_clock(change).await),
            Request::Data(request) => items::perform_live(self, request, telling).await,
            Request::Logs { .. } => Err(Failure::usage("`logs` is a stream, not an operation")),
        }
    }

    fn list(&self) -> Vec<ConnectionView> {
        let all = self.gateway.registry.all();
        all.iter().map(|c| view(c)).collect()
    }

    /// The chosen connections of the live ones.
    fn choose(&self, selector: &Selector) -> Result<Vec<Arc<Connection>>, Failure> {
        let live = self.gateway.registry.all();
        let query = |c: &Arc<Connection>, key: &str| {
            let parameters = c.meta()?.query_string_parameters?;
            Some(parameters.get(key)?.as_str()?.to_owned())
        };
        let chosen = selector.choose(&live, |c| c.id, query).map_err(|error| {
            let code = match error {
                SelectError::Unknown(_) => "unknown-connection",
                SelectError::Ambiguous { .. } => "ambiguous-connection",
            };
            let hint = match (&error, live.is_empty()) {
                (SelectError::Ambiguous { .. }, _) => "write more of the id",
                (_, true) => "nobody is connected; `ampt-ws connect` connects a client",
                (_, false) => "`list` shows the live connections",
            };
            Failure::new(code, error.to_string()).hint(hint)
        })?;
        Ok(chosen.into_iter().cloned().collect())
    }

    fn send(&self, selector: &Selector, data: &str) -> Answer {
        let (bytes, most) = (data.len(), self.gateway.max_sent());
        if bytes > most {
            let message = format!("the message has {bytes} bytes; a message holds at most {most}");
            return Err(Failure::new("message-too-large", message)
                .hint("a larger one is let through by `dev --max-message BYTES`, but not by the real gateway"));
        }
        let mut answer = Sent::default();
        let chosen = match (self.choose(selector), whole_id(selector)) {
            (Ok(chosen), _) => chosen,
            // Whoever names it in full means one that was there, as an app that posts to it does.
            (Err(_), Some(connection_id)) => {
                answer.failed.push(SendFailure {
                    connection_id,
                    error: "gone: no such connection is live".to_owned(),
                });
                Vec::new()
            }
            (Err(failure), None) => return Err(failure),
        };
        for connection in chosen {
            let connection_id = connection.id;
            let refused = match connection.outbox.is_slow() {
                true => Some("the client reads too slowly: its queue is full"),
                false => match connection.outbox.put(data) {
                    Put::Queued | Put::BecameSlow => None,
                    Put::Closing => Some("the connection is closing"),
                    Put::Full => Some("the client reads too slowly and is closed"),
                },
            };
            match refused {
                None => answer.sent.push(connection_id),
                Some(error) => answer.failed.push(SendFailure {
                    connection_id,
                    error: error.to_owned(),
                }),
            }
        }
        document(&answer)
    }

    fn close(&self, selectors: &[Selector]) -> Answer {
        let mut chosen: Vec<Arc<Connection>> = Vec::new();
        for selector in selectors {
            for connection in self.choose(selector)? {
                if !chosen.iter().any(|c| c.handle == connection.handle) {
                    chosen.push(connection);
                }
            }
        }
        let closed = chosen
            .iter()
            .filter(|c| c.close(CloseReason::CLOSED_BY_SERVER));
        document(&Closed {
            closed: closed.map(|c| c.id).collect(),
        })
    }

    fn status(&self) -> Status {
        let facts = &self.facts;
        let rate = self.gateway.rate();
        Status {
            url: facts.url.clone(),
            ws_url: facts.ws_url.clone(),
            app: facts.app.display().to_string(),
            env: facts.env.to_string(),
            limits: LimitsView {
                rate: rate.rate,
                burst: rate.burst,
                enforced: rate.enforced,
            },
            active: self.gateway.is_active(),
            connections: self.gateway.registry.len(),
            worker: self.dispatch.worker(),
            pending: self.dispatch.pending(),
            uptime_ms: u64::try_from(facts.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            data_dir: facts.data_dir.display().to_string(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    fn set_active(&self, active: bool) -> Value {
        self.gateway.set_active(active);
        json!({ "active": active })
    }

    async fn reload(&self) -> Answer {
        let (done, told) = oneshot::channel();
        let cause = "reload".to_owned();
        let stopping = || Failure::new("stopping", "the sandbox is stopping");
        if !self
            .dispatch
            .command(Command::Reload {
                cause,
                done: Some(done),
            })
            .await
        {
            return Err(stopping());
        }
        told.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Moves the clock, and waits until what is due by then has begun.
    async fn change_clock(&self, change: ClockChange) -> ClockView {
        let moves = change != ClockChange::Show;
        match change {
            ClockChange::Show => {}
            ClockChange::Set(ms) => self.clock.set(ms),
            ClockChange::Freeze => self.clock.freeze(),
            ClockChange::Advance(ms) => self.clock.advance(ms),
            ClockChange::Resume => self.clock.resume(),
        }
        if moves {
            let store = self.store.clone();
            // What cannot be swept now is tried again by the store itself.
            let _ = tokio::task::spawn_blocking(move || store.sweep()).await;
            let (done, told) = oneshot::channel();
            if self.dispatch.command(Command::Due { done }).await {
                // Without an answer the sandbox is stopping.
                let _ = told.await;
            }
        }
        ClockView {
            now: iso::from_ms(self.clock.now_ms()),
            frozen: self.clock.is_frozen(),
            offset_ms: self.clock.offset_ms(),
        }
    }
}

/// A value as the document that `--json` prints.
pub(super) fn document(value: &impl Serialize) -> Answer {
    serde_json::to_value(value).map_err(|error| {
        Failure::new(
            "internal",
            format!("an answer could not be written: {error}"),
        )
    })
}

/// The id that a selector gives in full, not as a prefix.
fn whole_id(selector: &Selector) -> Option<ConnectionId> {
    match selector {
        Selector::Id(text) => text.parse().ok(),
        _ => None,
    }
}

fn view(connection: &Connection) -> ConnectionView {
    let meta = connection.meta();
    let texts = |map: &Map<String, Value>| -> BTreeMap<String, String> {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        map.iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect()
    };
    let query = meta
        .as_ref()
        .and_then(|m| m.query_string_parameters.as_ref());
    let traffic = &connection.traffic;
    ConnectionView {
        connection_id: connection.id,
        connected_at: connection.connected_at,
        query_string_parameters: query.map(texts).unwrap_or_default(),
        headers: meta.as_ref().map(|m| texts(&m.headers)).unwrap_or_default(),
        remote_address: connection.remote.to_string(),
        messages_in: traffic.messages_in.load(Relaxed),
        messages_out: traffic.messages_out.load(Relaxed),
        bytes_in: traffic.bytes_in.load(Relaxed),
        bytes_out: traffic.bytes_out.load(Relaxed),
        last_active_at: traffic.last_active_at.load(Relaxed),
    }
}
