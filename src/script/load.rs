//! Reads a fixture file, keeping the place of each step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::format::{Chaos, Header, Step, VERBS};
use super::problem::{LineStarts, MOST_PROBLEMS, Mistake, Problem, Source, meant, nearest};
use super::sandbox::Options;
use crate::error::reason;

/// How long an expectation waits unless the fixture says otherwise.
const WITHIN: Duration = Duration::from_secs(2);

/// A fixture that was read.
#[derive(Debug)]
pub struct Fixture {
    /// What it shows.
    pub name: String,
    /// The file, as it was named.
    pub file: PathBuf,
    /// The folder that its paths are relative to, absolute.
    pub dir: PathBuf,
    /// The file's text.
    pub text: Arc<str>,
    /// How its sandbox is started.
    pub options: Options,
    /// The line of the app's name.
    pub app_line: usize,
    /// How long an expectation waits.
    pub within: Duration,
    /// Whether a handler that throws fails the fixture.
    pub handler_errors_fail: bool,
    /// The disorder.
    pub chaos: Option<Chaos>,
    /// The steps.
    pub steps: Vec<Placed>,
}

/// A step and where it stands.
#[derive(Debug, Clone)]
pub struct Placed {
    /// What to do.
    pub step: Step,
    /// The steps in it, if it is a `repeat`.
    pub inner: Vec<Placed>,
    /// Its number among its siblings, from 1.
    pub number: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Its text in the file.
    pub range: std::ops::Range<usize>,
}

/// Reads a file. What is wrong in its steps is collected, so that all of it can be mended at once.
pub fn read(file: &Path) -> Result<Fixture, Vec<Problem>> {
    let text = text_of(file)?;
    parse(file, &text)
}

/// Reads a fixture's text.
pub fn parse(file: &Path, text: &str) -> Result<Fixture, Vec<Problem>> {
    let source = Source { file, text };
    let json = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !json.trim_start().starts_with('{') {
        return Err(vec![source.problem_at_line(1, no_object(json))]);
    }
    let header: Header<'_> =
        serde_json::from_str(json).map_err(|error| vec![source.syntax(json, &error)])?;
    let mut reader = Reader {
        source,
        lines: LineStarts::of(text),
        problems: Vec::new(),
    };
    let steps = reader.steps(&header.steps, None);
    let mut problems = reader.problems;
    if header.steps.is_empty() {
        let line = source.position(key_offset(text, "steps")).0;
        problems.push(source.problem_at_line(line, Mistake::new("there are no steps")));
    }
    let dir = folder_of(file);
    let options = Options::of(&header, &dir);
    let app_line = source.position(key_offset(text, "app")).0;
    let options = options.map_err(|(field, mistake)| {
        let offset = key_offset(text, field);
        problems.push(source.problem(offset, mistake));
    });
    match options {
        Ok(options) if problems.is_empty() => Ok(Fixture {
            name: header.name.unwrap_or_else(|| name_of(file)),
            file: file.to_owned(),
            dir,
            text: text.into(),
            options,
            app_line,
            within: header.within.map_or(WITHIN, |within| within.0),
            handler_errors_fail: header.handler_errors.as_deref() == Some("fail"),
            chaos: header.chaos,
            steps,
        }),
        _ => Err(problems),
    }
}

/// The absolute folder of a file; where the working directory is gone, relative paths stay so.
fn folder_of(file: &Path) -> PathBuf {
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    whole.parent().map(Path::to_owned).unwrap_or_default()
}

/// The name of a file without its endings.
pub fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".json").unwrap_or(&name);
    name.strip_suffix(".fixture").unwrap_or(name).to_owned()
}

/// What is wrong with a text that does not begin as a fixture does.
fn no_object(text: &str) -> Mistake {
    let message = match text.trim_start().chars().next() {
        None => "the file is empty",
        Some('/') => "a fixture is plain JSON, and begins with `{`; comments are not JSON",
        Some(_) => "a fixture is an object, and begins with `{`",
    };
    Mistake::new(message).hint(
        "for example { \"app\": \".\", \"steps\": [{ \"connect\": \"ana\" }] }; `ampt-ws help fixtures` explains more",
    )
}

fn unreadable(file: &Path, error: &std::io::Error) -> Problem {
    let source = Source { file, text: "" };
    let mistake = Mistake::new(format!("cannot be read: {}", reason(error)));
    source.problem_at_line(0, mistake)
}

/// The text of a file.
fn text_of(file: &Path) -> Result<String, Vec<Problem>> {
    let bytes = std::fs::read(file).map_err(|error| vec![unreadable(file, &error)])?;
    String::from_utf8(bytes).map_err(|error| {
        let end = error.utf8_error().valid_up_to();
        let good = String::from_utf8_lossy(&error.as_bytes()[..end]).into_owned();
        let source = Source { file, text: &good };
        let problem = source.problem(
            end,
            Mistake::new("this is not UTF-8").hint("save it as UTF-8"),
        );
        vec![Problem {
            text: None,
            ..problem
        }]
    })
}

/// Where a field of the top level begins; the beginning of the file if it is not there.
fn key_offset(text: &str, key: &str) -> usize {
    let quoted = format!("\"{key}\"");
    let mut found = text.match_indices(&quoted).map(|(offset, _)| offset);
    let is_key = |offset: &usize| text[offset + quoted.len()..].trim_start().starts_with(':');
    found.find(is_key).unwrap_or(0)
}

