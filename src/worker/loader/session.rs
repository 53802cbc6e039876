//! One worker's conversation.

mod diagnosis;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::cache::Unit;
use super::frames::{self, Place, Request, RunningPlace, ViaName};
use super::packages::{Folders, is_installed};
use super::prelink;
use super::resolve::{self, Via};
use super::tsconfig::TsConfig;
use super::{FileRole, LoaderShared, Problem};
use crate::worker::transpile::{self, CompileOptions, Compiled, Format, ModuleScope, Position};

/// The state of one conversation.
pub struct Session<'s> {
    worker: u64,
    pub(super) shared: &'s LoaderShared,
    folders: Folders,
    /// What runs in the worker, by path: maps and frames must fit that, not the file on disk.
    running: HashMap<PathBuf, Running>,
    warned: HashSet<String>,
    /// What was loaded, the newest last.
    newest: Vec<PathBuf>,
}

struct Running {
    unit: Arc<Unit>,
    format: Format,
    /// See [`Session::shift`]; sorted.
    shifts: Vec<(Position, i64)>,
}

impl Running {
    /// The place in the code as the compiler made it.
    fn unshifted(&self, place: &Place) -> Position {
        let before = self
            .shifts
            .iter()
            .filter(|(from, _)| from.line == place.line && from.column <= place.column);
        let column = i64::from(place.column) - before.map(|(_, by)| by).sum::<i64>();
        let column = u32::try_from(column.max(1)).unwrap_or(u32::MAX);
        Position {
            line: place.line,
            column,
        }
    }

    /// Where code comes from, if that is another place than where it stands.
    fn source_of(&self, place: &Place) -> Option<Position> {
        let compiled = self.unit.result.as_ref().ok()?;
        let generated = self.unshifted(place);
        if compiled.map.is_empty() {
            return (!self.shifts.is_empty()).then_some(generated);
        }
        compiled.map.lookup(generated)
    }
}

/// A reply: its JSON part and its raw part.
pub(super) type Reply = (Value, String);

impl<'s> Session<'s> {
    pub fn new(worker: u64, shared: &'s LoaderShared) -> Self {
        Self {
            worker,
            shared,
            folders: Folders::default(),
            running: HashMap::new(),
            warned: HashSet::new(),
            newest: Vec::new(),
        }
    }

    pub fn run(&mut self, mut stream: UnixStream) -> io::Result<()> {
        while let Some(request) = frames::read(&mut stream)? {
            let reply = match request {
                Request::Loaded { paths } => {
                    self.loaded(&paths);
                    continue;
                }
                Request::Load {
                    path,
                    via,
                    require_esm,
                } => self.load(&path, via, require_esm),
                Request::Format { path } => self.format(&path),
                Request::Spare => Ok(plain(json!({
                    "thread": self.shared.hooks_thread.load(Ordering::Relaxed),
                }))),
                Request::Prelink { path, embedded_sdk } => {
                    Ok(prelink::prelink(self, &path, embedded_sdk))
                }
                Request::Resolve {
                    specifier,
                    from,
                    via,
                } => self.resolve(&specifier, &from, via.into()),
                Request::Map { places } => Ok(plain(self.map(&places))),
                Request::Diagnose { path } => Ok(plain(self.diagnose(path))),
                Request::Frame(place) => Ok(plain(self.frame(&place))),
                Request::LocateImport { path, name } => Ok(plain(self.locate(&path, |source| {
                    transpile::locate_import(&path, source, &name)
                }))),
                Request::Locate { path, specifier } => Ok(plain(self.locate(&path, |source| {
                    transpile::locate_specifier(&path, source, &specifier)
                }))),
                Request::Missing { specifier, from } => Ok(plain(self.missing(&specifier, &from))),
            };
            let (head, text) =
                reply.unwrap_or_else(|problem| (json!({ "problem": problem }), String::new()));
            frames::write(&mut stream, &head, &text)?;
        }
        Ok(())
    }

