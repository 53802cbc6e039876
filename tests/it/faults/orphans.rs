//! Nothing that a sandbox started outlives it, however it dies.

use crate::support::{App, eventually, is_running};

/// Tells the process ids of Node and of a child of its own, then goes on with `code`.
fn dies_with_the_sandbox(code: &str) {
    let app = App::esm(&format!(
        "import {{ ws }} from '@ampt/sdk';
         import {{ spawn }} from 'node:child_process';
         import fs from 'node:fs';
         ws.on('message', (c) => {{
           const child = spawn('sleep', ['1000'], {{ stdio: 'ignore' }});
           fs.writeFileSync('pids.tmp', `${{process.pid}} ${{child.pid}}`);
           fs.renameSync('pids.tmp', 'pids');
           {code}
         }});"
    ));
    let dev = app.dev(&[]);
    dev.client().send("begin");
    app.wait_for_file("pids");
    let pids: Vec<u32> = app
        .read("pids")
        .split(' ')
        .map(|pid| pid.parse().unwrap())
        .collect();
    assert!(pids.iter().all(|pid| is_running(*pid)));
    dev.kill();
    eventually("node and its child end", || {
        !pids.iter().any(|pid| is_running(*pid))
    });
}

#[test]
fn an_idle_worker_ends_with_a_killed_sandbox_and_so_does_its_child() {
    dies_with_the_sandbox("");
}

#[test]
fn an_endless_loop_ends_with_a_killed_sandbox() {
    dies_with_the_sandbox("for (;;);");
}

#[test]
fn code_that_refuses_to_end_ends_with_a_killed_sandbox() {
    dies_with_the_sandbox(
        "process.exit = process.reallyExit = () => {}; process.on('SIGTERM', () => {});",
    );
}

#[test]
fn a_loop_at_load_ends_with_a_killed_sandbox() {
    let app = App::esm(
        "import fs from 'node:fs';
         fs.writeFileSync('pid.tmp', `${process.pid}`);
         fs.renameSync('pid.tmp', 'pid');
         for (;;);",
    );
    let dev = app.start(&["--load-timeout", "60s"]);
    app.wait_for_file("pid");
    let pid: u32 = app.read("pid").parse().unwrap();
    assert!(is_running(pid));
    dev.kill();
    eventually("node ends", || !is_running(pid));
}
