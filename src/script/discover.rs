//! Finds fixture files.
//!
//! A file that is named is a fixture. In a folder, at any depth, each `*.fixture.json` is one, and
//! each other `*.json` whose top level has `steps`.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Failure, exit, reason};

/// Files beyond this size are not looked into.
const LARGEST: u64 = 4 << 20;

/// Folders that hold no fixtures of the user's own.
const SKIPPED: [&str; 2] = ["node_modules", "target"];

/// The fixture files that the arguments mean, sorted, each once.
pub fn find(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for argument in arguments {
        let metadata = std::fs::metadata(argument).map_err(|e| {
            let message = format!("cannot open `{}`: {}", argument.display(), reason(&e));
            Failure::new("fixture", message)
                .hint("name fixture files, or folders that hold them")
                .exiting(exit::USAGE)
        })?;
        if metadata.is_file() {
            files.push(argument.clone());
            continue;
        }
        let before = files.len();
        search(argument, &mut files)?;
        if files.len() == before {
            let message = format!("there is no fixture in the folder `{}`", argument.display());
            return Err(Failure::new("no-fixtures", message)
                .hint("a fixture is a file NAME.fixture.json, or any .json file with `steps`")
                .exiting(exit::USAGE));
        }
    }
    for file in &mut files {
        // As one would type it.
        if let Ok(short) = file.strip_prefix(".") {
            *file = short.to_owned();
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn search(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |e: std::io::Error| {
        let message = format!("cannot read the folder `{}`: {}", dir.display(), reason(&e));
        Failure::new("fixture", message).exiting(exit::USAGE)
    };
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            if is_own(&name) {
                search(&path, files)?;
            }
        } else if is_fixture(&path, &name) {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a folder of this name may hold the user's own files.
pub fn is_own(name: &str) -> bool {
    !name.starts_with('.') && !SKIPPED.contains(&name)
}

fn is_fixture(path: &Path, name: &str) -> bool {
    if name.ends_with(".fixture.json") {
        return true;
    }
    if !name.ends_with(".json") || name.starts_with('.') {
        return false;
    }
    let mut text = String::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
    read.is_ok() && has_steps(&text)
}

/// Whether a text is a JSON object with `steps`.
fn has_steps(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Top {
        #[serde(rename = "steps")]
        _steps: Vec<serde::de::IgnoredAny>,
    }
    text.contains("\"steps\"") && serde_json::from_str::<Top>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_holds_what_is_named_or_looks_like_a_fixture() {
        let temp = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = temp.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("chat/broken.fixture.json", "{");
        put("chat/two.json", "{\"app\": \".\", \"steps\": []}");
        put("chat/data.json", "[]");
        put("chat/package.json", "{\"name\": \"x\"}");
        put("chat/node_modules/x/y.fixture.json", "{}");
        put(".hidden/z.fixture.json", "{}");
        let found = find(&[temp.path().to_owned(), temp.path().join("chat/two.json")]).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|p| p.strip_prefix(temp.path()).unwrap())
            .collect();
        assert_eq!(
            names,
            [
                Path::new("chat/broken.fixture.json"),
                Path::new("chat/two.json")
            ]
        );
        let none = find(&[temp.path().join("chat/node_modules")]);
        assert!(none.is_ok(), "a folder that is named is searched: {none:?}");
        let missing = find(&[temp.path().join("nowhere")]).unwrap_err();
        assert_eq!(missing.exit, exit::USAGE);
    }
}
