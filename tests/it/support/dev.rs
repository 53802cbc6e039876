//! A running `ampt-ws dev --json`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::app::Output;
use super::client::{Client, Refused, dial};
use super::log::{EventLog, Pattern};
use super::raw::{RawSocket, Response};

/// A sandbox in the foreground; killed at the end of the test. If the test fails, everything it
/// said is printed.
pub struct Dev {
    child: Child,
    log: EventLog,
    ready: Value,
    ended: bool,
}

impl Dev {
    /// Starts the command and listens to it.
    pub fn spawn(command: Command) -> Self {
        Self::spawn_keeping(command, |_| true)
    }

    /// Starts the command and listens to it, but to some lines only.
    pub fn spawn_keeping(mut command: Command, keeps: fn(&str) -> bool) -> Self {
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let log = EventLog::default();
        log.read_some_events(child.stdout.take().expect("standard output"), keeps);
        log.read_stderr(child.stderr.take().expect("standard error"));
        Self {
            child,
            log,
            ready: Value::Null,
            ended: false,
        }
    }

    /// Waits for the `ready` line, which says where the sandbox listens.
    pub fn ready(&mut self) -> &Value {
        self.ready = self.wait_for(json!({ "event": "ready" }));
        &self.ready
    }

    /// Takes the address from `status`, for a sandbox that serves clients but is not ready.
    pub fn listens_at(&mut self, status: &Value) {
        let url = text_of(&status["url"]).replacen("http", "ws", 1);
        self.ready = json!({ "wsUrl": url });
    }

    /// A field of the `ready` line.
    pub fn fact(&self, name: &str) -> &str {
        self.ready[name]
            .as_str()
            .expect("a field of the ready line")
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        let port = self.fact("wsUrl").rsplit(':').next();
        port.and_then(|p| p.parse().ok()).expect("a port")
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port()).into()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for an event; one that has come already counts.
    pub fn wait_for(&self, pattern: impl Pattern) -> Value {
        self.log.wait_for(1, &pattern).remove(0)
    }

    /// Waits for so many events.
    pub fn wait_for_all(&self, count: usize, pattern: impl Pattern) -> Vec<Value> {
        self.log.wait_for(count, &pattern)
    }

    /// Waits for a line that the app prints.
    pub fn wait_for_line(&self, text: &str) -> Value {
        self.wait_for(json!({ "event": "log", "source": "app", "text": text }))
    }

    /// The lines that the app has printed, in order.
    pub fn lines(&self) -> Vec<String> {
        let app = json!({ "event": "log", "source": "app" });
        let lines = self.events(app);
        lines.iter().map(|e| text_of(&e["text"])).collect()
    }

    /// The events so far that match.
    pub fn events(&self, pattern: impl Pattern) -> Vec<Value> {
        let all = self.log.events().into_iter();
        all.filter(|event| pattern.matches(event)).collect()
    }

    /// A connected client.
    pub fn client(&self) -> Client {
        self.client_at("/")
    }

    /// A client that connected with this path and query.
    pub fn client_at(&self, target: &str) -> Client {
        match self.dial(target, &[]) {
            Ok(client) => client,
            Err(refused) => panic!("refused: {refused:?}"),
        }
    }

    /// Tries to connect, with more headers.
    pub fn dial(&self, target: &str, headers: &[(&str, &str)]) -> Result<Client, Refused> {
        let mut client = dial(self.address(), target, headers)?;
        let from = client.local_address().to_string();
        let connected = json!({ "event": "connected", "remoteAddress": from });
        client.id = text_of(&self.wait_for(connected)["connectionId"]);
        Ok(client)
    }

    /// Sends one plain HTTP request and gives the answer.
    pub fn request(&self, text: &str) -> Response {
        let mut socket = self.socket();
        socket.write(text.as_bytes());
        socket.response()
    }

    /// A bare TCP connection.
    pub fn socket(&self) -> RawSocket {
        RawSocket::open(self.address())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), signal).expect("a signal that can be sent");
    }

    /// Ends the sandbox in order.
    pub fn stop(self) -> Output {
        self.signal(Signal::INT);
        self.wait()
    }

    /// Ends it with no chance to do anything.
    pub fn kill(self) -> Output {
        self.signal(Signal::KILL);
        self.wait()
    }

    /// Waits until it has ended by itself.
    pub fn wait(mut self) -> Output {
        self.log.wait_for_end();
        let status = self.child.wait().expect("a child of ours");
        self.ended = true;
        let lines = self
            .log
            .events()
            .into_iter()
            .map(|event| format!("{event}\n"));
        Output {
            code: status.code(),
            stdout: lines.collect(),
            stderr: self.log.stderr(),
        }
    }

    /// A handle on what it says, that outlives it.
    pub fn log(&self) -> EventLog {
        self.log.clone()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            for event in self.log.events() {
                eprintln!("{event}");
            }
            eprintln!("{}", self.log.stderr());
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
