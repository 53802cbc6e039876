//! However it ends, the terminal is left as it was found.
//!
//! One end cannot be tested, for nothing can be done about it: a sandbox killed with SIGKILL
//! leaves the terminal as it stands, and `stty sane` mends it.

use std::io::Write;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::{ECHO, PROMPT, answer, client, dev, json_of};
use crate::messages::masked;
use crate::support::{App, PROGRAM, Terminal, key};

#[test]
fn by_words_and_keys() {
    let app = App::esm(ECHO);
    for keys in ["quit\r", "exit\r", "stop\r", key::CTRL_C, key::CTRL_D] {
        let mut terminal = dev(&app);
        terminal.keys(keys);
        let (code, screen) = terminal.wait_for_clean_end();
        assert_eq!(code, Some(0), "{keys:?}");
        assert!(screen.has("stopping: quit"), "{keys:?}");
    }
}

#[test]
fn by_signals_while_a_line_is_typed() {
    let app = App::esm(ECHO);
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP")] {
        let mut terminal = dev(&app);
        terminal.keys("send nobody half a li");
        terminal.wait_for("half a li");
        terminal.signal(signal);
        let (code, screen) = terminal.wait_for_clean_end();
        assert_eq!(code, Some(0), "{name}");
        assert!(screen.has(&format!("stopping: {name}")), "{screen}");
    }
}

#[test]
fn by_a_signal_before_the_first_prompt() {
    let app = App::esm(ECHO);
    for _ in 0..5 {
        let mut terminal = app.at_terminal(&["dev", "--port", "0"]);
        terminal.wait_for("ready");
        terminal.signal(Signal::TERM);
        assert_eq!(terminal.wait_for_clean_end().0, Some(0));
    }
}

#[test]
fn by_an_interrupt_from_elsewhere_as_by_ctrl_c() {
    let app = App::esm(ECHO);
    let mut terminal = dev(&app);
    terminal.keys("send nobody half a li");
    terminal.wait_for("half a li");
    terminal.signal(Signal::INT);
    terminal.wait_for_line(PROMPT);
    terminal.signal(Signal::INT);
    let (code, screen) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(0));
    assert!(screen.has("stopping: "));
}

#[test]
fn by_stop_from_a_second_terminal() {
    let app = App::esm(ECHO);
    let mut terminal = dev(&app);
    terminal.keys("data s");
    terminal.wait_for("ampt-ws> data s");
    assert_eq!(app.verb(&["stop"]).code, Some(0));
    let (code, screen) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(0));
    assert!(screen.has("stopping: stop"), "{screen}");
}

#[test]
fn in_the_middle_of_a_flood() {
    let app = App::esm(ECHO);
    let mut terminal = dev(&app);
    let mut client = client(&app, &terminal, "/");
    let flood = std::thread::spawn(move || {
        let message = masked(0x81, b"hello");
        // Until the connection is gone.
        while client.stream().write_all(&message).is_ok() {}
    });
    terminal.wait_until("the flood", |screen| screen.lines_with("hello").len() > 50);
    terminal.keys("data");
    terminal.signal(Signal::TERM);
    let (code, screen) = terminal.wait_for_clean_end();
    assert_eq!(code, Some(0));
    assert!(screen.has("stopping: SIGTERM"));
    let _ = flood.join();
}

#[test]
fn the_end_of_node_leaves_the_line_alone() {
    let app = App::esm(ECHO);
    let mut terminal = dev(&app);
    let status = json_of(&answer(&terminal, "status --json"));
    let pid = status["worker"]["pid"]
        .as_i64()
        .and_then(|pid| i32::try_from(pid).ok());
    terminal.keys("data l");
    terminal.wait_for("ampt-ws> data l");
    kill_process(
        Pid::from_raw(pid.expect("a worker")).expect("an id"),
        Signal::KILL,
    )
    .expect("a signal");
    terminal.wait_for("starting it again");
    terminal.wait_for("(crash)");
    terminal.keys("s\r");
    terminal.wait_for("0 items");
    terminal.wait_for_line(PROMPT);
    terminal.keys(key::CTRL_D);
    assert_eq!(terminal.wait_for_clean_end().0, Some(0));
}

#[test]
fn a_suspended_sandbox_gives_the_terminal_back_and_takes_it_again() {
    let app = App::esm(ECHO);
    let mut command = Command::new("bash");
    command
        .args(["--norc", "--noprofile", "-i"])
        .current_dir(app.dir());
    command
        .env("TERM", "xterm-256color")
        .env("PS1", "shell: ")
        .env_remove("NO_COLOR");
    command.env("HISTFILE", "/dev/null");
    let mut shell = Terminal::run(command, 24, 80);
    shell.wait_for_line("shell:");
    shell.line(&format!("{PROGRAM} dev --port 0"));
    shell.wait_for_line(PROMPT);
    shell.keys("data l");
    shell.wait_for("ampt-ws> data l");
    shell.keys(key::CTRL_Z);
    shell.wait_for("Stopped");
    shell.wait_for_line("shell:");
    shell.line("stty -a");
    let modes = shell.wait_for("icanon");
    assert!(!modes.has("-icanon"));
    shell.line("fg");
    shell.wait_until("the line that was typed", |screen| {
        screen.before_cursor() == "ampt-ws> data l"
    });
    shell.keys("s\r");
    shell.wait_for("0 items");
    shell.wait_for_line(PROMPT);
    shell.keys(key::CTRL_D);
    shell.wait_for_line("shell:");
    shell.line("exit");
    assert_eq!(shell.wait().0, Some(0));
}
