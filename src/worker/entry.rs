//! Which file of a folder is the app: a question to the file system alone.
//!
//! The order is Ampt's: a file that the user names; else `main` of `package.json`, with a search
//! for extension and index as Node has it; else `index.*`.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

use super::loader::jsonc;
use super::transpile::Position;
use crate::error::reason;

/// The extensions of `index`, in the order in which they are tried.
const INDEX_EXTENSIONS: [&str; 8] = ["ts", "mts", "cts", "tsx", "js", "mjs", "cjs", "jsx"];

/// The file where the app starts, or the lack of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The absolute path of the file.
    File(PathBuf),
    /// The folder holds no code that could be the app. Not an error: the user may be about to
    /// write it.
    NoCode {
        /// The folder that was searched.
        folder: PathBuf,
    },
}

/// Why the entry cannot be told. The message says what is wrong, [`EntryError::hint`] what to do.
#[derive(Debug, Error)]
pub enum EntryError {
    /// The app's folder does not exist.
    #[error("the folder `{}` does not exist", .0.display())]
    FolderMissing(PathBuf),
    /// The app's folder is something else.
    #[error("`{}` is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// A file or folder cannot be read.
    #[error("cannot read `{}`: {}", path.display(), reason(source))]
    Unreadable {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `package.json` is not JSON.
    #[error("`{}`{} is {message}", path.display(), place(*position))]
    ManifestUnparsable {
        /// The file.
        path: PathBuf,
        /// Where, if known.
        position: Option<Position>,
        /// What the parser says.
        message: String,
    },
    /// `package.json` is JSON, but not an object.
    #[error("`{}` holds {found}, not an object", path.display())]
    ManifestShape {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// `main` is there, but is no string.
    #[error("`main` in `{}` is {found}, not a file name", path.display())]
    MainType {
        /// The `package.json`.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// `main` names nothing that exists.
    #[error("`main` in `{}` is `{main}`, and there is no such file", path.display())]
    MainMissing {
        /// The `package.json`.
        path: PathBuf,
        /// What it says.
        main: String,
        /// The places looked at, relative to the folder.
        tried: Vec<String>,
    },
    /// The file that the user named does not exist.
    #[error("`{}` does not exist", path.display())]
    FileMissing {
        /// The file, or the folder.
        path: PathBuf,
        /// A name close to it in the same folder.
        similar: Option<String>,
    },
    /// There was code, and now there is none.
    #[error("no app code is left in `{}`", .0.display())]
    CodeGone(PathBuf),
    /// The file that the user named is not code.
    #[error("`{}` is not code that Node can run", .0.display())]
    NotCode(PathBuf),
}

impl EntryError {
    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::FolderMissing(_) | Self::NotAFolder(_) => {
                "name the folder that has the app's package.json, or go there first".into()
            }
            Self::Unreadable { source, .. } => match source.kind() {
                ErrorKind::PermissionDenied => "check who may read it".into(),
                _ => "it must be a file in UTF-8".into(),
            },
            Self::ManifestUnparsable { .. } => "correct the file, or remove it".into(),
            Self::ManifestShape { .. } => {
                "a package.json looks like `{ \"main\": \"index.js\" }`".into()
            }
            Self::MainType { .. } => {
                "write it like `\"main\": \"index.js\"`, or remove it to use index.*".into()
            }
            Self::MainMissing { tried, .. } => format!("tried {}", listed(tried)),
            Self::FileMissing {
                similar: Some(name),
                ..
            } => format!("is it `{name}`?"),
            Self::FileMissing { similar: None, .. } => {
                "name the app's folder, or its entry file".into()
            }
            Self::CodeGone(_) => {
                "put an index.mjs there, or name an entry file as `main` in package.json".into()
            }
            Self::NotCode(_) => format!("name a file that ends in {}", endings()),
        }
    }

    /// Whether it is about what was named on the command line.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::FolderMissing(_)
                | Self::NotAFolder(_)
                | Self::FileMissing { .. }
                | Self::NotCode(_)
        )
    }
}

/// Finds the entry of the app in `folder`. `given` is the file that the user named, absolute or
/// relative to `folder`.
///
/// # Errors
/// If the folder, its `package.json` or the named file is not as it has to be.
pub fn find(folder: &Path, given: Option<&Path>) -> Result<Entry, EntryError> {
    let folder = existing_folder(folder)?;
    if let Some(given) = given {
        return given_file(&folder.join(given)).map(Entry::File);
    }
    if let Some(main) = main_of(&folder)? {
        return main_file(&folder, &main).map(Entry::File);
    }
    let index = index_in(&folder);
    Ok(index.map_or(Entry::NoCode { folder }, Entry::File))
}

