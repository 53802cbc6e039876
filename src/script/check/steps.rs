//! What each kind of step needs, and what it leaves behind.

use serde_json::Value;

use super::{Checker, State};
use crate::script::format::{
    Close, Connect, Data, Expect, ExpectClosed, ExpectData, Export, Send, Step,
};
use crate::script::load::Placed;
use crate::script::problem::{Mistake, meant};
use crate::script::run::decode;
use crate::script::sandbox::existing_file;

/// The longest reason that fits into a close frame, in bytes.
const LONGEST_REASON: usize = 123;

impl Checker<'_> {
    pub(super) fn step(&mut self, placed: &Placed) -> Result<(), Mistake> {
        let line = placed.line;
        match &placed.step {
            Step::Connect(step) => self.connect(step, line),
            Step::Http(step) => self.http(step),
            Step::Send(step) => self.send(step),
            Step::Expect(step) => self.expect(step),
            Step::ExpectNothing(step) => self.readable(&step.expect_nothing.0),
            Step::Close(step) => self.close(step, line),
            Step::Drop(step) => {
                for name in self.names(&step.drop.0)? {
                    self.open(&name, "it cannot vanish")?;
                    self.clients.insert(name, State::Gone(line));
                }
                Ok(())
            }
            Step::ExpectClosed(step) => self.expect_closed(step, line),
            Step::Data(step) => self.data(step),
            Step::ExpectData(step) => self.expect_data(step),
            Step::ExpectLog(step) => self.pattern("expectLog", &step.expect_log),
            Step::Import(step) => self.file(&step.import),
            Step::Export(step) => self.export(step),
            Step::Restart(_) | Step::Kill(_) => {
                self.sandbox_ends(line);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn connect(&mut self, step: &Connect, line: usize) -> Result<(), Mistake> {
        let name = self.name(&step.connect)?;
        self.texts_of("query", &step.query)?;
        self.texts_of("headers", &step.headers)?;
        if let Some(path) = &step.path {
            self.path("path", path)?;
        }
        is_status(step.expect_status)?;
        if let Some(State::Open(since)) = self.clients.get(&name) {
            return Err(
                Mistake::new(format!("`{name}` is connected already, since line {since}"))
                    .hint("give the second client another name, or close the first one"),
            );
        }
        if step.expect_status.is_none_or(|status| status == 101) {
            self.set.insert(format!("{name}.connectionId"));
            self.clients.insert(name, State::Open(line));
        }
        Ok(())
    }

    fn send(&mut self, step: &Send) -> Result<(), Mistake> {
        for name in self.names(&step.send.0)? {
            self.open(&name, "it cannot send")?;
        }
        let by_server = by_server(step.by.as_deref(), "send")?;
        if by_server && step.binary.is_some() {
            return Err(Mistake::new("the server sends text only").hint("add a `message` instead"));
        }
        match (&step.message, &step.binary) {
            (Some(message), None) => self.value(message),
            (None, Some(base64)) => decode(base64).map(drop).map_err(Mistake::new),
            (Some(_), Some(_)) => {
                Err(Mistake::new("there is a `message` and a `binary`")
                    .hint("make two steps of it"))
            }
            (None, None) => Err(Mistake::new("there is nothing to send")
                .hint("add a `message`, or a `binary` in base64")),
        }
    }

    fn expect(&mut self, step: &Expect) -> Result<(), Mistake> {
        self.readable(&step.expect.0)?;
        exact_or_partial("message", &step.message, &step.matches)?;
        let fields = [("message", &step.message), ("matches", &step.matches)];
        fields
            .into_iter()
            .try_for_each(|(field, value)| match value {
                Some(value) => self.pattern(field, value),
                None => Ok(()),
            })
    }

    /// Clients to whom something may still come.
    fn readable(&self, names: &[String]) -> Result<(), Mistake> {
        for name in self.names(names)? {
            match self.state(&name)? {
                State::Open(_) | State::Ending(_) => {}
                State::Closing(line) | State::Gone(line) => {
                    return Err(Mistake::new(format!(
                        "nothing can come to `{name}`, which is gone since line {line}"
                    ))
                    .hint("move this before that line, or connect it again"));
                }
            }
        }
        Ok(())
    }

    fn open(&self, name: &str, cannot: &str) -> Result<(), Mistake> {
        match self.state(name)? {
            State::Open(_) => Ok(()),
            State::Ending(line) | State::Closing(line) | State::Gone(line) => Err(Mistake::new(
                format!("`{name}` is gone since line {line}; {cannot}"),
            )
            .hint("move this before that line, or connect it again")),
        }
    }

    fn close(&mut self, step: &Close, line: usize) -> Result<(), Mistake> {
        let by_server = by_server(step.by.as_deref(), "close a connection")?;
        if by_server && (step.code.is_some() || step.reason.is_some()) {
            return Err(
                Mistake::new("the server closes with 1000 and a reason of its own")
                    .hint("leave `code` and `reason` out"),
            );
        }
        if let Some(code) = step.code
            && !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
        {
            return Err(Mistake::new(format!("a client may not close with {code}"))
                .hint("1000, or 3000 to 4999; leave `code` out for a close frame without one"));
        }
        if let Some(reason) = &step.reason {
            self.text(reason)?;
            if step.code.is_none() {
                return Err(Mistake::new("a `reason` needs a `code`").hint("add \"code\": 1000"));
            }
            if reason.len() > LONGEST_REASON {
                return Err(Mistake::new(format!(
                    "`reason` has {} bytes; {LONGEST_REASON} fit into a close frame",
                    reason.len()
                )));
            }
        }
        for name in self.names(&step.close.0)? {
            self.open(&name, "it cannot be closed")?;
            let state = match by_server {
                true => State::Ending(line),
                false => State::Closing(line),
            };
            self.clients.insert(name, state);
        }
        Ok(())
    }

    fn expect_closed(&mut self, step: &ExpectClosed, line: usize) -> Result<(), Mistake> {
        for name in self.names(&step.expect_closed.0)? {
            if let State::Gone(since) = self.state(&name)? {
                return Err(Mistake::new(format!(
                    "`{name}` is gone already since line {since}"
                )));
            }
            self.clients.insert(name, State::Gone(line));
        }
        if let Some(code) = &step.code {
            if !(code.is_u64() || code.is_object() || code.is_string()) {
                return Err(Mistake::new("`code` is a number, for example 1000"));
            }
            self.pattern("code", code)?;
        }
        step.reason
            .as_ref()
            .map_or(Ok(()), |reason| self.pattern("reason", reason))
    }

    fn data(&mut self, step: &Data) -> Result<(), Mistake> {
        self.text(&step.data)?;
        match (&step.value, step.remove.is_some()) {
            (Some(value), false) => self.value(value),
            (None, true) => Ok(()),
            (Some(_), true) => Err(Mistake::new("an item is set or removed, not both")),
            (None, false) => Err(Mistake::new("there is nothing to do to the item")
                .hint("add a `value`, or \"remove\": true")),
        }
    }

    fn expect_data(&mut self, step: &ExpectData) -> Result<(), Mistake> {
        self.text(&step.expect_data)?;
        exact_or_partial("value", &step.value, &step.matches)?;
        let values = [
            ("value", &step.value),
            ("matches", &step.matches),
            ("item", &step.item),
        ];
        let about_value = values.iter().any(|(_, value)| value.is_some());
        let others = usize::from(step.absent.is_some()) + usize::from(step.count.is_some());
        if others + usize::from(about_value) > 1 {
            return Err(Mistake::new(
                "`absent` and `count` stand alone, without each other or a value",
            ));
        }
        let is_pattern = step.expect_data.ends_with('*');
        if is_pattern && step.count.is_none() {
            return Err(
                Mistake::new(format!("`{}` means several items", step.expect_data))
                    .hint("add a `count`, or name one item"),
            );
        }
        for (field, value) in values {
            if let Some(value) = value {
                self.pattern(field, value)?;
            }
        }
        Ok(())
    }

    fn export(&mut self, step: &Export) -> Result<(), Mistake> {
        match &step.export {
            Value::String(name) if self.update => self.text(name),
            Value::String(name) => self.file(name),
            Value::Array(_) => self.pattern("export", &step.export),
            _ => Err(Mistake::new(
                "`export` is the name of a data file, or a list of items",
            )),
        }
    }

    /// A file beside the fixture. One whose name depends on a capture is looked for at its time.
    fn file(&self, name: &str) -> Result<(), Mistake> {
        self.text(name)?;
        match name.contains("${") {
            true => Ok(()),
            false => existing_file(&self.fixture.dir, name).map(drop),
        }
    }
}

pub(super) fn is_status(status: Option<u16>) -> Result<(), Mistake> {
    match status {
        Some(status) if !(100..600).contains(&status) => Err(Mistake::new(
            "`expectStatus` is an HTTP status, from 100 to 599",
        )),
        _ => Ok(()),
    }
}

/// Whether the server does it.
fn by_server(by: Option<&str>, what: &str) -> Result<bool, Mistake> {
    match by {
        None | Some("client") => Ok(false),
        Some("server") => Ok(true),
        Some(other) => Err(Mistake::new(format!("`{other}` cannot {what}"))
            .hint(meant(other, &["client", "server"]))),
    }
}

pub(super) fn exact_or_partial(
    exact: &str,
    whole: &Option<Value>,
    part: &Option<Value>,
) -> Result<(), Mistake> {
    match (whole, part) {
        (Some(_), Some(_)) => Err(
            Mistake::new(format!("there is a `{exact}` and a `matches`")).hint(format!(
                "`{exact}` is the whole, `matches` a part of it; one is enough"
            )),
        ),
        _ => Ok(()),
    }
}
