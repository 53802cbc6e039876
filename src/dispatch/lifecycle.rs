//! Crashes, deadlines and the end.

use std::task::Context;
use std::time::{Duration, Instant};

use super::crew::Worker;
use super::invocation::Subject;
use super::{Command, Dispatcher, Phase};
use crate::event::{JsError, Level};
use crate::gateway::HttpApp;
use crate::worker::{Exit, WorkerProcess, wire};

/// How long the workers may take to end.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// How long queued events and running handlers may take when the sandbox stops.
const DRAIN_TIME: Duration = Duration::from_secs(10);

impl Dispatcher {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Reload { cause, done } => {
                self.waiting.extend(done);
                self.reload(&cause);
            }
            Command::Deliver(published) => self.deliver(published),
            Command::RetryChange(retry) => self.changes.retry(retry),
            Command::RetryEvent { number, attempt } => self.retry_event(number, attempt),
            Command::Changed => {}
            Command::Due { done } => {
                // Behind everything that is due, in the order of the timers.
                let now = self.clock.now_ms();
                self.schedule(now, Command::WasDue { done });
            }
            Command::WasDue { done } => {
                let _ = done.send(());
            }
            Command::Stop { done } => {
                self.phase = Phase::Stopping;
                self.crew.plan_nothing();
                self.stopped = Some(done);
                self.stop_at = Some(Instant::now() + DRAIN_TIME);
            }
        }
    }

    /// Tells the gateway where the app serves HTTP.
    pub(super) fn show_http(&self) {
        let app = match (&self.crew.active, &self.failure) {
            (Some(worker), _) => worker.http.clone().map_or(HttpApp::None, HttpApp::At),
            (None, Some(_)) => HttpApp::None,
            (None, None) => HttpApp::Reloading,
        };
        self.gateway.set_http_app(app);
    }

    /// Ends the workers that have finished what they had, and kills those that do not end.
    pub(super) fn retire(&mut self) {
        let now = self.now;
        for worker in &mut self.crew.draining {
            match worker.retired {
                None if worker.in_flight.is_empty() => {
                    wire::stop(&mut worker.process.link.out);
                    worker.retired = Some(now);
                }
                Some(at) if now.duration_since(at) >= STOP_GRACE => worker.process.kill(),
                _ => {}
            }
        }
    }

    /// A worker's process has ended.
    pub(super) fn worker_ended(&mut self, exit: &Exit) {
        let is = |w: &super::crew::Worker| w.number == exit.worker;
        let doom = self.crew.get(exit.worker).and_then(|w| w.doom.take());
        let how = match &doom {
            Some(why) => format!("was ended: {why}"),
            None => format!("ended: {}", exit.how),
        };
        if self.crew.spare.as_deref().is_some_and(is) {
            self.crew.spare = None;
        } else if self.crew.loading.as_ref().is_some_and(|l| is(&l.worker)) {
            self.loading_ended(doom.as_deref().unwrap_or(&exit.how));
        } else if self.crew.active.as_deref().is_some_and(is) {
            self.crashed(&how);
        } else if let Some(at) = self.crew.draining.iter().position(|w| is(w))
            && let Some(mut worker) = self.crew.draining.remove(at)
        {
            if doom.is_some() {
                let text = format!("the process of the app's former code {how}");
                self.bus.log(Level::Error, text);
            }
            self.lost(&mut worker, &how);
        }
    }

    /// The worker that runs the app died: sockets stay, what it was doing is reported, what waits
    /// goes to the next one.
    fn crashed(&mut self, how: &str) {
        self.hand_over_interest();
        let Some(mut worker) = self.crew.active.take() else {
            return;
        };
        self.lost(&mut worker, how);
        self.show_http();
        if self.phase != Phase::Running {
            return;
        }
        let wait = self.crew.plan_restart(worker.since.elapsed());
        let mut text = format!("the app's process {how}; connections stay open");
        if wait.is_zero() {
            text.push_str(", starting it again");
        } else {
            let times = self.crew.crashes();
            text.push_str(&format!(
                ", but it has ended {times} times in a row; trying again in {:.1} s, or at the next save",
                wait.as_secs_f32()
            ));
        }
        self.bus.log(Level::Error, text);
    }

    /// Reports what a worker that died had begun; what it had not goes to the next one, first. What
    /// the end of the sandbox cut off and is on disk is taken up, or reported, at the next start.
    fn lost(&mut self, worker: &mut Worker, how: &str) {
        let (begun, waiting): (Vec<_>, Vec<_>) = (worker.in_flight.drain().into_iter())
            .partition(|(number, subject)| subject.has_begun(&worker.process.mark, *number));
        for (number, subject) in begun {
            let stays_on_disk = !matches!(subject, Subject::Connected(_) | Subject::Message(_));
            if stays_on_disk && self.phase == Phase::Ending {
                continue;
            }
            let handler = name_of(&subject);
            let error = JsError {
                name: "Error".to_owned(),
                message: format!("the app's process {how}, before {handler} returned"),
                ..JsError::default()
            };
            self.handler_failed(subject, number, error);
        }
        for (_, subject) in waiting.into_iter().rev() {
            match subject {
                Subject::Change(namespace) => self.changes.put_back(namespace),
                subject => self.queued.push_front(subject),
            }
        }
    }

    /// Does what is due, and sets the timer for the next.
    pub(super) fn check_time(&mut self, cx: &mut Context<'_>) {
        let now = self.now;
        self.crew.keep_spare(now);
        if self.crew.restart_at.is_some_and(|at| at <= now) {
            self.reload("crash");
        }
        self.give_up_loading(now);
        self.give_up_invocations(now);
        self.retire();
        self.set_timer(cx);
    }

    fn give_up_invocations(&mut self, now: Instant) {
        if self.crew.is_debugged() {
            return;
        }
        let mut overdue = Vec::new();
        for worker in self.crew.mirrors() {
            for (number, subject, timeout) in worker.in_flight.overdue(now) {
                let begun = subject.has_begun(&worker.process.mark, number);
                let doing = if begun { "ran" } else { "waited" };
                let what = format!("{} {doing}", name_of(&subject));
                let WorkerProcess { link, mark, .. } = &mut worker.process;
                worker.pulse.suspect(&what, mark.reached(), now);
                worker.pulse.ask(&mut link.out);
                if begun {
                    overdue.push((number, subject, timeout));
                } else {
                    // Its time begins when it does.
                    worker.in_flight.begin(number, subject, now, timeout);
                }
            }
        }
        for (number, subject, timeout) in overdue {
            let register = match subject {
                Subject::Change(_) => "data",
                Subject::Event { .. } => "events",
                _ => "ws",
            };
            let (what, ms) = (name_of(&subject), timeout.as_millis());
            let error = JsError {
                name: "TimeoutError".to_owned(),
                message: format!("{what} did not return within {ms} ms"),
                hint: Some(format!(
                    "a longer time can be set: {register}.on(event, {{ timeout: 30000 }}, handler), at most 60000"
                )),
                ..JsError::default()
            };
            self.handler_failed(subject, number, error);
        }
        self.end_blocked(now);
    }

    /// Ends workers that do not turn their event loop any more.
    fn end_blocked(&mut self, now: Instant) {
        for worker in self.crew.mirrors().filter(|worker| !worker.doomed) {
            let mark = &worker.process.mark;
            if let Some(why) = worker.pulse.blocked(now, || mark.reached()) {
                worker.end(Some(why));
            }
        }
    }

    fn set_timer(&mut self, cx: &mut Context<'_>) {
        let mut next = self.crew.next_due();
        let debugged = self.crew.is_debugged();
        for worker in self.crew.mirrors() {
            let deadline = worker.in_flight.next_deadline().filter(|_| !debugged);
            let pong = worker.pulse.limit().filter(|_| !worker.doomed);
            let end = worker.retired.map(|at| at + STOP_GRACE);
            next = [next, deadline, pong, end].into_iter().flatten().min();
        }
        next = [next, self.stop_at, self.interest_due(), self.rows_due()]
            .into_iter()
            .flatten()
            .min();
        if let Some(next) = next
            && self.timer_at.is_none_or(|at| next < at || at <= self.now)
        {
            self.timer_at = Some(next);
            self.timer.as_mut().reset(next.into());
        }
        if self.timer_at.is_some() && self.timer.as_mut().poll(cx).is_ready() {
            self.timer_at = None;
            // Something came due between the look and now: the next turn sees to it.
            cx.waker().wake_by_ref();
        }
    }

    /// Brings the stop forward; true once nothing is left to do.
    pub(super) fn advance_stop(&mut self) -> bool {
        let mut late = self.stop_at.is_some_and(|at| at <= Instant::now());
        if self.phase == Phase::Stopping {
            let idle = self.crew.in_flight() == 0
                && self.queued.is_empty()
                && self.opening.is_empty()
                && self.forgetting == 0
                && self.gateway.inbound.waiting() == 0;
            let hopeless =
                self.source.has_code() && self.crew.active.is_none() && self.crew.loading.is_none();
            if !(idle || hopeless || late) {
                return false;
            }
            if !idle {
                let why = match late {
                    true => "handlers did not finish in time",
                    false => "the app's code does not run any more",
                };
                let text = format!(
                    "{why}: changes of data, published events and each `disconnected` that has written nothing are taken up at the next start, messages that wait are lost"
                );
                self.bus.log(Level::Warn, text);
            }
            for worker in self.crew.all() {
                wire::stop(&mut worker.process.link.out);
            }
            self.phase = Phase::Ending;
            self.stop_at = Some(Instant::now() + STOP_GRACE);
            late = false;
        }
        let gone = self.crew.all().next().is_none();
        if !(gone || late) {
            return false;
        }
        for worker in self.crew.all() {
            worker.process.kill();
        }
        if let Some(stopped) = self.stopped.take() {
            let _ = stopped.send(());
        }
        true
    }
}

/// A handler as messages name it.
fn name_of(subject: &Subject) -> String {
    match subject.connection_id() {
        Some(id) => format!("the {} handler of {id}", subject.handler()),
        None => format!("the {} handler", subject.handler()),
    }
}
