//! The fixture format, explained: what its types and their schema say, for people.

use serde_json::Value;

use super::Output;
use super::paint::Paint;
use super::wrap::{width, wrap};
use crate::error::Failure;
use crate::script::format::{VERBS, schema};
use crate::script::matching::RULES;
use crate::script::problem::meant;

/// Column in which texts begin.
const INDENT: usize = 20;

const ABOUT: &str = "A fixture is a JSON file that plays the clients of an app, and says what has \
    to come of it. `ampt-ws test` runs it in a sandbox of its own; in a folder it finds each \
    NAME.fixture.json.";

const EXAMPLE: &str = r#"{
  "name": "what ana says comes to bo",
  "app": ".",
  "steps": [
    { "connect": "ana", "query": { "name": "ana" } },
    { "expect": "ana", "message": "Welcome, ana!" },
    { "connect": "bo", "query": { "name": "bo" } },
    { "expect": "bo", "message": "Welcome, bo!" },
    { "send": "ana", "message": { "text": "hello" } },
    { "expect": "bo", "matches": { "from": "ana", "text": "hello" } },
    { "close": "ana" },
    { "expectNothing": "bo" }
  ]
}"#;

/// What no single field can say.
const NOTES: [(&str, &str); 8] = [
    (
        "where",
        "Beside the app, as chat.fixture.json for example; with `app` it may lie anywhere.",
    ),
    (
        "clients",
        "`ana` and `bo` are names that the fixture makes up; the app sees of them what `connect` sends.",
    ),
    (
        "connected",
        "`connect` is done when the handshake is, as for a real client; the app's `connected` handler may still run. Expect its welcome, or what it stores (`expectData`), before something counts on it.",
    ),
    (
        "order",
        "Each client keeps what comes to it. An `expect` takes the next message, which must be the expected one; with \"unordered\": true it takes the first that fits. What no step asks for is no failure.",
    ),
    (
        "text or JSON",
        "A string is a text as it goes over the wire; anything else is its JSON.",
    ),
    (
        "${ana.connectionId}",
        "In any string: the connection id of `ana`. `${name}` is what {\"$capture\": \"name\"} has caught before, and `$${` is `${` itself.",
    ),
    (
        "limits",
        "The environment's rate and burst are enforced, as everywhere; \"limits\": false lifts them.",
    ),
    (
        "files",
        "`app`, `seed` and the files of `import` and `export` are relative to the fixture's folder.",
    ),
];

const COMMANDS: [(&str, &str); 6] = [
    (
        "ampt-ws test DIR",
        "run all fixtures in a folder, side by side",
    ),
    (
        "ampt-ws test FILE --watch",
        "again whenever the fixture or its app is saved",
    ),
    (
        "ampt-ws test FILE --update",
        "rewrite the expectations that do not hold",
    ),
    (
        "ampt-ws dev --record FILE",
        "play it by hand, and have it written",
    ),
    ("ampt-ws help fixtures STEP", "explain one step"),
    (
        "ampt-ws test --schema",
        "the JSON Schema; in a file that \"$schema\" names, it has editors complete fixtures",
    ),
];

/// Explains the format, or one step of it.
pub fn print(out: &Output, step: Option<&str>) -> Result<(), Failure> {
    let document = schema::document();
    if out.is_json() {
        return out.document(&document);
    }
    let page = Page {
        paint: out.paint(),
        width: width(),
        document: &document,
    };
    let text = match step {
        None => page.whole(),
        Some(verb) if VERBS.contains(&verb) => page.step(verb, true),
        Some(other) => {
            let message = format!("there is no step `{other}`");
            return Err(Failure::usage(message).hint(meant(other, VERBS)));
        }
    };
    out.text(&text)
}

struct Page<'a> {
    paint: Paint,
    width: usize,
    document: &'a Value,
}

