//! The line before the code: what the file requires, and the getters of its exports.

use super::super::map::Header;
use super::names::is_plain_name;
use super::{Conversion, Converted};

/// One module that the file requires.
pub(super) struct Request {
    pub(super) specifier: String,
    /// Where the source asks for it.
    pub(super) offset: u32,
    /// The variable that holds what `require` returned.
    pub(super) variable: String,
    /// The variable through whose `default` the default import is reached.
    pub(super) default: Option<String>,
    /// Variables that hold the namespace object.
    pub(super) namespaces: Vec<String>,
    /// `export * from` it
    pub(super) star: bool,
    pub(super) used: bool,
}

/// What an imported name stands for: a property of a variable.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) object: String,
    pub(super) property: String,
}

impl Conversion<'_, '_> {
    /// Writes the line, once everything in the file was seen.
    pub(super) fn finish(self, mark: bool) -> Converted {
        let mut header = Header::new(String::new());
        let runtime = &self.runtime;
        if mark {
            header.text.push_str(
                "\"use strict\";Object.defineProperty(exports,\"__esModule\",{value:true});",
            );
        }
        header
            .text
            .push_str(&format!("const {runtime}=require(\"ampt-ws:interop\");"));
        if let Some(variable) = &self.import_meta {
            header.text.push_str(&format!(
                "const {variable}={runtime}.importMeta(__filename);"
            ));
        }
        if !self.exports.is_empty() {
            let getters = self
                .exports
                .iter()
                .map(|(name, value)| format!("{}:()=>{value}", quoted(name)));
            let getters = getters.collect::<Vec<_>>().join(",");
            header
                .text
                .push_str(&format!("{runtime}.define(exports,{{{getters}}});"));
        }
        for request in &self.requests {
            request.write(runtime, &mut header);
        }
        let star_exports = self.requests.into_iter().filter(|request| request.star);
        Converted {
            header,
            exports: self.exports.into_iter().map(|(name, _)| name).collect(),
            star_exports: star_exports.map(|request| request.specifier).collect(),
        }
    }
}

impl Request {
    fn write(&self, runtime: &str, header: &mut Header) {
        let Self { variable, .. } = self;
        let bare = !self.used && !self.star && self.namespaces.is_empty();
        if !bare {
            header.text.push_str(&format!("const {variable}="));
        }
        header.mark(self.offset);
        header
            .text
            .push_str(&format!("require({})", quoted(&self.specifier)));
        if let Some(default) = &self.default {
            header
                .text
                .push_str(&format!(",{default}={runtime}.defaultOf({variable})"));
        }
        for namespace in &self.namespaces {
            header
                .text
                .push_str(&format!(",{namespace}={runtime}.namespaceOf({variable})"));
        }
        header.text.push(';');
        if self.star {
            header
                .text
                .push_str(&format!("{runtime}.reexport(exports,{variable});"));
        }
    }
}

impl Target {
    pub(super) fn to_code(&self) -> String {
        if is_plain_name(&self.property) {
            format!("{}.{}", self.object, self.property)
        } else {
            format!("{}[{}]", self.object, quoted(&self.property))
        }
    }
}

/// A JavaScript string literal; every JSON string is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
