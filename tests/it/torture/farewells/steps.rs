//! The steps of a sequence.

use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::account::DIED;
use super::world::{Open, World};
use crate::support::Client;
use crate::torture::random::Random;

/// Something that happens.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Clients connect.
    Open,
    /// A client goes, in any way of its own.
    Leave,
    /// A client is not heard of any more: no traffic, no FIN.
    Freeze,
    /// A handler closes a connection.
    CloseByHandler,
    /// `ampt-ws close` does.
    CloseByVerb,
    /// A little time passes, while clients that can talk do.
    Talk,
    /// Much time passes.
    Idle,
    /// The worker ends itself while clients go.
    Exit,
    /// The worker is killed while clients go.
    KillWorker,
    /// The code is loaded again while clients go.
    Reload,
    /// The sandbox stops in order and starts again.
    Stop,
    /// The sandbox is killed and starts again.
    Kill,
    /// Everything comes to rest.
    Settle,
}

/// How often each step comes, in a hundred.
const WEIGHTS: [(Step, usize); 13] = [
    (Step::Open, 29),
    (Step::Leave, 18),
    (Step::Freeze, 5),
    (Step::CloseByHandler, 7),
    (Step::CloseByVerb, 5),
    (Step::Talk, 7),
    (Step::Idle, 2),
    (Step::Exit, 6),
    (Step::KillWorker, 4),
    (Step::Reload, 5),
    (Step::Stop, 2),
    (Step::Kill, 4),
    (Step::Settle, 6),
];

/// Worker deaths in one run of the sandbox; it waits longer and longer between restarts.
const DEATHS: usize = 3;

/// Minutes: what passes at one step, the idle timeout and the lifetime of [`super::world`].
const A_LITTLE: u64 = 4;
const MUCH: u64 = 11;
pub const IDLE: u64 = 10;
pub const LIFETIME: u64 = 30;

/// The texts of `disconnected`.
const VANISHED: &str = "Connection lost without a close frame";
const NO_STATUS: &str = "Client-side close frame status not set";
const BY_SERVER: &str = "Connection Closed Normally";
const GOING_AWAY: &str = "Going away";

impl Step {
    pub fn any(random: &mut Random) -> Self {
        let mut at = random.below(100);
        for (step, weight) in WEIGHTS {
            if at < weight {
                return step;
            }
            at -= weight;
        }
        Self::Settle
    }
}

impl World {
    pub fn take(&mut self, step: Step, random: &mut Random) {
        match step {
            Step::Open => (0..=random.below(3)).for_each(|_| self.open()),
            Step::Leave => self.leave(random),
            Step::Freeze => self.freeze(random),
            Step::CloseByHandler => self.close_by_handler(random),
            Step::CloseByVerb => self.close_by_verb(random),
            Step::Talk => self.talk(),
            Step::Idle => self.advance(MUCH),
            Step::Exit if self.deaths < DEATHS => self.exit(random),
            Step::KillWorker if self.deaths < DEATHS => self.kill_worker(random),
            Step::Exit | Step::KillWorker => self.settle(),
            Step::Reload => self.reload(random),
            Step::Stop => self.stop(GOING_AWAY),
            Step::Kill => self.kill(DIED),
            Step::Settle => self.settle(),
        }
    }

    fn leave(&mut self, random: &mut Random) {
        let Some(open) = self.pick_talking(random) else {
            return;
        };
        let number = random.below(1000);
        let code = if random.percent(50) { 1000 } else { 4001 };
        let reason = match random.below(5) {
            0..2 => format!("bye {number}"),
            2 => NO_STATUS.to_owned(),
            _ => VANISHED.to_owned(),
        };
        let Open { client, .. } = open.parted(self, &reason);
        match reason.as_str() {
            NO_STATUS => client.close_silently(),
            VANISHED if number < 500 => client.vanish(),
            VANISHED => client.reset(),
            reason => client.close(code, reason),
        }
    }

    fn freeze(&mut self, random: &mut Random) {
        if let Some(mut open) = self.pick_talking(random) {
            say(
                &mut open,
                self.now,
                &format!("still here {}", random.next()),
            );
            open.is_frozen = true;
            self.open.push(open);
        }
    }

    fn close_by_handler(&mut self, random: &mut Random) {
        let Some(open) = self.pick_talking(random) else {
            return;
        };
        let mut open = open.parted(self, BY_SERVER);
        let frame = ask(&mut open.client, "close", |answer| answer.is_close());
        assert!(matches!(frame, Message::Close(Some(f)) if u16::from(f.code) == 1000));
    }

