//! ES modules on Node 20 without the thread that its module hooks need.
//!
//! That thread costs as much as Node's own start. But Node 20.19 can compile a given text as the
//! ES module of a given file, synchronously and in the main thread (it does so for `require` of an
//! ES module), and afterwards finds it by its URL. So the files of the app are handed over one
//! after the other, dependencies first, their imports rewritten such that Node's own resolution
//! finds what our rules find. `import.meta.url`, stack traces, live bindings and the errors of
//! missing exports stay what they are.
//!
//! What this cannot do: circular imports among the app's files, and packages that need our hooks
//! themselves. For these there is the thread.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::FileRole;
use super::jsonc;
use super::packages::is_installed;
use super::resolve::{self, Via};
use super::session::{Reply, Session, facade, is_facaded, quoted};
use crate::worker::transpile::{self, Format, Position, RUNTIME_PREFIX};

/// A larger app is better served by the thread than by one huge reply. In bytes.
const MAX_TOTAL: usize = 32 << 20;

/// The steps that load the ES module at `path`: `{"steps": [{path, length}…]}` and the code of all
/// steps as raw text (`length` in UTF-16 units), or `{"steps": null}` if the thread is needed.
pub fn prelink(session: &mut Session<'_>, path: &Path, embedded_sdk: bool) -> Reply {
    let mut plan = Plan {
        session,
        embedded_sdk,
        done: HashMap::new(),
        imports: false,
        open: Vec::new(),
        steps: Vec::new(),
        text: String::new(),
    };
    let possible = plan.add(path).is_some();
    let (steps, text, imports) = (plan.steps, plan.text, plan.imports);
    if !possible || imports {
        session.shared.note_hooks_thread();
    }
    if possible {
        (json!({ "steps": steps, "imports": imports }), text)
    } else {
        (json!({ "steps": null }), String::new())
    }
}

struct Plan<'p, 's> {
    session: &'p mut Session<'s>,
    embedded_sdk: bool,
    done: HashMap<PathBuf, LoadedBy>,
    /// Some file has `import()` expressions.
    imports: bool,
    /// The files whose dependencies are being added, to notice circles.
    open: Vec<PathBuf>,
    steps: Vec<serde_json::Value>,
    text: String,
}

/// What Node has to be told in the place of a specifier.
enum Target {
    /// What is written: Node finds it, and loads it when it comes to it.
    Package,
    /// A file of ours.
    Own(PathBuf),
    /// A file of the app.
    App(PathBuf),
}

/// Who loads a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LoadedBy {
    /// A step of the plan.
    Step,
    /// Node's own loader, when an importing module runs.
    Node,
}

impl Plan<'_, '_> {
    /// Adds a file and everything it needs. `None`: not possible.
    fn add(&mut self, path: &Path) -> Option<LoadedBy> {
        if let Some(loaded_by) = self.done.get(path) {
            return Some(*loaded_by);
        }
        if self.open.iter().any(|open| open == path) || self.text.len() > MAX_TOTAL {
            return None;
        }
        self.open.push(path.to_path_buf());
        let loaded_by = self.add_new(path)?;
        self.open.pop();
        self.done.insert(path.to_path_buf(), loaded_by);
        Some(loaded_by)
    }

