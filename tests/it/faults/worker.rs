//! The worker dies in every way there is: sockets stay open, what it was doing is reported, what
//! waited reaches the next one once, and the log says what happened.

use serde_json::{Value, json};

use crate::support::{App, Client, Dev, eventually, is_running, node_script};

/// Little memory, and more stack than there is: what runs out of them dies soon.
const NODE_FLAGS: &str = "--max-old-space-size=48 --stack-size=900000";

/// So many invocations at most are given up with the fatal one though they may not have begun, if
/// none of them waits for anything.
const MAY_HAVE_BEGUN: usize = 8;

/// One way to die.
struct Death {
    /// What the handler runs.
    code: &'static str,
    /// What the log says of it.
    told: &'static [&'static str],
}

/// An app that dies of `code`, has a child, and prints what it handles.
fn app_that_dies_of(code: &str) -> App {
    App::esm(&format!(
        "import {{ ws }} from '@ampt/sdk';
         import fs from 'node:fs';
         import {{ spawn, execSync }} from 'node:child_process';
         ws.on('message', {{ timeout: 500 }}, async (c, data) => {{
           console.log('handled', data);
           if (data === 'hang') return new Promise(() => {{}});
           if (data === 'child') return c.send(String(spawn('sleep', ['1000'], {{ stdio: 'ignore' }}).pid));
           if (data === 'pid') return c.send(String(process.pid));
           if (data === 'die') {{ {code} }}
           return c.send(String(data));
         }});"
    ))
}

fn number(client: &mut Client, question: &str) -> u32 {
    client.ask(question).parse().expect("a process id")
}

fn is_lost(text: &str) -> bool {
    text.contains("Internal server error")
}

fn costs_the_worker_and_nothing_else(death: &Death) {
    let app = app_that_dies_of(death.code);
    let node = node_script(&app, "node", &format!("exec node {NODE_FLAGS} \"$@\""));
    let node = node.to_str().expect("a path in UTF-8");
    let dev = app.dev(&["--no-limits", "--no-watch", "--node", node]);
    let (mut ana, mut bo, mut cy) = (dev.client(), dev.client(), dev.client());
    let (worker, child) = (number(&mut ana, "pid"), number(&mut ana, "child"));
    bo.send("hang");
    dev.wait_for_line("handled hang");
    ana.send("die");
    dev.wait_for_line("handled die");
    let sent: Vec<String> = (0..40).map(|n| format!("m{n}")).collect();
    sent.iter().for_each(|text| cy.send(text));
    let answers: Vec<String> = sent.iter().map(|_| cy.text()).collect();
    // What was in flight is reported by the handler's name, and its client is told.
    assert!(
        is_lost(&ana.text()) && is_lost(&bo.text()),
        "{}",
        death.code
    );
    for client in [&ana, &bo] {
        let lost =
            json!({ "event": "handler-error", "handler": "message", "connectionId": client.id });
        dev.wait_for(lost);
    }
    each_once(&dev, &sent, &answers, &cy.id);
    for part in death.told {
        dev.wait_for(|e: &Value| e["event"] != "connected" && e.to_string().contains(part));
    }
    // Nobody was dropped, the next worker serves them, nothing of the last one is left.
    for client in [&mut ana, &mut bo, &mut cy] {
        assert_ne!(number(client, "pid"), worker);
    }
    eventually("the worker and its child end", || {
        !is_running(worker) && !is_running(child)
    });
    assert!(dev.events(json!({ "event": "disconnected" })).is_empty());
    drop((ana, bo, cy));
    let output = dev.stop();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}

/// Each message was handled once, in order, but for the few that may have begun with the fatal one:
/// their client was told.
fn each_once(dev: &Dev, sent: &[String], answers: &[String], id: &str) {
    let echoes: Vec<&String> = answers.iter().filter(|text| !is_lost(text)).collect();
    let mut wanted = sent.iter();
    for echo in &echoes {
        assert!(
            wanted.any(|text| text == *echo),
            "{echo} out of order: {answers:?}"
        );
    }
    let lost = sent.len() - echoes.len();
    assert!(lost <= MAY_HAVE_BEGUN, "{lost} lost: {answers:?}");
    let report = json!({ "event": "handler-error", "handler": "message", "connectionId": id });
    dev.wait_for_all(lost, report.clone());
    assert_eq!(dev.events(report).len(), lost, "{answers:?}");
    // They come on a pipe of their own.
    for echo in &echoes {
        dev.wait_for_line(&format!("handled {echo}"));
    }
    let lines = dev.lines();
    for text in sent {
        let handled = format!("handled {text}");
        let times = lines.iter().filter(|line| **line == handled).count();
        assert!(times <= 1, "{text} was handled {times} times");
    }
}

macro_rules! deaths {
    ($($name:ident: $code:literal => [$($told:literal),+];)+) => {$(
        #[test]
        fn $name() {
            costs_the_worker_and_nothing_else(&Death { code: $code, told: &[$($told),+] });
        }
    )+};
}

deaths! {
    an_exception_outside_of_any_handler:
        "setImmediate(() => { throw new TypeError('nobody catches this') }); return new Promise(() => {});"
        => ["uncaught exception", "nobody catches this", "the app's process ended: it exited with code 1"];
    process_exit:
        "process.exit(3);"
        => ["the app called process.exit(3)", "the app's process ended: it exited with code 3"];
    process_exit_with_success:
        "process.exit();"
        => ["the app called process.exit()", "the app's process ended: it exited with code 0"];
    process_abort:
        "process.abort();"
        => ["it aborted (SIGABRT)"];
    out_of_memory:
        "const all = []; for (;;) all.push(new Array(10000).fill(all.length));"
        => ["out of memory", "it aborted (SIGABRT)"];
    an_endless_loop:
        "for (;;);"
        => ["was ended: Node did not respond while the message handler of", "(an endless loop?)"];
    a_call_that_blocks:
        "execSync('sleep 1000');"
        => ["was ended: Node did not respond while the message handler of"];
    a_stopped_process:
        "process.kill(process.pid, 'SIGSTOP'); return new Promise(() => {});"
        => ["was ended: Node did not respond while the message handler of"];
    a_segmentation_fault:
        "process.kill(process.pid, 'SIGSEGV'); return new Promise(() => {});"
        => ["it crashed (SIGSEGV)"];
    a_native_stack_overflow:
        "(function f() { f() })();"
        => ["it crashed (SIGSEGV)"];
    a_kill_from_outside:
        "process.kill(process.pid, 'SIGKILL'); return new Promise(() => {});"
        => ["it was killed (SIGKILL)"];
    a_kill_of_its_whole_group:
        "process.kill(0, 'SIGTERM'); return new Promise(() => {});"
        => ["it was ended by signal 15"];
    a_link_that_the_app_closes:
        "fs.closeSync(3); return new Promise(() => {});"
        => ["the app's process ended"];
    a_link_that_the_app_writes_to:
        "fs.writeSync(3, 'this is no frame at all'); return new Promise(() => {});"
        => ["the app's process was ended: the worker's link carries bytes that are not a frame; connections stay open"];
}