    fn close_by_verb(&mut self, random: &mut Random) {
        if self.open.is_empty() {
            return;
        }
        let open = self.open.swap_remove(random.below(self.open.len()));
        let output = self.app.verb(&["close", &open.client.id]);
        assert_eq!(output.code, Some(0), "{output:?}");
        drop(open.parted(self, BY_SERVER));
    }

    fn talk(&mut self) {
        for open in &mut self.open {
            if !open.is_frozen {
                say(open, self.now, &format!("hello {}", self.now));
            }
        }
        self.advance(A_LITTLE);
    }

    fn advance(&mut self, minutes: u64) {
        let moved = self.app.verb(&["clock", "advance", &format!("{minutes}m")]);
        assert_eq!(moved.code, Some(0), "{moved:?}");
        self.now += minutes;
        let now = self.now;
        let is_over = |open: &mut Open| now >= open.active + IDLE || now >= open.since + LIFETIME;
        let over: Vec<_> = self.open.extract_if(.., is_over).collect();
        for open in over {
            let mut open = open.parted(self, GOING_AWAY);
            if !open.is_frozen {
                assert_eq!(last_words(&mut open.client), (1001, GOING_AWAY.to_owned()));
            }
        }
    }

    fn exit(&mut self, random: &mut Random) {
        let Some(mut last) = self.pick_talking(random) else {
            return;
        };
        last.client
            .send(if random.percent(70) { "exit" } else { "throw" });
        self.some_go(random);
        if random.percent(50) {
            last.parted(self, VANISHED).client.reset();
        } else {
            self.open.push(last);
        }
        self.worker_dies();
    }

    fn kill_worker(&mut self, random: &mut Random) {
        let status = self.app.verb(&["status", "--json"]).json();
        let pid = status["worker"]["pid"].as_i64();
        let pid = pid.and_then(|pid| Pid::from_raw(pid as i32));
        let Some(pid) = pid else { return };
        let before = random.percent(50);
        if before {
            self.some_go(random);
        }
        kill_process(pid, Signal::KILL).expect("a worker that runs");
        if !before {
            self.some_go(random);
        }
        self.worker_dies();
    }

    fn reload(&mut self, random: &mut Random) {
        let app = self.app.clone();
        let reload = thread::spawn(move || app.verb(&["reload"]));
        self.some_go(random);
        let output = reload.join().expect("no panic");
        assert_eq!(output.code, Some(0), "{output:?}");
    }

    /// Some clients go and some come, at once.
    fn some_go(&mut self, random: &mut Random) {
        for _ in 0..1 + random.below(4) {
            if random.percent(75) {
                self.leave(random);
            } else {
                self.open();
            }
        }
    }

    fn pick_talking(&mut self, random: &mut Random) -> Option<Open> {
        let talking: Vec<usize> = (0..self.open.len())
            .filter(|&at| !self.open[at].is_frozen)
            .collect();
        let at = *talking.get(random.below(talking.len().max(1)))?;
        Some(self.open.swap_remove(at))
    }
}

/// Talks to a handler.
fn say(open: &mut Open, now: u64, text: &str) {
    ask(&mut open.client, text, |answer| {
        *answer == Message::text(text)
    });
    open.active = now;
    open.shaken.is_admitted = true;
}

/// Sends a text until its answer comes: a worker that died may have taken it. Passes over what was
/// meant for others.
fn ask(client: &mut Client, text: &str, is_answer: impl Fn(&Message) -> bool) -> Message {
    client.send(text);
    for _ in 0..20 {
        let answer = client.next();
        if is_answer(&answer) {
            return answer;
        }
        if is_failure(&answer) {
            client.send(text);
        }
    }
    panic!("no answer to `{text}`");
}

/// Code and reason of the close frame that comes, behind whatever else.
fn last_words(client: &mut Client) -> (u16, String) {
    loop {
        if let Message::Close(Some(frame)) = client.next() {
            return (frame.code.into(), frame.reason.to_string());
        }
    }
}

/// Whether the client is told that a handler failed.
fn is_failure(message: &Message) -> bool {
    let Message::Text(text) = message else {
        return false;
    };
    let told: Value = serde_json::from_str(text).unwrap_or_default();
    told["message"] == "Internal server error"
}
