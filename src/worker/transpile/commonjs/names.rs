//! Names: those that a file binds, and new ones that it does not use.

use std::collections::HashSet;

use oxc::ast::ast::{BindingIdentifier, BindingPattern};
use oxc::semantic::Scoping;

/// Identifiers that the file does not use.
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    pub(super) fn taken_by(scoping: &Scoping) -> Self {
        let declared = scoping.symbol_names().map(str::to_owned);
        let unresolved = scoping.root_unresolved_references().keys();
        Self {
            taken: declared
                .chain(unresolved.map(|name| name.as_str().to_owned()))
                .collect(),
        }
    }

    pub(super) fn fresh(&mut self, wish: &str) -> String {
        let mut name = wish.to_owned();
        let mut number = 1;
        while !self.taken.insert(name.clone()) {
            number += 1;
            name = format!("{wish}_{number}");
        }
        name
    }

    /// `"../lib/my-file.js"` → `import_my_file`
    pub(super) fn for_specifier(&mut self, specifier: &str) -> String {
        let last = specifier
            .rsplit('/')
            .find(|part| !part.is_empty())
            .unwrap_or("module");
        let stem = last
            .split('.')
            .find(|part| !part.is_empty())
            .unwrap_or("module");
        let clean = |letter: char| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '_'
            }
        };
        let stem: String = stem.chars().map(clean).collect();
        self.fresh(&format!("import_{stem}"))
    }
}

pub(super) fn id_name(id: &Option<BindingIdentifier<'_>>) -> Option<String> {
    id.as_ref().map(|id| id.name.to_string())
}

pub(super) fn bound_names(pattern: &BindingPattern<'_>, names: &mut Vec<String>) {
    match pattern {
        BindingPattern::BindingIdentifier(id) => names.push(id.name.to_string()),
        BindingPattern::AssignmentPattern(assignment) => bound_names(&assignment.left, names),
        BindingPattern::ObjectPattern(object) => {
            for property in &object.properties {
                bound_names(&property.value, names);
            }
            if let Some(rest) = &object.rest {
                bound_names(&rest.argument, names);
            }
        }
        BindingPattern::ArrayPattern(array) => {
            for element in array.elements.iter().flatten() {
                bound_names(element, names);
            }
            if let Some(rest) = &array.rest {
                bound_names(&rest.argument, names);
            }
        }
    }
}

/// Can be written after a dot.
pub(super) fn is_plain_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
    name.chars().next().is_some_and(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}
