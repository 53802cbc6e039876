//! Resolution where Node's own finds nothing, and of relative paths from the start.
//!
//! The order is the user's document's and Ampt's: what Node would find, then other extensions,
//! then `/index.*`, then `paths` of the `tsconfig.json`. `./x.js` that exists only as `x.ts` is
//! that file, because TypeScript wants imports written so.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::jsonc;
use super::tsconfig::TsConfig;

/// Tried in this order after the path as it is written.
pub const EXTENSIONS: [&str; 9] = [
    ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".json",
];

/// Node's own order for `require`.
const REQUIRE_EXTENSIONS: [&str; 3] = [".js", ".json", ".node"];

/// Whose rules come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// `require`: extensions and folders are allowed.
    Require,
    /// `import`: the exact file.
    Import,
}

/// What a search brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The file, symbolic links resolved.
    pub file: Option<PathBuf>,
    /// Every place looked at, in order, without the found one.
    pub tried: Vec<PathBuf>,
}

/// Looks for `specifier`, named in the file `from`. Bare specifiers are assumed to have failed
/// with Node's own rules.
pub fn resolve(specifier: &str, from: &Path, via: Via, config: Option<&TsConfig>) -> Found {
    let mut search = Search::default();
    let folder = from.parent().unwrap_or(from);
    let is_path = Path::new(specifier).is_absolute()
        || matches!(specifier, "." | "..")
        || specifier.starts_with("./")
        || specifier.starts_with("../");
    let file = if is_path {
        search.path(
            &normalized(&folder.join(specifier)),
            via,
            specifier.ends_with('/'),
        )
    } else {
        search
            .in_packages(folder, specifier)
            .or_else(|| search.aliased(specifier, via, config?))
    };
    let file = file.map(|file| fs::canonicalize(&file).unwrap_or(file));
    Found {
        file,
        tried: search.tried,
    }
}

/// `a/./b/../c` → `a/c`, without a look at the disk (as Node does it for specifiers).
pub(super) fn normalized(path: &Path) -> PathBuf {
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

#[derive(Default)]
struct Search {
    tried: Vec<PathBuf>,
}

impl Search {
    fn file(&mut self, path: PathBuf) -> Option<PathBuf> {
        if path.is_file() {
            return Some(path);
        }
        self.tried.push(path);
        None
    }

    fn path(&mut self, path: &Path, via: Via, folder_only: bool) -> Option<PathBuf> {
        let normal = match via {
            Via::Import if folder_only => None,
            Via::Import => self.file(path.to_path_buf()),
            Via::Require => self.as_require(path, folder_only),
        };
        normal
            .or_else(|| self.typescript_for_javascript(path))
            .or_else(|| self.lenient(path))
    }

    /// Node's LOAD_AS_FILE and LOAD_AS_DIRECTORY.
    fn as_require(&mut self, path: &Path, folder_only: bool) -> Option<PathBuf> {
        let as_file = |search: &mut Self, path: &Path| {
            search
                .file(path.to_path_buf())
                .or_else(|| search.extended(path, &REQUIRE_EXTENSIONS))
        };
        if !folder_only && let Some(file) = as_file(self, path) {
            return Some(file);
        }
        if !path.is_dir() {
            return None;
        }
        let main = main_of(path).map(|main| normalized(&path.join(main)));
        main.and_then(|main| {
            as_file(self, &main).or_else(|| self.extended(&main.join("index"), &REQUIRE_EXTENSIONS))
        })
        .or_else(|| self.extended(&path.join("index"), &REQUIRE_EXTENSIONS))
    }

    fn extended(&mut self, path: &Path, extensions: &[&str]) -> Option<PathBuf> {
        extensions
            .iter()
            .find_map(|extension| self.file(appended(path, extension)))
    }

    /// `x.js` → `x.ts` or `x.tsx`, and so on.
    fn typescript_for_javascript(&mut self, path: &Path) -> Option<PathBuf> {
        let extensions: &[&str] = match path.extension()?.to_str()? {
            "js" => &["ts", "tsx"],
            "jsx" => &["tsx"],
            "mjs" => &["mts"],
            "cjs" => &["cts"],
            _ => return None,
        };
        extensions
            .iter()
            .find_map(|extension| self.file(path.with_extension(extension)))
    }

    /// Our own extensions, then a folder's `main`, then its index.
    fn lenient(&mut self, path: &Path) -> Option<PathBuf> {
        if let Some(file) = self.extended(path, &EXTENSIONS) {
            return Some(file);
        }
        if !path.is_dir() {
            return None;
        }
        let main = main_of(path).map(|main| normalized(&path.join(main)));
        main.and_then(|main| {
            self.file(main.clone())
                .or_else(|| self.typescript_for_javascript(&main))
                .or_else(|| self.extended(&main, &EXTENSIONS))
                .or_else(|| self.extended(&main.join("index"), &EXTENSIONS))
        })
        .or_else(|| self.extended(&path.join("index"), &EXTENSIONS))
    }

    /// `pkg/lib/file` of a package that does not forbid it with `exports`, and the `main` of a
    /// package that is written in TypeScript.
    fn in_packages(&mut self, folder: &Path, specifier: &str) -> Option<PathBuf> {
        let depth = if specifier.starts_with('@') { 2 } else { 1 };
        let name: PathBuf = specifier.split('/').take(depth).collect();
        if specifier.is_empty() || specifier.starts_with('#') {
            return None;
        }
        folder
            .ancestors()
            .map(|folder| folder.join("node_modules"))
            .find_map(|modules| {
                let package = modules.join(&name);
                let manifest = read_json(&package.join("package.json"))?;
                if manifest.get("exports").is_some() {
                    return None;
                }
                let path = normalized(&modules.join(specifier));
                self.typescript_for_javascript(&path)
                    .or_else(|| self.lenient(&path))
            })
    }

    fn aliased(&mut self, specifier: &str, via: Via, config: &TsConfig) -> Option<PathBuf> {
        let by_pattern = config.paths.iter().find_map(|(pattern, targets)| {
            let filling = matched(pattern, specifier)?;
            Some((targets, filling))
        });
        if let Some((targets, filling)) = by_pattern {
            for target in targets {
                let target = target.to_string_lossy().replacen('*', filling, 1);
                let path = normalized(Path::new(&target));
                if let Some(file) = self.path(&path, via, false) {
                    return Some(file);
                }
            }
        }
        let base = config.base_url.as_ref()?;
        self.path(
            &normalized(&base.join(specifier)),
            via,
            specifier.ends_with('/'),
        )
    }
}

/// What the `*` of `pattern` stands for in `specifier`; empty for an exact match.
fn matched<'a>(pattern: &str, specifier: &'a str) -> Option<&'a str> {
    match pattern.split_once('*') {
        None => (pattern == specifier).then_some(""),
        Some((prefix, suffix)) => specifier
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(suffix)),
    }
}

fn appended(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(extension);
    PathBuf::from(name)
}

fn main_of(folder: &Path) -> Option<String> {
    let manifest = read_json(&folder.join("package.json"))?;
    manifest
        .get("main")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn read_json(path: &Path) -> Option<Value> {
    jsonc::parse_strict(&fs::read_to_string(path).ok()?).ok()
}
