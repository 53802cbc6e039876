//! The dispatcher: the only place that knows gateway, worker and store together.
//!
//! One task owns the workers' links and everything about invocations. It takes events from the
//! gateway's queue while there is a worker and a place, encodes them into the worker's link,
//! and carries out what handlers ask for. It never waits for a handler, a socket or the disk.

mod calls;
mod changes;
mod crew;
mod crowd;
mod frames;
mod interest;
mod invocation;
mod last_text;
mod lifecycle;
mod loading;
mod publish;
mod pulse;
mod replies;
mod retries;
mod rows;
mod seen;
mod source;
mod timers;
mod turn;
mod vigil;

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Sleep;

use crate::domain::{Clock, CloseReason, ConnectionId};
use crate::error::Failure;
use crate::event::EventBus;
use crate::gateway::posting::Posting;
use crate::gateway::{Connection, Gateway};
use crate::store::Store;
use crate::store::interest::Registration;
use crate::store::published::Published;
use crate::worker::{Exit, Launch, Loader, no_node};

pub use seen::{PendingView, Reloaded, Seen, WorkerView};
pub use source::AppSource;

use changes::Changes;
use crew::Crew;
use invocation::Subject;
use replies::Replies;
use retries::FailedEvents;
use rows::Rows;
use vigil::Vigil;

/// Most commands that wait for the dispatcher.
const COMMANDS: usize = 256;

/// What the dispatcher is made of.
pub struct DispatchConfig {
    /// The workers, of which the first may be booting.
    pub workers: Workers,
    /// What to load; without code there are no handlers.
    pub source: AppSource,
    /// Most invocations at once; `None` is no bound.
    pub concurrency: Option<usize>,
    /// Connections of an earlier run that did not get their `disconnected`.
    pub former: Vec<ConnectionId>,
    /// Published events that an earlier run did not deliver.
    pub published: Vec<Published>,
}

/// The workers, before there is anything for them to do.
pub struct Workers {
    crew: Crew,
    exits: mpsc::Receiver<Exit>,
}

impl Workers {
    /// Workers that are started by `launch` and whose loaders are served by `loader`. If reloads
    /// are to be expected, one more is kept ready.
    pub fn new(launch: Launch, loader: Loader, bus: EventBus, keeps_spare: bool) -> Self {
        let (told, exits) = mpsc::channel(COMMANDS);
        Self {
            crew: Crew::new(launch, loader, bus, told, keeps_spare),
            exits,
        }
    }

    /// Boots the first one. It knows nothing of the app, so this may come long before
    /// [`start`].
    ///
    /// # Errors
    /// If Node cannot be started.
    pub fn boot(&mut self) -> Result<(), Failure> {
        let booted = self.crew.boot();
        booted.map_err(|error| no_node(self.crew.launch(), &error))
    }
}

/// What can be asked of the dispatcher.
#[derive(Debug)]
pub enum Command {
    /// Load the app's code again.
    Reload {
        /// What caused it.
        cause: String,
        /// Told how it went.
        done: Option<oneshot::Sender<Reloaded>>,
    },
    /// A published event is due.
    Deliver(Published),
    /// A change whose handler failed may be tried again.
    RetryChange(changes::Retry),
    /// A published event whose handler failed may be tried again.
    RetryEvent {
        /// Its number in the store.
        number: u64,
        /// Which try this is.
        attempt: u32,
    },
    /// Changes of data were recorded.
    Changed,
    /// Say when everything that is due by now has come.
    Due {
        /// Told then.
        done: oneshot::Sender<()>,
    },
    /// Everything has come that was due before this.
    WasDue {
        /// Who waits for that.
        done: oneshot::Sender<()>,
    },
    /// Finish what is queued, then stop the workers.
    Stop {
        /// Told when they are gone.
        done: oneshot::Sender<()>,
    },
}

/// A handle to the running dispatcher.
#[derive(Clone)]
pub struct DispatchHandle {
    commands: mpsc::Sender<Command>,
    seen: watch::Receiver<Seen>,
    gateway: Arc<Gateway>,
    /// The number of the newest recorded change.
    newest: watch::Receiver<u64>,
}

impl DispatchHandle {
    /// Asks for something; false if the dispatcher has ended.
    pub async fn command(&self, command: Command) -> bool {
        self.commands.send(command).await.is_ok()
    }

    /// The worker as it is now.
    pub fn worker(&self) -> WorkerView {
        self.seen.borrow().worker.clone()
    }

    /// What is not settled yet.
    pub fn pending(&self) -> PendingView {
        let seen = self.seen.borrow();
        // What was recorded a moment ago counts, too: the dispatcher may not have looked yet.
        let unseen = self.newest.borrow().saturating_sub(seen.changes.taken);
        PendingView {
            invocations: seen.invocations + self.gateway.inbound.waiting(),
            data_events: seen.changes.held + usize::try_from(unseen).unwrap_or(usize::MAX),
            retrying: seen.changes.retrying,
        }
    }

