//! The workers and their roles: one runs the app, one loads it, one waits booted, some finish.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::changes::Listener;
use super::crowd::Crowd;
use super::invocation::InFlight;
use super::last_text::LastText;
use super::pulse::Pulse;
use crate::domain::ConnectionId;
use crate::event::EventBus;
use crate::worker::{Exit, Launch, Loader, WorkerProcess, wire};

/// How long Node itself may take to boot, beside the time for the app's code.
const BOOT_TIME: Duration = Duration::from_secs(5);

/// How long before the end of the load time a worker is asked whether it can still answer.
pub const PROBE_TIME: Duration = Duration::from_millis(500);

/// How long after the app is ready the next worker is booted: not while the first clients come.
const SPARE_DELAY: Duration = Duration::from_millis(250);

/// Waits between restarts after crashes that follow each other.
const BACKOFF: [u64; 7] = [0, 200, 500, 1000, 2000, 5000, 10_000];

/// A worker that ran this long before its crash was fine.
const STEADY: Duration = Duration::from_secs(10);

/// One Node process and what it has to do.
pub struct Worker {
    /// Its number in this run.
    pub number: u32,
    /// The process.
    pub process: WorkerProcess,
    /// What it was given and has not finished.
    pub in_flight: InFlight,
    /// Connections whose `disconnected` it has begun and not finished, without a write since.
    pub parting: HashSet<ConnectionId>,
    /// Registered events and their timeouts.
    pub handlers: HashMap<String, Duration>,
    /// Its `data.on` registrations, by their numbers there.
    pub listeners: Vec<Listener>,
    /// Where it serves HTTP.
    pub http: Option<PathBuf>,
    /// The text of its last send.
    pub last_text: LastText,
    /// Its version of Node, and when it was ready to load the app.
    pub node: Option<(String, Instant)>,
    /// Whether it still turns its event loop.
    pub pulse: Pulse,
    /// Whether so much goes on that it had better not be disturbed.
    pub crowd: Crowd,
    /// When the app was loaded.
    pub since: Instant,
    /// When it was told to end.
    pub retired: Option<Instant>,
    /// Set when its process is being ended by force: it must not be given anything.
    pub doomed: bool,
    /// Why that is, if there is more to say than how the process ended.
    pub doom: Option<String>,
}

impl Worker {
    /// Asks for a sign that everything it was given has begun: until then the next worker gets
    /// nothing, so that the order holds.
    fn settle(&mut self) {
        if !self.in_flight.is_empty() {
            let WorkerProcess { link, mark, .. } = &mut self.process;
            let now = Instant::now();
            self.pulse.suspect("it was replaced", mark.reached(), now);
            self.pulse.ask(&mut link.out);
        }
    }

    /// Ends its process at once, and says why once it has ended.
    pub fn end(&mut self, why: Option<String>) {
        self.doomed = true;
        self.doom = self.doom.take().or(why);
        self.process.kill();
    }
}

/// The worker that loads the app's code, and why.
pub struct Loading {
    /// The worker.
    pub worker: Box<Worker>,
    /// What caused the load.
    pub cause: String,
    /// When it began.
    pub since: Instant,
    /// Whether it was asked if it is blocked.
    pub probed: bool,
}

/// All workers.
pub struct Crew {
    launch: Launch,
    loader: Loader,
    bus: EventBus,
    exits: mpsc::Sender<Exit>,
    last_number: u32,
    keeps_spare: bool,
    debugged: bool,
    /// Runs the app.
    pub active: Option<Box<Worker>>,
    /// Loads it.
    pub loading: Option<Loading>,
    /// Has booted and knows nothing of the app yet.
    pub spare: Option<Box<Worker>>,
    /// Finish what they were given before a reload.
    pub draining: VecDeque<Box<Worker>>,
    spare_at: Option<Instant>,
    /// When to start again after a crash.
    pub restart_at: Option<Instant>,
    crashes: usize,
}

impl Crew {
    /// A crew without workers. A debugged worker is never given up for being slow.
    pub fn new(
        launch: Launch,
        loader: Loader,
        bus: EventBus,
        exits: mpsc::Sender<Exit>,
        keeps_spare: bool,
    ) -> Self {
        let debugged = launch.node_args.iter().any(|a| a.starts_with("--inspect"));
        Self {
            launch,
            loader,
            bus,
            exits,
            last_number: 0,
            // Two processes cannot listen on one debugging port.
            keeps_spare: keeps_spare && !debugged,
            debugged,
            active: None,
            loading: None,
            spare: None,
            draining: VecDeque::new(),
            spare_at: None,
            restart_at: None,
            crashes: 0,
        }
    }

    /// How workers are started.
    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// Whether a debugger may be holding the worker.
    pub fn is_debugged(&self) -> bool {
        self.debugged
    }

    /// Boots the worker that the first load will use.
    pub fn boot(&mut self) -> io::Result<()> {
        self.spare = Some(self.start()?);
        Ok(())
    }

