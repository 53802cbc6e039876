//! Each verb against a sandbox that only pretends.

use clap::Parser;

use super::*;
use crate::cli::{Cli, Verb};
use crate::error::exit;
use crate::ops::DataRequest;
use crate::ops::testing::FakeSandbox;
use crate::output::Style;
use crate::output::testing::Captured;

struct NoStreams;

impl Streams for NoStreams {
    fn print<'a>(&'a self, _: Request, out: &'a Output) -> LocalBoxed<'a, Result<u8, Failure>> {
        Box::pin(async move { out.text("stream\n").map(|()| exit::OK) })
    }
}

struct Says(Option<bool>);

impl Ask for Says {
    fn confirm(&self, _: &str) -> Option<bool> {
        self.0
    }
}

struct Ran {
    result: Result<u8, Failure>,
    out: String,
    err: String,
    requests: Vec<Request>,
}

async fn run_with(sandbox: FakeSandbox, says: Option<bool>, line: &[&str]) -> Ran {
    let cli = Cli::try_parse_from(["ampt-ws"].iter().chain(line)).unwrap();
    let Verb::Sandbox(verb) = cli.verb else {
        panic!("{:?}", cli.verb);
    };
    let style = Style {
        json: cli.common.json,
        ..Style::default()
    };
    let captured = Captured::new(style);
    let context = Context {
        sandbox: &sandbox,
        streams: &NoStreams,
        ask: &Says(says),
        out: &captured.output,
        face: Face::Remote,
        app_dir: std::path::Path::new("/app"),
    };
    let result = run(verb, &context).await;
    if let Err(failure) = &result {
        captured.output.failure(failure);
    }
    Ran {
        result,
        out: captured.out(),
        err: captured.err(),
        requests: sandbox.requests(),
    }
}

async fn run_line(line: &[&str]) -> Ran {
    run_with(FakeSandbox::default(), None, line).await
}

#[tokio::test]
async fn every_answer_is_one_json_document() {
    for line in [
        &["list", "--json"][..],
        &["status", "--json"],
        &["send", "abc", "hi", "--json"],
        &["send", "--all", "-5", "--json"],
        &["close", "abc", "xyz", "--json"],
        &["--json", "pause"],
        &["resume", "--json"],
        &["reload", "--json"],
        &["clock", "--json"],
        &["clock", "advance", "10m", "--json"],
        &["import", "x.json", "--json"],
        &["export", "--json"],
        &["data", "get", "k", "--json"],
        &["data", "set", "k", "-1", "--json"],
        &["data", "rm", "k", "--json"],
        &["data", "ls", "user:*", "--json"],
    ] {
        let ran = run_line(line).await;
        assert_eq!(ran.result, Ok(exit::OK), "{line:?}");
        assert!(ran.out.ends_with('\n'), "{line:?}");
        assert_eq!(ran.out.lines().count(), 1, "{line:?}: {}", ran.out);
        let parsed = serde_json::from_str::<Value>(&ran.out);
        assert!(parsed.is_ok(), "{line:?}: {}", ran.out);
        assert_eq!(ran.err, "", "{line:?}");
    }
}

#[tokio::test]
async fn sending_to_nobody_is_fine_and_to_the_unknown_is_not() {
    let ran = run_with(FakeSandbox::deserted(), None, &["send", "--all", "hi"]).await;
    assert_eq!(ran.result, Ok(exit::OK));
    assert_eq!(ran.out, "sent to 0 connections\n");
    let ran = run_line(&["send", "ab", "hi"]).await;
    assert_eq!(ran.result.unwrap_err().exit, exit::FAILED);
    assert!(
        ran.err
            .contains("`ab` is the beginning of 2 connection ids"),
        "{}",
        ran.err
    );
    let ran = run_line(&["send", "zz", "hi", "--json"]).await;
    let error: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(error["error"]["code"], "unknown-connection");
}

#[tokio::test]
async fn closing_needs_to_know_which() {
    let ran = run_line(&["close"]).await;
    assert_eq!(ran.result.unwrap_err().exit, exit::USAGE);
    assert!(ran.requests.is_empty());
    let ran = run_line(&["close", "--where", "name=ana"]).await;
    assert!(
        ran.out.starts_with("closed 3 connections: abc"),
        "{}",
        ran.out
    );
}

#[tokio::test]
async fn an_import_that_orphans_connections_warns_asks_and_tells() {
    let line = ["import", "x.json", "-o"];
    let declined = run_with(FakeSandbox::default(), Some(false), &line).await;
    assert_eq!(declined.result.unwrap_err().message, "nothing was imported");
    assert_eq!(declined.requests.len(), 1);
    assert!(
        declined.err.contains("abcAAAAAAAAAAAA="),
        "{}",
        declined.err
    );
    for says in [Some(true), None] {
        let ran = run_with(FakeSandbox::default(), says, &line).await;
        assert_eq!(ran.result, Ok(exit::OK));
        assert!(
            ran.out.contains("no item mentions 3 connections"),
            "{}",
            ran.out
        );
        let Request::Data(DataRequest::Import { file, dry_run, .. }) = &ran.requests[1] else {
            panic!("{:?}", ran.requests);
        };
        assert!(file.is_absolute());
        assert!(!dry_run);
    }
    let line = ["import", "x.json", "-o", "--yes"];
    let ran = run_with(FakeSandbox::default(), Some(false), &line).await;
    assert_eq!(ran.result, Ok(exit::OK));
}

#[tokio::test]
async fn a_missing_item_is_a_failure() {
    let ran = run_line(&["data", "get", "missing", "--json"]).await;
    assert_eq!(ran.result.unwrap_err().exit, exit::FAILED);
    assert!(ran.out.contains(r#""code":"not-found""#), "{}", ran.out);
    let ran = run_line(&["data", "get", "k"]).await;
    assert_eq!(ran.out, "{\n  \"a\": 1\n}\n");
}

#[tokio::test]
async fn streams_are_left_to_whoever_has_them() {
    for line in [&["logs", "-f"][..], &["data", "watch"]] {
        assert_eq!(run_line(line).await.out, "stream\n");
    }
}
