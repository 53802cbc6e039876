//! ES module or CommonJS? And what else has to be known about a file before it is compiled.

use std::path::Path;

use oxc::allocator::Allocator;
use oxc::ast::ast::{
    ArrowFunctionExpression, AssignmentExpression, AssignmentTarget, AwaitExpression, Decorator,
    Expression, ForOfStatement, Function, ObjectPropertyKind, Program, TSExportAssignment,
    TSImportEqualsDeclaration, VariableDeclaration, VariableDeclarationKind,
};
use oxc::ast_visit::{Visit, walk};
use oxc::parser::{ParseOptions, Parser, ParserReturn};
use oxc::semantic::{Scoping, SemanticBuilder};
use oxc::span::SourceType;
use oxc::syntax::module_record::ModuleRecord;
use oxc::syntax::scope::ScopeFlags;

use super::TypeScriptSettings;
use super::problem::{SyntaxProblem, is_fatal};

/// The two ways in which Node runs a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An ES module.
    Module,
    /// A CommonJS module.
    CommonJs,
}

/// What decides the format of a file apart from its content: its extension, or else the `type` of
/// the nearest `package.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModuleScope {
    /// `"type": "module"`, `.mjs`, `.mts`
    Module,
    /// `"type": "commonjs"`, `.cjs`, `.cts`
    CommonJs,
    /// Nothing says so.
    #[default]
    Unset,
}

/// What a file's extension says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Language {
    typescript: bool,
    jsx: bool,
    fixed: Option<ModuleScope>,
}

impl Language {
    pub fn of(path: &Path) -> Self {
        let extension = path
            .extension()
            .and_then(|ext| ext.to_str())
            .unwrap_or_default();
        let fixed = match extension {
            "mjs" | "mts" => Some(ModuleScope::Module),
            "cjs" | "cts" => Some(ModuleScope::CommonJs),
            _ => None,
        };
        Self {
            typescript: matches!(extension, "ts" | "tsx" | "mts" | "cts"),
            jsx: matches!(extension, "tsx" | "jsx"),
            fixed,
        }
    }

    pub fn is_typescript(self) -> bool {
        self.typescript
    }

    pub fn is_jsx(self) -> bool {
        self.jsx
    }

    pub fn is_plain_javascript(self) -> bool {
        !self.typescript && !self.jsx
    }

    pub fn scope(self, from_package: ModuleScope) -> ModuleScope {
        self.fixed.unwrap_or(from_package)
    }

    fn source_type(self, as_module: bool) -> SourceType {
        let base = match (self.typescript, self.jsx) {
            (true, true) => SourceType::tsx(),
            (true, false) => SourceType::ts(),
            (false, true) => SourceType::jsx(),
            (false, false) => SourceType::mjs(),
        };
        if as_module {
            base.with_module(true)
        } else {
            base.with_commonjs(true)
        }
    }
}

/// The format of plain JavaScript whose text need not be looked at closely.
pub(super) fn without_parsing(
    language: Language,
    scope: ModuleScope,
    source: &str,
    prefer_commonjs: bool,
) -> Option<Format> {
    if !language.is_plain_javascript() {
        return None;
    }
    match scope {
        ModuleScope::Module => (!prefer_commonjs).then_some(Format::Module),
        ModuleScope::CommonJs if language.fixed.is_some() => Some(Format::CommonJs),
        ModuleScope::CommonJs | ModuleScope::Unset => {
            let words: &[&str] = match scope {
                ModuleScope::Unset => &["import", "export", "await"],
                _ => &["import", "export"],
            };
            let none = !words.iter().any(|word| source.contains(word));
            none.then_some(Format::CommonJs)
        }
    }
}

/// A file that was parsed without a fatal error.
pub(super) struct Parsed<'a> {
    pub program: Program<'a>,
    pub record: ModuleRecord<'a>,
}

/// A file that was not.
pub(super) struct Unparsable {
    pub problem: SyntaxProblem,
    /// How Node should try it, so that its own message is to the point.
    pub likely_format: Format,
}

/// Parses as an ES module first: that allows everything except what sloppy scripts may do, which
/// is tried next unless the file must be an ES module.
pub(super) fn parse<'a>(
    allocator: &'a Allocator,
    language: Language,
    scope: ModuleScope,
    source: &'a str,
) -> Result<Parsed<'a>, Unparsable> {
    let as_module = parse_as(allocator, language.source_type(true), source);
    let Some(problem) = first_problem(&as_module, source) else {
        return Ok(parsed(as_module));
    };
    let module_syntax = as_module.module_record.has_module_syntax;
    if scope != ModuleScope::Module && !module_syntax {
        let as_script = parse_as(allocator, language.source_type(false), source);
        if first_problem(&as_script, source).is_none() {
            return Ok(parsed(as_script));
        }
    }
    let likely_format = match scope {
        ModuleScope::Module => Format::Module,
        ModuleScope::CommonJs => Format::CommonJs,
        ModuleScope::Unset if module_syntax => Format::Module,
        ModuleScope::Unset => Format::CommonJs,
    };
    Err(Unparsable {
        problem,
        likely_format,
    })
}

