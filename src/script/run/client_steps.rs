//! What a fixture's clients do: connect, send, close, vanish.

use std::time::Duration;

use base64::Engine as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::play::{Peer, Play};
use super::wrong::{Done, Wrong};
use crate::domain::Selector;
use crate::domain::spell_duration as spell;
use crate::ops::Request;
use crate::script::client::{Client, Dial, Disorder, Refused};
use crate::script::format::{Close, Connect, Drop, Send};
use crate::script::update::Fix;

/// How long the sandbox may take to tell of a connection whose handshake is done.
const TOLD: Duration = Duration::from_secs(5);

impl Play<'_> {
    pub(super) async fn connect(&mut self, step: &Connect) -> Done {
        let name = self.text(&step.connect)?;
        let dial = self.dial(step)?;
        let within = self.within(step.within);
        let before = self.sandbox.log.begin_life();
        let disorder = self.disorder(&name);
        let connecting = Client::connect(&self.sandbox.ws_url, &dial, disorder);
        let Ok(connected) = tokio::time::timeout(within, connecting).await else {
            let within = spell(within);
            return Err(Wrong::new(format!(
                "the handshake of `{name}` was not answered within {within}"
            )));
        };
        self.check_answer(name, step, connected, before).await
    }

    /// Compares the answer to a handshake with the expected one, and keeps the client.
    async fn check_answer(
        &mut self,
        name: String,
        step: &Connect,
        connected: Result<Client, Refused>,
        before: usize,
    ) -> Done {
        let wanted = step.expect_status.unwrap_or(101);
        let fix = |status: u16| {
            let is_told = step.expect_status.is_some();
            is_told.then(|| Fix::Field("expectStatus", status.into()))
        };
        match connected {
            Ok(client) if wanted == 101 => {
                self.admit(name, client, before).await;
                Ok(())
            }
            Ok(client) => {
                let but = format!("`{name}` was to be refused with {wanted}, but is connected");
                self.admit(name, client, before).await;
                self.unless_fixed(Wrong::new(but).fix(fix(101)))
            }
            Err(Refused::Status { status, .. }) if status == wanted => Ok(()),
            Err(Refused::Status { status, body }) => {
                let wrong = refusal(&name, wanted, status, body.trim());
                self.unless_fixed(wrong.fix(fix(status)))
            }
            Err(Refused::Failed(why)) => Err(Wrong::new(format!("`{name}` cannot connect: {why}"))),
        }
    }

    fn dial(&self, step: &Connect) -> Result<Dial, Wrong> {
        let path = match &step.path {
            Some(path) => self.text(path)?,
            None => "/".to_owned(),
        };
        let target = self.with_query(path, &step.query)?;
        let mut headers = self.pairs(&step.headers)?;
        if let Some(names) = &step.subprotocol {
            let names = self.texts(&names.0)?;
            headers.push(("Sec-WebSocket-Protocol".to_owned(), names.join(", ")));
        }
        Ok(Dial { target, headers })
    }

    /// A path with query parameters behind it.
    pub(super) fn with_query(
        &self,
        mut target: String,
        query: &Map<String, Value>,
    ) -> Result<String, Wrong> {
        for (name, value) in self.pairs(query)? {
            target.push(if target.contains('?') { '&' } else { '?' });
            let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            target.push_str(&format!("{}={}", encoded(&name), encoded(&value)));
        }
        Ok(target)
    }

    pub(super) fn pairs(&self, map: &Map<String, Value>) -> Result<Vec<(String, String)>, Wrong> {
        let mut pairs = Vec::with_capacity(map.len());
        for (name, value) in map {
            let value = match self.value(value)? {
                Value::String(text) => text,
                other => other.to_string(),
            };
            pairs.push((self.text(name)?, value));
        }
        Ok(pairs)
    }

    /// What disorder does to the client that connects next.
    fn disorder(&self, name: &str) -> Option<Disorder> {
        let (chaos, connection) = self.sandbox.next_connection()?;
        let wish = self.fixture.chaos.as_ref();
        let named = wish.and_then(|wish| wish.cut_clients.as_ref());
        Some(Disorder {
            chaos,
            connection,
            may_cut: named.is_none_or(|names| names.iter().any(|named| named == name)),
        })
    }

    /// Keeps a connected client, and learns its connection id from the event log.
    async fn admit(&mut self, name: String, client: Client, before: usize) {
        self.sandbox.connected();
        let address = client.address.to_string();
        let told = self.sandbox.log.find(|seen| {
            let field = |name: &str| seen.event.get(name).and_then(Value::as_str);
            seen.number >= before
                && field("event") == Some("connected")
                && field("remoteAddress") == Some(&address)
        });
        let told = tokio::time::timeout(TOLD, told).await.ok().flatten();
        let id = told.and_then(|seen| Some(seen.event.get("connectionId")?.as_str()?.to_owned()));
        if let Some(id) = &id {
            self.names.insert(id.clone(), name.clone());
            let capture = format!("{name}.connectionId");
            self.captures.set(capture, Value::from(id.as_str()));
        }
        let peer = Peer {
            client: Some(client),
            connection_id: id,
        };
        self.peers.insert(name, peer);
    }

    pub(super) async fn send(&mut self, step: &Send) -> Done {
        if step.by.as_deref() == Some("server") {
            return self.send_by_server(step).await;
        }
        for name in self.clients(&step.send.0)? {
            let sent = match (&step.binary, &step.message) {
                (Some(base64), _) => {
                    let bytes = decode(base64).map_err(Wrong::new)?;
                    self.client(&name)?.send_binary(bytes).await
                }
                (None, message) => {
                    let message = self.value(message.as_ref().unwrap_or(&Value::Null))?;
                    if let Some(updates) = &mut self.updates {
                        updates.given.push(message.clone());
                    }
                    let text = match message {
                        Value::String(text) => text,
                        other => other.to_string(),
                    };
                    self.client(&name)?.send(text).await
                }
            };
            sent.map_err(|why| Wrong::new(format!("`{name}` cannot send: {why}")))?;
        }
        Ok(())
    }

    async fn send_by_server(&mut self, step: &Send) -> Done {
        let message = self.value(step.message.as_ref().unwrap_or(&Value::Null))?;
        let data = match message {
            Value::String(text) => text,
            other => other.to_string(),
        };
        for name in self.clients(&step.send.0)? {
            let request = Request::Send {
                selector: Selector::Id(self.connection_id(&name)?),
                data: data.clone(),
            };
            self.sandbox.perform(request).await?;
        }
        Ok(())
    }

    pub(super) async fn close(&mut self, step: &Close) -> Done {
        let by_server = step.by.as_deref() == Some("server");
        for name in self.clients(&step.close.0)? {
            if by_server {
                self.close_by_server(&name).await?;
                continue;
            }
            let reason = match &step.reason {
                Some(reason) => self.text(reason)?,
                None => String::new(),
            };
            let frame = step.code.map(|code| (code, reason));
            let closed = self.client(&name)?.close(frame).await;
            closed.map_err(|why| Wrong::new(format!("`{name}` cannot close: {why}")))?;
        }
        Ok(())
    }

    fn connection_id(&self, name: &str) -> Result<String, Wrong> {
        let peer = self.peers.get(name);
        let id = peer.and_then(|peer| peer.connection_id.clone());
        id.ok_or_else(|| {
            Wrong::new(format!(
                "the sandbox does not know a connection of `{name}`"
            ))
        })
    }

    async fn close_by_server(&mut self, name: &str) -> Done {
        let id = self.connection_id(name)?;
        let selectors = vec![Selector::Id(id)];
        self.sandbox.perform(Request::Close { selectors }).await?;
        Ok(())
    }

    pub(super) async fn drop_clients(&mut self, step: &Drop) -> Done {
        for name in self.clients(&step.drop.0)? {
            self.client(&name)?;
            let peer = self.peers.get_mut(&name);
            if let Some(client) = peer.and_then(|peer| peer.client.take()) {
                client.vanish().await;
            }
        }
        Ok(())
    }
}

/// Bytes from base64, as fixtures write them.
pub(in crate::script) fn decode(base64: &str) -> Result<Vec<u8>, String> {
    base64::engine::general_purpose::STANDARD
        .decode(base64)
        .map_err(|error| format!("`binary` is not base64: {error}"))
}

/// Another answer to a handshake than was expected.
fn refusal(name: &str, wanted: u16, status: u16, body: &str) -> Wrong {
    let but = match wanted {
        101 => format!("`{name}` was refused with {status}"),
        _ => format!("`{name}` was refused with {status}, not with {wanted}"),
    };
    let wrong = Wrong::new(match body {
        "" => but,
        body => format!("{but}: {body}"),
    });
    match hint_for(status) {
        Some(hint) if wanted == 101 => wrong.hint(hint),
        _ => wrong,
    }
}

fn hint_for(status: u16) -> Option<&'static str> {
    match status {
        403 => Some(
            "403 means: the sandbox is paused, or the Origin or Host is not allowed; a refusal that is meant is written \"expectStatus\": 403",
        ),
        429 => Some(
            "429 means that the limits are reached: \"env\": \"stage\" raises them, \"limits\": false lifts them",
        ),
        _ => None,
    }
}
