//! Random deaths of the worker under traffic, each followed by a save: nothing is lost without a
//! word, nothing is handled twice, nothing that the app started is left.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::support::{App, Client, Dev, Random, is_running, seed_or};

/// Ways to die that are quick, some of them in the middle of other handlers.
const DEATHS: &[&str] = &[
    "process.exit(3)",
    "process.abort()",
    "process.kill(process.pid, 'SIGKILL')",
    "process.kill(process.pid, 'SIGSEGV')",
    "process.kill(0, 'SIGTERM')",
    "setImmediate(() => { throw new Error('late') })",
    "for (;;)",
];

/// An app that answers each message after a while that the message chooses, and dies when told.
fn mortal(version: usize) -> String {
    let deaths = DEATHS.iter().map(|code| format!("() => {{ {code}; }}"));
    let deaths: Vec<String> = deaths.collect();
    format!(
        "import {{ ws }} from '@ampt/sdk';
         import {{ spawn }} from 'node:child_process';
         const deaths = [{}];
         console.log('child', spawn('sleep', ['1000'], {{ stdio: 'ignore' }}).pid);
         ws.on('message', {{ timeout: 300 }}, async (c, data) => {{
           if (data.death !== undefined) {{ deaths[data.death](); return new Promise(() => {{}}); }}
           console.log('handled', data.n);
           if (data.wait) await new Promise((go) => setTimeout(go, data.wait));
           return c.send(data.n);
         }});
         // {version}\n",
        deaths.join(", ")
    )
}

/// One client's messages and what became of them.
struct Talk {
    client: Client,
    sent: usize,
    answers: Vec<String>,
}

impl Talk {
    fn new(dev: &Dev) -> Self {
        Self {
            client: dev.client(),
            sent: 0,
            answers: Vec::new(),
        }
    }

    fn say(&mut self, random: &mut Random) {
        let n = format!("{}-{}", self.client.id, self.sent);
        self.sent += 1;
        let wait = random.below(3);
        self.client.send_json(&json!({ "n": n, "wait": wait }));
    }

    /// Reads up to the answer to a last message, which nothing disturbs.
    fn finish(&mut self) {
        self.client
            .send_json(&json!({ "n": "the last", "wait": 100 }));
        loop {
            match self.client.text() {
                last if last == "the last" => return,
                text => self.answers.push(text),
            }
        }
    }

    /// Each message was answered at most once, and reported if it was not; gives how many were not.
    /// A handler that was killed between its answer and its return has both.
    fn check(&self, dev: &Dev) -> usize {
        let is_error = |text: &&String| text.contains("Internal server error");
        let (errors, mut echoes): (Vec<_>, Vec<_>) = self.answers.iter().partition(is_error);
        let report = json!({ "event": "handler-error", "connectionId": self.client.id });
        dev.wait_for_all(errors.len(), report.clone());
        assert_eq!(dev.events(report).len(), errors.len(), "the client is told");
        let all = echoes.len();
        echoes.sort();
        echoes.dedup();
        assert_eq!(echoes.len(), all, "answered twice: {:?}", self.answers);
        let lost = self.sent - echoes.len();
        assert!(lost <= errors.len(), "{lost} lost, {} told", errors.len());
        lost
    }
}

fn say_some(talks: &mut [Talk], random: &mut Random) {
    for _ in 0..random.below(40) {
        let index = random.below(talks.len());
        talks[index].say(random);
    }
}

fn die_at_random(rounds: usize, seed: u64) {
    let mut random = Random::new(seed);
    let app = App::esm(&mortal(0));
    let dev = app.dev(&["--no-limits"]);
    let mut killer = dev.client();
    let mut talks: Vec<Talk> = (0..8).map(|_| Talk::new(&dev)).collect();
    for round in 1..=rounds {
        say_some(&mut talks, &mut random);
        // Sometimes all of it is done by then, sometimes nothing.
        sleep(Duration::from_millis(random.below(30) as u64));
        killer.send_json(&json!({ "death": random.below(DEATHS.len()) }));
        say_some(&mut talks, &mut random);
        assert!(killer.text().contains("Internal server error"));
        // Without a save each death would wait longer than the last.
        let reloads = json!({ "event": "reload", "cause": "index.mjs", "ok": true });
        let before = dev.events(reloads.clone()).len();
        app.write("index.mjs", &mortal(round));
        // The next death may come while the code is loaded.
        if random.below(4) > 0 {
            dev.wait_for_all(before + 1, reloads);
        }
    }
    talks.iter_mut().for_each(Talk::finish);
    let lost: usize = talks.iter().map(|talk| talk.check(&dev)).sum();
    let sent: usize = talks.iter().map(|talk| talk.sent).sum();
    eprintln!("{rounds} deaths: {sent} messages, {lost} reported as lost, none without a word");
    assert!(dev.events(json!({ "event": "disconnected" })).is_empty());
    let (clients, lines) = (talks.len(), dev.lines());
    drop((killer, talks));
    let output = dev.stop();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    handled_once(&lines, clients);
    let children = lines
        .iter()
        .filter_map(|l| l.strip_prefix("child ")?.parse().ok());
    let left: Vec<u32> = children.filter(|pid| is_running(*pid)).collect();
    assert!(left.is_empty(), "children of dead workers run: {left:?}");
}

/// No message was handled twice, but for the last one of each client.
fn handled_once(lines: &[String], clients: usize) {
    let handled: Vec<&String> = lines.iter().filter(|l| l.starts_with("handled")).collect();
    let once: BTreeSet<&&String> = handled.iter().collect();
    assert_eq!(once.len() + clients - 1, handled.len(), "handled twice");
}

#[test]
fn random_deaths_lose_nothing_without_a_word() {
    die_at_random(5, seed_or(1));
}

#[test]
#[ignore = "takes minutes: cargo test --release -- --ignored torture"]
fn torture_of_random_deaths_loses_nothing_without_a_word() {
    die_at_random(200, seed_or(20_260_101));
}
