//! `ampt-ws exec`: a command beside a sandbox of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::{App, Output, PROGRAM};

const ECHO: &str = r#"
import { ws } from '@ampt/sdk';
ws.on('message', async (c, m) => (m === 'bye' ? c.close() : c.send({ echo: m })));
"#;

/// Runs a shell command beside the app's sandbox; `$AMPT_WS` is the program.
fn exec(app: &App, options: &[&str], script: &str) -> Output {
    exec_with(app, options, &["sh", "-c", script], |_| {})
}

fn exec_with(
    app: &App,
    options: &[&str],
    command: &[&str],
    tune: impl FnOnce(&mut Command),
) -> Output {
    let args = [&["exec"], options, &["--"], command].concat();
    app.verb_with(&args, |command| {
        command.env("AMPT_WS", PROGRAM);
        tune(command);
    })
}

/// An `exec` in the background that has said `up`; its command holds standard output open.
fn start(app: &App, script: &str) -> (Child, BufReader<ChildStdout>) {
    let mut command = app.command();
    command.args(["exec", "--", "sh", "-c", script]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut said = BufReader::new(child.stdout.take().expect("standard output"));
    let mut line = String::new();
    said.read_line(&mut line).expect("a line");
    assert_eq!(line, "up\n");
    (child, said)
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process id"), signal).expect("a signal that can be sent");
}

/// Reads until nobody can write any more: the command and all that it started are gone.
fn until_nobody_is_left(mut said: BufReader<ChildStdout>) -> String {
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("text");
    rest
}

#[test]
fn a_command_finds_the_sandbox_and_its_exit_code_is_ours() {
    let app = App::esm(ECHO);
    let script = r#"
        test "$AMPT_URL" = "$(echo "$AMPT_WS_URL" | sed s/ws/http/)" || exit 9
        "$AMPT_WS" connect "$AMPT_WS_URL" -x hi -x bye 2>/dev/null
        "$AMPT_WS" status --json | grep -o '"env":"[a-z]*"'
        exit 7"#;
    let output = exec(&app, &["--env", "stage"], script);
    assert_eq!(output.stdout, "{\"echo\":\"hi\"}\n\"env\":\"stage\"\n");
    assert_eq!(output.code, Some(7));
    let log = app.path(".ampt-ws/exec.log");
    let hint = format!("hint: the sandbox's log is in `{}`\n", log.display());
    assert_eq!(output.stderr, hint);
    let text = app.read(".ampt-ws/exec.log");
    assert!(text.contains("← hi"), "{text}");
    assert!(text.contains("exited with 7"), "{text}");
    assert_eq!(fs::metadata(log).expect("the log").mode() & 0o777, 0o600);
    // It has stopped.
    assert_eq!(app.verb(&["status"]).code, Some(3));
}

#[test]
fn a_node_test_runs_against_the_app() {
    let app = App::esm(ECHO).file(
        "echo.test.mjs",
        r#"
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
for (const word of process.env.WORDS.split(' ')) {
  test(`the app echoes ${word}`, () => {
    const args = ['connect', process.env.AMPT_WS_URL, '-x', word, '-x', 'bye'];
    const said = execFileSync(process.env.AMPT_WS, args, { encoding: 'utf8', stdio: 'pipe' });
    assert.deepEqual(JSON.parse(said), { echo: word });
  });
}
"#,
    );
    let run = |words: &str| {
        let command = ["node", "--test", "echo.test.mjs"];
        exec_with(&app, &["--no-limits"], &command, |command| {
            command.env("WORDS", words);
        })
    };
    let output = run("one two");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stderr, "");
    assert_eq!(run("one 2").code, Some(1));
}

#[test]
fn the_commands_streams_are_ours() {
    let app = App::esm(ECHO).file("input", "from the input\n");
    let input = fs::File::open(app.path("input")).expect("the input");
    let command = ["sh", "-c", "cat; echo on stderr >&2"];
    let output = exec_with(&app, &[], &command, |command| {
        command.stdin(input);
    });
    assert_eq!(output.stdout, "from the input\n");
    assert_eq!(output.stderr, "on stderr\n");
    assert_eq!(output.code, Some(0));
}

#[test]
fn the_log_goes_to_the_terminal_or_is_json() {
    let app = App::esm(ECHO);
    let output = exec(&app, &["-v"], "echo out; exit 1");
    assert_eq!(output.stdout, "out\n");
    assert!(output.stderr.contains(" ready\n"), "{output:?}");
    assert!(
        !output.stderr.contains("hint: the sandbox's log"),
        "{output:?}"
    );
    assert!(!app.path(".ampt-ws/exec.log").exists());
    let output = exec(&app, &["--json"], "echo out");
    assert_eq!((output.stdout.as_str(), output.code), ("out\n", Some(0)));
    let first = app.read(".ampt-ws/exec.log");
    let first: serde_json::Value =
        serde_json::from_str(first.lines().next().unwrap_or_default()).expect("JSON");
    assert_eq!(first["event"], "ready");
}

