//! All clients of a load test: opened, set off together, watched.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::LocalSet;
use tokio::time::{Instant, interval};

use super::client::{Client, Shared};
use crate::bench::{Plan, Report, Tally};
use crate::commands::connect::{Target, dial};
use crate::commands::signals::Signals;
use crate::error::Failure;
use crate::output::Progress;

/// How many connections are being opened at once.
const OPENING: usize = 64;

/// How often the progress is shown.
const TICK: Duration = Duration::from_millis(200);

/// All clients, and what became of them.
pub(super) struct Crowd {
    shared: Rc<Shared>,
    fate: Rc<Fate>,
    wanted: u32,
    began: Instant,
    took: Duration,
}

/// What became of the connections.
#[derive(Default)]
struct Fate {
    opened: Cell<u32>,
    failed: Cell<u32>,
    lost: Cell<u32>,
    ended: Cell<u32>,
    /// What happened to the first one that failed or was lost.
    trouble: RefCell<Option<String>>,
}

impl Fate {
    fn trouble(&self, why: String) {
        self.trouble.borrow_mut().get_or_insert(why);
    }
}

fn add(counter: &Cell<u32>) {
    counter.set(counter.get() + 1);
}

impl Crowd {
    pub(super) fn new(plan: Plan, wanted: u32) -> Self {
        let now = Instant::now();
        let shared = Shared {
            plan,
            tally: RefCell::new(Tally::new()),
            last: Cell::new(0),
            until: Cell::new(now),
        };
        Self {
            shared: Rc::new(shared),
            fate: Rc::default(),
            wanted,
            began: now,
            took: Duration::ZERO,
        }
    }

    /// Opens the connections, has them send, and waits for the end. Whether a signal cut it short;
    /// a second one is not waited for.
    pub(super) async fn run(
        &mut self,
        target: impl Fn(u32) -> Result<Target, Failure>,
        progress: &mut Progress<'_>,
        signals: &mut Signals,
    ) -> Result<bool, Failure> {
        let local = LocalSet::new();
        let (start, started) = watch::channel(None);
        let door = Rc::new(Semaphore::new(OPENING));
        for index in 0..self.wanted {
            let target = target(index)?;
            let (shared, fate) = (self.shared.clone(), self.fate.clone());
            let (door, started) = (door.clone(), started.clone());
            local.spawn_local(live(index, target, door, shared, fate, started));
        }
        local.run_until(self.watch(&start, progress, signals)).await
    }

    async fn watch(
        &mut self,
        start: &watch::Sender<Option<Instant>>,
        progress: &mut Progress<'_>,
        signals: &mut Signals,
    ) -> Result<bool, Failure> {
        let mut tick = interval(TICK);
        let mut interrupted = false;
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                _ = signals.next() => {
                    if std::mem::replace(&mut interrupted, true) {
                        return Ok(true);
                    }
                    self.shared.until.set(Instant::now());
                }
            }
            let fate = &self.fate;
            let is_open = fate.opened.get() + fate.failed.get() == self.wanted;
            if start.borrow().is_none() {
                progress.show(&format!(
                    "{} of {} connections",
                    fate.opened.get(),
                    self.wanted
                ));
                if !is_open && !interrupted {
                    continue;
                }
                self.began = Instant::now();
                if !interrupted {
                    self.shared
                        .until
                        .set(self.began + self.shared.plan.duration);
                }
                // Nobody listens if no connection was opened.
                let _ = start.send(Some(self.began));
            }
            self.took = self.began.elapsed();
            if fate.ended.get() + fate.failed.get() == self.wanted || interrupted && !is_open {
                return Ok(interrupted);
            }
            progress.show(&self.line());
        }
    }

    fn line(&self) -> String {
        let tally = self.shared.tally.borrow();
        format!(
            "{:.0} s of {:.0} s: {} sent, {} answered, p50 {:.2} ms",
            self.took.as_secs_f64(),
            self.shared.plan.duration.as_secs_f64(),
            tally.sent,
            tally.answered,
            tally.percentile(50.0),
        )
    }

    /// What came of it. Whose app it was, and its limits, the caller knows.
    pub(super) fn report(&self) -> Report {
        let plan = &self.shared.plan;
        Report {
            target: String::new(),
            limits: None,
            wanted: self.wanted,
            opened: self.fate.opened.get(),
            lost: self.fate.lost.get(),
            trouble: self.fate.trouble.borrow().clone(),
            rate: plan.rate,
            in_flight: plan.in_flight,
            took: self.took.min(plan.duration).max(Duration::from_millis(1)),
            tally: self.shared.tally.borrow().clone(),
            errors: Vec::new(),
        }
    }
}

/// The life of one connection.
async fn live(
    index: u32,
    target: Target,
    door: Rc<Semaphore>,
    shared: Rc<Shared>,
    fate: Rc<Fate>,
    mut started: watch::Receiver<Option<Instant>>,
) {
    let opened = {
        let _turn = door.acquire().await;
        dial(&target).await
    };
    let socket = match opened {
        Ok(opened) => opened.socket,
        Err(trouble) => {
            let failure = trouble.explain(&target, None).await;
            fate.trouble(failure.message.clone());
            return add(&fate.failed);
        }
    };
    add(&fate.opened);
    let began = match started.wait_for(Option::is_some).await {
        Ok(began) => *began,
        Err(_) => None,
    };
    if let Some(began) = began {
        let client = Client::new(&shared, index, began);
        if let Err(why) = client.run(socket).await {
            fate.trouble(why);
            add(&fate.lost);
        }
    }
    add(&fate.ended);
}