    fn start(&mut self) -> io::Result<Box<Worker>> {
        self.last_number += 1;
        let number = self.last_number;
        let mut process =
            WorkerProcess::start(&self.launch, number, &self.bus, self.exits.clone())?;
        if let Some(channel) = process.loader.take() {
            self.loader.serve(channel)?;
        }
        Ok(Box::new(Worker {
            number,
            process,
            in_flight: InFlight::default(),
            parting: HashSet::new(),
            handlers: HashMap::new(),
            listeners: Vec::new(),
            http: None,
            last_text: LastText::default(),
            node: None,
            pulse: Pulse::new(Instant::now()),
            crowd: Crowd::new(Instant::now()),
            since: Instant::now(),
            retired: None,
            doomed: false,
            doom: None,
        }))
    }

    /// Gives the app to the spare worker, or to a new one. `message` says what to load; `mirror` writes the live connections.
    pub fn load(
        &mut self,
        message: &str,
        cause: &str,
        mirror: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<()> {
        self.restart_at = None;
        if let Some(stale) = self.loading.take() {
            stale.worker.process.kill();
        }
        let mut worker = match self.spare.take() {
            Some(worker) => worker,
            None => self.start()?,
        };
        let out = &mut worker.process.link.out;
        mirror(out);
        wire::load(out, message.as_bytes());
        self.loading = Some(Loading {
            worker,
            cause: cause.to_owned(),
            since: Instant::now(),
            probed: false,
        });
        Ok(())
    }

    /// The loading worker takes over. Gives what caused the load and how long it took.
    pub fn promote(&mut self) -> Option<(String, Duration)> {
        let mut loading = self.loading.take()?;
        loading.worker.since = Instant::now();
        if let Some(mut old) = self.active.replace(loading.worker) {
            old.settle();
            self.draining.push_back(old);
        }
        self.restart_at = None;
        if self.keeps_spare {
            self.spare_at = Some(Instant::now() + SPARE_DELAY);
        }
        Some((loading.cause, loading.since.elapsed()))
    }

    /// The loading worker could not load the app. Gives what had caused the load and how long it
    /// took.
    pub fn dismiss(&mut self) -> Option<(String, Duration)> {
        let loading = self.loading.take()?;
        loading.worker.process.kill();
        if self.keeps_spare {
            self.spare_at = Some(Instant::now());
        }
        Some((loading.cause, loading.since.elapsed()))
    }

    /// The app's worker died. Plans the next one and gives the wait.
    pub fn plan_restart(&mut self, ran: Duration) -> Duration {
        if ran >= STEADY {
            self.crashes = 0;
        }
        let wait = Duration::from_millis(BACKOFF[self.crashes.min(BACKOFF.len() - 1)]);
        self.crashes += 1;
        self.restart_at = Some(Instant::now() + wait);
        wait
    }

    /// How many crashes have followed each other.
    pub fn crashes(&self) -> usize {
        self.crashes
    }

    /// From now on no worker is started by itself.
    pub fn plan_nothing(&mut self) {
        self.keeps_spare = false;
        self.spare_at = None;
        self.restart_at = None;
    }

    /// Boots a spare if it is time.
    pub fn keep_spare(&mut self, now: Instant) {
        if self.spare_at.is_some_and(|at| at <= now) {
            self.spare_at = None;
            if self.spare.is_none() {
                // Without a spare a reload only takes longer; the next load says what is wrong.
                self.spare = self.start().ok();
            }
        }
    }

    /// The next moment at which something is due here.
    pub fn next_due(&self) -> Option<Instant> {
        let load = self.loading.as_ref().filter(|_| !self.debugged);
        let load = load.map(|loading| {
            let limit = self.load_limit(loading);
            let probe = limit.checked_sub(PROBE_TIME).filter(|_| !loading.probed);
            probe.unwrap_or(limit)
        });
        [self.spare_at, self.restart_at, load]
            .into_iter()
            .flatten()
            .min()
    }

    /// When the loading worker is given up.
    pub fn load_limit(&self, loading: &Loading) -> Instant {
        match &loading.worker.node {
            Some((_, ready)) => loading.since.max(*ready) + self.launch.load_time,
            None => loading.since + BOOT_TIME + self.launch.load_time,
        }
    }

    /// Workers that know the live connections, and must hear of each change.
    pub fn mirrors(&mut self) -> impl Iterator<Item = &mut Worker> {
        let loading = self.loading.as_mut().map(|l| &mut l.worker);
        let all = self.active.iter_mut().chain(loading);
        all.chain(&mut self.draining).map(|w| &mut **w)
    }

    /// Every worker.
    pub fn all(&mut self) -> impl Iterator<Item = &mut Worker> {
        let loading = self.loading.as_mut().map(|l| &mut l.worker);
        let all = self.active.iter_mut().chain(loading);
        let all = all.chain(&mut self.spare).chain(&mut self.draining);
        all.map(|w| &mut **w)
    }

    /// The worker with this number.
    pub fn get(&mut self, number: u32) -> Option<&mut Worker> {
        self.all().find(|w| w.number == number)
    }

    /// How many invocations run.
    pub fn in_flight(&self) -> usize {
        let active = self.active.iter().chain(&self.draining);
        active.map(|w| w.in_flight.len()).sum()
    }
}
