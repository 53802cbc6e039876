//! What was compiled once is not compiled again: a reload pays for the changed files only.

use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::worker::transpile::{self, CompileOptions, Compiled, SyntaxProblem};

/// A source file as it was read, and what became of it.
#[derive(Debug)]
pub struct Unit {
    /// The text that was compiled, without a byte order mark.
    pub source: String,
    /// The settings under which it was compiled.
    pub options: CompileOptions,
    /// The outcome.
    pub result: Result<Compiled, SyntaxProblem>,
}

impl Unit {
    /// What runs: the compiled code, or the source where that needs no change.
    pub fn code(&self) -> &str {
        let compiled = self
            .result
            .as_ref()
            .ok()
            .and_then(|compiled| compiled.code.as_deref());
        compiled.unwrap_or(&self.source)
    }

    fn size(&self) -> usize {
        let compiled = self.result.as_ref().map_or(0, |compiled| {
            compiled.map.size() + compiled.code.as_ref().map_or(0, String::len)
        });
        self.source.len() + compiled
    }
}

/// The last outcome for each path, bounded in memory.
#[derive(Debug)]
pub struct Cache {
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    units: HashMap<PathBuf, (Arc<Unit>, u64)>,
    bytes: usize,
    clock: u64,
    compilations: u64,
}

impl Cache {
    /// A cache that keeps at most about `limit` bytes of sources, code and maps.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            inner: Mutex::default(),
        }
    }

    /// The outcome for `source`: the kept one if the same text was compiled under the same
    /// options, else a new one.
    pub fn compile(&self, path: &Path, source: String, options: &CompileOptions) -> Arc<Unit> {
        if let Some(unit) = self.kept(path, &source, options) {
            return unit;
        }
        let compile = AssertUnwindSafe(|| transpile::compile(path, &source, options));
        let result = panic::catch_unwind(compile).unwrap_or_else(|_| Err(compiler_failed()));
        let unit = Arc::new(Unit {
            source,
            options: options.clone(),
            result,
        });
        self.keep(path, &unit);
        unit
    }

    /// How many times something was really compiled.
    pub fn compilations(&self) -> u64 {
        self.lock().compilations
    }

    fn kept(&self, path: &Path, source: &str, options: &CompileOptions) -> Option<Arc<Unit>> {
        let mut inner = self.lock();
        inner.clock += 1;
        let now = inner.clock;
        let (unit, used) = inner.units.get_mut(path)?;
        if unit.source != source || unit.options != *options {
            return None;
        }
        *used = now;
        Some(Arc::clone(unit))
    }

    fn keep(&self, path: &Path, unit: &Arc<Unit>) {
        let mut inner = self.lock();
        inner.compilations += 1;
        inner.clock += 1;
        let entry = (Arc::clone(unit), inner.clock);
        inner.bytes += unit.size();
        if let Some((old, _)) = inner.units.insert(path.to_path_buf(), entry) {
            inner.bytes -= old.size();
        }
        while inner.bytes > self.limit && inner.units.len() > 1 {
            inner.forget_oldest();
        }
    }

    /// A panic in another thread leaves the map whole: every change is a single step.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a defect of the compiler looks like to the user: one file's problem, not the end.
fn compiler_failed() -> SyntaxProblem {
    SyntaxProblem {
        message: "the compiler failed on this file, which is a defect of the emulator".into(),
        hint: Some("please report it with the file; plain JavaScript avoids the compiler".into()),
        position: None,
        frame: None,
    }
}

impl Inner {
    fn forget_oldest(&mut self) {
        let oldest = self.units.iter().min_by_key(|(_, (_, used))| *used);
        let oldest = oldest.map(|(path, _)| path.clone());
        if let Some((unit, _)) = oldest.and_then(|path| self.units.remove(&path)) {
            self.bytes -= unit.size();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_text_and_options_are_compiled_once() {
        let cache = Cache::new(1 << 20);
        let path = Path::new("/a.ts");
        let options = CompileOptions::default();
        let first = cache.compile(path, "let a: number = 1".into(), &options);
        let again = cache.compile(path, "let a: number = 1".into(), &options);
        assert!(Arc::ptr_eq(&first, &again));
        let other = CompileOptions {
            prefer_commonjs: true,
            ..options.clone()
        };
        cache.compile(path, "let a: number = 1".into(), &other);
        cache.compile(path, "let a: number = 2".into(), &options);
        assert_eq!(cache.compilations(), 3);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes() {
        let cache = Cache::new(3000);
        let options = CompileOptions::default();
        for name in ["/a.js", "/b.js", "/a.js", "/c.js"] {
            cache.compile(Path::new(name), "x".repeat(1400), &options);
        }
        cache.compile(Path::new("/a.js"), "x".repeat(1400), &options);
        assert_eq!(cache.compilations(), 3);
        cache.compile(Path::new("/b.js"), "x".repeat(1400), &options);
        assert_eq!(cache.compilations(), 4);
    }
}
