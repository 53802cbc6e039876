//! Answers of the store on their way to the worker that asked.

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

/// An answer to a worker's call.
#[derive(Debug)]
pub struct Reply {
    /// Which worker asked.
    pub worker: u32,
    /// The call's number there.
    pub call: u32,
    /// 0 is success.
    pub status: u8,
    /// What it wants to know.
    pub payload: Vec<u8>,
}

/// Where the store's threads leave answers for the dispatcher. Bounded by the calls that wait.
#[derive(Debug, Clone, Default)]
pub struct Replies {
    inner: Arc<Mutex<Inner>>,
}

/// What the store's threads have left since the last look.
#[derive(Debug)]
pub struct Arrived {
    /// Answers to workers' calls.
    pub replies: Vec<Reply>,
    /// Connections whose rows are on disk.
    pub durable: Vec<u32>,
    /// How much of what was owed the disk has forgotten.
    pub forgotten: usize,
}

#[derive(Debug, Default)]
struct Inner {
    replies: Vec<Reply>,
    durable: Vec<u32>,
    forgotten: usize,
    waker: Option<Waker>,
}

impl Replies {
    /// Leaves an answer.
    pub fn put(&self, reply: Reply) {
        self.with(|inner| {
            inner.replies.push(reply);
            inner.wake();
        });
    }

    /// Leaves the numbers of connections whose rows are on disk.
    pub fn put_durable(&self, handles: Vec<u32>) {
        self.with(|inner| {
            inner.durable.extend(handles);
            inner.wake();
        });
    }

    /// Leaves word that the disk has forgotten so much more of what was owed.
    pub fn put_forgotten(&self, count: usize) {
        self.with(|inner| {
            inner.forgotten += count;
            inner.wake();
        });
    }

    /// Takes what is there.
    pub fn take(&self) -> Arrived {
        self.with(|inner| Arrived {
            replies: std::mem::take(&mut inner.replies),
            durable: std::mem::take(&mut inner.durable),
            forgotten: std::mem::take(&mut inner.forgotten),
        })
    }

    /// Remembers the dispatcher's task.
    pub fn register(&self, cx: &Context<'_>) {
        self.with(|inner| match &mut inner.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            slot => *slot = Some(cx.waker().clone()),
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(|e| e.into_inner()))
    }
}

impl Inner {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}
