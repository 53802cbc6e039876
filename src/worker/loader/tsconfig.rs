//! `tsconfig.json` and `jsconfig.json`: what of them changes how code resolves and runs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Problem;
use super::jsonc;
use crate::worker::transpile::{Jsx, TypeScriptSettings};

/// The effective settings of one configuration file, all that it extends included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TsConfig {
    /// Every file that took part: the configuration itself and what it extends.
    pub files: Vec<PathBuf>,
    /// What the compiler needs.
    pub settings: TypeScriptSettings,
    /// `baseUrl`, absolute.
    pub base_url: Option<PathBuf>,
    /// `paths`: pattern → absolute targets, both with at most one `*`.
    pub paths: Vec<(String, Vec<PathBuf>)>,
    /// Something to tell the user: an `extends` that cannot be found.
    pub warnings: Vec<String>,
}

/// More than this in a chain of `extends` is a mistake.
const MAX_DEPTH: usize = 32;

impl TsConfig {
    /// The name of the configuration file in `folder`, if there is one.
    pub fn find_in(folder: &Path) -> Option<PathBuf> {
        let names = ["tsconfig.json", "jsconfig.json"];
        names
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file())
    }

    /// Reads a configuration and what it extends.
    ///
    /// # Errors
    /// If one of the files cannot be read, is not JSON, or the chain goes round in a circle. An
    /// `extends` that leads nowhere is a warning only: such a base is often a development
    /// dependency that is not installed.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let mut reading = Reading::default();
        let options = reading.read(path, &mut Vec::new())?;
        let mut config = Self {
            settings: settings(&options),
            base_url: string(&options, "baseUrl").map(PathBuf::from),
            paths: paths(&options),
            warnings: reading.warnings,
            files: reading.files,
        };
        config.paths.sort_by_key(|(pattern, _)| {
            let prefix = pattern.split('*').next().map_or(0, str::len);
            // An exact pattern goes first, then the longest prefix.
            (pattern.contains('*'), std::cmp::Reverse(prefix))
        });
        Ok(config)
    }
}

#[derive(Default)]
struct Reading {
    files: Vec<PathBuf>,
    warnings: Vec<String>,
}

impl Reading {
    /// The merged `compilerOptions`, paths in them made absolute.
    fn read(
        &mut self,
        path: &Path,
        chain: &mut Vec<PathBuf>,
    ) -> Result<Map<String, Value>, Problem> {
        if chain.len() >= MAX_DEPTH || chain.iter().any(|seen| seen == path) {
            let message = format!("`{}` extends itself, by way of others", path.display());
            return Err(Problem::new(path, message, "remove one of the `extends`"));
        }
        self.files.push(path.to_path_buf());
        let text = fs::read_to_string(path).map_err(|error| Problem::unreadable(path, &error))?;
        let value = jsonc::parse(&text).map_err(|problem| Problem::syntax(path, problem))?;
        chain.push(path.to_path_buf());
        let mut merged = Map::new();
        for base in extended(&value) {
            match find_base(path, base) {
                Some(base) => merged.extend(self.read(&base, chain)?),
                None => self.warnings.push(format!(
                    "`{}` extends `{base}`, which cannot be found: install it, or remove the `extends`",
                    path.display()
                )),
            }
        }
        chain.pop();
        if let Some(Value::Object(options)) = value.get("compilerOptions") {
            merged.extend(absolute(path, options));
        }
        Ok(merged)
    }
}

