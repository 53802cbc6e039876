//! `ampt-ws dev`: the sandbox in the foreground.

use std::sync::Arc;
use std::time::Duration;

use super::foreground::{Done, Foreground};
use super::record;
use super::signals::Signals;
use crate::app::{self, Running};
use crate::cli::{Common, DevArgs};
use crate::config::Config;
use crate::error::{Failure, exit};
use crate::event::Level;
use crate::location::Location;
use crate::output::{Screen, Style};
use crate::repl;
use crate::terminal::{self, Reading};

/// How long the prompt waits until the banner is printed.
const BANNER_TIME: Duration = Duration::from_secs(1);

/// Runs the sandbox until it is told to stop; the exit code.
pub fn run(common: &Common, args: &DevArgs) -> Result<u8, Failure> {
    let location = Location::of_app(common, args.path.as_deref())?;
    let config = Config::of_dev(args, location)?;
    let record = record::Wish::of(args, &config)?;
    let dev = Dev {
        config: &config,
        style: Style::for_stdout(common),
        screen: Screen::stdout(),
        wants_repl: !args.no_repl && !common.json && terminal::is_possible(),
    };
    let foreground = Foreground::new(&config, args.attended);
    // What the first client does must not be missed, so the tap is open before it can come.
    let tap = record.as_ref().and_then(|_| foreground.bus.record());
    let log = dev.screen.clone();
    foreground.run(dev.style, log, async |running, signals| {
        let recorder = match (&record, tap) {
            (Some(wish), Some(tap)) => Some(wish.start(running, tap).await?),
            _ => None,
        };
        let cause = dev.run_until(running, signals).await;
        if let Some(recorder) = recorder {
            recorder.finish().await;
        }
        let (cause, code) = (cause?, exit::OK);
        Ok(Done { cause, code })
    })
}

/// A sandbox at somebody's terminal, or under a program that reads its lines.
struct Dev<'a> {
    config: &'a Config,
    style: Style,
    screen: Screen,
    wants_repl: bool,
}

impl Dev<'_> {
    /// Waits for a reason to stop, or a signal.
    async fn run_until(&self, running: &Running, signals: &mut Signals) -> Result<String, Failure> {
        tokio::select! {
            cause = self.run_until_told(running) => cause,
            signal = signals.next() => Ok(signal.to_owned()),
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
        let repl = self.start_repl(running).await?;
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

    async fn start_repl(&self, running: &Running) -> Result<Option<Reading>, Failure> {
        if !self.wants_repl {
            return Ok(None);
        }
        let sandbox = &running.sandbox;
        // The prompt comes behind the banner, unless the terminal is stopped with Ctrl-S.
        let _ = tokio::time::timeout(BANNER_TIME, sandbox.bus.heard()).await;
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
