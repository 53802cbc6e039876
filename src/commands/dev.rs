//! `ampt-ws dev`: the sandbox in the foreground.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::{self, Running};
use crate::cli::{Common, DevArgs};
use crate::config::Config;
use crate::domain::Clock;
use crate::error::{Failure, exit};
use crate::event::EventBus;
use crate::location::Location;
use crate::output::{Printer, Screen, Style};

/// How long the last lines may take to be printed.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs the sandbox until it is told to stop; the exit code.
pub fn run(common: &Common, args: &DevArgs) -> Result<u8, Failure> {
    let location = Location::of_app(common, args.path.as_deref())?;
    let config = Config::new(args, location)?;
    let internal =
        |what: &str, error: std::io::Error| Failure::new("internal", format!("no {what}: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| internal("runtime", error))?;
    let clock = Clock::system();
    let bus = EventBus::new(clock.clone());
    let style = Style::for_stdout(common);
    let printer = Printer::start(bus.subscribe(), style, Screen::stdout())
        .map_err(|error| internal("thread", error))?;
    let code = runtime.block_on(serve(&config, &bus, &clock));
    runtime.shutdown_background();
    bus.close();
    printer.finish(LAST_WORDS);
    code
}

async fn serve(config: &Config, bus: &EventBus, clock: &Clock) -> Result<u8, Failure> {
    let mut signals = Signals::new()?;
    let running = tokio::select! {
        running = app::start(config, bus, clock) => running?,
        _ = signals.next() => return Ok(exit::INTERRUPTED),
    };
    let cause = tokio::select! {
        cause = run_until_told(&running, config) => cause,
        cause = signals.next() => Ok(cause.to_owned()),
    };
    let (shown, failure) = match cause {
        Ok(cause) => (cause, None),
        Err(failure) => (failure.message.clone(), Some(failure)),
    };
    tokio::select! {
        () = running.stop(&shown) => failure.map_or(Ok(exit::OK), Err),
        _ = signals.next() => Ok(exit::INTERRUPTED),
    }
}

/// Says when the sandbox is ready, and waits for a reason to stop.
async fn run_until_told(running: &Running, config: &Config) -> Result<String, Failure> {
    match running.settled().await {
        Ok(()) => running.tell_ready(),
        Err(reason) if !config.watch => {
            return Err(Failure::new(
                "load-failed",
                format!("the app's code could not be loaded: {reason}"),
            ));
        }
        // The next save may mend it; until then connections are held, not refused.
        Err(_) => {
            running.settled_well().await;
            running.tell_ready();
        }
    }
    running.sandbox.stop.cancelled().await;
    Ok("stop".to_owned())
}

/// The signals that end a sandbox.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind)
                .map_err(|error| Failure::new("internal", format!("no signal handler: {error}")))
        };
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    /// The name of the next signal.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}