fn existing_folder(folder: &Path) -> Result<PathBuf, EntryError> {
    match fs::canonicalize(folder) {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(path) => Err(EntryError::NotAFolder(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(EntryError::FolderMissing(folder.to_path_buf()))
        }
        Err(source) => Err(EntryError::Unreadable {
            path: folder.to_path_buf(),
            source,
        }),
    }
}

fn given_file(path: &Path) -> Result<PathBuf, EntryError> {
    let found = candidates(path).into_iter().find(|path| path.is_file());
    let Some(found) = found.or_else(|| index_in(path)) else {
        let folder = path.parent().unwrap_or(path);
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let names = names_like_code(folder);
        let similar = closest(name, names.iter().map(String::as_str)).map(str::to_owned);
        return Err(EntryError::FileMissing {
            path: path.to_path_buf(),
            similar,
        });
    };
    if is_code(&found) {
        Ok(real(found))
    } else {
        Err(EntryError::NotCode(found))
    }
}

/// The `main` of the folder's `package.json`, unless that has none.
fn main_of(folder: &Path) -> Result<Option<String>, EntryError> {
    let path = folder.join("package.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(EntryError::Unreadable { path, source }),
    };
    let manifest = match jsonc::parse_strict(&text) {
        Ok(manifest) => manifest,
        Err(problem) => {
            let (position, message) = (problem.position, problem.message);
            return Err(EntryError::ManifestUnparsable {
                path,
                position,
                message,
            });
        }
    };
    let Value::Object(fields) = manifest else {
        return Err(EntryError::ManifestShape {
            path,
            found: kind(&manifest),
        });
    };
    match fields.get("main") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(main)) if main.trim().is_empty() => Ok(None),
        Some(Value::String(main)) => Ok(Some(main.clone())),
        Some(other) => Err(EntryError::MainType {
            path,
            found: kind(other),
        }),
    }
}

fn main_file(folder: &Path, main: &str) -> Result<PathBuf, EntryError> {
    let path = plain(&folder.join(main));
    let tried = places_of(&path);
    if let Some(found) = tried.iter().find(|path| path.is_file() && is_code(path)) {
        return Ok(real(found.clone()));
    }
    // What `npm init` writes unasked says nothing: any other index will do.
    let unasked = matches!(main, "index.js" | "./index.js");
    if let (true, Some(index)) = (unasked, index_in(folder)) {
        return Ok(index);
    }
    let relative = |path: &PathBuf| {
        path.strip_prefix(folder)
            .unwrap_or(path)
            .display()
            .to_string()
    };
    Err(EntryError::MainMissing {
        path: folder.join("package.json"),
        main: main.to_owned(),
        tried: tried.iter().map(relative).collect(),
    })
}

/// Places of which the first that is a file is the entry, up to that one: a file that appears at
/// one of them changes what [`find`] says.
pub fn places(folder: &Path, given: Option<&Path>) -> Vec<PathBuf> {
    let mut all = match (given, main_of(folder)) {
        (Some(given), _) => places_of(&folder.join(given)),
        (None, Ok(Some(main))) => places_of(&plain(&folder.join(main))),
        (None, _) => index_places(folder).collect(),
    };
    if let Some(at) = all.iter().position(|path| path.is_file()) {
        all.truncate(at + 1);
    }
    all
}

/// Where a file or a folder with an index may stand.
fn places_of(path: &Path) -> Vec<PathBuf> {
    let mut all = candidates(path);
    all.extend(index_places(path));
    all
}

/// The path itself, TypeScript for JavaScript (`dist/x.js` → `dist/x.ts`), and with extensions.
fn candidates(path: &Path) -> Vec<PathBuf> {
    let typescript: &[&str] = match path.extension().and_then(|extension| extension.to_str()) {
        Some("js") => &["ts", "tsx"],
        Some("mjs") => &["mts"],
        Some("cjs") => &["cts"],
        Some("jsx") => &["tsx"],
        _ => &[],
    };
    let mut all = vec![path.to_path_buf()];
    all.extend(
        typescript
            .iter()
            .map(|extension| path.with_extension(extension)),
    );
    if !is_code(path) {
        all.extend(INDEX_EXTENSIONS.map(|extension| {
            let mut name = path.as_os_str().to_owned();
            name.push(".");
            name.push(extension);
            PathBuf::from(name)
        }));
    }
    all
}

fn index_in(folder: &Path) -> Option<PathBuf> {
    index_places(folder).find(|path| path.is_file()).map(real)
}

fn index_places(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let index = folder.join("index");
    INDEX_EXTENSIONS
        .iter()
        .map(move |extension| index.with_extension(extension))
}

fn real(path: PathBuf) -> PathBuf {
    fs::canonicalize(&path).unwrap_or(path)
}

/// Without `.` and `..`, so that messages read well.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

fn is_code(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| INDEX_EXTENSIONS.contains(&extension))
}

/// Names in a folder that may have been meant: code, and folders.
fn names_like_code(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries
        .map(|entry| entry.path())
        .filter(|path| is_code(path) || path.is_dir());
    let names = paths.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn place(position: Option<Position>) -> String {
    position.map_or_else(String::new, |at| {
        format!(", line {}, column {},", at.line, at.column)
    })
}

fn listed(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn endings() -> String {
    INDEX_EXTENSIONS
        .map(|extension| format!(".{extension}"))
        .join(", ")
}

/// The name that is nearest to `wanted`, if any is near enough to be a slip of the fingers: at
/// most a third of it differs, or only the extension does.
pub(super) fn closest<'a>(
    wanted: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let stem = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    // Who left out the extension did not get it wrong.
    let extension = usize::from(wanted.contains('.'));
    let scored = names.into_iter().map(|name| {
        let same_stem = !stem(wanted).is_empty() && stem(name) == stem(wanted);
        (
            if same_stem {
                1
            } else {
                distance(wanted, name).min(distance(&stem(wanted), &stem(name)) + extension)
            },
            name,
        )
    });
    let limit = (wanted.chars().count() / 3).max(1);
    scored
        .filter(|(score, _)| *score <= limit)
        .min_by_key(|(score, _)| *score)
        .map(|(_, name)| name)
}

/// Insertions, deletions and replacements of characters between two names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
