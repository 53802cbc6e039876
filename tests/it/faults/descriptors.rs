//! No more files may be opened: whoever is connected stays, and the others come in later.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::support::{App, Dev};

/// An echo that may have so many files open.
fn limited(app: &App, files: u32) -> Dev {
    let mut limited = Command::new("bash");
    let script = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
    limited.args(["-c", &script]);
    let mut dev = app.start_at(app.dir(), &["--no-limits", "--no-watch"], |command| {
        limited.arg(command.get_program()).args(command.get_args());
        limited.current_dir(app.dir()).env_remove("NODE_OPTIONS");
        std::mem::swap(command, &mut limited);
    });
    dev.ready();
    dev
}

/// On Linux, a table that has to grow under load holds up everybody who comes in.
#[test]
fn a_sandbox_has_room_for_thousands_of_sockets_from_the_start() {
    let app = App::esm("");
    let dev = app.dev(&["--no-watch"]);
    let status = fs::read_to_string(format!("/proc/{}/status", dev.pid())).expect("its status");
    let size = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
    let size: u64 = size
        .and_then(|size| size.trim().parse().ok())
        .expect("a size");
    let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    assert!(size >= hard.unwrap_or(u64::MAX).min(16_384), "{status}");
}

#[test]
fn without_descriptors_clients_wait_it_is_told_once_and_nobody_is_dropped() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', (c, data) => c.send(data));",
    );
    let dev = limited(&app, 100);
    let mut client = dev.client();
    let strangers: Vec<TcpStream> = (0..100)
        .map(|_| TcpStream::connect(dev.address()).expect("it listens"))
        .collect();
    let told = json!({ "event": "log", "level": "warn", "source": "sandbox" });
    let warning = dev.wait_for(told.clone());
    let text = warning["text"].as_str().unwrap();
    for part in ["too many open files", "`ulimit -Hn`"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("os error"), "{text}");
    assert_eq!(client.ask("still here"), "still here");
    // Long enough for it to be tried again, and told again.
    sleep(Duration::from_millis(500));
    assert_eq!(dev.events(told).len(), 1);
    drop(strangers);
    assert_eq!(dev.client().ask("in at last"), "in at last");
    assert_eq!(client.ask("and here"), "and here");
}
