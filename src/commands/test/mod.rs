//! `ampt-ws test`: runs fixtures and reports how they went.

mod show;
mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::show::Show;
use super::signals::Signals;
use crate::cli::TestArgs;
use crate::descriptors;
use crate::error::{Failure, exit};
use crate::output::Output;
use crate::script::load::{self, Fixture};
use crate::script::outcome::{Outcome, Verdict};
use crate::script::run::{self, Plan, Seeds};
use crate::script::sandbox::Host;
use crate::script::{check, discover, format};

/// Progress that waits to be shown.
const QUEUE: usize = 64;

pub(super) fn run(args: TestArgs, out: &Output) -> Result<u8, Failure> {
    if args.schema {
        out.text(&format!("{:#}\n", format::schema::document()))?;
        return Ok(exit::OK);
    }
    descriptors::make_room();
    super::block_on(async {
        let mut signals = Signals::new(false)?;
        if args.watch {
            return watch::run(&args, out, &mut signals).await;
        }
        let ended = run_once(&args, out, &mut signals, std::future::pending()).await?;
        Ok(ended.code)
    })
}

/// How a run ended.
struct Ended {
    code: u8,
    /// Whether a signal ended it.
    interrupted: bool,
}

/// Runs the fixtures that the arguments name, until they have all ended, a signal comes, or `cut`
/// completes.
async fn run_once(
    args: &TestArgs,
    out: &Output,
    signals: &mut Signals,
    cut: impl Future<Output = ()>,
) -> Result<Ended, Failure> {
    let began = Instant::now();
    let (fixtures, bad) = read_all(args)?;
    let stop = CancellationToken::new();
    let plan = Plan {
        host: host(args)?,
        jobs: args.jobs.map_or_else(|| 2 * cores(), usize::from),
        fail_fast: args.fail_fast,
        update: args.update,
        seeds: match (args.chaos_seed, args.chaos_seeds) {
            (Some(seed), _) => Seeds::One(seed),
            (None, Some(count)) => Seeds::Count(count),
            (None, None) => Seeds::AsWritten,
        },
        stop: stop.clone(),
    };
    let mut show = Show::new(args, out);
    for outcome in bad {
        show.ended(outcome)?;
    }
    let (sender, mut told) = mpsc::channel(QUEUE);
    let mut running = std::pin::pin!(run::run(fixtures, &plan, sender));
    let mut cut = std::pin::pin!(cut);
    let mut interrupted = false;
    loop {
        tokio::select! {
            biased;
            Some(progress) = told.recv() => show.told(progress)?,
            () = &mut running => break,
            _ = signals.next() => {
                // The second one does not wait for anything.
                if std::mem::replace(&mut interrupted, true) {
                    return Ok(Ended { code: exit::INTERRUPTED, interrupted });
                }
                stop.cancel();
            }
            () = &mut cut, if !stop.is_cancelled() => stop.cancel(),
        }
    }
    while let Ok(progress) = told.try_recv() {
        show.told(progress)?;
    }
    let code = show.finish(args, began.elapsed())?;
    Ok(Ended {
        code: if interrupted { exit::INTERRUPTED } else { code },
        interrupted,
    })
}

/// Reads the fixtures; those with mistakes are outcomes already.
fn read_all(args: &TestArgs) -> Result<(Vec<Arc<Fixture>>, Vec<Outcome>), Failure> {
    let (mut fixtures, mut bad) = (Vec::new(), Vec::new());
    for file in discover::find(&args.paths)? {
        let read =
            load::read(&file).and_then(|fixture| match check::check(&fixture, args.update) {
                problems if problems.is_empty() => Ok(fixture),
                problems => Err(problems),
            });
        let is_wanted = |name: &str| {
            let text = args.filter.as_deref().unwrap_or_default();
            name.contains(text) || file.to_string_lossy().contains(text)
        };
        match read {
            Ok(fixture) if is_wanted(&fixture.name) => fixtures.push(Arc::new(fixture)),
            Err(problems) if is_wanted("") => bad.push(Outcome {
                name: load::name_of(&file),
                file,
                seed: None,
                took: Duration::ZERO,
                verdict: Verdict::Bad(problems),
                notes: Vec::new(),
                updated: Vec::new(),
            }),
            _ => {}
        }
    }
    match (&args.filter, fixtures.is_empty() && bad.is_empty()) {
        (Some(text), true) => Err(Failure::usage(format!(
            "no fixture's name or file holds `{text}`"
        ))
        .hint("leave --filter out to see all of them")),
        _ => Ok((fixtures, bad)),
    }
}

fn host(args: &TestArgs) -> Result<Host, Failure> {
    let node = args
        .node
        .as_deref()
        .map(crate::config::absolute)
        .transpose()?;
    Host::this_program(node)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
