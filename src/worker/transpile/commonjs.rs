//! ES module syntax → CommonJS, for TypeScript that runs as CommonJS.
//!
//! `oxc` has no such transform. The meaning is the one that compilers of this kind agree on:
//!
//! - imports are hoisted, exports are live (getters that are there before anything is required, so
//!   that circular imports work), `__esModule` marks the result;
//! - a default import of a module without that mark is the whole of `module.exports`;
//! - uses of imported names become property accesses, so that they stay live as well.
//!
//! Declarations stay where they are. All that is new goes into a single line before the code.

mod header;
mod names;

use std::collections::HashMap;

use oxc::allocator::{Allocator, ArenaVec, GetAllocator, TakeIn};
use oxc::ast::ast::{
    BindingIdentifier, BindingPattern, CallExpression, Declaration, ExportDefaultDeclarationKind,
    Expression, IdentifierName, IdentifierReference, ImportDeclaration, ImportDeclarationSpecifier,
    ModuleExportName, NumberBase, ObjectProperty, Program, Statement, StringLiteral,
    TaggedTemplateExpression, VariableDeclarationKind, VariableDeclarator,
};
use oxc::ast::builder::AstBuilder;
use oxc::ast_visit::{VisitMut, walk_mut};
use oxc::semantic::{Scoping, SymbolId};
use oxc::span::{GetSpan, SPAN};

use self::header::{Request, Target};
use self::names::{Names, bound_names, id_name, is_plain_name};
use super::map::Header;

/// What the conversion found, beside the changed program.
pub(super) struct Converted {
    pub header: Header,
    /// Names that an `import` of the file sees, those of `export *` apart.
    pub exports: Vec<String>,
    /// The specifiers of `export * from`.
    pub star_exports: Vec<String>,
}

/// Takes the module syntax out of `program`. `mark`: the file was written as an ES module (and
/// did not get its only imports from lowering JSX or decorators).
pub(super) fn convert<'a>(
    allocator: &'a Allocator,
    program: &mut Program<'a>,
    scoping: &Scoping,
    mark: bool,
) -> Converted {
    let mut conversion = Conversion {
        builder: AstBuilder::new(allocator),
        scoping,
        names: Names::taken_by(scoping),
        runtime: String::new(),
        requests: Vec::new(),
        imports: HashMap::new(),
        exports: Vec::new(),
        import_meta: None,
    };
    conversion.runtime = conversion.names.fresh("$ampt");
    let body = program.body.take_in(&allocator);
    conversion.collect_imports(&body);
    let mut kept = ArenaVec::with_capacity_in(body.len(), &allocator);
    for statement in body {
        kept.extend(conversion.take_statement(statement));
    }
    program.body = kept;
    conversion.visit_program(program);
    conversion.finish(mark)
}

struct Conversion<'a, 's> {
    builder: AstBuilder<'a>,
    scoping: &'s Scoping,
    names: Names,
    /// The variable that holds our own functions.
    runtime: String,
    requests: Vec<Request>,
    imports: HashMap<SymbolId, Target>,
    /// Exported name → expression for its value.
    exports: Vec<(String, String)>,
    /// The variable for `import.meta`, if the file uses that.
    import_meta: Option<String>,
}

