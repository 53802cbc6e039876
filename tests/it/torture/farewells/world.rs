//! The sandbox under test, and the model of its connections.

use std::sync::Arc;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::account::{Gone, Reported, Shaken, Tally};
use super::steps::{IDLE, LIFETIME};
use crate::support::{App, Client, Dev};
use crate::torture::writers::exported;

/// An open connection.
pub struct Open {
    pub client: Client,
    /// Virtual minutes at which it opened and was last used.
    pub since: u64,
    pub active: u64,
    /// The client neither reads nor writes any more.
    pub is_frozen: bool,
    pub shaken: Shaken,
}

impl Open {
    /// Notes that it ends for this reason.
    pub fn parted(self, world: &mut World, reason: &str) -> Self {
        let shaken = Shaken {
            is_settled: false,
            ..self.shaken
        };
        world.gone.push(Gone {
            id: self.client.id.clone(),
            reason: reason.to_owned(),
            is_told: true,
            shaken,
        });
        self
    }
}

/// See the module.
pub struct World {
    pub app: Arc<App>,
    dev: Option<Dev>,
    pub open: Vec<Open>,
    gone: Vec<Gone>,
    reported: Reported,
    /// Virtual minutes since the sandbox started.
    pub now: u64,
    /// Worker deaths since then.
    pub deaths: usize,
    worker_deaths: u64,
    kills: u64,
}

impl World {
    pub fn begin(code: &str) -> Self {
        let mut world = Self {
            app: Arc::new(App::esm(code)),
            dev: None,
            open: Vec::new(),
            gone: Vec::new(),
            reported: Reported::new(),
            now: 0,
            deaths: 0,
            worker_deaths: 0,
            kills: 0,
        };
        world.start();
        world
    }

    fn start(&mut self) {
        let (idle, lifetime) = (format!("{IDLE}m"), format!("{LIFETIME}m"));
        let limits = ["--idle-timeout", &idle, "--max-duration", &lifetime];
        let args = [&["--no-limits", "--no-watch"], &limits[..]].concat();
        self.dev = Some(self.app.dev(&args));
        (self.now, self.deaths) = (0, 0);
    }

    fn dev(&self) -> &Dev {
        self.dev.as_ref().expect("a sandbox that runs")
    }

    pub fn open(&mut self) {
        let client = self.dev().client();
        self.open.push(Open {
            client,
            since: self.now,
            active: self.now,
            is_frozen: false,
            shaken: Shaken::default(),
        });
    }

    /// Waits until every handler has returned.
    pub fn settle(&mut self) {
        self.wait_for_ends();
        self.app.settle();
        self.each(|shaken| {
            shaken.is_settled = true;
            shaken.is_admitted |= shaken.kills == 0;
            shaken.has_connected |= shaken.kills == 0 && !shaken.worker;
        });
    }

    fn each(&mut self, change: impl FnMut(&mut Shaken)) {
        let ended = self.gone.iter_mut().map(|gone| &mut gone.shaken);
        let open = self.open.iter_mut().map(|open| &mut open.shaken);
        ended.chain(open).for_each(change);
    }

    fn wait_for_ends(&mut self) {
        for gone in &self.gone {
            if gone.is_told && !gone.shaken.is_settled {
                let end = json!({ "event": "disconnected", "connectionId": gone.id });
                self.dev().wait_for(end);
            }
        }
    }

    /// The worker is about to die: waits until the sandbox has noticed.
    pub fn worker_dies(&mut self) {
        self.deaths += 1;
        self.worker_deaths += 1;
        let is_end = |event: &Value| {
            let text = event["text"].as_str().unwrap_or_default();
            event["level"] == "error" && text.starts_with("the app's process ended: ")
        };
        self.dev().wait_for_all(self.deaths, is_end);
        self.each(|shaken| shaken.worker |= !shaken.is_settled);
    }

    /// Stops the sandbox in order, which closes everybody, and starts it again.
    pub fn stop(&mut self, reason: &str) {
        // A worker that is being replaced at that moment leaves events to the next start, which
        // tells another reason.
        self.settle();
        self.dev().signal(Signal::INT);
        let clients = self.all_part(reason);
        self.wait_for_ends();
        drop(clients);
        let dev = self.dev.take().expect("a sandbox that runs");
        let log = dev.log();
        let output = dev.wait();
        assert_eq!(output.code, Some(0), "{output:?}");
        self.note_reports(&log);
        self.ends_with_the_run();
        self.each(|shaken| shaken.is_settled = true);
        self.start();
    }

    /// Kills the sandbox and starts it again.
    pub fn kill(&mut self, reason: &str) {
        self.kills += 1;
        let dev = self.dev.take().expect("a sandbox that runs");
        let log = dev.log();
        dev.kill();
        self.all_part(reason);
        self.each(|shaken| shaken.kills += u64::from(!shaken.is_settled));
        self.note_reports(&log);
        self.ends_with_the_run();
        self.start();
    }

    fn all_part(&mut self, reason: &str) -> Vec<Open> {
        let open = std::mem::take(&mut self.open).into_iter();
        open.map(|open| open.parted(self, reason)).collect()
    }

    /// Ends of this run are not told of in the next.
    fn ends_with_the_run(&mut self) {
        for gone in &mut self.gone {
            gone.is_told = false;
        }
    }

    fn note_reports(&mut self, log: &crate::support::EventLog) {
        for event in log.events() {
            if event["event"] == "handler-error" {
                let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
                self.reported
                    .insert((text("handler"), text("connectionId")));
            }
        }
    }

    /// Ends everything in order, and checks each connection's account.
    pub fn end(mut self, tally: &mut Tally) {
        self.stop("Going away");
        self.settle();
        let dev = self.dev.take().expect("a sandbox that runs");
        let log = dev.log();
        dev.stop();
        self.note_reports(&log);
        let seen = exported(&self.app);
        for gone in &self.gone {
            gone.check(&seen, &self.reported, tally);
        }
        tally.worker_deaths += self.worker_deaths;
        tally.kills += self.kills;
    }
}
