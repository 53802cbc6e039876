//! What is wrong with a file or an import, told to the worker for its errors.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Session, read_source};
use crate::worker::loader::Problem;
use crate::worker::loader::frames::Place;
use crate::worker::loader::jsonc;
use crate::worker::transpile::{self, CodeFrame, Position};

/// How many files are searched for a syntax error whose place Node does not tell.
const MAX_SUSPECTS: usize = 200;

impl Session<'_> {
    /// The text that runs, else the text on disk.
    fn source(&self, path: &Path) -> Option<String> {
        match self.running.get(path) {
            Some(running) => Some(running.unit.source.clone()),
            None => read_source(path).ok(),
        }
    }

    pub(super) fn diagnose(&mut self, path: Option<PathBuf>) -> Value {
        let suspects = path.map_or_else(|| self.newest.clone(), |path| vec![path]);
        let found = suspects
            .iter()
            .rev()
            .take(MAX_SUSPECTS)
            .find_map(|path| self.fault_of(path));
        json!({ "found": found })
    }

    fn fault_of(&mut self, path: &Path) -> Option<Problem> {
        let source = self.source(path)?;
        let problem = if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            jsonc::parse_strict(&source).err()
        } else {
            let options = self.options(path).unwrap_or_default();
            transpile::diagnose(path, &source, &options)
        };
        problem.map(|problem| Problem::syntax(path, problem))
    }

    pub(super) fn frame(&self, place: &Place) -> Value {
        let at = Position {
            line: place.line,
            column: place.column,
        };
        let frame = self
            .source(&place.path)
            .and_then(|source| CodeFrame::new(&source, at));
        json!({ "text": frame.map(|frame| frame.text) })
    }

    pub(super) fn locate(&self, path: &Path, find: impl Fn(&str) -> Option<Position>) -> Value {
        let at = self.source(path).and_then(|source| find(&source));
        json!({ "place": at.map(|at| [at.line, at.column]) })
    }

    /// What to do about a module that cannot be found.
    pub(super) fn missing(&mut self, specifier: &str, from: &Path) -> Value {
        let hint = if specifier.starts_with('.') || Path::new(specifier).is_absolute() {
            similar_file(specifier, from)
        } else {
            self.package_hint(specifier, from)
        };
        json!({ "hint": hint })
    }

    fn package_hint(&mut self, specifier: &str, from: &Path) -> Option<String> {
        let depth = if specifier.starts_with('@') { 2 } else { 1 };
        let name = specifier
            .split('/')
            .take(depth)
            .collect::<Vec<_>>()
            .join("/");
        if !is_package_name(&name) {
            return Some(format!(
                "`{specifier}` is no package name; if it is an alias, add it to `paths` in tsconfig.json"
            ));
        }
        let installed = from
            .ancestors()
            .any(|folder| folder.join("node_modules").join(&name).is_dir());
        let package = self.folders.package(from).ok().flatten();
        let listed = package.as_ref().is_some_and(|package| {
            [
                "dependencies",
                "devDependencies",
                "optionalDependencies",
                "peerDependencies",
            ]
            .iter()
            .any(|list| {
                package
                    .manifest
                    .get(list)
                    .is_some_and(|list| list.get(&name).is_some())
            })
        });
        Some(match (installed, listed) {
            (true, _) => {
                format!("`{name}` is installed, but has no `{specifier}`; see its documentation")
            }
            (false, true) => {
                "it is in package.json, but not installed: run `npm install`".to_owned()
            }
            (false, false) => format!("run `npm install {name}`"),
        })
    }
}

/// npm's rule, as far as it tells a package from an alias such as `@/lib` or `~/lib`.
fn is_package_name(name: &str) -> bool {
    let bare = name.strip_prefix('@').unwrap_or(name);
    let parts: Vec<&str> = bare.split('/').collect();
    let expected = if name.starts_with('@') { 2 } else { 1 };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    parts.len() == expected
        && parts
            .iter()
            .all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(allowed))
}

/// A file in the same folder whose name is close to the missing one.
fn similar_file(specifier: &str, from: &Path) -> Option<String> {
    let wanted = from.parent()?.join(specifier);
    let name = wanted.file_name()?.to_str()?;
    let folder = wanted.parent()?;
    let names: BTreeSet<String> = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let close = crate::worker::entry::closest(name, names.iter().map(String::as_str))?;
    let (start, _) = specifier.rsplit_once('/')?;
    Some(format!("is it `{start}/{close}`?"))
}