#[test]
fn a_store_can_be_seeded_and_begun_anew() {
    let seed = json!([{ "key": "seeded", "value": 1 }]).to_string();
    let app = App::esm(ECHO).file("data.json", &seed);
    let list = r#""$AMPT_WS" data ls --json | grep -o '"key":"[a-z]*"'"#;
    let output = exec(
        &app,
        &["--seed"],
        &format!(r#""$AMPT_WS" data set own 1 -q; {list}"#),
    );
    assert!(
        output
            .stdout
            .ends_with("\"key\":\"own\"\n\"key\":\"seeded\"\n"),
        "{output:?}"
    );
    let output = exec(&app, &["--fresh", "--seed=data.json"], list);
    assert_eq!(output.stdout, "\"key\":\"seeded\"\n");
    let output = exec(&app, &["--seed=nowhere.json"], "echo not run");
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    assert!(output.stderr.contains("nowhere.json"), "{output:?}");
}

#[test]
fn a_command_that_cannot_be_run_is_explained() {
    let app = App::esm(ECHO)
        .file("plain", "")
        .file("lost", "#!/no/such/interpreter\n");
    fs::set_permissions(app.path("lost"), fs::Permissions::from_mode(0o755)).expect("a mode");
    for (command, code, what) in [
        (
            "no-such-command",
            127,
            "the command `no-such-command` was not found",
        ),
        ("./plain", 126, "`./plain` may not be executed"),
        ("./lost", 126, "its interpreter was not found"),
    ] {
        let output = exec_with(&app, &[], &[command], |_| {});
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(code), ""),
            "{output:?}"
        );
        assert!(output.stderr.contains(what), "{output:?}");
    }
    let output = exec_with(&app, &["--json"], &["no-such-command"], |_| {});
    assert_eq!(output.json()["error"]["code"], "command");
    assert_eq!(app.verb(&["exec"]).code, Some(2));
}

#[test]
fn an_app_that_does_not_load_is_an_error_and_nothing_is_run() {
    let app = App::esm("const broken = ;\n");
    let output = exec(&app, &[], "echo run");
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    for part in [
        "SyntaxError",
        "> 1 | const broken = ;",
        "the command was not run",
        "exec.log",
    ] {
        assert!(output.stderr.contains(part), "{part}: {output:?}");
    }
    let output = exec(&app, &["--json"], "echo run");
    assert_eq!(output.json()["error"]["code"], "load-failed");
    assert_eq!(output.stderr, "");
}

#[test]
fn another_sandboxs_data_folder_is_left_alone() {
    let app = App::esm(ECHO);
    let _dev = app.dev(&[]);
    let output = exec(&app, &[], "echo run");
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    assert!(output.stderr.contains("--data-dir"), "{output:?}");
    assert!(!app.path(".ampt-ws/exec.log").exists());
    let elsewhere = app.path("elsewhere").display().to_string();
    let output = exec(&app, &["--data-dir", &elsewhere], "echo run");
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "run\n"));
}

#[test]
fn nothing_is_left_of_a_command_that_left_something() {
    let app = App::esm(ECHO);
    // They hold standard output open: this returns once they are gone.
    let output = exec(&app, &[], "sleep 1000 & sleep 1000 & kill -9 $$");
    assert_eq!(output.code, Some(128 + 9));
    assert!(
        app.read(".ampt-ws/exec.log")
            .contains("was ended by SIGKILL")
    );
    let warning = "kill -9 $$` was ended by SIGKILL\n";
    assert!(output.stderr.contains(warning), "{output:?}");
}

#[test]
fn a_signal_is_passed_on_and_the_sandbox_outlives_the_command() {
    let app = App::esm(ECHO);
    let script = r#"
        trap 'ampt_ws_status=$("$AMPT_WS" status >/dev/null && echo runs); echo "$ampt_ws_status"; exit 5' TERM
        echo up; while :; do sleep 1000 & wait $!; done"#;
    let script = script.replace("$AMPT_WS\"", &format!("{PROGRAM}\""));
    let (mut child, said) = start(&app, &script);
    signal(&child, Signal::TERM);
    assert_eq!(until_nobody_is_left(said), "runs\n");
    assert_eq!(child.wait().expect("a child of ours").code(), Some(5));
    assert_eq!(app.verb(&["status"]).code, Some(3));
}

#[test]
fn an_interrupted_command_ends_as_a_shell_would_say() {
    let app = App::esm(ECHO);
    let (mut child, said) = start(&app, "echo up; exec sleep 1000");
    signal(&child, Signal::INT);
    until_nobody_is_left(said);
    assert_eq!(child.wait().expect("a child of ours").code(), Some(130));
}

#[test]
fn who_does_not_listen_is_killed_by_the_second_signal() {
    let app = App::esm(ECHO);
    let script = "trap 'echo heard' TERM; echo up; while :; do sleep 1000 & wait $!; done";
    let (mut child, mut said) = start(&app, script);
    signal(&child, Signal::TERM);
    let mut line = String::new();
    said.read_line(&mut line).expect("a line");
    assert_eq!(line, "heard\n");
    signal(&child, Signal::TERM);
    until_nobody_is_left(said);
    assert_eq!(child.wait().expect("a child of ours").code(), Some(128 + 9));
}

#[test]
fn stop_ends_the_command_too() {
    let app = App::esm(ECHO);
    let (mut child, said) = start(&app, "echo up; exec sleep 1000");
    assert_eq!(app.verb(&["stop"]).code, Some(0));
    until_nobody_is_left(said);
    assert_eq!(
        child.wait().expect("a child of ours").code(),
        Some(128 + 15)
    );
}

#[test]
fn the_command_does_not_outlive_a_killed_exec() {
    let app = App::esm(ECHO);
    let (mut child, said) = start(&app, "echo up; sleep 1000 & sleep 1000");
    signal(&child, Signal::KILL);
    until_nobody_is_left(said);
    assert_eq!(child.wait().expect("a child of ours").code(), None);
}