impl<'a> Conversion<'a, '_> {
    fn collect_imports(&mut self, body: &[Statement<'a>]) {
        for statement in body {
            match statement {
                Statement::ImportDeclaration(import) => self.collect_import(import),
                Statement::ExportFromDeclaration(export) => {
                    self.request(&export.source);
                }
                Statement::ExportAllDeclaration(export) => {
                    self.request(&export.source);
                }
                _ => {}
            }
        }
    }

    fn collect_import(&mut self, import: &ImportDeclaration<'a>) {
        if import.import_kind.is_type() {
            return;
        }
        let request = self.request(&import.source);
        for specifier in import.specifiers.iter().flatten() {
            match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(one) if !one.import_kind.is_type() => {
                    let target = self.target(request, one.imported.name().as_str());
                    self.imports.insert(one.local.symbol_id(), target);
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => {
                    let target = self.target(request, "default");
                    self.imports.insert(one.local.symbol_id(), target);
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(one) => {
                    self.requests[request]
                        .namespaces
                        .push(one.local.name.to_string());
                }
                ImportDeclarationSpecifier::ImportSpecifier(_) => {}
            }
        }
    }

    /// The index of the request for a module, made on first sight.
    fn request(&mut self, source: &StringLiteral<'a>) -> usize {
        let specifier = source.value.as_str();
        let known = self
            .requests
            .iter()
            .position(|request| request.specifier == specifier);
        known.unwrap_or_else(|| {
            self.requests.push(Request {
                specifier: specifier.to_owned(),
                offset: source.span.start,
                variable: self.names.for_specifier(specifier),
                default: None,
                namespaces: Vec::new(),
                star: false,
                used: false,
            });
            self.requests.len() - 1
        })
    }

    fn target(&mut self, request: usize, name: &str) -> Target {
        let request = &mut self.requests[request];
        request.used = true;
        let object = if name == "default" {
            let names = &mut self.names;
            let variable = &request.variable;
            request
                .default
                .get_or_insert_with(|| names.fresh(&format!("{variable}_default")))
        } else {
            &request.variable
        };
        Target {
            object: object.clone(),
            property: name.to_owned(),
        }
    }

    /// What stays of a statement.
    fn take_statement(&mut self, statement: Statement<'a>) -> Option<Statement<'a>> {
        match statement {
            Statement::ImportDeclaration(_) => None,
            Statement::ExportAllDeclaration(export) => {
                self.export_all(&export.source, export.exported.as_ref());
                None
            }
            Statement::ExportFromDeclaration(export) => {
                let request = self.request(&export.source);
                for one in &export.specifiers {
                    let target = self.target(request, one.local.name().as_str());
                    self.exports
                        .push((one.exported.name().to_string(), target.to_code()));
                }
                None
            }
            Statement::ExportNamedDeclaration(export) => {
                for one in &export.specifiers {
                    let value = self.local_value(&one.local);
                    self.exports.push((one.exported.name().to_string(), value));
                }
                None
            }
            Statement::ExportDeclaration(mut export) => {
                let declaration = export.declaration.take_in(&self.builder.allocator());
                self.export_declared(&declaration);
                Some(Statement::from(declaration))
            }
            Statement::ExportDefaultDeclaration(mut export) => {
                Some(self.export_default(export.declaration.take_in(&self.builder.allocator())))
            }
            other => Some(other),
        }
    }

    fn export_all(&mut self, source: &StringLiteral<'a>, name: Option<&ModuleExportName<'a>>) {
        let index = self.request(source);
        let Some(name) = name else {
            self.requests[index].star = true;
            return;
        };
        let wish = format!("{}_all", self.requests[index].variable);
        let variable = self.names.fresh(&wish);
        self.requests[index].namespaces.push(variable.clone());
        self.exports.push((name.name().to_string(), variable));
    }

    fn local_value(&self, name: &ModuleExportName<'a>) -> String {
        let target = match name {
            ModuleExportName::IdentifierReference(reference) => self.imported(reference),
            _ => None,
        };
        target.map_or_else(|| name.name().to_string(), Target::to_code)
    }

    fn export_declared(&mut self, declaration: &Declaration<'a>) {
        let mut names = Vec::new();
        match declaration {
            Declaration::VariableDeclaration(variables) => {
                for declarator in &variables.declarations {
                    bound_names(&declarator.id, &mut names);
                }
            }
            Declaration::FunctionDeclaration(function) => names.extend(id_name(&function.id)),
            Declaration::ClassDeclaration(class) => names.extend(id_name(&class.id)),
            _ => {}
        }
        self.exports
            .extend(names.into_iter().map(|name| (name.clone(), name)));
    }

    fn export_default(&mut self, declaration: ExportDefaultDeclarationKind<'a>) -> Statement<'a> {
        let (name, statement) = match declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(mut function) => {
                let name = self.name_of(&mut function.id);
                (name, Statement::FunctionDeclaration(function))
            }
            ExportDefaultDeclarationKind::ClassDeclaration(mut class) => {
                let name = self.name_of(&mut class.id);
                (name, Statement::ClassDeclaration(class))
            }
            ExportDefaultDeclarationKind::TSInterfaceDeclaration(interface) => {
                return Statement::TSInterfaceDeclaration(interface);
            }
            expression => {
                let name = self.names.fresh("default_export");
                let statement = self.constant(&name, expression.into_expression());
                (name, statement)
            }
        };
        self.exports.push(("default".to_owned(), name));
        statement
    }

    /// The name of a default-exported declaration; one without a name gets one.
    fn name_of(&mut self, id: &mut Option<BindingIdentifier<'a>>) -> String {
        if let Some(id) = id {
            return id.name.to_string();
        }
        let name = self.names.fresh("default_export");
        *id = Some(BindingIdentifier::new(
            SPAN,
            self.arena_str(&name),
            &self.builder,
        ));
        name
    }

    fn constant(&self, name: &str, value: Expression<'a>) -> Statement<'a> {
        let span = value.span();
        let id = BindingPattern::new_binding_identifier(SPAN, self.arena_str(name), &self.builder);
        let declarator = VariableDeclarator::new(span, id, None, Some(value), false, &self.builder);
        let kind = VariableDeclarationKind::Const;
        let declaration =
            Declaration::new_variable_declaration(span, kind, [declarator], false, &self.builder);
        Statement::from(declaration)
    }

    fn arena_str(&self, text: &str) -> &'a str {
        self.builder.allocator().alloc_str(text)
    }

    fn imported(&self, reference: &IdentifierReference<'a>) -> Option<&Target> {
        let reference = self.scoping.get_reference(reference.reference_id.get()?);
        self.imports.get(&reference.symbol_id()?)
    }

    fn member(&self, reference: &IdentifierReference<'a>) -> Option<Expression<'a>> {
        let target = self.imported(reference)?;
        let object = Expression::new_identifier(
            reference.span,
            self.arena_str(&target.object),
            &self.builder,
        );
        let property = IdentifierName::new(
            reference.span,
            self.arena_str(&target.property),
            &self.builder,
        );
        if is_plain_name(&target.property) {
            let span = reference.span;
            return Some(Expression::new_static_member_expression(
                span,
                object,
                property,
                false,
                &self.builder,
            ));
        }
        let name = self.arena_str(&target.property);
        let key = Expression::new_string_literal(SPAN, name, None, &self.builder);
        Some(Expression::new_computed_member_expression(
            reference.span,
            object,
            key,
            false,
            &self.builder,
        ))
    }

    /// `name(…)` must not make the module the `this` of the call: `(0, module.name)(…)`.
    fn callee(&self, callee: &Expression<'a>) -> Option<Expression<'a>> {
        let Expression::Identifier(reference) = callee else {
            return None;
        };
        let member = self.member(reference)?;
        let zero =
            Expression::new_numeric_literal(SPAN, 0.0, None, NumberBase::Decimal, &self.builder);
        Some(Expression::new_sequence_expression(
            reference.span,
            [zero, member],
            &self.builder,
        ))
    }
}

impl<'a> VisitMut<'a> for Conversion<'a, '_> {
    fn visit_expression(&mut self, expression: &mut Expression<'a>) {
        match expression {
            Expression::Identifier(reference) => {
                if let Some(member) = self.member(reference) {
                    *expression = member;
                }
            }
            Expression::ImportMeta(meta) => {
                let span = meta.span;
                let names = &mut self.names;
                let name = self
                    .import_meta
                    .get_or_insert_with(|| names.fresh("import_meta"));
                let name = self.builder.allocator().alloc_str(name);
                *expression = Expression::new_identifier(span, name, &self.builder);
            }
            _ => walk_mut::walk_expression(self, expression),
        }
    }

    fn visit_call_expression(&mut self, call: &mut CallExpression<'a>) {
        if let Some(callee) = self.callee(&call.callee) {
            call.callee = callee;
            self.visit_arguments(&mut call.arguments);
        } else {
            walk_mut::walk_call_expression(self, call);
        }
    }

    fn visit_tagged_template_expression(&mut self, tagged: &mut TaggedTemplateExpression<'a>) {
        if let Some(tag) = self.callee(&tagged.tag) {
            tagged.tag = tag;
        }
        walk_mut::walk_tagged_template_expression(self, tagged);
    }

    fn visit_object_property(&mut self, property: &mut ObjectProperty<'a>) {
        if property.shorthand
            && let Expression::Identifier(reference) = &property.value
            && self.imported(reference).is_some()
        {
            property.shorthand = false;
        }
        walk_mut::walk_object_property(self, property);
    }
}
