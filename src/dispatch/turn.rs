//! The dispatcher's task: one turn takes in everything that is ready, then writes once.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::invocation::Subject;
use super::replies::Arrived;
use super::{Dispatcher, Phase};
use crate::event::Level;
use crate::worker::wire;

/// Rounds in one turn before other tasks get theirs.
const ROUNDS: usize = 16;

/// Events dispatched in one round.
const EVENTS: usize = 1024;

/// Timeout of an event whose registration named none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

impl Future for Dispatcher {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.gateway.inbound.register(cx);
        this.replies.register(cx);
        this.now = Instant::now();
        this.now_ms = this.clock.now_ms();
        this.settle_interest();
        let before = this.last_invocation;
        let mut unfinished = rounds(|| {
            let mut busy = this.take_commands(cx);
            busy |= this.take_presence();
            busy |= this.read_workers(cx);
            busy |= this.take_replies();
            busy |= this.take_changes();
            busy |= this.dispatch();
            busy
        });
        // First: somebody waits for these.
        this.posting.flush();
        this.write_rows();
        unfinished |= !this.schedule_retries();
        if unfinished {
            // Nobody else wakes it for what it has not looked at.
            cx.waker().wake_by_ref();
        }
        // Before the flush and the timer: it tells workers to stop, and sets when they must have.
        if this.phase != Phase::Running && this.advance_stop() {
            return Poll::Ready(());
        }
        this.check_time(cx);
        // Before anybody can act on an answer.
        this.show();
        if this.last_invocation != before {
            this.have_given();
        }
        this.flush_workers(cx);
        Poll::Pending
    }
}

/// Works until a round finds nothing to do; true if there may be more after the last one allowed.
fn rounds(mut round: impl FnMut() -> bool) -> bool {
    (0..ROUNDS).all(|_| round())
}

impl Dispatcher {
    fn take_commands(&mut self, cx: &mut Context<'_>) -> bool {
        let mut busy = false;
        while let Poll::Ready(Some(exit)) = self.exits.poll_recv(cx) {
            busy = true;
            self.read_last_words(exit.worker, cx);
            self.worker_ended(&exit);
        }
        while let Poll::Ready(Some(command)) = self.commands.poll_recv(cx) {
            busy = true;
            self.obey(command);
        }
        busy
    }

    fn take_replies(&mut self) -> bool {
        let Arrived {
            replies,
            durable,
            forgotten,
        } = self.replies.take();
        let busy = !replies.is_empty() || !durable.is_empty() || forgotten > 0;
        self.forgetting -= forgotten;
        for reply in replies {
            if let Some(worker) = self.crew.get(reply.worker) {
                let out = &mut worker.process.link.out;
                wire::reply(out, reply.call, reply.status, &reply.payload);
            }
        }
        for handle in durable {
            self.admit(handle);
        }
        busy
    }

    /// The worker was given events, of which it hears with the next flush.
    fn have_given(&mut self) {
        self.vigil.given(self.crew.in_flight(), self.now);
        let Some(worker) = self.crew.active.as_deref_mut() else {
            return;
        };
        if let Some(is_crowd) = worker.crowd.given(worker.in_flight.len(), self.now) {
            worker.process.let_others_finish(is_crowd);
        }
    }

    fn flush_workers(&mut self, cx: &mut Context<'_>) {
        for worker in self.crew.all() {
            // A broken link shows when it is read; its process's end is told as well.
            let _ = worker.process.link.poll_flush(cx);
        }
    }

    /// Gives events to the app while there is somebody to take them and a place.
    fn dispatch(&mut self) -> bool {
        let mut busy = false;
        for _ in 0..EVENTS {
            if !self.has_place() {
                break;
            }
            if self.crew.active.is_some() && self.deliver_change() {
                busy = true;
                continue;
            }
            let next = self.queued.pop_front();
            let next = next.or_else(|| Some(self.gateway.inbound.next_event()?.into()));
            let Some(subject) = next else {
                break;
            };
            busy = true;
            self.invoke(subject);
        }
        busy
    }