    fn add_new(&mut self, path: &Path) -> Option<LoadedBy> {
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            self.session.report(path, FileRole::Source);
            return self.add_module(path, &json_facade(path), false);
        }
        let unit = self.session.run_file(path, Via::Import, false).ok()?;
        let compiled = unit.result.as_ref().ok()?;
        self.imports |= compiled.imports_dynamically;
        match compiled.format {
            Format::Module => self.add_module(path, unit.code(), true),
            Format::CommonJs if is_facaded(compiled) => {
                self.add_module(path, &facade(path, compiled), false)
            }
            // It goes through `require`, which is patched in the main thread.
            Format::CommonJs => Some(LoadedBy::Node),
        }
    }

    fn add_module(&mut self, path: &Path, code: &str, is_mapped: bool) -> Option<LoadedBy> {
        let imports = transpile::static_imports(code)?;
        let mut rewriting = Rewriting::new(code);
        // What Node will load only when this module runs.
        let mut late = Vec::new();
        for (specifier, range) in imports {
            match self.target(&specifier, path)? {
                Target::Package => late.push(specifier),
                Target::Own(file) => rewriting.replace(range, &quoted(&file_url(&file)?))?,
                Target::App(file) => {
                    let url = file_url(&file)?;
                    match self.add_in_order(path, &mut late, &file)? {
                        LoadedBy::Step => {}
                        LoadedBy::Node => late.push(url.clone()),
                    }
                    if !is_written_out(&specifier, path, &file) {
                        rewriting.replace(range, &quoted(&url))?;
                    }
                }
            }
        }
        let (rewritten, shifts) = rewriting.finish()?;
        if is_mapped {
            self.session.shift(path, shifts);
        }
        self.step(path, &rewritten, false);
        Some(LoadedBy::Step)
    }

    /// A file that comes after packages in the order of imports must run after them: so these are
    /// loaded before it, by a module of nothing but their imports.
    fn add_in_order(
        &mut self,
        from: &Path,
        late: &mut Vec<String>,
        file: &Path,
    ) -> Option<LoadedBy> {
        if !late.is_empty() && !self.done.contains_key(file) {
            let imports: String = late
                .drain(..)
                .map(|package| format!("import{};", quoted(&package)))
                .collect();
            let number = self.steps.len();
            self.step(
                &from.with_file_name(format!(".ampt-ws-{number}.mjs")),
                &imports,
                true,
            );
        }
        self.add(file)
    }

    fn step(&mut self, path: &Path, code: &str, is_ours: bool) {
        self.steps
            .push(json!({ "path": path, "length": units(code), "isOurs": is_ours }));
        self.text.push_str(code);
    }

    fn target(&mut self, specifier: &str, from: &Path) -> Option<Target> {
        if let Some(own) = self.own_file(specifier) {
            return Some(Target::Own(own));
        }
        if specifier.starts_with("node:") {
            return Some(Target::Package);
        }
        // Package imports, URLs, queries and escapes are for Node's resolution alone.
        if specifier.starts_with('#') || specifier.contains([':', '?', '#', '%', '\\']) {
            return None;
        }
        let is_path = specifier.starts_with(['.', '/']);
        if !is_path && !self.is_alias(specifier, from)? {
            return Some(Target::Package);
        }
        let config = self.session.config(from).ok()?;
        let found = resolve::resolve(specifier, from, Via::Import, config.as_deref());
        let file = found.file?;
        match file.extension()?.to_str()? {
            "node" | "wasm" => None,
            _ if is_installed(&file) => {
                is_written_out(specifier, from, &file).then_some(Target::Package)
            }
            _ => Some(Target::App(file)),
        }
    }

    fn own_file(&self, specifier: &str) -> Option<PathBuf> {
        let runtime = &self.session.shared.options.runtime_dir;
        if let Some(name) = specifier.strip_prefix(RUNTIME_PREFIX) {
            let name = name.trim_start_matches('/');
            return Some(runtime.join("loader").join(format!("{name}.cjs")));
        }
        let mut parts = specifier.strip_prefix("@ampt/")?.splitn(2, '/');
        let name = parts.next()?;
        let part = parts.next().unwrap_or("index");
        if name != "data" && !(name == "sdk" && self.embedded_sdk) {
            return None;
        }
        let file = runtime.join(name).join(format!("{part}.mjs"));
        file.is_file().then_some(file)
    }

    /// Whether a bare specifier is not a package but an alias. `None`: a package that is not for
    /// Node alone (one of the app's own, linked into `node_modules`, or one that uses our SDK).
    fn is_alias(&mut self, specifier: &str, from: &Path) -> Option<bool> {
        let depth = if specifier.starts_with('@') { 2 } else { 1 };
        let name: PathBuf = specifier.split('/').take(depth).collect();
        if specifier.starts_with("@ampt/") {
            return None;
        }
        let folders = from
            .ancestors()
            .map(|folder| folder.join("node_modules").join(&name));
        let Some(folder) = folders.into_iter().find(|folder| folder.is_dir()) else {
            let config = self.session.config(from).ok()?;
            let found = resolve::resolve(specifier, from, Via::Import, config.as_deref());
            return Some(found.file.is_some());
        };
        let manifest = folder.join("package.json");
        let real = fs::canonicalize(&manifest).ok()?;
        self.session.report(&real, FileRole::Source);
        let text = fs::read_to_string(&real).ok()?;
        let fields = jsonc::parse_strict(&text).ok()?;
        let uses_ours = ["dependencies", "peerDependencies", "optionalDependencies"]
            .iter()
            .filter_map(|list| fields.get(list)?.as_object())
            .any(|list| list.keys().any(|name| name.starts_with("@ampt/")));
        (is_installed(&real) && !uses_ours).then_some(false)
    }
}

/// Code in which some specifiers are exchanged.
struct Rewriting<'c> {
    code: &'c str,
    copied: usize,
    out: String,
    /// See [`Session::shift`].
    shifts: Vec<(Position, i64)>,
}

impl<'c> Rewriting<'c> {
    fn new(code: &'c str) -> Self {
        Self {
            code,
            copied: 0,
            out: String::with_capacity(code.len()),
            shifts: Vec::new(),
        }
    }

    /// Ranges must come in order.
    fn replace(&mut self, range: Range<usize>, new: &str) -> Option<()> {
        self.out.push_str(self.code.get(self.copied..range.start)?);
        self.out.push_str(new);
        let at = Position::of_offset(&self.out, u32::try_from(self.out.len()).ok()?);
        self.shifts
            .push((at, units(new) - units(self.code.get(range.clone())?)));
        self.copied = range.end;
        Some(())
    }

    fn finish(mut self) -> Option<(String, Vec<(Position, i64)>)> {
        self.out.push_str(self.code.get(self.copied..)?);
        Some((self.out, self.shifts))
    }
}

/// Whether Node itself gets from a relative specifier to the file.
fn is_written_out(specifier: &str, from: &Path, file: &Path) -> bool {
    specifier.starts_with('.')
        && from
            .parent()
            .is_some_and(|folder| resolve::normalized(&folder.join(specifier)) == file)
}

/// The ES module that stands for a JSON file: Node 20 wants an attribute where that is imported.
fn json_facade(path: &Path) -> String {
    let path = quoted(&path.to_string_lossy());
    format!(
        "import{{loadCommonJs as $load}}from\"{RUNTIME_PREFIX}interop\";export default $load({path});"
    )
}

/// Length in UTF-16 units, as JavaScript counts.
fn units(text: &str) -> i64 {
    i64::try_from(text.encode_utf16().count()).unwrap_or(i64::MAX)
}

/// A URL of a file; Node brings it into its own form.
fn file_url(path: &Path) -> Option<String> {
    let mut url = String::from("file://");
    for byte in path.to_str()?.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_./~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(url)
}
