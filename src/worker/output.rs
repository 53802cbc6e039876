//! What a worker prints, as events.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::task::JoinSet;

use crate::event::{EventBus, Fact, Level};

/// Longest line that is kept in one piece, in bytes.
const LONGEST: usize = 64 * 1024;

/// Longest record on the output pipe, in bytes.
const LONGEST_RECORD: usize = 16 << 20;

/// The tasks that read a worker's output.
pub(super) struct Readers(JoinSet<()>);

impl Readers {
    /// Waits until everything printed before the process's end is told. A grandchild may hold
    /// the pipes open, so not for ever.
    pub(super) async fn finish(mut self) {
        let all = async { while self.0.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_millis(200), all).await;
    }
}

/// Reads the process's standard output and error, and the pipe for what `console` prints.
pub(super) fn read(child: &mut Child, console: UnixStream, bus: &EventBus) -> Readers {
    let mut tasks = JoinSet::new();
    if let Some(stdout) = child.stdout.take() {
        tasks.spawn(read_lines(stdout, Level::Info, bus.clone()));
    }
    if let Some(stderr) = child.stderr.take() {
        tasks.spawn(read_lines(stderr, Level::Error, bus.clone()));
    }
    tasks.spawn(read_records(console, bus.clone()));
    Readers(tasks)
}

fn tell(bus: &EventBus, level: Level, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    bus.tell(Fact::Log {
        level,
        text,
        source: "app",
    });
}

async fn read_lines(mut from: impl AsyncRead + Unpin, level: Level, bus: EventBus) {
    let mut bytes = Vec::new();
    while let Ok(1..) = from.read_buf(&mut bytes).await {
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            tell(
                &bus,
                level,
                bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]),
            );
            bytes.drain(..=end);
        }
        if bytes.len() > LONGEST {
            tell(&bus, level, &bytes);
            bytes.clear();
        }
    }
    if !bytes.is_empty() {
        tell(&bus, level, &bytes);
    }
}

/// Records: a little-endian `u32` length, one byte of level, text.
async fn read_records(mut from: UnixStream, bus: EventBus) {
    let mut bytes = Vec::new();
    while let Ok(1..) = from.read_buf(&mut bytes).await {
        let mut at = 0;
        while let Some((head, rest)) = bytes[at..].split_first_chunk() {
            let length = u32::from_le_bytes(*head) as usize;
            if length == 0 || length > LONGEST_RECORD {
                return;
            }
            let Some(record) = rest.get(..length) else {
                break;
            };
            tell(&bus, level(record[0]), &record[1..]);
            at += 4 + length;
        }
        bytes.drain(..at);
    }
}

fn level(byte: u8) -> Level {
    match byte {
        0 => Level::Debug,
        2 => Level::Warn,
        3 => Level::Error,
        _ => Level::Info,
    }
}
