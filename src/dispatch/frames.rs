//! What workers say.

use std::path::PathBuf;
use std::task::{Context, Poll};

use serde::Deserialize;

use super::Dispatcher;
use super::invocation::Subject;
use crate::event::{Fact, JsError, Level, Place};
use crate::gateway::outbox::Put;
use crate::store::interest::Registration;
use crate::worker::LinkError;
use crate::worker::wire::FromWorker;

/// Reads from one worker in one round, at most.
const READS: usize = 4;

/// What has to be done about a worker after its frames.
pub(super) enum News {
    Loaded,
    LoadFailed(Box<JsError>),
    Broken(LinkError),
}

#[derive(Deserialize)]
struct Hello {
    node: String,
}

#[derive(Deserialize)]
struct Registered {
    event: String,
    timeout: Option<u64>,
    /// What a `data.on` wants to hear of.
    #[serde(default)]
    specs: Vec<String>,
    /// Where the app serves HTTP.
    socket: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notice {
    level: Level,
    title: String,
    place: Option<Place>,
    error: Option<JsError>,
    #[serde(default)]
    loading: bool,
}

impl Dispatcher {
    /// Reads what the workers have written.
    pub(super) fn read_workers(&mut self, cx: &mut Context<'_>) -> bool {
        let numbers: Vec<u32> = self.crew.all().map(|w| w.number).collect();
        let mut busy = false;
        for number in numbers {
            for _ in 0..READS {
                let Some(news) = self.read_worker(number, cx) else {
                    break;
                };
                busy = true;
                if let Some(news) = news {
                    self.hear(number, news);
                    break;
                }
            }
        }
        busy
    }

    /// Reads what a worker wrote before it ended: its end may be told first.
    pub(super) fn read_last_words(&mut self, number: u32, cx: &mut Context<'_>) {
        while let Some(news) = self.read_worker(number, cx) {
            match news {
                Some(News::Broken(_)) => return,
                Some(news) => self.hear(number, news),
                None => {}
            }
        }
    }

    /// Reads from a worker once; `None` if nothing is there.
    fn read_worker(&mut self, number: u32, cx: &mut Context<'_>) -> Option<Option<News>> {
        let worker = self.crew.get(number)?;
        let Poll::Ready(read) = worker.process.link.poll_read(cx) else {
            return None;
        };
        worker.pulse.hear(self.now);
        self.vigil.answered();
        Some(match read {
            Ok(mut batch) => {
                let gathering = self.store.gather();
                let news = self.take_frames(number, &mut batch);
                drop(gathering);
                if let Some(worker) = self.crew.get(number) {
                    worker.process.link.put_back(batch);
                }
                news
            }
            Err(error) => Some(News::Broken(error)),
        })
    }

    fn take_frames(&mut self, number: u32, batch: &mut crate::worker::link::Batch) -> Option<News> {
        let mut news = None;
        loop {
            match batch.next_frame() {
                Ok(Some(frame)) => news = self.take_frame(number, frame).or(news),
                Ok(None) => return news,
                Err(error) => return Some(News::Broken(error.into())),
            }
        }
    }

    fn take_frame(&mut self, number: u32, frame: FromWorker<'_>) -> Option<News> {
        match frame {
            FromWorker::Send(handle, text) => {
                if let Some(worker) = self.crew.get(number) {
                    worker.last_text.set(text);
                }
                self.send(number, handle);
            }
            FromWorker::SendSame(handle) => self.send(number, handle),
            FromWorker::Begun(invocation) => self.parting(number, invocation),
            FromWorker::Done(invocation) => {
                let ended = self
                    .crew
                    .get(number)
                    .and_then(|w| w.in_flight.end(invocation));
                match ended {
                    Some(Subject::Disconnected(id, _)) => self.settle(id),
                    Some(Subject::Change(namespace)) => self.change_done(&namespace),
                    Some(Subject::Event { number, .. }) => self.forget(number),
                    _ => {}
                }
            }
            FromWorker::Call { call, op, payload } => self.call(number, call, op, payload),
            FromWorker::Failed(invocation, error) => {
                let ended = self
                    .crew
                    .get(number)
                    .and_then(|w| w.in_flight.end(invocation));
                if let Some(subject) = ended {
                    self.handler_failed(subject, invocation, js_error(error));
                }
            }
            FromWorker::Pong(_) => {
                if let Some(worker) = self.crew.get(number) {
                    worker.pulse.answered();
                }
            }
            FromWorker::Hello(json) => {
                let now = self.now;
                let hello: Option<Hello> = serde_json::from_slice(json).ok();
                if let (Some(worker), Some(hello)) = (self.crew.get(number), hello) {
                    worker.node = Some((hello.node, now));
                }
            }
            FromWorker::Register(json) => self.register(number, json),
            FromWorker::Notice(json) => self.notice(json),
            FromWorker::Loaded => return Some(News::Loaded),
            FromWorker::LoadFailed(error) => {
                return Some(News::LoadFailed(Box::new(js_error(error))));
            }
        }
        None
    }

