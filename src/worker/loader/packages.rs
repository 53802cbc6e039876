//! The configuration files above a source file, read once per worker.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::Problem;
use super::jsonc;
use super::tsconfig::TsConfig;
use crate::worker::transpile::ModuleScope;

type Remembered<T> = HashMap<PathBuf, Result<Option<Arc<T>>, Problem>>;

/// The nearest `package.json`.
#[derive(Debug)]
pub struct Package {
    /// The file.
    pub path: PathBuf,
    /// What its `type` says.
    pub scope: ModuleScope,
    /// Everything it says.
    pub manifest: Value,
}

/// A memory of what lies in which folder. A worker that starts later looks anew.
#[derive(Debug, Default)]
pub struct Folders {
    packages: Remembered<Package>,
    configs: Remembered<TsConfig>,
}

impl Folders {
    /// The package to which a file belongs.
    pub fn package(&mut self, file: &Path) -> Result<Option<Arc<Package>>, Problem> {
        nearest(&mut self.packages, file, read_package)
    }

    /// The TypeScript configuration that governs a file.
    pub fn config(&mut self, file: &Path) -> Result<Option<Arc<TsConfig>>, Problem> {
        nearest(&mut self.configs, file, |folder| {
            TsConfig::find_in(folder)
                .map(|path| TsConfig::read(&path))
                .transpose()
        })
    }
}

/// Looks upwards from `file`. Stops at a `node_modules` folder, as Node does.
fn nearest<T>(
    known: &mut Remembered<T>,
    file: &Path,
    read: impl Fn(&Path) -> Result<Option<T>, Problem>,
) -> Result<Option<Arc<T>>, Problem> {
    let folder = file.parent().unwrap_or(file);
    if let Some(found) = known.get(folder) {
        return found.clone();
    }
    let mut found = Ok(None);
    for above in folder
        .ancestors()
        .take_while(|above| !above.ends_with("node_modules"))
    {
        found = match known.get(above) {
            Some(found) => found.clone(),
            None => read(above).map(|read| read.map(Arc::new)),
        };
        if !matches!(found, Ok(None)) || known.contains_key(above) {
            break;
        }
    }
    known.insert(folder.to_path_buf(), found.clone());
    found
}

fn read_package(folder: &Path) -> Result<Option<Package>, Problem> {
    let path = folder.join("package.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Problem::unreadable(&path, &error)),
    };
    let manifest = jsonc::parse_strict(&text).map_err(|problem| Problem::syntax(&path, problem))?;
    let scope = match manifest.get("type").and_then(Value::as_str) {
        Some("module") => ModuleScope::Module,
        Some("commonjs") => ModuleScope::CommonJs,
        _ => ModuleScope::Unset,
    };
    Ok(Some(Package {
        path,
        scope,
        manifest,
    }))
}

/// Whether a file belongs to an installed package rather than to the app.
pub fn is_installed(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str() == "node_modules")
}
