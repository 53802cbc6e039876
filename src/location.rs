//! Which app a command is about: its folder, its entry file, and where its data is kept.

use std::path::{Path, PathBuf};

use crate::cli::Common;
use crate::error::{Failure, exit, reason};

/// The folder inside the app that holds its connections and data.
const DATA_FOLDER: &str = ".ampt-ws";

/// Where an app lives. All paths are absolute, without symbolic links as far as they exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The app's folder.
    pub app_dir: PathBuf,
    /// The entry file, if it was named by hand.
    pub entry: Option<PathBuf>,
    /// Where connections and data are kept; it need not exist yet.
    pub data_dir: PathBuf,
}

impl Location {
    /// What the common options mean.
    pub fn of(common: &Common) -> Result<Self, Failure> {
        Self::of_app(common, None)
    }

    /// The same with `dev`'s argument: a folder or an entry file, relative to `-C`.
    pub fn of_app(common: &Common, app: Option<&Path>) -> Result<Self, Failure> {
        let current = std::env::current_dir().map_err(|e| {
            let why = reason(&e);
            Failure::new("app", format!("the current folder cannot be used: {why}"))
                .hint("change to a folder that exists, or name the app with -C DIR")
        })?;
        Self::from(&current, common, app)
    }

    fn from(current: &Path, common: &Common, app: Option<&Path>) -> Result<Self, Failure> {
        let chosen = common.app.as_deref();
        let chosen = chosen.map(|dir| folder(current, dir)).transpose()?;
        let base = chosen.as_deref().unwrap_or(current);
        let (app_dir, entry) = match app {
            None => {
                let dir = chosen.clone();
                (dir.unwrap_or_else(|| nearest_app(current)), None)
            }
            Some(app) => {
                let path =
                    existing(base, app).or_else(|error| in_folder(base, app).ok_or(error))?;
                if path.is_dir() {
                    (path, None)
                } else {
                    let parent = path.parent().unwrap_or(&path);
                    let dir = chosen.clone().unwrap_or_else(|| nearest_app(parent));
                    (dir, Some(path))
                }
            }
        };
        let app_dir = canonical_so_far(&app_dir);
        let data_dir = match &common.data_dir {
            Some(dir) => canonical_so_far(&current.join(dir)),
            None => canonical_so_far(&app_dir.join(DATA_FOLDER)),
        };
        if data_dir.exists() && !data_dir.is_dir() {
            let shown = data_dir.display();
            let message = format!("the data folder `{shown}` is a file");
            return Err(Failure::new("data-dir", message).hint("name a folder with --data-dir"));
        }
        Ok(Self {
            app_dir,
            entry,
            data_dir,
        })
    }

    /// The arguments that lead another command to the same sandbox from anywhere.
    pub fn arguments(&self) -> String {
        let mut arguments = format!("-C {}", quoted(&self.app_dir));
        if self.data_dir != self.app_dir.join(DATA_FOLDER) {
            arguments.push_str(&format!(" --data-dir {}", quoted(&self.data_dir)));
        }
        arguments
    }
}

/// A path as one can paste it into a shell.
pub fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%:=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn folder(current: &Path, dir: &Path) -> Result<PathBuf, Failure> {
    let path = existing(current, dir)?;
    if path.is_dir() {
        return Ok(path);
    }
    let message = format!("`{}` is a file, not an app's folder", dir.display());
    Err(Failure::new("app", message)
        .hint("-C takes a folder; `ampt-ws dev FILE` takes an entry file")
        .exiting(exit::USAGE))
}

fn existing(base: &Path, path: &Path) -> Result<PathBuf, Failure> {
    base.join(path).canonicalize().map_err(|e| {
        let message = format!("cannot open the app `{}`: {}", path.display(), reason(&e));
        Failure::new("app", message)
            .hint("name the app's folder, or its entry file")
            .exiting(exit::USAGE)
    })
}

/// A path of which only the folder exists: it may lack its extension, and if it does not, whoever
/// looks for the entry can say what is there instead.
fn in_folder(base: &Path, path: &Path) -> Option<PathBuf> {
    let path = base.join(path);
    let folder = path.parent()?.canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

/// The nearest folder upward with a `package.json`, else `from` itself.
fn nearest_app(from: &Path) -> PathBuf {
    let mut folders = from.ancestors();
    let found = folders.find(|dir| dir.join("package.json").is_file());
    found.unwrap_or(from).to_owned()
}

/// The canonical form of the part of `path` that exists, and the rest as it is.
fn canonical_so_far(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let Ok(canonical) = ancestor.canonicalize() {
            return match path.strip_prefix(ancestor) {
                Ok(rest) if !rest.as_os_str().is_empty() => canonical.join(rest),
                _ => canonical,
            };
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn common(args: &[&str]) -> Common {
        let args = ["ampt-ws"].iter().chain(args).chain(&["list"]);
        Cli::try_parse_from(args).unwrap().common
    }

    /// A folder `my äpp` with a package.json and `src/index.ts`.
    fn app() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let app = temp.path().canonicalize().unwrap().join("my äpp");
        std::fs::create_dir_all(app.join("src")).unwrap();
        std::fs::write(app.join("package.json"), "{}").unwrap();
        std::fs::write(app.join("src/index.ts"), "").unwrap();
        (temp, app)
    }

    #[test]
    fn the_app_is_the_nearest_folder_upward_with_a_package() {
        let (_temp, app) = app();
        let found = Location::from(&app.join("src"), &common(&[]), None).unwrap();
        assert_eq!(found.app_dir, app);
        assert_eq!(found.data_dir, app.join(".ampt-ws"));
        assert_eq!(found.entry, None);
        assert_eq!(found.arguments(), format!("-C '{}'", app.display()));
    }

    #[test]
    fn an_entry_file_belongs_to_the_app_around_it() {
        let (_temp, app) = app();
        let outside = app.parent().unwrap();
        let entry = Some(Path::new("my äpp/src/index.ts"));
        let found = Location::from(outside, &common(&[]), entry).unwrap();
        assert_eq!(found.app_dir, app);
        assert_eq!(found.entry, Some(app.join("src/index.ts")));
        let named = Some(Path::new("src"));
        let found = Location::from(&app, &common(&[]), named).unwrap();
        assert_eq!(found.app_dir, app.join("src"));
    }

    #[test]
    fn options_choose_the_app_and_its_data() {
        let (_temp, app) = app();
        let outside = app.parent().unwrap();
        let options = common(&["-C", "my äpp", "--data-dir", "not/yet"]);
        let entry = Some(Path::new("src/index.ts"));
        let found = Location::from(outside, &options, entry).unwrap();
        assert_eq!(found.app_dir, app);
        assert_eq!(found.entry, Some(app.join("src/index.ts")));
        assert_eq!(found.data_dir, outside.join("not/yet"));
        assert!(found.arguments().contains("--data-dir"));
    }

    #[test]
    fn what_is_missing_or_of_the_wrong_kind_is_named() {
        let (_temp, app) = app();
        let error = Location::from(&app, &common(&[]), Some(Path::new("nope/x"))).unwrap_err();
        assert_eq!(
            error.message,
            "cannot open the app `nope/x`: no such file or directory"
        );
        assert_eq!(error.exit, exit::USAGE);
        let error = Location::from(&app, &common(&["-C", "package.json"]), None).unwrap_err();
        assert!(error.message.contains("is a file"), "{error}");
        let error = Location::from(&app, &common(&["--data-dir", "package.json"]), None);
        assert!(error.unwrap_err().message.contains("data folder"));
    }
}
