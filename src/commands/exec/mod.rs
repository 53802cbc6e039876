//! `exec`: a command, usually a test suite, beside a sandbox of its own.

mod group;
mod job;
mod keeper;
mod log;
mod tty;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep_until};

use super::foreground::{Done, Foreground};
use super::signals::Signals;
use crate::app::{self, Running};
use crate::cli::{Common, ExecArgs};
use crate::config::Config;
use crate::error::{Failure, exit, reason};
use crate::event::{EventBus, Fact, Level};
use crate::location::Location;
use crate::output::{Output, Renderer, Verbosity};
use job::{Change, Job};
pub(super) use keeper::run as keep;
use log::Log;

/// How long the command may take to end when it was told to.
const GRACE: Duration = Duration::from_secs(10);

pub(super) fn run(common: &Common, args: &ExecArgs, out: &Output) -> Result<u8, Failure> {
    let location = Location::of(common)?;
    let config = Config::of_exec(args, location)?;
    let style = out.style();
    let file = config.data_dir.join("exec.log");
    let is_begun = Arc::new(AtomicBool::new(false));
    let (log, log_style) = match style.verbosity {
        Verbosity::Verbose => (Log::Stderr, out.err_style()),
        _ => {
            let log = Log::file(file.clone(), is_begun.clone());
            (log, style.for_file())
        }
    };
    let beside = Beside { args, out };
    let code = Foreground::new(&config, false).run(log_style, log, async |running, signals| {
        beside.run(running, signals).await
    });
    if !is_begun.load(Ordering::Relaxed) {
        return code;
    }
    let hint = format!("the sandbox's log is in `{}`", file.display());
    match &code {
        Ok(exit::OK) => {}
        // SIGHUP, SIGINT, SIGTERM: somebody ended it on purpose.
        Ok(129 | exit::INTERRUPTED | 143) => {}
        Ok(_) if style.verbosity == Verbosity::Quiet => {}
        Ok(_) => out.hint(&hint),
        Err(failure) if failure.code == job::CANNOT_RUN => {}
        Err(failure) => return Err(also(failure.clone(), &hint)),
    }
    code
}

/// The failure with one more line of hints.
fn also(failure: Failure, hint: &str) -> Failure {
    let hint = match &failure.hint {
        Some(first) => format!("{first}\n{hint}"),
        None => hint.to_owned(),
    };
    failure.hint(hint)
}

/// A command beside a sandbox.
struct Beside<'a> {
    args: &'a ExecArgs,
    out: &'a Output,
}

impl Beside<'_> {
    /// Runs the command once the app's code does.
    async fn run(&self, running: &Running, signals: &mut Signals) -> Result<Done, Failure> {
        let settled = tokio::select! {
            settled = running.settled() => settled,
            signal = signals.next() => return Ok(Done {
                cause: signal.to_owned(),
                code: exit::INTERRUPTED,
            }),
        };
        let bus = &running.sandbox.bus;
        if let Err(failure) = settled {
            self.show_errors(bus);
            return Err(match app::is_final(&failure) {
                true => failure,
                false => failure.hint("correct it and try again; the command was not run"),
            });
        }
        running.tell_ready();
        let facts = &running.sandbox.facts;
        let variables = [
            ("AMPT_URL", facts.url.as_str()),
            ("AMPT_WS_URL", facts.ws_url.as_str()),
        ];
        let mut job = Job::start(&self.args.command, &variables)?;
        let name = self.name();
        bus.log(Level::Info, format!("running `{name}`"));
        until_ended(&mut job, running, signals).await;
        let status = job.end().await.map_err(|error| {
            let why = reason(&error);
            Failure::new("command", format!("lost track of `{name}`: {why}"))
        })?;
        if job::is_crash(status) {
            let how = job::describe(status);
            self.out.warning(&format!("`{name}` {how}"));
        }
        Ok(Done {
            cause: format!("`{name}` {}", job::describe(status)),
            code: job::code(status),
        })
    }

    /// Shows what went wrong in the app, where that is not shown anyway.
    fn show_errors(&self, bus: &EventBus) {
        let style = self.out.err_style();
        if style.json || style.verbosity == Verbosity::Verbose {
            return;
        }
        let mut renderer = Renderer::new(style);
        let mut lines = Vec::new();
        for event in &bus.subscribe_with_history().0 {
            if matches!(event.fact, Fact::HandlerError { .. }) {
                renderer.push(&mut lines, event);
            }
        }
        self.out.error_text(&String::from_utf8_lossy(&lines));
    }

    /// The command as one would type it, roughly.
    fn name(&self) -> String {
        let words = self.args.command.iter().map(|word| word.to_string_lossy());
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Waits until the command has ended. Signals are passed on to it; the second one kills it, and so
/// does waiting too long after the first.
async fn until_ended(job: &mut Job, running: &Running, signals: &mut Signals) {
    let mut deadline: Option<Instant> = None;
    loop {
        let is_told = deadline.is_some();
        let too_late = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        };
        let signal = tokio::select! {
            change = job.change() => match change {
                Change::Ended => return,
                Change::Stopped(by) => {
                    job.suspend(by).await;
                    continue;
                }
            },
            name = signals.next() => match name {
                _ if is_told => Signal::KILL,
                "SIGINT" => Signal::INT,
                "SIGHUP" => Signal::HUP,
                _ => Signal::TERM,
            },
            () = running.sandbox.stop.cancelled(), if !is_told => Signal::TERM,
            () = too_late => Signal::KILL,
        };
        job.signal(signal);
        deadline = Some(Instant::now() + GRACE);
    }
}
