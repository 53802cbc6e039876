//! One source file of the user's app → what Node can run: types stripped, TypeScript's own syntax
//! and JSX lowered, ES module syntax turned into CommonJS where the file runs as CommonJS.
//!
//! This is the only place that knows `oxc`. It works per file, as Ampt's own build does: no
//! bundling, no type check, no look at other files. What needs no change is left untouched, so
//! that plain JavaScript reaches Node byte for byte.

mod commonjs;
mod kind;
mod map;
mod problem;

use std::ops::Range;
use std::path::Path;

use oxc::allocator::Allocator;
use oxc::ast::ast::{Program, Statement};
use oxc::codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc::semantic::{Scoping, SemanticBuilder};
use oxc::syntax::module_record::{ExportImportName, ImportImportName};
use oxc::transformer::{
    HelperLoaderOptions, JsxOptions, JsxRuntime, Module, TransformOptions, Transformer,
};

pub use kind::{Format, ModuleScope};
pub use map::{Position, PositionMap};
pub use problem::{CodeFrame, SyntaxProblem};

use kind::{Facts, Language, Parsed};

/// The import prefix under which generated code finds our own runtime modules. The module hooks
/// resolve it; no package can have such a name, because of the colon.
pub const RUNTIME_PREFIX: &str = "ampt-ws:";

/// Everything besides the source that decides the outcome. Two equal values give equal results.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompileOptions {
    /// What the nearest `package.json` says with `type`.
    pub scope: ModuleScope,
    /// The file is wanted by `require` on a Node that cannot load an ES module there: make it
    /// CommonJS if that is possible at all.
    pub prefer_commonjs: bool,
    /// What the nearest `tsconfig.json` says.
    pub settings: TypeScriptSettings,
}

/// The settings of a `tsconfig.json` that change what code does when it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeScriptSettings {
    /// `experimentalDecorators`
    pub experimental_decorators: bool,
    /// `emitDecoratorMetadata`
    pub emit_decorator_metadata: bool,
    /// `strictNullChecks` or `strict`; matters to decorator metadata only.
    pub strict_null_checks: bool,
    /// `verbatimModuleSyntax` (or the older `preserveValueImports`): keep imports that look unused.
    pub verbatim_module_syntax: bool,
    /// `useDefineForClassFields`, or what `target` implies.
    pub use_define_for_class_fields: bool,
    /// `jsx` and its companions.
    pub jsx: Jsx,
}

impl Default for TypeScriptSettings {
    fn default() -> Self {
        Self {
            experimental_decorators: false,
            emit_decorator_metadata: false,
            strict_null_checks: true,
            verbatim_module_syntax: false,
            use_define_for_class_fields: true,
            jsx: Jsx::default(),
        }
    }
}

/// How JSX is lowered. All fields `None` and `classic` false: React's automatic runtime.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Jsx {
    /// `"jsx": "react"`: calls of a factory that must be in scope.
    pub classic: bool,
    /// `"jsx": "react-jsxdev"`
    pub development: bool,
    /// `jsxImportSource`
    pub import_source: Option<String>,
    /// `jsxFactory`
    pub factory: Option<String>,
    /// `jsxFragmentFactory`
    pub fragment_factory: Option<String>,
}

/// What became of a source file.
#[derive(Debug)]
pub struct Compiled {
    /// How Node has to run it.
    pub format: Format,
    /// The code to run; `None`: the source as it is.
    pub code: Option<String>,
    /// From the code to the source; empty when the source runs as it is.
    pub map: PositionMap,
    /// The file was written as an ES module (it may run as CommonJS all the same).
    pub written_as_module: bool,
    /// For a file that was compiled to CommonJS: the names that an `import` of it can see.
    pub exports: Vec<String>,
    /// For the same: the specifiers of its `export * from`.
    pub star_exports: Vec<String>,
    /// It has `import(…)` expressions.
    pub imports_dynamically: bool,
}

impl Compiled {
    fn unchanged(format: Format, imports_dynamically: bool) -> Self {
        Self {
            format,
            code: None,
            map: PositionMap::default(),
            written_as_module: format == Format::Module,
            exports: Vec::new(),
            star_exports: Vec::new(),
            imports_dynamically,
        }
    }
}