    /// Notices each change of what can be seen.
    pub fn watch(&self) -> watch::Receiver<Seen> {
        self.seen.clone()
    }
}

/// A connection whose row is on its way to the disk.
struct Opening {
    connection: Arc<Connection>,
    /// Set if it ended meanwhile.
    ended: Option<CloseReason>,
}

/// How far the dispatcher is.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Phase {
    Running,
    /// Finishing what is queued.
    Stopping,
    /// The workers have been told to end.
    Ending,
}

/// The dispatcher's state; its task is [`turn`].
struct Dispatcher {
    gateway: Arc<Gateway>,
    store: Store,
    clock: Clock,
    bus: EventBus,
    crew: Crew,
    source: AppSource,
    concurrency: Option<usize>,
    commands: mpsc::Receiver<Command>,
    exits: mpsc::Receiver<Exit>,
    replies: Replies,
    timers: mpsc::Sender<timers::Timed>,
    changes: Changes,
    /// Published events whose handlers failed.
    failed_events: FailedEvents,
    /// Further tries that found no room among the timers.
    unscheduled: Vec<timers::Timed>,
    /// What the code that ran before wanted to hear of.
    former_interest: Vec<Registration>,
    seen: watch::Sender<Seen>,
    vigil: Vigil,
    /// Messages to clients that this turn writes.
    posting: Posting,
    opening: FxHashMap<u32, Opening>,
    rows: Rows,
    /// Rows of what was owed that are being removed: an end of the sandbox brings them back, until
    /// that is on disk.
    forgetting: usize,
    /// Connections of an earlier run, published events, and what a worker that died had not begun:
    /// they go before what clients send.
    queued: VecDeque<Subject>,
    last_invocation: u32,
    reloads: u64,
    /// Why the last load failed, if it did.
    failure: Option<Failure>,
    waiting: Vec<oneshot::Sender<Reloaded>>,
    /// Handlers of which it was said that the app does not register them.
    unhandled: HashSet<String>,
    phase: Phase,
    stopped: Option<oneshot::Sender<()>>,
    stop_at: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    timer_at: Option<Instant>,
    now: Instant,
    /// The same on the sandbox's clock.
    now_ms: i64,
}

/// Starts the dispatcher, which loads the app at once.
pub fn start(
    config: DispatchConfig,
    gateway: Arc<Gateway>,
    store: Store,
    clock: Clock,
    bus: EventBus,
) -> Result<DispatchHandle, Failure> {
    let (commands, receiver) = mpsc::channel(COMMANDS);
    let (seen, seen_receiver) = watch::channel(Seen::default());
    let newest = store.newest_change();
    let handle = DispatchHandle {
        commands: commands.clone(),
        seen: seen_receiver,
        gateway: gateway.clone(),
        newest: newest.clone(),
    };
    let Workers { crew, exits } = config.workers;
    let former_interest = store.interest();
    let published = config.published.into_iter().map(timers::published);
    let timers = timers::start(clock.clone(), commands.downgrade(), published.collect());
    forward_changes(newest.clone(), commands.downgrade());
    let mut dispatcher = Dispatcher {
        gateway,
        store,
        clock,
        bus,
        crew,
        source: config.source,
        concurrency: config.concurrency,
        commands: receiver,
        exits,
        replies: Replies::default(),
        timers,
        changes: Changes::new(newest),
        failed_events: FailedEvents::default(),
        unscheduled: Vec::new(),
        former_interest,
        seen,
        vigil: Vigil::start(),
        posting: Posting::default(),
        opening: FxHashMap::default(),
        rows: Rows::new(Instant::now()),
        forgetting: 0,
        queued: config.former.into_iter().map(Subject::former).collect(),
        last_invocation: 0,
        reloads: 0,
        failure: None,
        waiting: Vec::new(),
        unhandled: HashSet::new(),
        phase: Phase::Running,
        stopped: None,
        stop_at: None,
        timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        timer_at: None,
        now: Instant::now(),
        now_ms: 0,
    };
    let begun = dispatcher.begin();
    begun.map_err(|error| no_node(dispatcher.crew.launch(), &error))?;
    tokio::spawn(dispatcher);
    Ok(handle)
}

/// Wakes the dispatcher for changes that others make: the REPL, an import, an expiry.
fn forward_changes(mut newest: watch::Receiver<u64>, commands: mpsc::WeakSender<Command>) {
    tokio::spawn(async move {
        while newest.changed().await.is_ok() {
            let Some(commands) = commands.upgrade() else {
                return;
            };
            if commands.send(Command::Changed).await.is_err() {
                return;
            }
        }
    });
}