fn parse_as<'a>(allocator: &'a Allocator, kind: SourceType, source: &'a str) -> ParserReturn<'a> {
    let options = ParseOptions {
        allow_return_outside_function: kind.is_commonjs(),
        ..ParseOptions::default()
    };
    Parser::new(allocator, source, kind)
        .with_options(options)
        .parse()
}

fn parsed(returned: ParserReturn<'_>) -> Parsed<'_> {
    Parsed {
        program: returned.program,
        record: returned.module_record,
    }
}

fn first_problem(returned: &ParserReturn<'_>, source: &str) -> Option<SyntaxProblem> {
    let mut all = returned.diagnostics.iter();
    let first = all.find(|diagnostic| returned.panicked || is_fatal(diagnostic))?;
    Some(SyntaxProblem::from_diagnostic(first, source))
}

/// What a look at the syntax tree tells.
pub(super) struct Facts {
    pub scoping: Scoping,
    /// `import` or `export` statements, or `import.meta`.
    pub module_syntax: bool,
    import_meta: bool,
    pub imports_dynamically: bool,
    /// Those of CommonJS' own names that the file uses without declaring them.
    pub commonjs_globals: Vec<&'static str>,
    /// The names that it gives to `exports` as CommonJS.
    pub commonjs_exports: Vec<String>,
    top_level_await: bool,
    first_decorator: Option<u32>,
    export_assignment: Option<u32>,
}

/// Node's wrapper around a CommonJS module gives it these names.
const COMMONJS_NAMES: [&str; 5] = ["require", "module", "exports", "__filename", "__dirname"];

impl Facts {
    pub fn gather(parsed: &Parsed<'_>, source: &str) -> Self {
        let built = SemanticBuilder::new()
            .with_enum_eval(true)
            .build(&parsed.program);
        let scoping = built.semantic.into_scoping();
        let unresolved = scoping.root_unresolved_references();
        let mut scan = Scan::default();
        scan.visit_program(&parsed.program);
        let uses = |name: &&str| {
            unresolved.keys().any(|known| known.as_str() == *name)
                || (*name == "require" && scan.import_require)
        };
        let commonjs_globals = COMMONJS_NAMES.into_iter().filter(uses).collect();
        Self {
            module_syntax: parsed.record.has_module_syntax || scan.export_assignment.is_some(),
            import_meta: !parsed.record.import_metas.is_empty(),
            imports_dynamically: !parsed.record.dynamic_imports.is_empty(),
            commonjs_globals,
            commonjs_exports: if source.contains("exports") {
                scan.exports
            } else {
                Vec::new()
            },
            top_level_await: scan.top_level_await,
            first_decorator: scan.first_decorator,
            export_assignment: scan.export_assignment,
            scoping,
        }
    }

    /// The format in which the file runs. Without a word from extension or `package.json`:
    /// JavaScript as Node itself decides (ES module syntax makes an ES module), except that a
    /// mixture of both kinds runs as CommonJS; TypeScript as CommonJS, because it is compiled
    /// anyway, except where only an ES module can do it.
    pub fn format(&self, language: Language, scope: ModuleScope, prefer_commonjs: bool) -> Format {
        let module_only = self.top_level_await || self.import_meta;
        match scope {
            _ if prefer_commonjs && !self.top_level_await => Format::CommonJs,
            ModuleScope::Module => Format::Module,
            ModuleScope::CommonJs => Format::CommonJs,
            ModuleScope::Unset if module_only => Format::Module,
            ModuleScope::Unset if !self.module_syntax => Format::CommonJs,
            ModuleScope::Unset if language.is_plain_javascript() => {
                if self.commonjs_globals.is_empty() {
                    Format::Module
                } else {
                    Format::CommonJs
                }
            }
            ModuleScope::Unset => Format::CommonJs,
        }
    }

    /// Whether plain JavaScript has to be changed to run in `format`.
    pub fn needs_rewriting(&self, format: Format, scope: ModuleScope) -> bool {
        match format {
            Format::CommonJs => self.module_syntax,
            Format::Module => scope == ModuleScope::Unset && !self.commonjs_globals.is_empty(),
        }
    }

    /// What TypeScript has and we cannot compile.
    pub fn unsupported(
        &self,
        format: Format,
        settings: &TypeScriptSettings,
        source: &str,
    ) -> Option<SyntaxProblem> {
        if let (Some(at), Format::Module) = (self.export_assignment, format) {
            let hint = "write `export default`, or name the file `.cts`";
            let message = "`export =` is possible in a CommonJS file only";
            return Some(SyntaxProblem::at(source, at, message, Some(hint)));
        }
        if let (Some(at), false) = (self.first_decorator, settings.experimental_decorators) {
            let hint =
                "set `\"experimentalDecorators\": true` in the `compilerOptions` of tsconfig.json";
            let message = "decorators of the newer kind are not supported: neither Node nor the emulator can run them";
            return Some(SyntaxProblem::at(source, at, message, Some(hint)));
        }
        None
    }
}

/// The statement that gives an ES module the CommonJS names it uses. Node would refuse such a
/// file; it is here for TypeScript that mixes both kinds and cannot become CommonJS.
pub(super) fn commonjs_names_for_module(format: Format, names: &[&'static str]) -> String {
    let wanted: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !matches!(*name, "module" | "exports"))
        .collect();
    if format == Format::CommonJs || wanted.is_empty() {
        return String::new();
    }
    let names = wanted.join(",");
    format!(
        "import {{commonjsNames as $ampt_names}} from \"ampt-ws:interop\";const {{{names}}}=$ampt_names(import.meta.url);"
    )
}

/// One walk over the tree for what the parser does not record.
#[derive(Default)]
struct Scan {
    top_level_await: bool,
    function_depth: u32,
    first_decorator: Option<u32>,
    export_assignment: Option<u32>,
    import_require: bool,
    exports: Vec<String>,
}

impl<'a> Visit<'a> for Scan {
    fn visit_function(&mut self, function: &Function<'a>, flags: ScopeFlags) {
        self.function_depth += 1;
        walk::walk_function(self, function, flags);
        self.function_depth -= 1;
    }

    fn visit_arrow_function_expression(&mut self, arrow: &ArrowFunctionExpression<'a>) {
        self.function_depth += 1;
        walk::walk_arrow_function_expression(self, arrow);
        self.function_depth -= 1;
    }

    fn visit_await_expression(&mut self, expression: &AwaitExpression<'a>) {
        self.top_level_await |= self.function_depth == 0;
        walk::walk_await_expression(self, expression);
    }

    fn visit_for_of_statement(&mut self, statement: &ForOfStatement<'a>) {
        self.top_level_await |= statement.r#await && self.function_depth == 0;
        walk::walk_for_of_statement(self, statement);
    }

    fn visit_variable_declaration(&mut self, declaration: &VariableDeclaration<'a>) {
        let awaits = declaration.kind == VariableDeclarationKind::AwaitUsing;
        self.top_level_await |= awaits && self.function_depth == 0;
        walk::walk_variable_declaration(self, declaration);
    }

    fn visit_decorator(&mut self, decorator: &Decorator<'a>) {
        self.first_decorator.get_or_insert(decorator.span.start);
        walk::walk_decorator(self, decorator);
    }

    fn visit_ts_export_assignment(&mut self, assignment: &TSExportAssignment<'a>) {
        self.export_assignment.get_or_insert(assignment.span.start);
        walk::walk_ts_export_assignment(self, assignment);
    }

    fn visit_ts_import_equals_declaration(&mut self, import: &TSImportEqualsDeclaration<'a>) {
        self.import_require |= import.module_reference.is_external();
        walk::walk_ts_import_equals_declaration(self, import);
    }

    fn visit_assignment_expression(&mut self, assignment: &AssignmentExpression<'a>) {
        self.collect_exports(assignment);
        walk::walk_assignment_expression(self, assignment);
    }
}

impl Scan {
    /// `exports.a = …`, `module.exports.a = …`, `module.exports = { a, b: … }`
    fn collect_exports(&mut self, assignment: &AssignmentExpression<'_>) {
        let AssignmentTarget::StaticMemberExpression(target) = &assignment.left else {
            return;
        };
        let property = target.property.name.as_str();
        if is_exports(&target.object) {
            self.exports.push(property.to_owned());
        } else if property == "exports"
            && target.object.is_specific_id("module")
            && let Expression::ObjectExpression(object) = &assignment.right
        {
            let names = object
                .properties
                .iter()
                .filter_map(|property| match property {
                    ObjectPropertyKind::ObjectProperty(property) => property.key.static_name(),
                    ObjectPropertyKind::SpreadProperty(_) => None,
                });
            self.exports.extend(names.map(|name| name.into_owned()));
        }
    }
}

fn is_exports(expression: &Expression<'_>) -> bool {
    expression.is_specific_id("exports")
        || expression.is_specific_member_access("module", "exports")
}
