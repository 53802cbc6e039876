//! `dev --record`: what really happened in a sandbox, as a fixture that replays it.

mod clients;
mod compose;
mod http;
mod layout;
mod operations;
mod wanted;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::{Failure, exit};
use crate::event::{EventBus, Level, Recording, Wire};

pub use compose::{Composed, Heard, Setting, compose, relative};

/// The fixture is written when nothing has happened for this long.
const QUIET: Duration = Duration::from_millis(300);

/// Most facts that are recorded. Such a fixture would be read by nobody.
const MOST: usize = 50_000;

/// A recording that goes on in the background.
pub struct Recorder {
    finish: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Checks that a fixture can be written to `file`.
pub fn check(file: &Path) -> Result<(), Failure> {
    let shown = file.display();
    if file.exists() {
        return Err(
            Failure::new("record", format!("`{shown}` is there already"))
                .hint("record to another file, or remove that one first")
                .exiting(exit::USAGE),
        );
    }
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            let message = format!("there is no folder `{}` to record into", folder.display());
            Err(Failure::new("record", message)
                .hint("make it first")
                .exiting(exit::USAGE))
        }
        _ => Ok(()),
    }
}

impl Recorder {
    /// Records from now on into `file`, which must be absolute.
    pub fn start(recording: Recording, bus: &EventBus, file: PathBuf, setting: Setting) -> Self {
        let text = format!("what happens is written to `{}`", file.display());
        bus.log(Level::Info, text);
        let (finish, finished) = oneshot::channel();
        let writer = Writer {
            bus: bus.clone(),
            file,
            setting,
            heard: Vec::new(),
            began: Instant::now(),
            is_written: false,
        };
        let task = tokio::spawn(writer.run(recording, finished));
        Self { finish, task }
    }

    /// Writes what has happened so far, and ends.
    pub async fn finish(self) {
        // The task ends only by this.
        let _ = self.finish.send(());
        let _ = self.task.await;
    }
}

struct Writer {
    bus: EventBus,
    file: PathBuf,
    setting: Setting,
    heard: Vec<Heard>,
    began: Instant,
    is_written: bool,
}

impl Writer {
    async fn run(mut self, mut recording: Recording, mut finished: oneshot::Receiver<()>) {
        loop {
            let quiet = async {
                match self.is_written {
                    true => std::future::pending().await,
                    false => tokio::time::sleep(QUIET).await,
                }
            };
            tokio::select! {
                biased;
                Some(fact) = recording.next() => self.hear(fact),
                () = quiet => drop(self.save()),
                _ = &mut finished => break,
            }
        }
        while let Some(fact) = recording.waiting() {
            self.hear(fact);
        }
        let composed = self.save();
        self.say_goodbye(composed, recording.lost());
    }

    fn hear(&mut self, wire: Wire) {
        if self.heard.len() == MOST {
            return;
        }
        self.heard.push(Heard {
            after: self.began.elapsed(),
            wall_ms: jiff::Timestamp::now().as_millisecond(),
            wire,
        });
        self.is_written = false;
        if self.heard.len() == MOST {
            let text = format!("the recording ends here: it holds {MOST} facts");
            self.bus.log(Level::Warn, text);
        }
    }

    fn save(&mut self) -> Option<Composed> {
        self.is_written = true;
        let composed = compose(&self.heard, &self.setting);
        let text = layout::fixture(&composed);
        match super::update::write(&self.file, &text) {
            Ok(()) => Some(composed),
            Err(failure) => {
                self.bus.log(Level::Error, failure.message);
                None
            }
        }
    }

    fn say_goodbye(&self, composed: Option<Composed>, lost: u64) {
        let Some(composed) = composed else {
            return;
        };
        let shown = self.file.display();
        let (steps, s) = match composed.steps.len() {
            1 => (1, ""),
            n => (n, "s"),
        };
        let again = format!("replay them with: ampt-ws test {shown}");
        self.bus
            .log(Level::Info, format!("recorded {steps} step{s}; {again}"));
        for warning in &composed.warnings {
            self.bus.log(Level::Warn, format!("recording: {warning}"));
        }
        if lost > 0 {
            let text = format!("recording: {lost} messages came too fast and are missing");
            self.bus.log(Level::Warn, text);
        }
    }
}
