//! Loads the app's code: at the start, after a save, after a crash.

use std::io;
use std::time::{Duration, Instant};

use super::crew::{PROBE_TIME, Worker};
use super::frames::News;
use super::{Dispatcher, Phase, Reloaded};
use crate::error::Failure;
use crate::event::{Fact, JsError, Level};
use crate::worker::entry::EntryError;
use crate::worker::{LinkError, no_node};

/// The name that the worker gives to the error of a Node that is too old.
const TOO_OLD: &str = "NodeTooOldError";

impl Dispatcher {
    /// Starts the first worker and gives it the app.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        if let Some(message) = self.load_message() {
            self.crew.load(&message, "start", |_| {})?;
        }
        Ok(())
    }

    fn load_message(&self) -> Option<String> {
        let warn = |text| self.bus.log(Level::Warn, text);
        self.source.load_message(warn)
    }

    pub(super) fn reload(&mut self, cause: &str) {
        if self.phase != Phase::Running {
            return self.answer_reload(Err(stopping()));
        }
        if let Err(error) = self.source.look_again() {
            return self.entry_failed(cause, &error);
        }
        let Some(message) = self.load_message() else {
            let failure = Failure::new("no-app", "there is no app code in this folder")
                .hint("add an index.mjs, or name an entry file as `main` in package.json");
            return self.answer_reload(Err(failure));
        };
        let gateway = self.gateway.clone();
        let loaded = self
            .crew
            .load(&message, cause, |out| Self::mirror(&gateway, out));
        if let Err(error) = loaded {
            let failure = no_node(self.crew.launch(), &error);
            let error = plain_error(failure.message.clone(), failure.hint.clone());
            self.tell_load_failure(cause.to_owned(), Duration::ZERO, error, failure);
        }
    }

    /// There is nothing that could be loaded: what runs goes on.
    fn entry_failed(&mut self, cause: &str, error: &EntryError) {
        self.crew.restart_at = None;
        let failure = Failure::new("entry", error.to_string()).hint(error.hint());
        let error = plain_error(error.to_string(), Some(error.hint()));
        self.tell_load_failure(cause.to_owned(), Duration::ZERO, error, failure);
    }

    pub(super) fn answer_reload(&mut self, answer: Reloaded) {
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(answer.clone());
        }
    }

    /// What a worker's frames mean for its role.
    pub(super) fn hear(&mut self, number: u32, news: News) {
        let loading = self
            .crew
            .loading
            .as_ref()
            .is_some_and(|l| l.worker.number == number);
        match news {
            News::Loaded if loading => self.loaded(),
            News::LoadFailed(error) if loading => self.load_failed(*error),
            // Its process has ended, which is told with the reason.
            News::Broken(LinkError::Closed | LinkError::Io(_)) => {
                if let Some(worker) = self.crew.get(number) {
                    worker.end(None);
                }
            }
            News::Broken(error) => {
                if let Some(worker) = self.crew.get(number) {
                    worker.end(Some(error.to_string()));
                }
            }
            News::Loaded | News::LoadFailed(_) => {}
        }
    }

    fn loaded(&mut self) {
        self.hand_over_interest();
        let Some((cause, took)) = self.crew.promote() else {
            return;
        };
        match cause.as_str() {
            // The same code: what it fails on has its backoff.
            "crash" => self.changes.claim_again(),
            _ => {
                self.changes.retry_all();
                self.retry_events();
            }
        }
        self.failure = None;
        self.unhandled.clear();
        self.apply_interest();
        self.show_http();
        if cause != "start" {
            self.reloads += 1;
            self.tell_reload(cause, took, None);
        }
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.answer_reload(Ok(serde_json::json!({ "ok": true, "tookMs": took })));
        self.retire();
    }

    fn load_failed(&mut self, error: JsError) {
        let Some((cause, took)) = self.crew.dismiss() else {
            return;
        };
        let failure = if error.name == TOO_OLD {
            Failure::new("node-too-old", error.message.clone())
                .hint(error.hint.clone().unwrap_or_default())
        } else {
            let summary = summary(&error);
            let message = format!("the app's code could not be loaded: {summary}");
            let hint = match &self.crew.active {
                Some(_) => "what ran before keeps running; the log shows the error in full",
                None => "events wait for the next save that loads; the log shows the error in full",
            };
            Failure::new("load-failed", message).hint(hint)
        };
        self.tell_load_failure(cause, took, error, failure);
    }

    /// The Node that was to load the app has not said a word: it is no Node, or cannot run.
    fn boot_failed(&mut self, what_happened: &str) {
        let Some((cause, took)) = self.crew.dismiss() else {
            return;
        };
        let node = self.crew.launch().node.display();
        let message = format!("`{node}` did not run the app: {what_happened}");
        let hint = "is it a Node of version 20 or newer? what it printed is in the log; name another with --node PATH";
        let failure = Failure::new("no-node", message.clone()).hint(hint);
        let error = plain_error(message, Some(hint.to_owned()));
        self.tell_load_failure(cause, took, error, failure);
    }

    fn tell_load_failure(
        &mut self,
        cause: String,
        took: Duration,
        error: JsError,
        failure: Failure,
    ) {
        self.failure = Some(failure.clone());
        if cause == "start" {
            self.bus.tell(Fact::HandlerError {
                handler: "load".to_owned(),
                connection_id: None,
                request_id: None,
                error: Box::new(error),
            });
        } else {
            self.tell_reload(cause, took, Some(error));
        }
        self.show_http();
        self.answer_reload(Err(failure));
    }

    fn tell_reload(&self, cause: String, took: Duration, error: Option<JsError>) {
        self.bus.tell(Fact::Reload {
            cause,
            ok: error.is_none(),
            kept: error.is_some() && self.crew.active.is_some(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            error: error.map(Box::new),
        });
    }

    /// The process of the loading worker has ended.
    pub(super) fn loading_ended(&mut self, how: &str) {
        let booted = |worker: &Worker| worker.node.is_some();
        if self.phase != Phase::Running {
            // It was told to, or will not be missed.
            self.crew.loading = None;
            return self.answer_reload(Err(stopping()));
        }
        match &self.crew.loading {
            Some(loading) if !booted(&loading.worker) => self.boot_failed(how),
            _ => self.load_failed(plain_error(
                format!("Node ended while the app was loading: {how}"),
                Some("look at the lines above for what it printed; top-level code must not end the process".to_owned()),
            )),
        }
    }

    /// Gives up a worker that takes too long, after it was asked whether it is blocked.
    pub(super) fn give_up_loading(&mut self, now: Instant) {
        let limit = self.crew.loading.as_ref().map(|l| self.crew.load_limit(l));
        if self.crew.is_debugged() {
            return;
        }
        let (Some(limit), Some(loading)) = (limit, &mut self.crew.loading) else {
            return;
        };
        let worker = &mut loading.worker;
        if now < limit {
            if now + PROBE_TIME >= limit && !loading.probed {
                loading.probed = true;
                worker.pulse.ask(&mut worker.process.link.out);
            }
            return;
        }
        let blocked = worker.pulse.owes_pong();
        if worker.node.is_none() {
            return self.boot_failed("it did not get ready");
        }
        let error = unfinished(blocked, self.crew.launch().load_time);
        self.load_failed(error);
    }
}

/// The error of a worker that was given up.
fn unfinished(blocked: bool, load_time: Duration) -> JsError {
    let (what, hint) = match blocked {
        true => (
            "the code blocks Node",
            "look for an endless loop in the code that runs at load",
        ),
        false => (
            "a top-level `await` has not come to its end",
            "look at what is waited for at load",
        ),
    };
    let took = load_time.as_secs_f32();
    JsError {
        name: "TimeoutError".to_owned(),
        message: format!("the app's code did not finish loading within {took} s: {what}"),
        hint: Some(format!(
            "{hint}; if it only takes long, give it more time with --load-timeout 60s"
        )),
        ..JsError::default()
    }
}

pub(super) fn stopping() -> Failure {
    Failure::new("stopping", "the sandbox is stopping")
}

fn plain_error(message: String, hint: Option<String>) -> JsError {
    JsError {
        name: "Error".to_owned(),
        message,
        hint,
        ..JsError::default()
    }
}

fn summary(error: &JsError) -> String {
    match (&error.file, error.line) {
        (Some(file), Some(line)) => format!("{}: {} ({file}:{line})", error.name, error.message),
        _ => format!("{}: {}", error.name, error.message),
    }
}