impl Page<'_> {
    fn whole(&self) -> String {
        let mut text = self.block("", ABOUT, 0);
        text.push('\n');
        for line in EXAMPLE.lines() {
            text.push_str(&format!("    {}\n", self.paint.literal(line)));
        }
        text.push('\n');
        for (name, means) in NOTES {
            text.push_str(&self.entry(name, means));
        }
        text.push_str(&self.title("Steps"));
        for verb in VERBS {
            text.push_str(&self.step(verb, false));
        }
        text.push_str(&self.title("Rules that may stand for a value in an expectation"));
        for (_, example, means) in RULES {
            text.push_str(&self.entry(example, means));
        }
        text.push_str(&self.title("Beside `steps`"));
        text.push_str(&self.fields(self.document, &["steps"]));
        text.push_str(&self.title("`chaos`"));
        text.push_str(&self.fields(&self.document["$defs"]["Chaos"], &[]));
        text.push_str(&self.title("Commands"));
        for (command, does) in COMMANDS {
            let command = format!("{command:<28}");
            text.push_str(&format!("  {}  {does}\n", self.paint.literal(&command)));
        }
        text
    }

    /// A step: its name and what it does, and its fields.
    fn step(&self, verb: &str, alone: bool) -> String {
        let definition = self.definition(verb);
        let does = description(definition);
        let mut text = match alone {
            true => format!("{}\n", self.paint.strong(verb)) + &self.block("", does, 2),
            false => self.entry(verb, does),
        };
        let skipped: &[&str] = match alone {
            true => &[],
            false => &["comment", verb],
        };
        text.push_str(&self.fields(definition, skipped));
        text
    }

    /// The definition of a step, which is chosen by its field.
    fn definition(&self, verb: &str) -> &Value {
        let at = VERBS.iter().position(|known| *known == verb);
        let choice = at.map(|at| &self.document["$defs"]["Step"]["allOf"][at]["then"]["$ref"]);
        let name = choice.and_then(|choice| choice.as_str()?.rsplit('/').next());
        &self.document["$defs"][name.unwrap_or_default()]
    }

    fn fields(&self, definition: &Value, skipped: &[&str]) -> String {
        let mut text = String::new();
        for (name, field) in definition["properties"].as_object().into_iter().flatten() {
            if skipped.contains(&name.as_str()) {
                continue;
            }
            let means = match kind(field) {
                "" => description(field).to_owned(),
                kind => format!("{} ({kind})", description(field)),
            };
            text.push_str(&self.line(&format!("    {name:<0$}", INDENT - 6), name.len(), &means));
        }
        text
    }

    /// Something that has a name, and what it means.
    fn entry(&self, name: &str, means: &str) -> String {
        self.line(&format!("  {name:<0$}", INDENT - 4), name.len() - 2, means)
    }

    /// A name, which may be too long for its column, and the text beside or below it.
    fn line(&self, name: &str, length: usize, means: &str) -> String {
        let name = self.paint.literal(name);
        let block = self.block("", means, INDENT);
        match length + 6 <= INDENT {
            true => format!("{name}  {}", block.trim_start()),
            false => format!("{name}\n{block}"),
        }
    }

    fn block(&self, first: &str, text: &str, indent: usize) -> String {
        let lines = wrap(text, self.width - indent);
        let lines = lines.iter().map(|line| format!("{:indent$}{line}\n", ""));
        first.to_owned() + &lines.collect::<String>()
    }

    fn title(&self, title: &str) -> String {
        format!("\n{}\n", self.paint.strong(title))
    }
}

fn description(definition: &Value) -> &str {
    definition["description"].as_str().unwrap_or_default()
}

/// What kind of value a field takes, where its description does not say.
fn kind(field: &Value) -> &str {
    if field["const"] == true {
        return "";
    }
    match (field["type"].as_str(), field["anyOf"][0]["$ref"].as_str()) {
        (Some("boolean"), _) => "true or false",
        (Some("integer" | "number"), _) => "a number",
        (Some("array"), _) => "a list",
        (_, Some("#/$defs/Duration")) => "500ms, 2s, 10m",
        (_, Some("#/$defs/Names")) => "a name or a list",
        _ => match field["$ref"].as_str() {
            Some("#/$defs/Names") => "a name or a list",
            Some("#/$defs/Duration") => "500ms, 2s, 10m",
            _ => "",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(document: &Value) -> Page<'_> {
        Page {
            paint: Paint::new(false),
            width: 80,
            document,
        }
    }

    #[test]
    fn every_step_and_field_is_explained() {
        let document = schema::document();
        let page = page(&document);
        let whole = page.whole();
        for verb in VERBS {
            assert!(whole.contains(&format!("\n  {verb} ")), "{verb}");
            let fields = page.definition(verb)["properties"].as_object();
            for name in fields.expect("fields").keys() {
                assert!(
                    page.step(verb, true).contains(name.as_str()),
                    "{verb}: {name}"
                );
            }
        }
        assert!(!whole.contains("  \n"), "{whole}");
    }

    #[test]
    fn the_example_is_a_fixture() {
        let read = crate::script::load::parse(std::path::Path::new("x.json"), EXAMPLE);
        let fixture = read.expect("a fixture");
        assert_eq!(crate::script::check::check(&fixture, false), []);
    }
}