fn extended(value: &Value) -> Vec<&str> {
    match value.get("extends") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Paths in a configuration are relative to the file that has them.
fn absolute(path: &Path, options: &Map<String, Value>) -> Map<String, Value> {
    let folder = path.parent().unwrap_or(path);
    let mut options = options.clone();
    let own_base = string(&options, "baseUrl").map(|base| place(folder, base));
    if let Some(base) = &own_base {
        options.insert("baseUrl".into(), base.to_string_lossy().into());
    }
    let base = own_base.as_deref().unwrap_or(folder);
    if let Some(Value::Object(paths)) = options.get_mut("paths") {
        for target in paths.values_mut().filter_map(Value::as_array_mut).flatten() {
            if let Value::String(text) = target {
                *text = place(base, text).to_string_lossy().into_owned();
            }
        }
    }
    options
}

/// TypeScript replaces `${configDir}`; here it is the folder of the file that has it.
fn place(folder: &Path, text: &str) -> PathBuf {
    match text.strip_prefix("${configDir}") {
        Some(rest) => folder.join(rest.trim_start_matches('/')),
        None => folder.join(text),
    }
}

fn find_base(from: &Path, base: &str) -> Option<PathBuf> {
    let folder = from.parent()?;
    if base.starts_with('.') || Path::new(base).is_absolute() {
        return config_at(&folder.join(base));
    }
    let modules = folder.ancestors().map(|folder| folder.join("node_modules"));
    modules
        .filter(|folder| folder.is_dir())
        .find_map(|folder| config_at(&folder.join(base)).or_else(|| exported_config(&folder, base)))
}

/// A file, a file without its extension, or a package's folder.
fn config_at(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_path_buf());
    }
    let with_extension = PathBuf::from(format!("{}.json", path.display()));
    if with_extension.is_file() {
        return Some(with_extension);
    }
    let manifest = package_json(path);
    let named = manifest
        .as_ref()
        .and_then(|manifest| manifest.get("tsconfig")?.as_str());
    let inside = path.join(named.unwrap_or("tsconfig.json"));
    inside.is_file().then_some(inside)
}

/// A package may say with `exports` where its configurations are.
fn exported_config(modules: &Path, base: &str) -> Option<PathBuf> {
    let depth = if base.starts_with('@') { 2 } else { 1 };
    let mut parts = base.splitn(depth + 1, '/');
    let name = parts.by_ref().take(depth).collect::<Vec<_>>().join("/");
    let key = parts
        .next()
        .map_or_else(|| ".".to_owned(), |rest| format!("./{rest}"));
    let package = modules.join(name);
    let manifest = package_json(&package)?;
    let exports = manifest.get("exports")?;
    let target = exports
        .get(&key)
        .or_else(|| exports.get(format!("{key}.json")))?;
    let target = match target {
        Value::Object(conditions) => ["node", "require", "import", "default"]
            .iter()
            .find_map(|name| conditions.get(*name))?,
        other => other,
    };
    let file = package.join(target.as_str()?);
    file.is_file().then_some(file)
}

fn package_json(folder: &Path) -> Option<Value> {
    let text = match fs::read_to_string(folder.join("package.json")) {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        other => other.ok()?,
    };
    jsonc::parse_strict(&text).ok()
}

fn settings(options: &Map<String, Value>) -> TypeScriptSettings {
    let flag = |name: &str| options.get(name).and_then(Value::as_bool);
    let jsx = string(options, "jsx")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let owned = |name: &str| string(options, name).map(str::to_owned);
    TypeScriptSettings {
        experimental_decorators: flag("experimentalDecorators").unwrap_or(false),
        emit_decorator_metadata: flag("emitDecoratorMetadata").unwrap_or(false),
        strict_null_checks: flag("strictNullChecks").or(flag("strict")).unwrap_or(false),
        verbatim_module_syntax: flag("verbatimModuleSyntax")
            .or(flag("preserveValueImports"))
            .unwrap_or(false),
        use_define_for_class_fields: flag("useDefineForClassFields")
            .unwrap_or_else(|| string(options, "target").is_none_or(target_has_class_fields)),
        jsx: Jsx {
            classic: jsx == "react",
            development: jsx == "react-jsxdev",
            import_source: owned("jsxImportSource"),
            factory: owned("jsxFactory"),
            fragment_factory: owned("jsxFragmentFactory"),
        },
    }
}

/// ECMAScript has class fields since 2022; for an older target TypeScript assigns them.
fn target_has_class_fields(target: &str) -> bool {
    let target = target.to_ascii_lowercase();
    target == "esnext"
        || target
            .strip_prefix("es")
            .and_then(|year| year.parse().ok())
            .is_some_and(|year: u32| year >= 2022)
}

fn paths(options: &Map<String, Value>) -> Vec<(String, Vec<PathBuf>)> {
    let Some(Value::Object(paths)) = options.get("paths") else {
        return Vec::new();
    };
    let target_list = |targets: &Value| {
        let targets = targets.as_array().into_iter().flatten();
        targets
            .filter_map(Value::as_str)
            .map(PathBuf::from)
            .collect()
    };
    paths
        .iter()
        .map(|(pattern, targets)| (pattern.clone(), target_list(targets)))
        .collect()
}

fn string<'a>(options: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    options.get(name).and_then(Value::as_str)
}
