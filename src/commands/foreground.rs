//! A sandbox in this process, for as long as something goes on.

use std::io::{self, Write};
use std::time::Duration;

use super::signals::Signals;
use crate::app::{self, Running};
use crate::config::Config;
use crate::descriptors;
use crate::domain::Clock;
use crate::error::{Failure, exit, reason};
use crate::event::EventBus;
use crate::output::{Printer, Style, Verbosity};

/// How long the last lines may take to be printed.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How many sockets are read before the app gets what came: when all of them are, Node is idle
/// meanwhile, and this program is while Node works. Fewer cost more wake-ups than they win.
const SOCKETS_AT_ONCE: usize = 16;

/// Why the sandbox is to stop.
pub(super) struct Done {
    /// What the log says about it.
    pub(super) cause: String,
    /// The program's exit code.
    pub(super) code: u8,
}

/// A sandbox that this process will run, before it is started.
pub(super) struct Foreground<'a> {
    config: &'a Config,
    /// Whether it ends with its standard input.
    attended: bool,
    clock: Clock,
    /// What happens in it. Who must miss nothing subscribes before the run.
    pub(super) bus: EventBus,
}

impl<'a> Foreground<'a> {
    pub(super) fn new(config: &'a Config, attended: bool) -> Self {
        let clock = Clock::system();
        let bus = EventBus::new(clock.clone());
        Self {
            config,
            attended,
            clock,
            bus,
        }
    }

    /// Starts the sandbox, does `work` while it runs, and stops it in order; gives the exit code.
    /// Its events are written to `log`. A signal during the start or the stop ends it at once;
    /// during the work it is for the work to see.
    pub(super) fn run(
        &self,
        style: Style,
        log: impl Write + Send + 'static,
        work: impl AsyncFnOnce(&Running, &mut Signals) -> Result<Done, Failure>,
    ) -> Result<u8, Failure> {
        descriptors::make_room();
        let internal = |what: &str, error: io::Error| {
            Failure::new("internal", format!("no {what}: {}", reason(&error)))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_io_events_per_tick(SOCKETS_AT_ONCE)
            .build()
            .map_err(|error| internal("runtime", error))?;
        let events = match style.verbosity {
            Verbosity::Quiet => self.bus.subscribe_without_messages(),
            _ => self.bus.subscribe(),
        };
        let printer =
            Printer::start(events, style, log).map_err(|error| internal("thread", error))?;
        let code = runtime.block_on(self.serve(work));
        runtime.shutdown_background();
        self.bus.close();
        printer.finish(LAST_WORDS);
        code
    }

    async fn serve(
        &self,
        work: impl AsyncFnOnce(&Running, &mut Signals) -> Result<Done, Failure>,
    ) -> Result<u8, Failure> {
        let mut signals = Signals::new(self.attended)?;
        let running = tokio::select! {
            running = app::start(self.config, &self.bus, &self.clock) => running?,
            _ = signals.next() => return Ok(exit::INTERRUPTED),
        };
        let (cause, code) = match work(&running, &mut signals).await {
            Ok(done) => (done.cause, Ok(done.code)),
            Err(failure) => (format!("failed ({})", failure.code), Err(failure)),
        };
        tokio::select! {
            () = running.stop(&cause) => code,
            _ = signals.next() => Ok(exit::INTERRUPTED),
        }
    }
}
