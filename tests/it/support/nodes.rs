//! Which Nodes the tests run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::App;

/// Calls `test` with each Node that `AMPT_WS_TEST_NODES` lists (paths with `:` between them), or
/// with `node`.
pub fn each_node(test: impl Fn(&str)) {
    let given = std::env::var("AMPT_WS_TEST_NODES").unwrap_or_default();
    let listed: Vec<&str> = given.split(':').filter(|node| !node.is_empty()).collect();
    let nodes = if listed.is_empty() {
        vec!["node"]
    } else {
        listed
    };
    for node in nodes {
        eprintln!("with {node}");
        test(node);
    }
}

/// Puts an executable shell script beside the app, to stand for a Node.
pub fn node_script(app: &App, name: &str, text: &str) -> PathBuf {
    let path = app.path(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a written script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("an executable script");
    path
}
