//! From a fixture's top level to the arguments of `dev`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::script::format::{Chaos, Header};
use crate::script::problem::{Mistake, meant};

/// How a fixture's sandbox is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The app's folder or entry file, absolute.
    pub app: PathBuf,
    /// The data file to import at the first start, absolute.
    pub seed: Option<PathBuf>,
    /// The other options.
    pub arguments: Vec<OsString>,
}

impl Options {
    /// The options of a fixture whose paths are relative to `dir`; else the wrong field and what is
    /// wrong with it.
    pub fn of(header: &Header<'_>, dir: &Path) -> Result<Self, (&'static str, Mistake)> {
        let app = dir.join(&header.app);
        if !app.exists() {
            let shown = app.display();
            let mistake = Mistake::new(format!("there is no app `{}`", header.app));
            let hint = format!("`app` is relative to the fixture's folder; looked for `{shown}`");
            return Err(("app", mistake.hint(hint)));
        }
        let seed = header.seed.as_ref().map(|file| existing_file(dir, file));
        let seed = seed.transpose().map_err(|mistake| ("seed", mistake))?;
        if let Some(binary) = header
            .binary
            .as_deref()
            .filter(|b| !["close", "allow"].contains(b))
        {
            return Err(("binary", choice(binary, &["close", "allow"])));
        }
        let errors = header.handler_errors.as_deref();
        if let Some(other) = errors.filter(|e| !["ignore", "fail"].contains(e)) {
            return Err(("handlerErrors", choice(other, &["ignore", "fail"])));
        }
        if let Some(chaos) = &header.chaos {
            check_chaos(chaos).map_err(|message| ("chaos", Mistake::new(message)))?;
        }
        Ok(Self {
            app: app.canonicalize().unwrap_or(app),
            seed,
            arguments: arguments(header)?,
        })
    }
}

/// A file beside the fixture that must be there.
pub fn existing_file(dir: &Path, name: &str) -> Result<PathBuf, Mistake> {
    let file = dir.join(name);
    if file.is_file() {
        return Ok(file);
    }
    let hint = format!(
        "it is relative to the fixture's folder; looked for `{}`",
        file.display()
    );
    Err(Mistake::new(format!("there is no file `{name}`")).hint(hint))
}

fn check_chaos(chaos: &Chaos) -> Result<(), &'static str> {
    let share = |share: Option<f64>| share.unwrap_or(0.0);
    if chaos
        .seeds
        .is_some_and(|seeds| !(1..=1000).contains(&seeds))
    {
        return Err("`seeds` is 1 to 1000");
    }
    // Were every message throttled, none would ever come through.
    if !(0.0..1.0).contains(&share(chaos.throttle)) {
        return Err("`throttle` is a share from 0 to below 1");
    }
    if !(0.0..=1.0).contains(&share(chaos.cut)) {
        return Err("`cut` is a share from 0 to 1");
    }
    if chaos.cut_clients.is_some() && chaos.cut.is_none() {
        return Err("`cutClients` means nothing without `cut`");
    }
    if chaos.reorder == Some(true) && chaos.delay.is_none() {
        return Err("`reorder` needs a `delay` in which messages can overtake each other");
    }
    Ok(())
}

fn choice(given: &str, allowed: &[&str]) -> Mistake {
    Mistake::new(format!("`{given}` is not one of the values")).hint(meant(given, allowed))
}

fn arguments(header: &Header<'_>) -> Result<Vec<OsString>, (&'static str, Mistake)> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut add = |option: &str, value: Option<String>| {
        if let Some(value) = value {
            arguments.push(format!("{option}={value}").into());
        }
    };
    if header.limits == Some(false) && (header.rate.is_some() || header.burst.is_some()) {
        let mistake = Mistake::new("`rate` and `burst` mean nothing if `limits` is false");
        return Err(("limits", mistake.hint("leave one or the other out")));
    }
    for (name, number) in [("rate", header.rate), ("burst", header.burst)] {
        if number == Some(0) {
            return Err((name, Mistake::new(format!("`{name}` is 1 or more"))));
        }
    }
    let ms = |d: super::super::format::Millis| format!("{}ms", d.0.as_millis());
    add("--env", header.env.map(|env| env.name().to_owned()));
    add("--rate", header.rate.map(|n| n.to_string()));
    add("--burst", header.burst.map(|n| n.to_string()));
    add("--max-message", header.max_message.map(|n| n.to_string()));
    add("--max-frame", header.max_frame.map(|n| n.to_string()));
    add("--binary", header.binary.clone());
    add("--idle-timeout", header.idle_timeout.map(ms));
    add("--max-duration", header.max_duration.map(ms));
    for name in header.subprotocols.iter().flatten() {
        add("--subprotocol", Some(name.clone()));
    }
    for origin in header.allow_origins.iter().flatten() {
        add("--allow-origin", Some(origin.clone()));
    }
    if header.limits == Some(false) {
        arguments.push("--no-limits".into());
    }
    if header.strict == Some(true) {
        arguments.push("--strict".into());
    }
    Ok(arguments)
}
