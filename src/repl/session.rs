//! What a typed line does. There is no terminal in here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::CommandFactory;
use serde_json::json;
use tokio::runtime::Handle;

use super::following::Following;
use super::grammar::{self, Parsed};
use crate::cli::{ReplLine, ReplVerb};
use crate::error::{Failure, exit};
use crate::event::EventBus;
use crate::ops::{DataRequest, Perform, Request, Status};
use crate::output::{Output, Renderer, Style, fidelity, fixtures, overview};
use crate::verbs::{self, Ask, Context, Face, LocalBoxed, Streams};

/// A conversation with a sandbox, line by line.
pub(super) struct Session {
    sandbox: Arc<dyn Perform>,
    runtime: Handle,
    bus: EventBus,
    style: Style,
    app_dir: PathBuf,
    /// Where a line's answer goes.
    output: Box<dyn Fn(Style) -> Output + Send>,
    following: Following,
}

/// What is to be done after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Read the next.
    Line,
    /// Clear the screen.
    Clear,
    /// Leave.
    Quit,
}

impl Session {
    pub(super) fn new(
        sandbox: Arc<dyn Perform>,
        runtime: Handle,
        bus: EventBus,
        style: Style,
        app_dir: &Path,
        output: impl Fn(Style) -> Output + Send + 'static,
        following: Following,
    ) -> Self {
        Self {
            sandbox,
            runtime,
            bus,
            style,
            app_dir: app_dir.to_owned(),
            output: Box::new(output),
            following,
        }
    }

    /// Obeys a line. Whatever is wrong with it is said, and nothing worse.
    pub(super) fn obey(&self, line: &str, ask: &dyn Ask) -> Next {
        if line.trim().is_empty() {
            return Next::Line;
        }
        let plain = (self.output)(self.style);
        let line = match grammar::parse(line) {
            Ok(Parsed::Line(line)) => line,
            Ok(Parsed::Help(text)) => {
                let _ = plain.text(&text);
                return Next::Line;
            }
            Err(failure) => {
                plain.failure(&failure);
                return Next::Line;
            }
        };
        let out = (self.output)(Style {
            json: line.json,
            ..self.style
        });
        let done = match line.verb {
            ReplVerb::Quit => return Next::Quit,
            ReplVerb::Clear => return Next::Clear,
            ReplVerb::Help { verb } => help(&verb, &out),
            ReplVerb::Version => version(&out),
            ReplVerb::Url => self.url(&out),
            ReplVerb::Sandbox(verb) => {
                let context = Context {
                    sandbox: &*self.sandbox,
                    streams: &LocalStreams {
                        bus: &self.bus,
                        following: &self.following,
                    },
                    ask,
                    out: &out,
                    face: Face::Repl,
                    app_dir: &self.app_dir,
                };
                self.runtime.block_on(verbs::run(verb, &context)).map(drop)
            }
        };
        if let Err(failure) = done {
            out.failure(&failure);
        }
        Next::Line
    }

    /// Obeys Ctrl-C on an empty line: it ends what goes on beside the prompt, or else the
    /// conversation.
    pub(super) fn interrupt(&self) -> Next {
        match self.following.end(&(self.output)(self.style)) {
            Ok(()) => Next::Line,
            Err(_) => Next::Quit,
        }
    }

    fn url(&self, out: &Output) -> Result<(), Failure> {
        let answer = self
            .runtime
            .block_on(self.sandbox.perform(Request::Status))?;
        let status: Status = verbs::typed(answer)?;
        match out.is_json() {
            true => out.document(&json!({ "url": status.url, "wsUrl": status.ws_url })),
            false => out.text(&overview::urls(out.paint(), &status)),
        }
    }
}

fn version(out: &Output) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    match out.is_json() {
        true => out.document(&json!({ "version": version })),
        false => out.text(&format!("ampt-ws {version}\n")),
    }
}

/// Explains the verb that the words name, or all.
fn help(words: &[String], out: &Output) -> Result<(), Failure> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fidelity"] => return fidelity::print(out),
        ["fixtures"] => return fixtures::print(out, None),
        ["fixtures", step] => return fixtures::print(out, Some(step)),
        _ => {}
    }
    let mut command = ReplLine::command();
    command.build();
    let mut explained = &mut command;
    for word in words {
        explained = match explained.find_subcommand_mut(word) {
            Some(found) => found,
            None => {
                // The parser knows how to suggest what was meant.
                return match grammar::parse(&words.join(" ")) {
                    Err(failure) => Err(failure),
                    Ok(_) => Err(Failure::usage(format!("there is no help on `{word}`"))),
                };
            }
        };
    }
    let text = match words {
        [] => overview_of_verbs(explained),
        _ => explained.render_help().to_string(),
    };
    out.text(&text)
}

