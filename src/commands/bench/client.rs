//! One client of a load test: sends, and looks for the answers among what comes.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::bench::{Numbers, Plan, Tally};
use crate::commands::connect::Socket;

/// Behind its time by more than this, a message counts from when it was due: what a slow server
/// holds up must not look fast.
const LATE: Duration = Duration::from_millis(2);

/// Most messages that are sent in a row before what came is looked at.
const IN_A_ROW: usize = 64;

/// How long a close may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// What API Gateway's frames say instead of an answer.
const THROTTLED: &str = "Too Many Requests";
const FAILED: &str = "Internal server error";

/// What all clients share.
pub(super) struct Shared {
    /// The load.
    pub(super) plan: Plan,
    /// The counts of all.
    pub(super) tally: RefCell<Tally>,
    /// The number of the last message.
    pub(super) last: Cell<u64>,
    /// When sending ends.
    pub(super) until: Cell<Instant>,
}

/// A message without an answer so far.
struct Waiting {
    number: u64,
    since: Instant,
}

/// One client.
pub(super) struct Client<'a> {
    shared: &'a Shared,
    index: u32,
    is_numbered: bool,
    turn: usize,
    due: Instant,
    waiting: VecDeque<Waiting>,
}

impl<'a> Client<'a> {
    /// The client with this number. With a rate, the clients' messages are spread evenly.
    pub(super) fn new(shared: &'a Shared, index: u32, began: Instant) -> Self {
        let plan = &shared.plan;
        let share = f64::from(index) / f64::from(plan.connections);
        let offset = plan.interval().unwrap_or_default().mul_f64(share);
        Self {
            shared,
            index,
            is_numbered: plan
                .messages
                .iter()
                .all(crate::bench::Template::is_numbered),
            turn: index as usize % plan.messages.len(),
            due: began + offset,
            waiting: VecDeque::new(),
        }
    }

    /// Sends and receives until the end; or why the connection was lost before.
    pub(super) async fn run(mut self, mut socket: Socket) -> Result<(), String> {
        loop {
            self.send_what_is_due(&mut socket).await?;
            let is_over = Instant::now() >= self.shared.until.get();
            if is_over && self.waiting.is_empty() {
                break;
            }
            let next = tokio::select! {
                frame = socket.next() => Some(frame),
                () = sleep_until(self.next_moment()) => None,
            };
            match next {
                None => self.give_up_late_ones(),
                Some(Some(Ok(Message::Text(text)))) => self.receive(&text),
                Some(Some(Ok(Message::Binary(bytes)))) => {
                    self.receive(&String::from_utf8_lossy(&bytes));
                }
                Some(Some(Ok(Message::Close(frame)))) => return Err(closed(frame.as_ref())),
                Some(Some(Ok(_))) => {}
                Some(Some(Err(error))) => return Err(error.to_string()),
                Some(None) => return Err("the connection ended".to_owned()),
            }
        }
        let _ = timeout(GOODBYE, socket.close(None)).await;
        Ok(())
    }

    async fn send_what_is_due(&mut self, socket: &mut Socket) -> Result<(), String> {
        let mut sent = 0;
        while sent < IN_A_ROW
            && let Some(since) = self.may_send()
        {
            let number = self.shared.last.get() + 1;
            self.shared.last.set(number);
            let numbers = Numbers {
                message: number,
                client: self.index,
            };
            let text = self.shared.plan.messages[self.turn].fill(numbers);
            self.turn = (self.turn + 1) % self.shared.plan.messages.len();
            let feeding = socket.feed(Message::text(text)).await;
            feeding.map_err(|error| error.to_string())?;
            self.waiting.push_back(Waiting { number, since });
            self.shared.tally.borrow_mut().sent += 1;
            sent += 1;
        }
        if sent > 0 {
            socket.flush().await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// From when a message counts that is to be sent now, if one is.
    fn may_send(&mut self) -> Option<Instant> {
        let now = Instant::now();
        if now >= self.shared.until.get() {
            return None;
        }
        let Some(interval) = self.shared.plan.interval() else {
            return (self.waiting.len() < self.shared.plan.in_flight).then_some(now);
        };
        if now < self.due {
            return None;
        }
        let due = self.due;
        self.due += interval;
        Some(if now - due > LATE { due } else { now })
    }

    /// When there is something to do even if nothing comes.
    fn next_moment(&self) -> Instant {
        let patience = self.shared.plan.patience;
        let late = self.waiting.front().map(|first| first.since + patience);
        let until = self.shared.until.get();
        let is_open = Instant::now() < until;
        let due = self.shared.plan.interval().map(|_| self.due);
        let due = due.filter(|_| is_open);
        let end = is_open.then_some(until);
        let moments = [late, due, end].into_iter().flatten();
        moments.min().unwrap_or(until)
    }

    fn give_up_late_ones(&mut self) {
        let now = Instant::now();
        let patience = self.shared.plan.patience;
        while self
            .waiting
            .front()
            .is_some_and(|first| now >= first.since + patience)
        {
            self.waiting.pop_front();
            self.shared.tally.borrow_mut().unanswered += 1;
        }
    }

    fn receive(&mut self, text: &str) {
        let mut tally = self.shared.tally.borrow_mut();
        let refusal = refusal(text);
        let at = match refusal {
            // These do not say which message they are about.
            Some(_) => (!self.waiting.is_empty()).then_some(0),
            None if self.is_numbered => {
                let is_it = |waiting: &Waiting| holds_number(text, waiting.number);
                self.waiting.iter().position(is_it)
            }
            None => (!self.waiting.is_empty()).then_some(0),
        };
        let Some(waiting) = at.and_then(|at| self.waiting.remove(at)) else {
            tally.pushed += 1;
            return;
        };
        match refusal {
            Some(THROTTLED) => tally.throttled += 1,
            Some(_) => tally.failed += 1,
            None => tally.answer(waiting.since.elapsed()),
        }
    }
}

/// What the gateway says instead of an answer, if it does.
fn refusal(text: &str) -> Option<&'static str> {
    if !text.starts_with('{') || !text.contains("\"requestId\"") {
        return None;
    }
    let frame: serde_json::Value = serde_json::from_str(text).ok()?;
    let message = frame.get("message")?.as_str()?;
    [THROTTLED, FAILED]
        .into_iter()
        .find(|known| *known == message)
}

/// Whether a number stands in a text, and not as a part of a longer one.
fn holds_number(text: &str, number: u64) -> bool {
    let number = number.to_string();
    text.match_indices(&number).any(|(at, _)| {
        let before = text[..at].bytes().next_back();
        let after = text[at + number.len()..].bytes().next();
        let is_digit = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_digit());
        !is_digit(before) && !is_digit(after)
    })
}

fn closed(frame: Option<&CloseFrame>) -> String {
    match frame {
        Some(frame) => {
            let code = u16::from(frame.code);
            format!("the server closed it: {code} {}", frame.reason)
        }
        None => "the server closed it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_whole() {
        assert!(holds_number(r#"{"n":12}"#, 12));
        assert!(holds_number("112 12", 12));
        assert!(!holds_number("112 120", 12));
        assert!(!holds_number("", 1));
    }

    #[test]
    fn the_gateways_own_frames_are_no_answers() {
        let frame = r#"{"message": "Too Many Requests", "connectionId":"x", "requestId":"y"}"#;
        assert_eq!(refusal(frame), Some(THROTTLED));
        assert_eq!(refusal(r#"{"message":"hello","requestId":"y"}"#), None);
        assert_eq!(refusal(r#"{"message":"Too Many Requests"}"#), None);
    }
}