/// Reads steps, and collects what is wrong with them.
struct Reader<'a> {
    source: Source<'a>,
    lines: LineStarts,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn steps(&mut self, raw: &[&RawValue], parent: Option<&str>) -> Vec<Placed> {
        let mut steps = Vec::with_capacity(raw.len());
        for (i, raw) in raw.iter().enumerate() {
            let number = i + 1;
            let label = match parent {
                None => format!("step {number}"),
                Some(parent) => format!("{parent}, its step {number}"),
            };
            match self.step(raw.get(), number, &label) {
                Ok(step) => steps.push(step),
                Err(problem) => self.problems.push(Problem {
                    step: Some(label),
                    ..*problem
                }),
            }
            if self.problems.len() >= MOST_PROBLEMS {
                break;
            }
        }
        steps
    }

    fn step(&mut self, text: &str, number: usize, label: &str) -> Result<Placed, Box<Problem>> {
        let source = self.source;
        let offset = source.offset_of(text);
        let here = |mistake| Box::new(source.problem(offset, mistake));
        let fields: Fields = serde_json::from_str(text).map_err(|_| {
            here(Mistake::new("a step is an object").hint("for example { \"connect\": \"ana\" }"))
        })?;
        let verb = verb_of(&fields).map_err(here)?;
        let syntax = |error: serde_json::Error| {
            let problem = source.syntax(text, &error);
            let explained = || format!("`ampt-ws help fixtures {verb}` explains this step");
            Box::new(Problem {
                hint: problem.hint.or_else(|| Some(explained())),
                ..problem
            })
        };
        let step = Step::read(verb, text).map_err(syntax)?;
        let inner = match &step {
            Step::Repeat(_) => {
                let repeat: Repeated<'_> = serde_json::from_str(text).map_err(syntax)?;
                if repeat.steps.is_empty() {
                    return Err(here(Mistake::new("there are no steps to repeat")));
                }
                self.steps(&repeat.steps, Some(label))
            }
            _ => Vec::new(),
        };
        Ok(Placed {
            step,
            inner,
            number,
            line: self.lines.line(offset),
            range: offset..offset + text.len(),
        })
    }
}

/// The part of a `repeat` that holds steps, with their places.
#[derive(Deserialize)]
struct Repeated<'a> {
    #[serde(borrow)]
    steps: Vec<&'a RawValue>,
}

/// The fields of a step, whatever they hold.
type Fields = BTreeMap<String, serde::de::IgnoredAny>;

/// The one field that tells which step it is.
fn verb_of(fields: &Fields) -> Result<&'static str, Mistake> {
    let told: Vec<&'static str> = VERBS
        .iter()
        .filter(|verb| fields.contains_key(**verb))
        .copied()
        .collect();
    match told[..] {
        [verb] => Ok(verb),
        [] => Err(unknown_step(fields)),
        [first, second, ..] => Err(Mistake::new(format!(
            "a step does one thing; this one has `{first}` and `{second}`"
        ))
        .hint("make two steps of it")),
    }
}

fn unknown_step(fields: &Fields) -> Mistake {
    let names = fields.keys().map(String::as_str);
    let near = names.clone().find(|name| nearest(name, VERBS).is_some());
    match near.or_else(|| names.clone().next()) {
        Some(name) => Mistake::new(format!("there is no step `{name}`")).hint(meant(name, VERBS)),
        None => Mistake::new("the step is empty").hint(
            "for example { \"connect\": \"ana\" }; `ampt-ws help fixtures` explains the steps",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<Problem> {
        parse(Path::new("x.fixture.json"), text).unwrap_err()
    }

    #[test]
    fn each_step_knows_its_line() {
        let text = "{\n\"app\": \".\",\n\"steps\": [\n{ \"connect\": \"ana\" },\n{ \"repeat\": 2, \"steps\": [\n  { \"wait\": 5 }\n]}\n]}";
        let fixture = parse(Path::new("src/x.fixture.json"), text).unwrap();
        assert_eq!(fixture.name, "x");
        assert_eq!(fixture.steps[0].line, 4);
        assert_eq!(fixture.steps[1].line, 5);
        assert_eq!(fixture.steps[1].inner[0].line, 6);
        let range = fixture.steps[1].inner[0].range.clone();
        assert_eq!(&text[range], "{ \"wait\": 5 }");
    }

    #[test]
    fn all_bad_steps_are_told_at_once() {
        let text = "{ \"app\": \".\", \"steps\": [\n{ \"conect\": \"ana\" },\n{ \"send\": \"ana\", \"mesage\": 1 },\n{ \"wait\": \"soon\" },\n{ \"connect\": \"a\", \"expect\": \"a\" },\n5 ] }";
        let problems = problems(text);
        let told: Vec<_> = problems
            .iter()
            .map(|p| (p.line, p.message.as_str(), p.hint.as_deref().unwrap_or("")))
            .collect();
        assert_eq!(
            told,
            [
                (2, "there is no step `conect`", "did you mean `connect`?"),
                (3, "`mesage` is not known here", "did you mean `message`?"),
                (
                    4,
                    "`soon` is not a duration; write 500ms, 5s, 10m or 2h",
                    "`ampt-ws help fixtures wait` explains this step"
                ),
                (
                    5,
                    "a step does one thing; this one has `connect` and `expect`",
                    "make two steps of it"
                ),
                (
                    6,
                    "a step is an object",
                    "for example { \"connect\": \"ana\" }"
                ),
            ]
        );
        assert_eq!(problems[1].step.as_deref(), Some("step 2"));
    }

    #[test]
    fn the_top_level_is_checked_too() {
        let unknown = problems("{ \"app\": \".\", \"step\": [] }");
        assert_eq!(unknown[0].hint.as_deref(), Some("did you mean `steps`?"));
        let none = problems("{ \"steps\": [] }");
        assert_eq!(none[0].message, "there is no `app`");
        let syntax = problems("{ \"app\": \".\",\n \"steps\": [ }");
        assert_eq!(syntax[0].line, 2);
        assert!(syntax[0].message.starts_with("not JSON"), "{syntax:?}");
    }
}
