//! `ampt-ws connect`: the client on the terminal and in a pipe.

mod sandbox;
mod strangers;
mod typing;

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{EventLog, Output, Pattern};

/// Answers what the tests ask for; `bye` closes.
pub const CHATTY: &str = r#"
import { ws } from '@ampt/sdk';
ws.on('connected', async (c) => {
  const { queryStringParameters: query, headers } = c.meta;
  if (query) await c.send({ query, token: headers['X-Token'] });
});
ws.on('message', async (c, m) => {
  if (m === 'bye') return c.close();
  if (m === 'colours') return c.send('\x1b[31m{"not": json');
  await c.send({ echo: m ?? null });
});
ws.on('disconnected', (c, reason) => console.log(`left: ${reason}`));
"#;

/// A running `connect` whose input is ours to write; killed at the end of the test.
struct Piped {
    child: Child,
    log: EventLog,
}

impl Piped {
    fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let log = EventLog::default();
        log.read_events(child.stdout.take().expect("standard output"));
        log.read_stderr(child.stderr.take().expect("standard error"));
        Self { child, log }
    }

    fn line(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("standard input");
        writeln!(input, "{text}").expect("a line that can be written");
    }

    fn wait_for(&self, pattern: impl Pattern) -> Value {
        self.log.wait_for(1, &pattern).remove(0)
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), signal).expect("a signal that can be sent");
    }

    /// Waits until it has ended, with its input still open.
    fn wait(mut self) -> Output {
        self.log.wait_for_end();
        let status = self.child.wait().expect("a child of ours");
        let lines = self.log.events().into_iter();
        Output {
            code: status.code(),
            stdout: lines.map(|event| format!("{event}\n")).collect(),
            stderr: self.log.stderr(),
        }
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{:?}\n{}", self.log.events(), self.log.stderr());
        }
    }
}

/// The JSON lines of an output.
fn events(output: &Output) -> Vec<Value> {
    let parsed = output.stdout.lines().map(serde_json::from_str);
    parsed
        .collect::<Result<_, _>>()
        .unwrap_or_else(|e| panic!("not JSON lines ({e}): {output:?}"))
}