    pub(super) fn report(&self, path: &Path, role: FileRole) {
        self.shared.report(self.worker, path, role);
    }

    fn loaded(&mut self, paths: &[PathBuf]) {
        for path in paths {
            self.report(path, FileRole::Source);
            self.newest.push(path.clone());
            if !is_installed(path)
                && let Ok(Some(package)) = self.folders.package(path)
            {
                self.report(&package.path, FileRole::Config);
            }
        }
    }

    /// The code to run for a file, and how.
    fn load(&mut self, path: &Path, via: ViaName, require_esm: bool) -> Result<Reply, Problem> {
        let via = Via::from(via);
        let unit = self.run_file(path, via, require_esm)?;
        let compiled = match &unit.result {
            Ok(compiled) => compiled,
            Err(problem) => return Err(Problem::syntax(path, problem.clone())),
        };
        if via == Via::Import && is_facaded(compiled) {
            return Ok((json!({ "format": "module" }), facade(path, compiled)));
        }
        let head = json!({
            "format": match compiled.format {
                Format::Module => "module",
                Format::CommonJs => "commonjs",
            },
            "imports": compiled.imports_dynamically,
        });
        Ok((head, unit.code().to_owned()))
    }

    /// Compiles a file that is about to run, and remembers that it does.
    pub(super) fn run_file(
        &mut self,
        path: &Path,
        via: Via,
        require_esm: bool,
    ) -> Result<Arc<Unit>, Problem> {
        self.report(path, FileRole::Source);
        self.newest.push(path.to_path_buf());
        let unit = self.unit_to_run(path, via, require_esm)?;
        if let Ok(compiled) = &unit.result {
            let shifts = Vec::new();
            let running = Running {
                unit: Arc::clone(&unit),
                format: compiled.format,
                shifts,
            };
            self.running.insert(path.to_path_buf(), running);
        }
        Ok(unit)
    }

    /// The code of a running file was changed: on a line, everything from a column on stands so
    /// many UTF-16 units further right than the compiler left it.
    pub(super) fn shift(&mut self, path: &Path, shifts: Vec<(Position, i64)>) {
        if let Some(running) = self.running.get_mut(path) {
            running.shifts = shifts;
        }
    }

    /// A file that is an ES module and is first wanted by `require`, on a Node that cannot do that
    /// through hooks, runs as CommonJS, and stays so when it is imported later: there must not be
    /// two of it.
    fn unit_to_run(
        &mut self,
        path: &Path,
        via: Via,
        require_esm: bool,
    ) -> Result<Arc<Unit>, Problem> {
        let ran_as = self.running.get(path).map(|running| running.format);
        if let (Some(running), Via::Import, Some(Format::CommonJs)) =
            (self.running.get(path), via, ran_as)
        {
            return Ok(Arc::clone(&running.unit));
        }
        let options = self.options(path)?;
        let unit = self.compile(path, options.clone())?;
        let is_module = unit
            .result
            .as_ref()
            .is_ok_and(|unit| unit.format == Format::Module);
        let convert = via == Via::Require && !require_esm && ran_as != Some(Format::Module);
        if is_module && convert {
            return self.compile(
                path,
                CompileOptions {
                    prefer_commonjs: true,
                    ..options
                },
            );
        }
        Ok(unit)
    }

    fn format(&mut self, path: &Path) -> Result<Reply, Problem> {
        self.report(path, FileRole::Source);
        let options = self.options(path)?;
        let unit = self.compile(path, options)?;
        let compiled = match &unit.result {
            Ok(compiled) => compiled,
            Err(problem) => return Err(Problem::syntax(path, problem.clone())),
        };
        let module = compiled.format == Format::Module;
        Ok((
            json!({ "module": module, "imports": compiled.imports_dynamically }),
            String::new(),
        ))
    }

    fn compile(&self, path: &Path, options: CompileOptions) -> Result<Arc<Unit>, Problem> {
        let source = read_source(path)?;
        Ok(self.shared.cache.compile(path, source, &options))
    }

