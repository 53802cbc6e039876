//! One fixture as a whole: its sandbox, its steps, and the end of both.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::play::Play;
use super::{Plan, Seeds};
use crate::domain::Chaos;
use crate::error::Failure;
use crate::script::load::Fixture;
use crate::script::outcome::{StepFailure, Verdict};
use crate::script::sandbox::{EventLog, Host, Sandbox};
use crate::script::story;
use crate::script::update::Edits;

/// How a fixture is run.
pub(super) struct How<'a> {
    pub host: &'a Host,
    /// The seed of its disorder.
    pub seed: Option<u64>,
    /// Whether expectations that do not hold are to be rewritten.
    pub update: bool,
    pub stop: &'a CancellationToken,
}

/// What a run of a fixture came to.
pub(super) struct Played {
    pub verdict: Verdict,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What is to be rewritten.
    pub edits: Edits,
}

impl Played {
    pub fn without_sandbox(verdict: Verdict) -> Self {
        Self {
            verdict,
            notes: Vec::new(),
            edits: Edits::default(),
        }
    }
}

/// How many seeds are tried unless the fixture says otherwise.
const SEEDS: u32 = 5;

/// The seeds under which a fixture runs; one run without a seed if it knows no disorder, or is to be
/// rewritten by what happens in good order.
pub(super) fn seeds(fixture: &Fixture, plan: &Plan) -> Vec<Option<u64>> {
    let Some(chaos) = fixture.chaos.as_ref().filter(|_| !plan.update) else {
        return vec![None];
    };
    let count = match plan.seeds {
        Seeds::One(seed) => return vec![Some(seed)],
        Seeds::Count(count) => count,
        Seeds::AsWritten => chaos.seeds.unwrap_or(SEEDS),
    };
    (1..=u64::from(count)).map(Some).collect()
}

/// The disorder of a fixture under a seed.
fn chaos(fixture: &Fixture, seed: u64) -> Option<Chaos> {
    let wish = fixture.chaos.as_ref()?;
    let delay = wish.delay.map_or(0, |delay| delay.0.as_millis());
    Some(Chaos {
        seed,
        delay_ms: u64::try_from(delay).unwrap_or(u64::MAX),
        reorder: wish.reorder.unwrap_or(false),
        throttle: wish.throttle.unwrap_or(0.0),
        cut: wish.cut.unwrap_or(0.0),
    })
}

/// Runs one fixture; nothing of it is left when this returns.
pub(super) async fn play(fixture: &Fixture, how: &How<'_>) -> Played {
    let chaos = how.seed.and_then(|seed| chaos(fixture, seed));
    let cut = how.stop.cancelled();
    let log = EventLog::default();
    let starting = Sandbox::start(how.host, &fixture.options, chaos, log.clone(), cut);
    let sandbox = match starting.await {
        Ok(Some(sandbox)) => sandbox,
        Ok(None) => return Played::without_sandbox(Verdict::Skipped),
        Err(failure) => {
            let failure = Box::new(StepFailure {
                story: story::tell(&log.events(), &BTreeMap::new(), &[]),
                ..failed(fixture, failure)
            });
            return Played::without_sandbox(Verdict::Failed(failure));
        }
    };
    let mut play = Play::new(fixture, sandbox, how.update);
    let ended = tokio::select! {
        ended = play.all() => Some(ended),
        () = how.stop.cancelled() => None,
    };
    let at_once = ended.is_none();
    let verdict = match ended {
        None => Verdict::Skipped,
        Some(Ok(())) => Verdict::Passed,
        Some(Err(failure)) => Verdict::Failed(failure),
    };
    let edits = play.updates.take().unwrap_or_default().edits;
    let notes = play.end(at_once).await;
    Played {
        verdict,
        notes,
        edits,
    }
}

/// A failure that no step is to blame for.
pub(super) fn failed(fixture: &Fixture, failure: Failure) -> StepFailure {
    let line = fixture.text.lines().nth(fixture.app_line.saturating_sub(1));
    StepFailure {
        line: fixture.app_line,
        step: "the start of the sandbox".to_owned(),
        text: line.unwrap_or_default().trim().to_owned(),
        message: failure.message,
        hint: failure.hint,
        diff: Vec::new(),
        story: Vec::new(),
    }
}