    /// Whether an event may be taken from the queue now.
    fn has_place(&mut self) -> bool {
        if !self.source.has_code() {
            return true;
        }
        if self.phase == Phase::Ending {
            return false;
        }
        let Some(worker) = &self.crew.active else {
            return false;
        };
        if self.crew.loading.is_some() || worker.doomed || worker.process.link.is_full() {
            return false;
        }
        // What a former worker was given comes first.
        if self.crew.draining.iter().any(|w| w.pulse.owes_pong()) {
            return false;
        }
        self.concurrency
            .is_none_or(|most| self.crew.in_flight() < most)
            && self.is_answering()
    }

    /// Whether the worker turns its event loop, as far as is known; asks it if that is in doubt and
    /// somebody waits for it.
    fn is_answering(&mut self) -> bool {
        let waits = |this: &Self| {
            this.changes.is_ready() || !this.queued.is_empty() || this.gateway.inbound.waiting() > 0
        };
        let Some(worker) = &self.crew.active else {
            return true;
        };
        if worker.pulse.owes_pong() {
            return false;
        }
        if worker.in_flight.is_empty() || !worker.pulse.is_silent(self.now) || !waits(self) {
            return true;
        }
        if let Some(worker) = self.crew.active.as_deref_mut() {
            worker.pulse.ask(&mut worker.process.link.out);
        }
        false
    }

    /// Begins an invocation, if the app handles the event.
    fn invoke(&mut self, subject: Subject) {
        let handlers = self.crew.active.as_ref().map(|w| &w.handlers);
        let timeout = handlers.and_then(|h| h.get(subject.handler()));
        let Some(timeout) = timeout.copied() else {
            self.pass_over(&subject);
            return;
        };
        self.last_invocation = self.last_invocation.wrapping_add(1);
        let number = self.last_invocation;
        if let Some(worker) = self.crew.active.as_deref_mut() {
            subject.encode(&mut worker.process.link.out, number);
            let timeout = timeout.max(Duration::from_millis(1));
            worker.in_flight.begin(number, subject, self.now, timeout);
        }
    }

    /// An event that nobody handles is settled; a message is worth a word.
    fn pass_over(&mut self, subject: &Subject) {
        match subject {
            Subject::Disconnected(id, _) => self.settle(*id),
            Subject::Event {
                number, handler, ..
            } => {
                self.forget(*number);
                let name = handler.trim_start_matches("event:");
                let name = name.strip_prefix("custom:").unwrap_or(name);
                let told = format!("an event `{name}`");
                self.tell_unhandled(handler, &told, &format!("events.on('{name}', …)"));
            }
            Subject::Message(_) => {
                self.tell_unhandled("message", "a message", "ws.on('message', …)");
            }
            _ => {}
        }
    }

    /// Says once for each handler that something came for which the app has none.
    fn tell_unhandled(&mut self, handler: &str, what: &str, how: &str) {
        if self.unhandled.contains(handler) {
            return;
        }
        self.unhandled.insert(handler.to_owned());
        let why = match self.source.has_code() {
            true => format!("the app registers no handler for it: {how}"),
            false => "there is no app code in this folder".to_owned(),
        };
        let text = format!("{what} was not handled: {why}");
        self.bus.log(Level::Warn, text);
    }

    /// The timeout of a registration.
    pub(super) fn timeout_of(ms: Option<u64>) -> Duration {
        ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_with_the_work_or_says_that_there_is_more() {
        let turn = |mut work: usize| {
            let before = work;
            let more = rounds(|| {
                let busy = work > 0;
                work = work.saturating_sub(1);
                busy
            });
            (before - work, more)
        };
        assert_eq!(turn(0), (0, false));
        assert_eq!(turn(ROUNDS - 1), (ROUNDS - 1, false));
        // The last round found something: nobody knows whether it was the last.
        assert_eq!(turn(ROUNDS), (ROUNDS, true));
        assert_eq!(turn(100), (ROUNDS, true));
    }
}