    fn options(&mut self, path: &Path) -> Result<CompileOptions, Problem> {
        let scope = match self.folders.package(path)? {
            Some(package) => {
                self.report(&package.path, FileRole::Config);
                package.scope
            }
            None => ModuleScope::Unset,
        };
        let settings = match self.config(path)? {
            Some(config) => config.settings.clone(),
            None => Default::default(),
        };
        Ok(CompileOptions {
            scope,
            prefer_commonjs: false,
            settings,
        })
    }

    /// The TypeScript configuration for a file of the app.
    pub(super) fn config(&mut self, path: &Path) -> Result<Option<Arc<TsConfig>>, Problem> {
        if is_installed(path) {
            return Ok(None);
        }
        let config = self.folders.config(path);
        if let Err(problem) = &config {
            self.report(&problem.path, FileRole::Config);
        }
        let config = config?;
        if let Some(config) = &config {
            for file in &config.files {
                self.report(file, FileRole::Config);
            }
            for warning in &config.warnings {
                if self.warned.insert(warning.clone()) {
                    self.shared.warn(warning.clone());
                }
            }
        }
        Ok(config)
    }

    fn resolve(&mut self, specifier: &str, from: &Path, via: Via) -> Result<Reply, Problem> {
        let config = self.config(from)?;
        let found = resolve::resolve(specifier, from, via, config.as_deref());
        if found.file.is_none() {
            for place in &found.tried {
                self.report(place, FileRole::Missing);
            }
        }
        Ok((json!({ "path": found.file }), String::new()))
    }

    fn map(&self, places: &[RunningPlace]) -> Value {
        let found: Vec<Value> = places.iter().map(|place| self.mapped(place)).collect();
        json!({ "found": found })
    }

    /// `[line, column]`, or `"hidden"` for a place in the ES module that stands for a CommonJS
    /// file, or null for code that runs as it was written.
    fn mapped(&self, RunningPlace { place, is_url }: &RunningPlace) -> Value {
        let Some(running) = self.running.get(&place.path) else {
            return Value::Null;
        };
        let compiled = running.unit.result.as_ref();
        // Node names ES modules by URL, CommonJS by path.
        if *is_url && compiled.is_ok_and(is_facaded) {
            return "hidden".into();
        }
        json!(running.source_of(place).map(|at| [at.line, at.column]))
    }
}

/// Whether an `import` of the file gets an ES module that stands for it.
pub(super) fn is_facaded(compiled: &Compiled) -> bool {
    compiled.format == Format::CommonJs && compiled.code.is_some()
}

/// A reply without a raw part.
fn plain(head: Value) -> Reply {
    (head, String::new())
}

/// The ES module that stands for a compiled CommonJS one where that is imported: Node's own way
/// would lex the file on disk, which is TypeScript.
pub(super) fn facade(path: &Path, compiled: &Compiled) -> String {
    let path = quoted(&path.to_string_lossy());
    let mut code = format!(
        "import{{loadCommonJs as $load}}from\"ampt-ws:interop\";const $module=$load({path});"
    );
    let names: BTreeSet<&str> = compiled.exports.iter().map(String::as_str).collect();
    for (number, name) in names.iter().filter(|name| **name != "default").enumerate() {
        let name = quoted(name);
        code.push_str(&format!(
            "const $e{number}=$module[{name}];export{{$e{number} as {name}}};"
        ));
    }
    if compiled.written_as_module {
        if names.contains("default") {
            code.push_str("const $default=$module.default;export{$default as default};");
        }
    } else {
        code.push_str("export{$module as default};");
    }
    for specifier in &compiled.star_exports {
        code.push_str(&format!("export*from{};", quoted(specifier)));
    }
    code
}

pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Reads as Node does: bytes that are not UTF-8 become replacement characters, a byte order mark
/// is dropped.
fn read_source(path: &Path) -> Result<String, Problem> {
    let bytes = fs::read(path).map_err(|error| Problem::unreadable(path, &error))?;
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}
