//! Imports flow one way: which module may use which is a table, and this holds the code to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each top module and what it may import, beside the leaves that everybody may.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    (
        "app",
        &[
            "cli", "config", "control", "dispatch", "gateway", "ops", "script", "store", "watch",
            "worker",
        ],
    ),
    ("bench", &["script"]),
    ("cli", &[]),
    (
        "commands",
        &[
            "app",
            "bench",
            "cli",
            "config",
            "control",
            "descriptors",
            "location",
            "ops",
            "output",
            "repl",
            "script",
            "terminal",
            "verbs",
            "watch",
        ],
    ),
    ("config", &["cli", "location"]),
    ("control", &["ops", "output"]),
    ("descriptors", &[]),
    ("dispatch", &["gateway", "store", "worker"]),
    ("domain", &[]),
    ("error", &[]),
    ("event", &[]),
    ("gateway", &[]),
    ("iso", &[]),
    ("lib", &["cli", "commands", "output"]),
    ("location", &["cli"]),
    ("main", &[]),
    ("ops", &["dispatch", "gateway", "store"]),
    ("output", &["bench", "cli", "location", "ops", "script"]),
    ("repl", &["cli", "ops", "output", "terminal", "verbs"]),
    ("script", &["control", "ops"]),
    ("store", &[]),
    ("terminal", &["output"]),
    ("verbs", &["cli", "ops", "output"]),
    ("watch", &[]),
    ("worker", &[]),
];

/// Modules without imports of their own, but for each other in this order.
const LEAVES: &[&str] = &["domain", "event", "error", "iso"];

#[test]
fn imports_flow_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut imports: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    read(&source, &source, &mut imports);
    assert!(imports.len() > 10, "the sources were read: {imports:?}");
    let mut wrong = Vec::new();
    for (module, used) in &imports {
        let row = MAY_IMPORT.iter().find(|(name, _)| name == module);
        let Some((_, allowed)) = row else {
            wrong.push(format!("`{module}` is not in the table"));
            continue;
        };
        for (import, file) in used {
            if !allowed.contains(&import.as_str()) && !is_leaf_for(module, import) {
                wrong.push(format!("src/{file}: `{module}` must not import `{import}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_leaf_for(module: &str, import: &str) -> bool {
    let place = |name: &str| LEAVES.iter().position(|leaf| *leaf == name);
    match (place(module), place(import)) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(own), Some(other)) => other < own,
    }
}

/// Collects `crate::…` of each file, without what is only compiled for tests.
fn read(root: &Path, folder: &Path, imports: &mut BTreeMap<String, BTreeSet<(String, String)>>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if name != "tests" {
                read(root, &path, imports);
            }
            continue;
        }
        if !name.ends_with(".rs") || matches!(name, "tests.rs" | "testing.rs") {
            continue;
        }
        let file = path
            .strip_prefix(root)
            .expect("below src")
            .display()
            .to_string();
        let module = file.split(['/', '.']).next().unwrap_or_default().to_owned();
        let text = fs::read_to_string(&path).expect("a source file");
        let text = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let found = imports.entry(module.clone()).or_default();
        for after in text.split("crate::").skip(1) {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let import: String = after.chars().take_while(|c| is_part(*c)).collect();
            if import != module
                && root.join(&import).is_dir() | root.join(format!("{import}.rs")).is_file()
            {
                found.insert((import, file.clone()));
            }
        }
    }
}
