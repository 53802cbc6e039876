//! Both ends over a real socket.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::domain::{Clock, Selector};
use crate::error::{Failure, exit};
use crate::event::{EventBus, Level};
use crate::ops::testing::FakeSandbox;
use crate::ops::{DataRequest, Perform, Request};
use crate::output::Style;

struct Sandbox {
    data_dir: tempfile::TempDir,
    bus: EventBus,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
    announcement: Announcement,
}

impl Sandbox {
    fn start() -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let bus = EventBus::new(Clock::system());
        let shutdown = CancellationToken::new();
        let listener = Listener::bind(data_dir.path()).unwrap();
        let announcement = listener
            .announce("http://127.0.0.1:1", "ws://127.0.0.1:1", "AKIAX")
            .unwrap();
        let perform = Arc::new(FakeSandbox::default());
        let serving = tokio::spawn(serve(listener, perform, bus.clone(), shutdown.clone()));
        Self {
            data_dir,
            bus,
            shutdown,
            serving,
            announcement,
        }
    }

    fn path(&self) -> &Path {
        self.data_dir.path()
    }

    async fn client(&self) -> Client {
        Client::find(self.path()).await.unwrap().unwrap()
    }

    async fn raw(&self) -> UnixStream {
        let socket = &self.client().await.announced().socket.clone();
        UnixStream::connect(socket).await.unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.bus.close();
        let ended = tokio::time::timeout(Duration::from_secs(10), self.serving);
        ended.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_verb_gets_its_answer_or_its_failure_with_the_exit_code() {
    let sandbox = Sandbox::start();
    let client = sandbox.client().await;
    let list = client.perform(Request::List).await.unwrap();
    assert_eq!(list[0]["connectionId"], "abcAAAAAAAAAAAA=");
    let send = Request::Send {
        selector: Selector::Id("ab".into()),
        data: "x".repeat(1 << 20),
    };
    let failure = client.perform(send).await.unwrap_err();
    assert_eq!(failure.code, "unknown-connection");
    assert_eq!(failure.exit, exit::FAILED);
    assert!(failure.hint.is_some());
    sandbox.stop().await;
}

#[tokio::test]
async fn after_the_stop_there_is_no_sandbox() {
    let sandbox = Sandbox::start();
    let path = sandbox.path().to_owned();
    let idle = sandbox.raw().await;
    let client = sandbox.client().await;
    let data_dir = sandbox.data_dir.path().to_owned();
    sandbox.shutdown.cancel();
    sandbox.serving.await.unwrap();
    // The announcement is still there, as after a crash.
    assert!(data_dir.join("sandbox.json").exists());
    assert!(Client::find(&path).await.unwrap().is_none());
    assert!(client.perform(Request::List).await.is_err());
    drop((idle, sandbox.announcement));
    assert!(!data_dir.join("sandbox.json").exists());
}

#[tokio::test]
async fn one_folder_has_one_sandbox_and_a_dead_ones_socket_is_replaced() {
    let sandbox = Sandbox::start();
    let failure = Listener::bind(sandbox.path()).unwrap_err();
    assert_eq!(failure.code, "data-in-use");
    let socket = sandbox.client().await.announced().socket.clone();
    let path = sandbox.path().to_owned();
    sandbox.shutdown.cancel();
    sandbox.serving.await.unwrap();
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    assert!(Client::find(&path).await.unwrap().is_none());
    drop(Listener::bind(&path).unwrap());
    assert!(!socket.exists());
}

/// Listens, forks and dies; the child, which holds the socket, lives as long as its input.
const ORPHANED: &str = "
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
if os.fork():
    print(os.getpid(), flush=True)
    os._exit(0)
os.close(1)
sys.stdin.read()";

#[tokio::test]
async fn a_socket_that_outlives_its_sandbox_is_nobodys() {
    use std::process::{Command, Stdio};
    let sandbox = Sandbox::start();
    let announced = sandbox.client().await.announced().clone();
    let data_dir = sandbox.data_dir.path().to_owned();
    let socket = announced.socket.with_extension("orphaned");
    let mut parent = Command::new("python3")
        .args(["-c", ORPHANED])
        .arg(&socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = parent.stdin.take();
    let pid: u32 = parent.id();
    assert!(parent.wait_with_output().unwrap().status.success());
    // Somebody listens there, as far as the system knows.
    assert!(UnixStream::connect(&socket).await.is_ok());
    let dead = Announced {
        pid,
        socket: socket.clone(),
        ..announced
    };
    let _late = Announcement::write(&data_dir, dead).unwrap();
    assert!(Client::find(&data_dir).await.unwrap().is_none());
    drop(input);
    std::fs::remove_file(socket).unwrap();
    sandbox.stop().await;
}

#[tokio::test]
async fn logs_are_the_past_and_then_what_comes_until_the_end() {
    let sandbox = Sandbox::start();
    sandbox.bus.log(Level::Info, "before");
    let client = sandbox.client().await;
    let style = Style {
        json: true,
        ..Style::default()
    };
    let mut past = String::new();
    let request = Request::Logs { follow: false };
    let take = |lines: &[u8]| {
        past.push_str(std::str::from_utf8(lines).unwrap());
        Ok(true)
    };
    client.follow(&request, style, take).await.unwrap();
    let value: Value = serde_json::from_str(&past).unwrap();
    assert_eq!(value["text"], "before");

    let bus = sandbox.bus.clone();
    let mut texts = Vec::new();
    let take = |lines: &[u8]| {
        for line in serde_json::Deserializer::from_slice(lines).into_iter::<Value>() {
            texts.push(line.unwrap()["text"].as_str().unwrap().to_owned());
        }
        match texts.len() {
            1 => bus.log(Level::Info, "after"),
            2 => bus.close(),
            _ => {}
        }
        Ok(true)
    };
    let request = Request::Logs { follow: true };
    client.follow(&request, style, take).await.unwrap();
    assert_eq!(texts, ["before", "after"]);
    sandbox.stop().await;
}

#[tokio::test]
async fn changes_are_a_stream_for_people_too() {
    let sandbox = Sandbox::start();
    let client = sandbox.client().await;
    let mut seen = String::new();
    let request = Request::Data(DataRequest::Watch { pattern: None });
    let take = |lines: &[u8]| {
        seen.push_str(std::str::from_utf8(lines).unwrap());
        Ok(true)
    };
    client
        .follow(&request, Style::default(), take)
        .await
        .unwrap();
    let told: Vec<&str> = seen
        .lines()
        .map(|line| &line["00:00:00.000 ".len()..])
        .collect();
    assert_eq!(told, ["data     created k", "data     deleted k"]);
    sandbox.stop().await;
}

#[tokio::test]
async fn nonsense_and_other_versions_are_answered_clearly() {
    let sandbox = Sandbox::start();
    let mut socket = sandbox.raw().await;
    let lines = [
        json!({"version": "9.9.9", "request": {"verb": "list"}}),
        json!({"version": env!("CARGO_PKG_VERSION"), "request": {"verb": "dance"}}),
        json!({"version": "9.9.9", "request": {"verb": "stop"}}),
    ];
    for line in lines {
        let line = format!("{line}\n");
        socket.write_all(line.as_bytes()).await.unwrap();
    }
    socket.write_all(b"GET / HTTP/1.1\n").await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answers = String::new();
    socket.read_to_string(&mut answers).await.unwrap();
    let answers: Vec<&str> = answers.lines().collect();
    assert!(answers[0].contains("version-mismatch"), "{answers:?}");
    assert!(answers[1].contains("dance"), "{answers:?}");
    assert_eq!(answers[2], r#"{"answer":{"stopping":true}}"#);
    assert!(answers[3].contains("does not understand"), "{answers:?}");
    sandbox.stop().await;
}

#[tokio::test]
async fn an_endless_request_is_cut_off() {
    let sandbox = Sandbox::start();
    let mut socket = sandbox.raw().await;
    let chunk = vec![b'x'; 1 << 20];
    let mut sent = 0;
    let refused = loop {
        match socket.write(&chunk).await {
            Ok(written) => sent += written,
            Err(e) => break e,
        }
        assert!(sent < 32 << 20);
    };
    assert!(matches!(
        refused.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    ));
    sandbox.stop().await;
}

#[tokio::test]
async fn a_follower_that_reads_nothing_holds_up_nobody() {
    let sandbox = Sandbox::start();
    let mut stuck = sandbox.raw().await;
    let request = json!({
        "version": env!("CARGO_PKG_VERSION"), "style": Style::default(),
        "request": {"verb": "logs", "follow": true},
    });
    stuck
        .write_all(format!("{request}\n").as_bytes())
        .await
        .unwrap();
    for _ in 0..20_000 {
        sandbox.bus.log(Level::Info, "x".repeat(100));
    }
    let client = sandbox.client().await;
    let list = client.perform(Request::List);
    let list = tokio::time::timeout(Duration::from_secs(5), list).await;
    assert!(list.unwrap().is_ok());
    drop(stuck);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_a_failure() {
    let sandbox = Sandbox::start();
    let client = sandbox.client().await;
    sandbox.bus.log(Level::Info, "one");
    let serving = sandbox.serving.abort_handle();
    let take = |_: &[u8]| {
        serving.abort();
        Ok(true)
    };
    let request = Request::Logs { follow: true };
    let broken = client.follow(&request, Style::default(), take).await;
    assert_eq!(broken.map_err(|f: Failure| f.code), Err("stream".into()));
}
