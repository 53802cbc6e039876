//! Group commit: one thread flushes, and whoever waits is answered after a flush that began after
//! its write. While one flush runs the next group gathers, so that many writers share each flush.
//!
//! On Linux a flush is `sync_file_range`: it survives the end of the process however it comes, not
//! a loss of power.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

/// Called when everything before it is on disk, or with the reason why it is not.
pub(super) type Waiting = Box<dyn FnOnce(Result<(), &str>) + Send>;

/// What makes everything applied so far durable.
pub(super) type Flush = Box<dyn FnMut() -> Result<(), String> + Send>;

/// The flushing thread's other end.
pub(super) struct Committer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// How many callers have more to come at once.
    gathering: usize,
    stop: bool,
    /// The flushing thread sleeps: waking it is a system call, which the others are to be spared.
    asleep: bool,
}

impl State {
    fn is_due(&self) -> bool {
        self.stop || (self.gathering == 0 && !self.waiting.is_empty())
    }

    /// Whether the flushing thread is to be woken; true once.
    fn takes_waking(&mut self) -> bool {
        self.is_due() && std::mem::take(&mut self.asleep)
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Committer {
    /// Starts the flushing thread.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(flush: Flush) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let theirs = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("store-flush".into())
            .spawn(move || run(&theirs, flush))?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Whether the calling thread is the flushing thread.
    pub fn is_this_thread(&self) -> bool {
        let this = std::thread::current().id();
        (self.thread.as_ref()).is_some_and(|thread| thread.thread().id() == this)
    }

    /// Has `waiting` called, on the flushing thread, once everything applied before is on disk.
    pub fn after_flush(&self, waiting: Waiting) {
        let mut state = self.queue.lock();
        state.waiting.push(waiting);
        let takes_waking = state.takes_waking();
        drop(state);
        if takes_waking {
            self.queue.wake.notify_one();
        }
    }

    /// Until what this gives is dropped, no flush begins: who has several writes to make has them
    /// in one group, where the first alone would begin a flush that the others have to sit out.
    pub fn gather(&self) -> Gathering {
        self.queue.lock().gathering += 1;
        Gathering(Arc::clone(&self.queue))
    }
}

/// See [`Committer::gather`]; to be kept for as long as a few writes take, and not across a wait.
pub(super) struct Gathering(Arc<Queue>);

impl Drop for Gathering {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.gathering -= 1;
        let takes_waking = state.takes_waking();
        drop(state);
        if takes_waking {
            self.0.wake.notify_one();
        }
    }
}

/// Answers everybody who waits, then ends the thread; not to be dropped by the thread itself.
impl Drop for Committer {
    fn drop(&mut self) {
        self.queue.lock().stop = true;
        self.queue.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(queue: &Queue, mut flush: Flush) {
    loop {
        let group = {
            let state = queue.lock();
            let idle = |state: &mut State| {
                state.asleep = !state.is_due();
                state.asleep
            };
            let mut state = queue
                .wake
                .wait_while(state, idle)
                .unwrap_or_else(|e| e.into_inner());
            if state.waiting.is_empty() {
                return;
            }
            std::mem::take(&mut state.waiting)
        };
        let flushed = flush();
        for waiting in group {
            let outcome = flushed.as_ref().copied().map_err(String::as_str);
            // One caller's panic must not keep the others from their answers.
            let answer = std::panic::AssertUnwindSafe(|| waiting(outcome));
            let _ = std::panic::catch_unwind(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn writers_that_wait_together_share_a_flush() {
        let flushes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&flushes);
        let flush: Flush = Box::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(5));
            Ok(())
        });
        let committer = Committer::start(flush).expect("a thread");
        let (done, answers) = mpsc::channel();
        for number in 0..64 {
            let done = done.clone();
            committer.after_flush(Box::new(move |outcome| {
                done.send((number, outcome.is_ok())).expect("a listener");
            }));
        }
        let answers: Vec<_> = answers.iter().take(64).collect();
        assert!(answers.iter().map(|(number, _)| *number).eq(0..64));
        assert!(answers.iter().all(|(_, ok)| *ok));
        assert!(flushes.load(Ordering::SeqCst) <= 5);
    }

    #[test]
    fn what_is_gathered_is_one_flush() {
        let flushes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&flushes);
        let flush: Flush = Box::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let committer = Committer::start(flush).expect("a thread");
        let (done, answers) = mpsc::channel();
        let gathering = (committer.gather(), committer.gather());
        for _ in 0..64 {
            let done = done.clone();
            committer.after_flush(Box::new(move |_| done.send(()).expect("a listener")));
        }
        drop(gathering.0);
        assert_eq!(flushes.load(Ordering::SeqCst), 0);
        drop(gathering.1);
        assert_eq!(answers.iter().take(64).count(), 64);
        assert_eq!(flushes.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_failed_flush_is_told_and_a_panic_is_contained() {
        let flush: Flush = Box::new(|| Err("no room".into()));
        let committer = Committer::start(flush).expect("a thread");
        let (done, answers) = mpsc::channel();
        committer.after_flush(Box::new(|_| panic!("a caller's mistake")));
        committer.after_flush(Box::new(move |outcome| {
            done.send(outcome.map_err(str::to_owned))
                .expect("a listener");
        }));
        drop(committer);
        assert_eq!(answers.recv(), Ok(Err("no room".into())));
    }
}
