//! `ampt-ws dev`: the sandbox in the foreground.

use std::sync::Arc;
use std::time::Duration;

use super::record;
use super::signals::Signals;
use crate::app::{self, Running};
use crate::cli::{Common, DevArgs};
use crate::config::Config;
use crate::domain::Clock;
use crate::error::{Failure, exit};
use crate::event::{EventBus, Level};
use crate::location::Location;
use crate::output::{Printer, Screen, Style};
use crate::repl;
use crate::terminal::{self, Reading};

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
    let foreground = Foreground {
        style: Style::for_stdout(common),
        screen: Screen::stdout(),
        wants_repl: !args.no_repl && !common.json && terminal::is_possible(),
        attended: args.attended,
        record: record::Wish::of(args, &config)?,
        config,
    };
    let (style, screen) = (foreground.style, foreground.screen.clone());
    let printer = Printer::start(bus.subscribe(), style, screen)
        .map_err(|error| internal("thread", error))?;
    let code = runtime.block_on(foreground.serve(&bus, &clock));
    runtime.shutdown_background();
    bus.close();
    printer.finish(LAST_WORDS);
    code
}

/// A sandbox at somebody's terminal, or under a program that reads its lines.
struct Foreground {
    config: Config,
    style: Style,
    screen: Screen,
    wants_repl: bool,
    /// Whether it ends with its standard input.
    attended: bool,
    record: Option<record::Wish>,
}

impl Foreground {
    async fn serve(&self, bus: &EventBus, clock: &Clock) -> Result<u8, Failure> {
        let mut signals = Signals::new(self.attended)?;
        // What the first client does must not be missed, so the tap is open before it can come.
        let tap = self.record.as_ref().and_then(|_| bus.record());
        let running = tokio::select! {
            running = app::start(&self.config, bus, clock) => running?,
            _ = signals.next() => return Ok(exit::INTERRUPTED),
        };
        let recorder = match (&self.record, tap) {
            (Some(wish), Some(tap)) => match wish.start(&running, tap).await {
                Ok(recorder) => Some(recorder),
                Err(failure) => {
                    running.stop("it cannot be recorded").await;
                    return Err(failure);
                }
            },
            _ => None,
        };
        let cause = tokio::select! {
            cause = self.run_until_told(&running) => cause,
            cause = signals.next() => Ok(cause.to_owned()),
        };
        if let Some(recorder) = recorder {
            recorder.finish().await;
        }
        let (shown, failure) = match cause {
            Ok(cause) => (cause, None),
            Err(failure) => ("the app does not run".to_owned(), Some(failure)),
        };
        tokio::select! {
            () = running.stop(&shown) => failure.map_or(Ok(exit::OK), Err),
            _ = signals.next() => Ok(exit::INTERRUPTED),
        }
    }

    /// Says when the sandbox is ready, and waits for a reason to stop. The terminal is given back
    /// before this returns.
    async fn run_until_told(&self, running: &Running) -> Result<String, Failure> {
        let settled = running.settled().await;
        match &settled {
            Ok(()) => running.tell_ready(),
            Err(failure) if app::is_final(failure) => return Err(failure.clone()),
            Err(failure) if !self.config.watch => {
                let hint =
                    "correct it and start again; without --no-watch, `dev` waits for the next save";
                return Err(failure.clone().hint(hint));
            }
            Err(_) => running.sandbox.bus.log(
                Level::Warn,
                "waiting for the next save; clients can connect, their events wait",
            ),
        }
        let repl = self.start_repl(running)?;
        let left = async {
            match &repl {
                Some(repl) => repl.left().await,
                None => std::future::pending().await,
            }
        };
        // The next save may mend the app; only then is the sandbox ready.
        let ready_at_last = async {
            if settled.is_err() {
                running.settled_well().await;
                running.tell_ready();
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = left => Ok("quit".to_owned()),
            () = running.sandbox.stop.cancelled() => Ok("stop".to_owned()),
            () = ready_at_last => Ok(String::new()),
        }
    }

    fn start_repl(&self, running: &Running) -> Result<Option<Reading>, Failure> {
        if !self.wants_repl {
            return Ok(None);
        }
        let sandbox = &running.sandbox;
        let runtime = tokio::runtime::Handle::current();
        let data_dir = &self.config.data_dir;
        let perform = Arc::new(sandbox.clone());
        repl::start(
            perform,
            runtime,
            &sandbox.bus,
            self.style,
            &self.screen,
            &self.config.app_dir,
            data_dir,
        )
        .map(Some)
    }
}
