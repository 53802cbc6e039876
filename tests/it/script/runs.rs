//! Runs as a whole: side by side, interrupted, reported, and nothing left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{CHATTY, fixture, fixture_text, run};
use crate::support::{App, PATIENCE};

/// An app with so many fixtures of these steps.
fn many(count: usize, steps: &[Value]) -> App {
    let text = fixture_text(json!({}), steps);
    (0..count).fold(App::esm(CHATTY), |app, i| {
        app.file(
            &format!("f{i}.fixture.json"),
            &text.replace("\"x\"", &format!("\"number {i}\"")),
        )
    })
}

#[test]
fn fixtures_run_side_by_side_and_are_reported_in_order() {
    let app = many(4, &[json!({"connect": "ana"}), json!({"wait": "400ms"})]);
    let began = Instant::now();
    let output = app.verb(&["test", ".", "--json", "-j", "4"]);
    let document = output.json();
    assert_eq!(document["passed"], 4, "{document:#}");
    let names: Vec<_> = document["fixtures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["name"])
        .collect();
    assert_eq!(names, ["number 0", "number 1", "number 2", "number 3"]);
    let each: u64 = document["fixtures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["tookMs"].as_u64().unwrap())
        .sum();
    let all = document["tookMs"].as_u64().expect("a number");
    assert!(all < each, "{all} ms in all, {each} ms one after the other");
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn filter_and_fail_fast_leave_fixtures_out() {
    let app = many(
        3,
        &[
            json!({"connect": "ana"}),
            json!({"expect": "ana", "within": "10ms"}),
        ],
    );
    let document = app
        .verb(&["test", ".", "--json", "--fail-fast", "-j", "1"])
        .json();
    assert_eq!(
        (&document["failed"], &document["skipped"]),
        (&json!(1), &json!(2)),
        "{document:#}"
    );
    let document = app
        .verb(&["test", ".", "--json", "--filter", "number 1"])
        .json();
    assert_eq!(
        document["fixtures"].as_array().unwrap().len(),
        1,
        "{document:#}"
    );
    assert_eq!(document["fixtures"][0]["name"], "number 1");
}

#[test]
fn reports_are_written() {
    let steps = [
        json!({"connect": "ana", "query": {"name": "<a> & \"b\""}}),
        json!({"expect": "ana", "message": "x"}),
    ];
    let app = fixture(&steps)
        .file(
            "good.fixture.json",
            &fixture_text(json!({"name": "good"}), &steps[..1]),
        )
        .file("bad.fixture.json", "{}");
    let args = [
        "test",
        ".",
        "--report",
        "junit=out.xml",
        "--report",
        "json=out.json",
        "--report",
        "tap=out.tap",
    ];
    assert_eq!(app.verb(&args).code, Some(2));
    let xml = app.read("out.xml");
    for part in [
        "<testsuites name=\"ampt-ws\" tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"0\"",
        "<testcase name=\"good\" classname=\"good.fixture.json\"",
        "<failure message=\"x.fixture.json:5: another message came to `ana` than expected\">",
        "+ &quot;Welcome, &lt;a&gt; &amp; \\&quot;b\\&quot;!&quot;",
        "<error message=\"there is no `app`\">",
    ] {
        assert!(xml.contains(part), "no {part} in {xml}");
    }
    let document: Value = serde_json::from_str(&app.read("out.json")).expect("JSON");
    assert_eq!(
        (&document["bad"], &document["failed"], &document["passed"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let tap = app.read("out.tap");
    for part in [
        "TAP version 14\n1..3\n",
        "not ok 1 - bad\n  ---\n",
        "ok 2 - good\n",
        "not ok 3 - x\n  ---\n  message: \"another message came",
    ] {
        assert!(tap.contains(part), "no {part} in {tap}");
    }
    let printed = app.verb(&["test", ".", "--report", "tap"]);
    assert!(
        printed.stdout.starts_with("TAP version 14\n"),
        "{printed:?}"
    );
    let nowhere = app.verb(&["test", ".", "--report", "junit=no/such/folder.xml"]);
    assert!(
        nowhere.stderr.contains("cannot write the report"),
        "{nowhere:?}"
    );
}

#[test]
fn github_gets_annotations() {
    let app = fixture(&[
        json!({"connect": "ana"}),
        json!({"expect": "ana", "message": "x", "within": 0}),
    ]);
    let output = app.verb_with(&["test", "."], |command| {
        command.env("GITHUB_ACTIONS", "true");
    });
    let annotation =
        "::error file=x.fixture.json,line=5,title=x::nothing came to `ana` within 0ms%0A- \"x\"\n";
    assert!(output.stdout.contains(annotation), "{output:?}");
    let from_the_root = app.verb_with(&["test", "."], |command| {
        let root = app.dir().parent().expect("a folder");
        command
            .env("GITHUB_ACTIONS", "1")
            .env("GITHUB_WORKSPACE", root);
    });
    let annotation = "::error file=app/x.fixture.json,line=5,";
    assert!(
        from_the_root.stdout.contains(annotation),
        "{from_the_root:?}"
    );
    let elsewhere = run(&app).1;
    assert!(!elsewhere.stdout.contains("::error"), "{elsewhere:?}");
}

/// A run whose fixture waits for ever, with temporary folders of its own to look into.
struct Waiting {
    app: App,
    child: Child,
    temp: PathBuf,
}

/// Tells which process it is, and never yields again.
const BUSY: &str = "fs.writeFileSync('busy', String(process.pid)); while (true) {}";

impl Waiting {
    fn in_a_handler() -> Self {
        Self::with(&format!("ws.on('message', () => {{ {BUSY} }});"))
    }

    fn while_loading() -> Self {
        Self::with(BUSY)
    }

    fn with(code: &str) -> Self {
        let app = fixture(&[
            json!({"connect": "ana"}),
            json!({"send": "ana", "message": {"do": "print", "text": "busy"}}),
            json!({"wait": "10m"}),
        ]);
        let imports = "import { ws } from '@ampt/sdk';\nimport fs from 'node:fs';\n";
        app.write("index.mjs", &format!("{imports}{code}"));
        let temp = app.path("temp");
        fs::create_dir(&temp).expect("a folder");
        let mut command: Command = app.command();
        command
            .args(["test", "x.fixture.json"])
            .env("TMPDIR", &temp);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let child = command.spawn().expect("the program starts");
        let waiting = Self { app, child, temp };
        waiting.until("the code runs", |w| !w.worker().is_empty());
        waiting
    }

    /// The process id of the app's Node, once its code runs.
    fn worker(&self) -> String {
        fs::read_to_string(self.app.path("busy")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process"), signal).expect("it runs");
    }

    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "in vain: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The processes whose command line mentions this run's folders, and the app's Node.
    fn processes(&self) -> Vec<String> {
        let temp = self.temp.display().to_string();
        let all = fs::read_dir("/proc").expect("processes").flatten();
        all.filter_map(|entry| {
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let is_worker =
                entry.file_name().to_str() == Some(&self.worker()) && line.contains("node");
            (line.contains(&temp) || is_worker).then_some(line)
        })
        .collect()
    }
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let paths = entries.map(|entry| entry.path());
    let inner = paths.map(|path| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    });
    inner.flatten().collect()
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    for mut waiting in [Waiting::in_a_handler(), Waiting::while_loading()] {
        assert!(!waiting.processes().is_empty());
        waiting.signal(Signal::INT);
        let status = waiting.child.wait().expect("it ends");
        assert_eq!(status.code(), Some(130));
        assert_eq!(waiting.processes(), Vec::<String>::new());
        assert_eq!(files(&waiting.temp), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_run_that_is_killed_takes_its_sandboxes_along() {
    let mut waiting = Waiting::in_a_handler();
    waiting.signal(Signal::KILL);
    waiting.child.wait().expect("it ends");
    waiting.until("nothing is left", |w| w.processes().is_empty());
}