/// Compiles one file.
///
/// # Errors
/// For syntax that the parser rejects, and for the few things of TypeScript that cannot be
/// compiled file by file. What is only a *type* error is none. For plain JavaScript nothing is an
/// error here: Node is the judge, and [`diagnose`] explains its verdict.
pub fn compile(
    path: &Path,
    source: &str,
    options: &CompileOptions,
) -> Result<Compiled, SyntaxProblem> {
    let language = Language::of(path);
    let scope = language.scope(options.scope);
    if let Some(format) = kind::without_parsing(language, scope, source, options.prefer_commonjs) {
        return Ok(Compiled::unchanged(format, source.contains("import(")));
    }
    let allocator = Allocator::default();
    let parsed = match kind::parse(&allocator, language, scope, source) {
        Ok(parsed) => parsed,
        Err(unparsable) if language.is_plain_javascript() => {
            return Ok(Compiled::unchanged(unparsable.likely_format, true));
        }
        Err(unparsable) => return Err(unparsable.problem),
    };
    let facts = Facts::gather(&parsed, source);
    let format = facts.format(language, scope, options.prefer_commonjs);
    if let Some(problem) = facts.unsupported(format, &options.settings, source) {
        return Err(problem);
    }
    if language.is_plain_javascript() && !facts.needs_rewriting(format, scope) {
        return Ok(Compiled {
            written_as_module: facts.module_syntax,
            ..Compiled::unchanged(format, facts.imports_dynamically)
        });
    }
    rewrite(
        &allocator, path, source, options, language, parsed, facts, format,
    )
}

/// Says what is wrong with a file that Node refused to parse. `None`: the parser finds no fault.
pub fn diagnose(path: &Path, source: &str, options: &CompileOptions) -> Option<SyntaxProblem> {
    let language = Language::of(path);
    let allocator = Allocator::default();
    match kind::parse(&allocator, language, language.scope(options.scope), source) {
        Err(unparsable) => Some(unparsable.problem),
        Ok(parsed) => {
            let built = SemanticBuilder::new()
                .with_check_syntax_error(true)
                .build(&parsed.program);
            let first = built.diagnostics.into_iter().find(problem::is_fatal)?;
            Some(SyntaxProblem::from_diagnostic(&first, source))
        }
    }
}

/// Where `file` names `specifier` in an `import`, `export … from`, `import()` or `require()`.
pub fn locate_specifier(path: &Path, source: &str, specifier: &str) -> Option<Position> {
    let allocator = Allocator::default();
    let language = Language::of(path);
    let scope = language.scope(ModuleScope::Unset);
    let from_record = kind::parse(&allocator, language, scope, source)
        .ok()
        .and_then(|parsed| {
            let requests = parsed.record.requested_modules.iter();
            let mut found = requests.filter(|(name, _)| name.as_str() == specifier);
            found
                .next()
                .and_then(|(_, places)| places.first().map(|place| place.span.start))
        });
    let offset = from_record.or_else(|| {
        ['"', '\'', '`'].iter().find_map(|quote| {
            let needle = format!("{quote}{specifier}{quote}");
            source.find(&needle).and_then(|at| u32::try_from(at).ok())
        })
    })?;
    Some(Position::of_offset(source, offset))
}

/// Where an ES module imports, or exports from elsewhere, something by this name.
pub fn locate_import(path: &Path, source: &str, name: &str) -> Option<Position> {
    let allocator = Allocator::default();
    let language = Language::of(path);
    let parsed = kind::parse(&allocator, language, ModuleScope::Module, source).ok()?;
    let imported =
        parsed
            .record
            .import_entries
            .iter()
            .filter_map(|entry| match &entry.import_name {
                ImportImportName::Name(imported) => Some((imported.name, imported.span)),
                ImportImportName::Default(span) => Some(("default".into(), *span)),
                ImportImportName::NamespaceObject => None,
            });
    let exported = parsed
        .record
        .indirect_export_entries
        .iter()
        .filter_map(|entry| match &entry.import_name {
            ExportImportName::Name(exported) => Some((exported.name, exported.span)),
            _ => None,
        });
    let (_, span) = imported
        .chain(exported)
        .find(|(imported, _)| imported.as_str() == name)?;
    Some(Position::of_offset(source, span.start))
}

/// The static imports of an ES module: the specifier and the byte range of its literal, in order
/// of appearance; a specifier may appear more than once. `None` if it cannot be parsed.
pub fn static_imports(code: &str) -> Option<Vec<(String, Range<usize>)>> {
    let allocator = Allocator::default();
    let language = Language::of(Path::new("code.mjs"));
    let parsed = kind::parse(&allocator, language, ModuleScope::Module, code).ok()?;
    let requests = parsed.record.requested_modules.iter();
    let mut found: Vec<_> = requests
        .flat_map(|(name, places)| places.iter().map(move |place| (name, place.span)))
        .map(|(name, span)| (name.to_string(), span.start as usize..span.end as usize))
        .collect();
    found.sort_by_key(|(_, range)| range.start);
    Some(found)
}

