//! Keeps the sandbox's thread awake for the moment in which a handler answers.
//!
//! To wake a sleeping thread takes longer than a small handler runs, on a virtual machine several
//! times as long; a message would pay for that on its way to Node, back from it, and at the client.
//! So after a lone event the thread looks for the answer itself for a moment. Under load there is
//! always something else to do, and it never does this.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long it stays awake. A handler that does nothing dear has answered by then.
const LENGTH: Duration = Duration::from_micros(200);

/// An event is a lone one if the last one is at least this long past. Shorter, and staying awake
/// would take a good part of a processor that others could use.
const LONE: Duration = Duration::from_micros(300);

/// The dispatcher's end.
#[derive(Debug)]
pub struct Vigil {
    shared: Arc<Shared>,
    last: Instant,
}

#[derive(Debug, Default)]
struct Shared {
    waits: AtomicBool,
    begun: Notify,
}

impl Vigil {
    /// Starts the task that stays awake; it ends with the runtime.
    pub fn start() -> Self {
        let shared = Arc::<Shared>::default();
        tokio::spawn(keep(shared.clone()));
        Self {
            shared,
            last: Instant::now(),
        }
    }

    /// Events were given to the worker, which has `in_flight` of them now.
    pub fn given(&mut self, in_flight: usize, now: Instant) {
        let is_lone = in_flight == 1 && now.duration_since(self.last) >= LONE;
        self.last = now;
        if is_lone {
            self.shared.waits.store(true, Ordering::Relaxed);
            self.shared.begun.notify_one();
        }
    }

    /// The worker said something.
    pub fn answered(&self) {
        self.shared.waits.store(false, Ordering::Relaxed);
    }
}

async fn keep(shared: Arc<Shared>) {
    loop {
        shared.begun.notified().await;
        let until = Instant::now() + LENGTH;
        while shared.waits.load(Ordering::Relaxed) && Instant::now() < until {
            // Node may have been given this processor.
            std::thread::yield_now();
            // The runtime looks at all sockets in between.
            tokio::task::yield_now().await;
        }
    }
}