    /// Sends the worker's last text to a connection.
    fn send(&mut self, number: u32, handle: u32) {
        let connection = self.gateway.registry.by_handle(handle);
        let worker = self.crew.get(number);
        let outcome = connection.as_ref().zip(worker).map(|(connection, worker)| {
            let connection = connection.clone();
            worker
                .last_text
                .send(&mut self.posting, &self.gateway, connection, self.now_ms)
        });
        match (connection, outcome) {
            (Some(_), Some(Put::Queued)) => {}
            (Some(connection), Some(Put::BecameSlow)) => {
                self.mirror_slow(handle, true);
                let text = format!(
                    "{} does not read what it is sent; further sends to it are refused until it does",
                    connection.id
                );
                self.bus.log(Level::Warn, text);
            }
            (Some(connection), Some(Put::Full)) => {
                let text = format!(
                    "{} reads too slowly and is closed; a message to it was dropped",
                    connection.id
                );
                self.bus.log(Level::Warn, text);
            }
            // It ended while the send was on its way: the race that the cloud has as well.
            (connection, _) => {
                let whom =
                    connection.map_or_else(|| "a connection".to_owned(), |c| c.id.to_string());
                self.bus
                    .log(Level::Debug, format!("a message to {whom} found it gone"));
            }
        }
    }

    fn register(&mut self, number: u32, json: &[u8]) {
        let Ok(registration) = serde_json::from_slice::<Registered>(json) else {
            return;
        };
        if let Some(worker) = self.crew.get(number) {
            let timeout = Self::timeout_of(registration.timeout);
            if registration.event == "data" {
                let specs = registration.specs.iter().map(String::as_str);
                // The data package has checked them already.
                let parsed = Registration::parse(specs).unwrap_or_default();
                worker.listeners.push((parsed, timeout));
            }
            if registration.socket.is_some() {
                worker.http = registration.socket;
            }
            let hears = registration.event == "data";
            worker.handlers.insert(registration.event, timeout);
            if hears {
                // At once: the code may write in the next line.
                self.apply_interest();
                self.changes.claim_again();
            }
        }
    }

    fn notice(&mut self, json: &[u8]) {
        let Ok(notice) = serde_json::from_slice::<Notice>(json) else {
            return;
        };
        if let Some(error) = notice.error {
            self.bus.tell(Fact::HandlerError {
                handler: notice.title,
                connection_id: None,
                request_id: None,
                error: Box::new(error),
            });
            return;
        }
        let at = notice
            .place
            .map(|p| format!(" ({}:{}:{})", p.file, p.line, p.column));
        let when = if notice.loading {
            " while it was loading"
        } else {
            ""
        };
        let text = format!("{}{when}{}", notice.title, at.unwrap_or_default());
        self.bus.log(notice.level, text);
    }

    /// A handler threw, timed out, or was lost: it is told loudly, and so is the client.
    pub(super) fn handler_failed(&mut self, subject: Subject, invocation: u32, error: JsError) {
        let request_id = request_id(invocation);
        if let Some(client) = subject.client() {
            self.gateway
                .send_error(client, "Internal server error", &request_id);
        }
        self.bus.tell(Fact::HandlerError {
            handler: subject.handler().to_owned(),
            connection_id: subject.connection_id(),
            request_id: Some(request_id),
            error: Box::new(error),
        });
        match subject {
            Subject::Disconnected(id, _) => self.settle(id),
            Subject::Change(namespace) => self.change_failed(namespace),
            Subject::Event { number, json, .. } => self.event_failed(number, &json),
            _ => {}
        }
    }
}

/// The id of an invocation, in the form of API Gateway's request ids.
fn request_id(invocation: u32) -> String {
    let mut bytes = [0; 11];
    bytes[7..].copy_from_slice(&invocation.to_be_bytes());
    bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
    crate::domain::ConnectionId::from_random(bytes).to_string()
}

fn js_error(json: &[u8]) -> JsError {
    serde_json::from_slice(json).unwrap_or_else(|_| JsError {
        name: "Error".to_owned(),
        message: String::from_utf8_lossy(json).into_owned(),
        ..JsError::default()
    })
}
