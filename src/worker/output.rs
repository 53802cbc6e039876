//! What a worker prints, as events.

mod lines;
mod records;

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::task::{JoinHandle, consume_budget, unconstrained};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::event::{EventBus, Fact, Level};
use lines::{Lines, Origin, Printed};
use records::Records;

/// How long a line may go without an end before it is shown as far as it has come.
const PAUSE: Duration = Duration::from_millis(100);

/// How long to listen after the process's end. A process that the app started may hold the pipes
/// open, so not for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Most reads from one pipe in a round.
const READS: usize = 16;

/// The task that reads a worker's output.
pub(super) struct Reader {
    task: JoinHandle<()>,
    ending: CancellationToken,
}

impl Reader {
    /// Waits until everything printed before the process's end is told.
    pub(super) async fn finish(self) {
        self.ending.cancel();
        let _ = self.task.await;
    }
}

/// Reads the process's standard output and error, and the pipe for what Node's streams print.
pub(super) fn read(child: &mut Child, streams: UnixStream, bus: &EventBus) -> io::Result<Reader> {
    let stdout = child.stdout.take().map(ChildStdout::into_owned_fd);
    let stderr = child.stderr.take().map(ChildStderr::into_owned_fd);
    let mut raw = Vec::new();
    if let Some(stdout) = stdout.transpose()? {
        raw.push(Input::pipe(stdout, Origin::RawOut, Level::Info)?);
    }
    if let Some(stderr) = stderr.transpose()? {
        raw.push(Input::pipe(stderr, Origin::RawErr, Level::Error)?);
    }
    let inputs = Inputs {
        records: Some(Input::new(
            From::Socket(streams),
            Kind::Records(Records::default()),
        )),
        raw,
    };
    let ending = CancellationToken::new();
    let task = tokio::spawn(read_all(inputs, bus.clone(), ending.clone()));
    Ok(Reader { task, ending })
}

async fn read_all(mut inputs: Inputs, bus: EventBus, ending: CancellationToken) {
    let (mut lines, mut printed) = (Lines::default(), Vec::new());
    let far = Instant::now() + Duration::from_secs(365 * 24 * 3600);
    let (mut pause, mut end, mut is_ending) = (far, far, false);
    while !inputs.is_empty() {
        tokio::select! {
            biased;
            // The runtime's budget must not end a round between two inputs.
            () = unconstrained(poll_fn(|cx| inputs.poll_round(cx, &mut lines, &mut printed))) => {
                consume_budget().await;
                pause = Instant::now() + PAUSE;
            }
            () = sleep_until(pause) => {
                lines.pause(&mut printed);
                pause = far;
            }
            () = ending.cancelled(), if !is_ending => {
                is_ending = true;
                end = Instant::now() + LAST_WORDS;
            }
            () = sleep_until(end) => break,
        }
        tell(&bus, &mut printed);
    }
    lines.finish(&mut printed);
    tell(&bus, &mut printed);
}

fn tell(bus: &EventBus, printed: &mut Vec<Printed>) {
    for Printed {
        level,
        text,
        partial,
    } in printed.drain(..)
    {
        bus.tell(Fact::Log {
            level,
            text,
            partial,
            source: "app",
        });
    }
}

/// All the places where a worker's output comes in.
struct Inputs {
    /// What goes through Node's streams, with its level.
    records: Option<Input>,
    /// Descriptors 1 and 2.
    raw: Vec<Input>,
}

impl Inputs {
    /// Reads what there is, but not so much from one that it holds up the others.
    ///
    /// There is no telling in which order two pipes were written. What was printed past Node
    /// before a record was is told before it, in any case: the record is read first.
    fn poll_round(
        &mut self,
        cx: &mut Context<'_>,
        lines: &mut Lines,
        printed: &mut Vec<Printed>,
    ) -> Poll<()> {
        let recorded = match &mut self.records {
            Some(records) => records.poll_read(cx),
            None => Poll::Pending,
        };
        let mut round = recorded.is_ready();
        self.raw.retain_mut(|input| {
            for _ in 0..READS {
                let Poll::Ready(count) = input.poll_read(cx) else {
                    return true;
                };
                round = true;
                if !input.has_more(count, lines, printed) {
                    return false;
                }
            }
            true
        });
        if let (Poll::Ready(count), Some(records)) = (recorded, &mut self.records)
            && !records.has_more(count, lines, printed)
        {
            self.records = None;
        }
        match round {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    fn is_empty(&self) -> bool {
        self.records.is_none() && self.raw.is_empty()
    }
}

/// One of those places.
struct Input {
    from: From,
    kind: Kind,
    buffer: Box<[u8]>,
}

enum From {
    Socket(UnixStream),
    Pipe(pipe::Receiver),
}

enum Kind {
    Raw(Origin, Level),
    Records(Records),
}

impl Input {
    fn new(from: From, kind: Kind) -> Self {
        Self {
            from,
            kind,
            buffer: vec![0; 16 * 1024].into_boxed_slice(),
        }
    }

    fn pipe(from: OwnedFd, origin: Origin, level: Level) -> io::Result<Self> {
        let from = From::Pipe(pipe::Receiver::from_owned_fd(from)?);
        Ok(Self::new(from, Kind::Raw(origin, level)))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match &mut self.from {
            From::Socket(socket) => {
                let mut buffer = ReadBuf::new(&mut self.buffer);
                let read = Pin::new(socket).poll_read(cx, &mut buffer);
                read.map_ok(|()| buffer.filled().len())
            }
            From::Pipe(pipe) => poll_pipe(pipe, &mut self.buffer, cx),
        }
    }

    /// Takes what was read; whether more may come.
    fn has_more(
        &mut self,
        read: io::Result<usize>,
        lines: &mut Lines,
        printed: &mut Vec<Printed>,
    ) -> bool {
        let Ok(count @ 1..) = read else {
            return false;
        };
        let bytes = &self.buffer[..count];
        match &mut self.kind {
            Kind::Raw(origin, level) => lines.push(*origin, *level, false, bytes, printed),
            Kind::Records(records) => return records.push(bytes, lines, printed),
        }
        true
    }
}

/// Reads what is there now: what the runtime knows of it may be behind.
fn poll_pipe(
    pipe: &pipe::Receiver,
    buffer: &mut [u8],
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    match rustix::io::read(pipe, &mut *buffer) {
        Err(Errno::AGAIN | Errno::INTR) => {}
        read => return Poll::Ready(read.map_err(io::Error::from)),
    }
    loop {
        ready!(pipe.poll_read_ready(cx))?;
        match pipe.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return Poll::Ready(read),
        }
    }
}