#[expect(
    clippy::too_many_arguments,
    reason = "one straight pipeline, split only for its length"
)]
fn rewrite<'a>(
    allocator: &'a Allocator,
    path: &Path,
    source: &'a str,
    options: &CompileOptions,
    language: Language,
    parsed: Parsed<'a>,
    facts: Facts,
    format: Format,
) -> Result<Compiled, SyntaxProblem> {
    let mut program = parsed.program;
    program.hashbang = None;
    let transform = transform_options(options, language, format, facts.module_syntax);
    let returned = Transformer::new(allocator, path, &transform)
        .build_with_scoping(facts.scoping, &mut program);
    if let Some(error) = returned.diagnostics.into_iter().next() {
        return Err(SyntaxProblem::from_diagnostic(&error, source));
    }
    let mut compiled = Compiled::unchanged(format, facts.imports_dynamically);
    compiled.written_as_module = facts.module_syntax;
    let header = if format == Format::CommonJs && has_module_declarations(&program) {
        let scoping = fresh_scoping(&program);
        let converted = commonjs::convert(allocator, &mut program, &scoping, facts.module_syntax);
        compiled.exports = converted.exports;
        compiled.star_exports = converted.star_exports;
        converted.header
    } else {
        compiled.exports = facts.commonjs_exports;
        map::Header::new(kind::commonjs_names_for_module(
            format,
            &facts.commonjs_globals,
        ))
    };
    let printed = Codegen::new()
        .with_options(CodegenOptions {
            source_map_path: Some(path.to_path_buf()),
            comments: CommentOptions::disabled(),
            ..CodegenOptions::default()
        })
        .with_source_text(source)
        .build(&program);
    let tokens = printed
        .map
        .iter()
        .flat_map(|map| map.get_tokens())
        .map(|token| {
            (
                token.get_dst_line(),
                token.get_dst_col(),
                token.get_src_line(),
                token.get_src_col(),
            )
        });
    compiled.map = PositionMap::new(source, &header, tokens);
    compiled.code = Some(header.text + "\n" + &printed.code);
    Ok(compiled)
}

/// The transformer keeps its own books; a rebuild is cheap and cannot be stale.
fn fresh_scoping(program: &Program<'_>) -> Scoping {
    SemanticBuilder::new()
        .build(program)
        .semantic
        .into_scoping()
}

fn has_module_declarations(program: &Program<'_>) -> bool {
    program.body.iter().any(Statement::is_module_declaration)
}

fn transform_options(
    options: &CompileOptions,
    language: Language,
    format: Format,
    module_syntax: bool,
) -> TransformOptions {
    let settings = &options.settings;
    let mut transform = TransformOptions {
        jsx: if language.is_jsx() {
            jsx_options(&settings.jsx)
        } else {
            JsxOptions::disable()
        },
        helper_loader: HelperLoaderOptions {
            module_name: "ampt-ws:".into(),
            ..HelperLoaderOptions::default()
        },
        ..TransformOptions::default()
    };
    transform.typescript.only_remove_type_imports = settings.verbatim_module_syntax;
    transform.decorator.legacy = settings.experimental_decorators;
    transform.decorator.emit_decorator_metadata = settings.emit_decorator_metadata;
    transform.decorator.strict_null_checks = settings.strict_null_checks;
    if !settings.use_define_for_class_fields {
        transform.assumptions.set_public_class_fields = true;
        transform.typescript.remove_class_fields_without_initializer = true;
    }
    if let Some(factory) = &settings.jsx.factory {
        transform.typescript.jsx_pragma = factory.clone().into();
    }
    if let Some(fragment) = &settings.jsx.fragment_factory {
        transform.typescript.jsx_pragma_frag = fragment.clone().into();
    }
    // Node before 24 has no `using`.
    transform.env.es2026.explicit_resource_management = language.is_typescript();
    if format == Format::CommonJs && module_syntax {
        transform.env.module = Module::CommonJS;
    }
    transform
}

fn jsx_options(jsx: &Jsx) -> JsxOptions {
    JsxOptions {
        runtime: if jsx.classic {
            JsxRuntime::Classic
        } else {
            JsxRuntime::Automatic
        },
        development: jsx.development,
        import_source: if jsx.classic {
            None
        } else {
            jsx.import_source.clone()
        },
        pragma: if jsx.classic {
            jsx.factory.clone()
        } else {
            None
        },
        pragma_frag: if jsx.classic {
            jsx.fragment_factory.clone()
        } else {
            None
        },
        jsx_source_plugin: false,
        jsx_self_plugin: false,
        throw_if_namespace: false,
        ..JsxOptions::enable()
    }
}

#[cfg(test)]
mod tests;