fn overview_of_verbs(command: &clap::Command) -> String {
    let mut text = String::new();
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let about = verb
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        let aliases: Vec<&str> = verb.get_visible_aliases().collect();
        let name = match &aliases[..] {
            [] => verb.get_name().to_owned(),
            aliases => format!("{}, {}", verb.get_name(), aliases.join(", ")),
        };
        text.push_str(&format!("  {name:11} {about}\n"));
    }
    text.push_str(
        "\nTab completes, `help VERB` explains, `help fidelity` says how true to the cloud\n\
         this is. The beginning of a connection id will do, and messages need no quotes:\n\
         send ab {\"hello\": \"world\"}\n",
    );
    text
}

/// Prints past events, those to come are on this terminal anyway; and has changes followed.
struct LocalStreams<'a> {
    bus: &'a EventBus,
    following: &'a Following,
}

impl Streams for LocalStreams<'_> {
    fn print<'a>(
        &'a self,
        request: Request,
        out: &'a Output,
    ) -> LocalBoxed<'a, Result<u8, Failure>> {
        Box::pin(async move {
            if let Request::Data(DataRequest::Watch { pattern }) = request {
                return self.following.begin(pattern, out).await.map(|()| exit::OK);
            }
            let (history, _) = self.bus.subscribe_with_history();
            let mut renderer = Renderer::new(out.style());
            let mut lines = Vec::new();
            for event in &history {
                renderer.push(&mut lines, event);
            }
            out.write(&lines).map(|()| exit::OK)
        })
    }

    fn end(&self, out: &Output) -> Result<u8, Failure> {
        self.following.end(out).map(|()| exit::OK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Clock;
    use crate::event::Level;
    use crate::ops::testing::FakeSandbox;
    use crate::output::Screen;
    use crate::output::testing::Buffer;

    struct Nobody;

    impl Ask for Nobody {
        fn confirm(&self, _: &str) -> Option<bool> {
            None
        }
    }

    /// What the lines print, and what follows the last of them.
    fn obey(lines: &[&str]) -> (String, Next) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let bus = EventBus::new(Clock::system());
        bus.log(Level::Info, "it happened");
        let (seen, sandbox) = (Buffer::default(), Arc::new(FakeSandbox::default()));
        let shown = seen.clone();
        let output = move |style| Output::to(style, shown.clone(), shown.clone());
        let handle = runtime.handle().clone();
        let screen = Screen::stdout();
        screen.attach(seen.clone());
        let following = Following::new(sandbox.clone(), handle.clone(), screen);
        let session = Session::new(
            sandbox,
            handle,
            bus,
            Style::default(),
            Path::new("/app"),
            output,
            following,
        );
        let mut next = None;
        for line in lines {
            next = Some(session.obey(line, &Nobody));
        }
        (seen.text(), next.unwrap())
    }

    #[test]
    fn verbs_answer_as_on_the_command_line() {
        let (text, next) = obey(&["list"]);
        assert!(text.contains("abcAAAAAAAAAAAA="), "{text}");
        assert_eq!(next, Next::Line);
        let (text, _) = obey(&["send abc {\"a\": 1}"]);
        assert_eq!(text, "sent to abcAAAAAAAAAAAA=\n");
        let (text, _) = obey(&["status --json"]);
        assert!(text.starts_with("{\"url\":"), "{text}");
        let (text, _) = obey(&["url"]);
        assert_eq!(text, "ws://127.0.0.1:8810\nhttp://127.0.0.1:8810\n");
        let (text, _) = obey(&["logs"]);
        assert!(text.contains("it happened"), "{text}");
    }

    #[test]
    fn a_mistake_is_explained_and_the_session_goes_on() {
        let (text, next) = obey(&[
            "lsit",
            "send ab hi",
            "send",
            "data get missing",
            "data watch --off",
        ]);
        assert_eq!(next, Next::Line);
        assert_eq!(text.matches("error: ").count(), 5, "{text}");
        assert!(text.contains("`list`"), "{text}");
        assert!(text.contains("`ab` is the beginning of 2"), "{text}");
        assert!(text.contains("to whom?"), "{text}");
    }

    #[test]
    fn help_knows_all_verbs_and_each() {
        let (text, _) = obey(&["help"]);
        for verb in ["list, ls", "send", "clock", "quit, exit", "version"] {
            assert!(text.contains(verb), "{verb} in {text}");
        }
        let (text, _) = obey(&["help data set"]);
        assert!(text.contains("Store a value"), "{text}");
        let (text, _) = obey(&["help sned"]);
        assert!(text.contains("`send`"), "{text}");
    }

    #[test]
    fn leaving_and_clearing_are_left_to_the_terminal() {
        assert_eq!(obey(&["quit"]).1, Next::Quit);
        assert_eq!(obey(&["exit"]).1, Next::Quit);
        assert_eq!(obey(&["clear"]).1, Next::Clear);
        assert_eq!(obey(&["   "]), (String::new(), Next::Line));
    }
}
