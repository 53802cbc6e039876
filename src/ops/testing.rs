//! A sandbox that only pretends, for the tests of the faces.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::{Answer, Boxed, Changes, ClockView, Closed, ConnectionView, DataRequest, Perform};
use super::{Exported, Imported, LimitsView, PendingView, Request, Sent, Status, WorkerView};
use crate::domain::{ConnectionId, Selector};
use crate::error::Failure;

/// Three connections and two items; remembers what was asked of it.
pub struct FakeSandbox {
    live: Vec<ConnectionId>,
    requests: Mutex<Vec<Request>>,
}

impl Default for FakeSandbox {
    fn default() -> Self {
        let ids = ["abcAAAAAAAAAAAA=", "abdAAAAAAAAAAAA=", "xyzAAAAAAAAAAAA="];
        Self {
            live: ids.map(|id| id.parse().unwrap()).to_vec(),
            requests: Mutex::default(),
        }
    }
}

impl FakeSandbox {
    /// One to which nobody is connected.
    pub fn deserted() -> Self {
        Self {
            live: Vec::new(),
            requests: Mutex::default(),
        }
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    fn chosen(&self, selector: &Selector) -> Result<Vec<ConnectionId>, Failure> {
        let query = |_: &ConnectionId, key: &str| (key == "name").then(|| "ana".to_owned());
        match selector.choose(&self.live, |id| *id, query) {
            Ok(chosen) => Ok(chosen.into_iter().copied().collect()),
            Err(e) => Err(Failure::new("unknown-connection", e.to_string())
                .hint("`list` shows the connections")),
        }
    }

    fn view(id: &ConnectionId) -> ConnectionView {
        ConnectionView {
            connection_id: *id,
            connected_at: 1_700_000_000_000,
            query_string_parameters: [("name".to_owned(), "ana".to_owned())].into(),
            headers: Default::default(),
            remote_address: "127.0.0.1:50000".into(),
            messages_in: 1,
            messages_out: 2,
            bytes_in: 3,
            bytes_out: 4,
            last_active_at: 1_700_000_000_000,
        }
    }

    fn status(&self) -> Status {
        Status {
            url: "http://127.0.0.1:8810".into(),
            ws_url: "ws://127.0.0.1:8810".into(),
            app: "/apps/chat".into(),
            env: "sandbox".into(),
            limits: LimitsView {
                rate: 10,
                burst: 10,
                enforced: true,
            },
            active: true,
            connections: self.live.len(),
            worker: WorkerView {
                state: "ready".into(),
                ..WorkerView::default()
            },
            pending: PendingView::default(),
            uptime_ms: 1000,
            data_dir: "/apps/chat/.ampt-ws".into(),
            pid: 1,
            version: "0.1.0".into(),
        }
    }

    fn answer(&self, request: Request) -> Answer {
        let value = match request {
            Request::List => {
                let views: Vec<_> = self.live.iter().map(Self::view).collect();
                json!(views)
            }
            Request::Send { selector, .. } => json!(Sent {
                sent: self.chosen(&selector)?,
                failed: Vec::new(),
            }),
            Request::Close { selectors } => {
                let chosen: Result<Vec<_>, _> = selectors.iter().map(|s| self.chosen(s)).collect();
                json!(Closed {
                    closed: chosen?.concat(),
                })
            }
            Request::Status => json!(self.status()),
            Request::Pause => json!({"active": false}),
            Request::Resume => json!({"active": true}),
            Request::Reload => json!({"ok": true, "tookMs": 34}),
            Request::Stop => json!({"stopping": true}),
            Request::Clock(_) => json!(ClockView {
                now: "2030-01-01T00:00:00.000Z".into(),
                frozen: false,
                offset_ms: 0,
            }),
            Request::Logs { .. } => Value::Null,
            Request::Data(data) => return self.data(data),
        };
        Ok(value)
    }

    fn data(&self, request: DataRequest) -> Answer {
        let item = |key: &str| json!({"key": key, "value": {"a": 1}});
        Ok(match request {
            DataRequest::Import { overwrite, .. } => json!(Imported {
                items: 2,
                overwrite,
                orphaned_connections: if overwrite {
                    self.live.clone()
                } else {
                    Vec::new()
                },
            }),
            DataRequest::Export { file, .. } => json!(Exported {
                items: 2,
                file: file.display().to_string(),
            }),
            DataRequest::Get { key } if key == "missing" => Value::Null,
            DataRequest::Get { key } | DataRequest::Set { key, .. } => item(&key),
            DataRequest::Ls { .. } => json!([item("user:1"), item("user:2")]),
            DataRequest::Rm { key } => json!({"removed": key != "missing"}),
            DataRequest::Watch { .. } => Value::Null,
        })
    }
}

impl Perform for FakeSandbox {
    fn perform(&self, request: Request) -> Boxed<'_, Answer> {
        self.requests.lock().unwrap().push(request.clone());
        Box::pin(async move { self.answer(request) })
    }

    fn watch(&self, _: Option<String>) -> Boxed<'_, Result<Changes, Failure>> {
        Box::pin(async {
            let (sender, changes) = tokio::sync::mpsc::channel(8);
            for change in ["created", "deleted"] {
                let _ = sender.try_send(
                    json!({"at": "2030-01-01T00:00:00.000Z", "change": change, "key": "k"}),
                );
            }
            Ok(changes)
        })
    }
}
