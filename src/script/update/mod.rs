//! `test --update`: rewrites expectations after a change of the app that was meant.
//!
//! Only the values that no longer hold are replaced; everything else keeps its bytes.

mod layout;
mod reconcile;

use std::collections::BTreeMap;
use std::fs::{OpenOptions, Permissions};
use std::io::Write as _;
use std::ops::Range;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use serde_json::value::RawValue;

use super::load::{Fixture, Placed};
use super::matching::Captures;
use super::matching::diff::{Line, Mark};
use super::problem::Source;
use super::volatile::Steady;
use crate::error::{Failure, reason};

pub use layout::Style;
pub use reconcile::reconcile;

/// A value that would have held.
#[derive(Debug, Clone, PartialEq)]
pub enum Fix {
    /// In a field of the step.
    Field(&'static str, Value),
    /// In a file beside the fixture.
    File(PathBuf, Value),
}

/// A place that was rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Before and after.
    pub diff: Vec<Line>,
}

/// What is to be rewritten in one fixture.
#[derive(Debug, Default)]
pub struct Edits {
    /// By where the old value begins.
    fields: BTreeMap<usize, Edit>,
    files: BTreeMap<PathBuf, (usize, Value)>,
}

#[derive(Debug)]
struct Edit {
    range: Range<usize>,
    line: usize,
    new: Value,
}

impl Edits {
    /// Notes a fix for a step.
    ///
    /// # Errors
    /// The same value would have to be two different ones.
    pub fn add(&mut self, fixture: &Fixture, placed: &Placed, fix: Fix) -> Result<(), String> {
        let twice = "it would have to be one thing in one round, or for one client, and another in the next";
        match fix {
            Fix::File(file, value) => match self.files.get(&file) {
                Some((_, known)) if *known != value => Err(twice.to_owned()),
                _ => {
                    self.files.insert(file, (placed.line, value));
                    Ok(())
                }
            },
            Fix::Field(field, new) => {
                let text = &fixture.text[placed.range.clone()];
                let fields: BTreeMap<String, &RawValue> =
                    serde_json::from_str(text).map_err(|e| e.to_string())?;
                let old = fields.get(field).ok_or("the field is not there")?;
                let source = Source {
                    file: &fixture.file,
                    text: &fixture.text,
                };
                let start = source.offset_of(old.get());
                let edit = Edit {
                    range: start..start + old.get().len(),
                    line: source.position(start).0,
                    new,
                };
                match self.fields.get(&start) {
                    Some(known) if known.new != edit.new => Err(twice.to_owned()),
                    _ => {
                        self.fields.insert(start, edit);
                        Ok(())
                    }
                }
            }
        }
    }

    /// Writes the files; gives what was changed.
    pub fn apply(self, fixture: &Fixture) -> Result<Vec<Change>, Failure> {
        let mut changes = Vec::new();
        let mut text = fixture.text.to_string();
        for edit in self.fields.values().rev() {
            let old = &fixture.text[edit.range.clone()];
            let new = layout::in_place_of(&fixture.text, edit.range.clone(), &edit.new);
            let (front, diff) = changed_lines(old, &new);
            changes.push(Change {
                file: fixture.file.clone(),
                line: edit.line + front,
                diff,
            });
            text.replace_range(edit.range.clone(), &new);
        }
        changes.reverse();
        if !changes.is_empty() {
            write(&fixture.file, &text)?;
        }
        for (file, (_, value)) in self.files {
            let old = std::fs::read_to_string(&file).unwrap_or_default();
            let new = format!("{value:#}\n");
            write(&file, &new)?;
            let (front, diff) = changed_lines(&old, &new);
            changes.push(Change {
                diff,
                file,
                line: 1 + front,
            });
        }
        Ok(changes)
    }
}

/// The values that a fix may mention by name.
pub fn steady(captures: &Captures, now_ms: i64) -> Steady {
    let mut steady = Steady::at(now_ms);
    for (name, value) in captures.iter() {
        // A short text that happens to be captured too means something else where it stands.
        if let Value::String(text) = value
            && text.len() >= 8
        {
            steady.name(text.as_str(), name.as_str());
        }
    }
    steady
}

/// The lines that are others now, without those at the beginning and end that are not, and how many
/// stand before them.
fn changed_lines(old: &str, new: &str) -> (usize, Vec<Line>) {
    let (before, after): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let front = before.iter().zip(&after).take_while(same).count();
    let (before, after) = (&before[front..], &after[front..]);
    let back = before
        .iter()
        .rev()
        .zip(after.iter().rev())
        .take_while(same)
        .count();
    let line = |mark| {
        move |text: &&str| Line {
            mark,
            text: (*text).to_owned(),
        }
    };
    let gone = before[..before.len() - back]
        .iter()
        .map(line(Mark::Missing));
    let come = after[..after.len() - back].iter().map(line(Mark::Extra));
    (front, gone.chain(come).collect())
}

/// Writes a file whole or not at all. One that was there keeps its permissions; a new one, in which
/// what clients said may stand, is its owner's alone.
pub fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let mut draft = file.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let permissions = std::fs::metadata(file)
        .map_or_else(|_| Permissions::from_mode(0o600), |file| file.permissions());
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(&draft)
        .and_then(|mut draft| draft.write_all(text.as_bytes()))
        .and_then(|()| std::fs::set_permissions(&draft, permissions))
        .and_then(|()| std::fs::rename(&draft, file))
        .map_err(|e| {
            let _ = std::fs::remove_file(&draft);
            let message = format!("cannot write `{}`: {}", file.display(), reason(&e));
            Failure::new("update", message)
        })
}
