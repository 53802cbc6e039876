//! `bench`: many clients against the user's own app, and how it bore them.

mod client;
mod crowd;

use std::ffi::OsString;
use std::path::PathBuf;

use self::crowd::Crowd;
use super::connect::Target;
use super::signals::Signals;
use crate::bench::{Numbers, Plan, Report, Template};
use crate::cli::{BenchArgs, Common, ConnectArgs};
use crate::config::absolute;
use crate::descriptors;
use crate::error::{Failure, exit};
use crate::location::Location;
use crate::output::{Output, Progress, Verbosity, bench};
use crate::script::load;
use crate::script::sandbox::{EventLog, Host, Options, Sandbox};

/// What is sent unless something else is asked for.
const MESSAGE: &str = r#"{"n":{{n}}}"#;

/// How many errors of handlers are shown.
const ERRORS: usize = 3;

pub(super) async fn run(common: &Common, args: &BenchArgs, out: &Output) -> Result<u8, Failure> {
    descriptors::make_room();
    let mut signals = Signals::new(false)?;
    let fixture = args.fixture.as_deref().map(read).transpose()?;
    let plan = plan(args, fixture.as_ref())?;
    let mut progress = Progress::new(out, out.style().verbosity != Verbosity::Quiet);
    let mut sandbox = match &args.url {
        Some(_) => None,
        None => {
            progress.show("starting the app");
            let options = options(common, args, fixture)?;
            let host = host(args)?;
            match Sandbox::start(&host, &options, None, EventLog::default(), signals.next()).await?
            {
                Some(sandbox) => Some((options.app, sandbox)),
                None => return Ok(exit::INTERRUPTED),
            }
        }
    };
    let url = match (&args.url, &sandbox) {
        (Some(url), _) => url.clone(),
        (None, Some((_, sandbox))) => sandbox.ws_url.clone(),
        (None, None) => String::new(),
    };
    let dial = |index: u32| target(&url, args, index);
    // What is wrong with the URL is said before anything is opened.
    let first = dial(0)?;
    let is_numbered = plan.messages.iter().all(Template::is_numbered);
    let mut crowd = Crowd::new(plan, args.connections);
    let interrupted = crowd.run(dial, &mut progress, &mut signals).await?;
    progress.clear();
    let mut report = Report {
        target: match &sandbox {
            Some((app, _)) => app.display().to_string(),
            None => first.url.clone(),
        },
        limits: args.env,
        ..crowd.report()
    };
    if let Some((_, sandbox)) = &mut sandbox {
        sandbox.stop().await;
        report.errors = handler_errors(sandbox);
    }
    if report.opened == 0 {
        let why = report.trouble.unwrap_or_else(|| "interrupted".to_owned());
        return Err(
            Failure::new("bench", format!("no connection was opened: {why}"))
                .hint("`ampt-ws connect` shows what one client sees"),
        );
    }
    bench::print(out, &report)?;
    tell_silence(out, &report);
    if !is_numbered && report.tally.answered > 0 {
        out.hint(
            "the messages carry no {{n}}: whatever came next counts as the answer, \
             also what another client caused",
        );
    }
    Ok(if interrupted {
        exit::INTERRUPTED
    } else {
        exit::OK
    })
}

/// An app that answers nobody cannot be measured, and its user may not know why.
fn tell_silence(out: &Output, report: &Report) {
    let tally = &report.tally;
    if tally.answered == 0 && tally.sent > 0 && tally.throttled + tally.failed == 0 {
        out.hint(
            "no message was answered: does the app answer each one, with its number in it? \
             say what to send with -m '{\"text\":\"{{n}}\"}'",
        );
    }
}

fn read(file: &std::path::Path) -> Result<load::Fixture, Failure> {
    load::read(file).map_err(|problems| {
        let first = problems.into_iter().next();
        let Some(problem) = first else {
            return Failure::new("fixture", "the fixture cannot be read");
        };
        let place = match problem.line {
            0 => problem.file.display().to_string(),
            line => format!("{}:{line}", problem.file.display()),
        };
        let failure = Failure::new("fixture", format!("{place}: {}", problem.message));
        match problem.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

fn plan(args: &BenchArgs, fixture: Option<&load::Fixture>) -> Result<Plan, Failure> {
    let messages = match fixture {
        Some(fixture) => Template::of_fixture(fixture),
        None if args.message.is_empty() => vec![Template::new(MESSAGE)],
        None => args.message.iter().map(Template::new).collect(),
    };
    if messages.is_empty() {
        return Err(Failure::usage(
            "no client of the fixture sends anything that can be sent alone",
        )
        .hint("messages that hold a capture are left out; say what to send with -m"));
    }
    for (option, duration) in [("--duration", args.duration), ("--patience", args.patience)] {
        if duration.is_zero() {
            return Err(
                Failure::usage(format!("`{option}` must be longer than nothing"))
                    .hint(format!("for example: {option} 10s")),
            );
        }
    }
    Ok(Plan {
        messages,
        connections: args.connections,
        in_flight: usize::from(args.in_flight),
        rate: args.rate,
        duration: args.duration,
        patience: args.patience,
    })
}

/// How the sandbox is started: that of the fixture, or of the app that was named.
fn options(
    common: &Common,
    args: &BenchArgs,
    fixture: Option<load::Fixture>,
) -> Result<Options, Failure> {
    let mut options = match fixture {
        Some(fixture) => fixture.options,
        None => {
            let location = Location::of_app(common, args.path.as_deref())?;
            Options {
                app: location.entry.unwrap_or(location.app_dir),
                seed: None,
                arguments: Vec::new(),
            }
        }
    };
    if let Some(seed) = &args.seed {
        options.seed = Some(absolute(seed)?);
    }
    let is_limit = |argument: &OsString| {
        let argument = argument.to_string_lossy();
        ["--env", "--rate", "--burst", "--no-limits"]
            .iter()
            .any(|option| argument.starts_with(option))
    };
    options.arguments.retain(|argument| !is_limit(argument));
    options.arguments.push("--quiet".into());
    options.arguments.push(match args.env {
        Some(env) => format!("--env={env}").into(),
        None => "--no-limits".into(),
    });
    Ok(options)
}

fn host(args: &BenchArgs) -> Result<Host, Failure> {
    let node: Option<PathBuf> = args.node.as_deref().map(absolute).transpose()?;
    Host::this_program(node)
}

/// What one of the clients connects to.
fn target(url: &str, args: &BenchArgs, index: u32) -> Result<Target, Failure> {
    let numbers = Numbers {
        client: index,
        ..Numbers::default()
    };
    let query = args.query.iter().map(|(name, value)| {
        let value = Template::new(value.as_str()).fill(numbers);
        (name.clone(), value)
    });
    let args = ConnectArgs {
        query: query.collect(),
        ..ConnectArgs::default()
    };
    Target::new(url, &args)
}

/// The first errors of handlers, in one line each.
fn handler_errors(sandbox: &Sandbox) -> Vec<String> {
    let events = sandbox.log.events();
    let errors = events
        .iter()
        .filter(|seen| seen.event["event"] == "handler-error");
    let mut told: Vec<String> = Vec::new();
    for seen in errors {
        let (event, error) = (&seen.event, &seen.event["error"]);
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let mut line = format!(
            "{}: {}: {}",
            text(&event["handler"]),
            text(&error["name"]),
            text(&error["message"])
        );
        if let Some(file) = error["file"].as_str() {
            line.push_str(&format!(" ({file}:{})", error["line"]));
        }
        if !told.contains(&line) {
            told.push(line);
        }
        if told.len() == ERRORS {
            break;
        }
    }
    told
}
