//! The thread that prints a sandbox's events as they happen.

use std::io::{self, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::events::{AnyEvents, HumanEvents, skipped_event};
use super::style::Style;
use super::time::LocalTime;
use crate::event::{Batch, Event, Fact, Subscription};

/// How long one wait for events lasts; the end of the bus wakes it sooner.
const WAIT: Duration = Duration::from_secs(60);

/// Pause after each batch. Under load, events gather meanwhile: waking up for each of them, and a
/// write for each, would cost more than the messages themselves.
const GATHER: Duration = Duration::from_millis(2);

/// A buffer that grew beyond this is not kept.
const KEPT_BUFFER: usize = 1 << 20;

/// Turns batches of events into lines, in a buffer that is used again.
pub struct Renderer {
    events: AnyEvents,
    last_at_ms: i64,
}

impl Renderer {
    /// A renderer of the given style.
    pub fn new(style: Style) -> Self {
        let events = if style.json {
            AnyEvents::Json
        } else {
            let human = HumanEvents::new(style, LocalTime::system());
            AnyEvents::Human(Box::new(human))
        };
        Self {
            events,
            last_at_ms: 0,
        }
    }

    /// Appends one event's lines.
    pub fn push(&mut self, out: &mut Vec<u8>, event: &Event) {
        self.last_at_ms = event.at_ms;
        self.events.push(out, event);
    }

    /// Appends a batch's lines, and one that says how many messages are missing.
    pub fn push_batch(&mut self, out: &mut Vec<u8>, batch: &Batch) {
        for event in &batch.events {
            self.push(out, event);
        }
        if batch.skipped > 0 {
            let event = skipped_event(self.last_at_ms, batch.skipped);
            self.events.push(out, &event);
        }
    }
}

/// The printing thread of one process.
pub struct Printer {
    ended: mpsc::Receiver<()>,
}

impl Printer {
    /// Prints what `subscription` hears, until its bus closes. When nobody reads the output any
    /// more, it goes on listening without printing, and the sandbox lives on.
    pub fn start(
        subscription: Subscription,
        style: Style,
        mut writer: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let (ending, ended) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("printer".into())
            .spawn(move || {
                let (renderer, lobby) = (Renderer::new(style), Lobby::new(style));
                print_all(&subscription, renderer, lobby, &mut writer);
                let _ = ending.send(());
            })?;
        Ok(Self { ended })
    }

    /// Waits until everything told before the bus closed is printed, but no longer than
    /// `patience`: a terminal stopped with Ctrl-S must not keep the program from ending.
    pub fn finish(self, patience: Duration) {
        let _ = self.ended.recv_timeout(patience);
    }
}

fn print_all(
    subscription: &Subscription,
    mut renderer: Renderer,
    mut lobby: Lobby,
    writer: &mut impl Write,
) {
    let mut buffer = Vec::with_capacity(16 * 1024);
    let mut is_read = true;
    while let Some(batch) = subscription.wait(WAIT) {
        if !is_read {
            continue;
        }
        lobby.pass(&mut renderer, &mut buffer, batch);
        is_read = write_out(writer, &mut buffer);
        thread::sleep(GATHER);
    }
    if is_read {
        buffer.append(&mut lobby.lines);
        write_out(writer, &mut buffer);
    }
}

/// Writes the buffer and empties it; whether anybody reads.
fn write_out(writer: &mut impl Write, buffer: &mut Vec<u8>) -> bool {
    if buffer.is_empty() {
        return true;
    }
    let written = writer.write_all(buffer).and_then(|()| writer.flush());
    buffer.clear();
    buffer.shrink_to(KEPT_BUFFER);
    written.is_ok()
}

/// Where JSON lines wait for the `ready` line, which is documented as the first one: what the app
/// prints while it loads comes after it. When it becomes clear that the sandbox is not going to be
/// ready soon, they wait no longer.
struct Lobby {
    is_open: bool,
    lines: Vec<u8>,
}

impl Lobby {
    /// More than this many bytes of lines do not wait.
    const ROOM: usize = 1 << 20;

    fn new(style: Style) -> Self {
        Self {
            is_open: style.json,
            lines: Vec::new(),
        }
    }

    fn pass(&mut self, renderer: &mut Renderer, out: &mut Vec<u8>, mut batch: Batch) {
        while self.is_open {
            let Some(event) = batch.events.pop_front() else {
                return;
            };
            match &event.fact {
                Fact::Ready(_) => {
                    renderer.push(out, &event);
                    self.close(out);
                }
                Fact::HandlerError { .. } | Fact::Stopping { .. } => {
                    self.close(out);
                    renderer.push(out, &event);
                }
                _ => {
                    renderer.push(&mut self.lines, &event);
                    if self.lines.len() > Self::ROOM {
                        self.close(out);
                    }
                }
            }
        }
        renderer.push_batch(out, &batch);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        self.is_open = false;
        out.append(&mut self.lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Clock;
    use crate::event::{EventBus, Level};
    use crate::output::testing::Buffer;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_told_before_the_end_is_printed() {
        let bus = EventBus::new(Clock::system());
        let written = Buffer::default();
        let style = Style {
            json: true,
            ..Style::default()
        };
        let printer = Printer::start(bus.subscribe(), style, written.clone()).unwrap();
        for i in 0..1000 {
            bus.log(Level::Info, format!("line {i}"));
        }
        bus.close();
        printer.finish(Duration::from_secs(10));
        let text = written.text();
        assert_eq!(text.lines().count(), 1000);
        assert!(text.lines().last().unwrap().contains("line 999"));
    }

    #[test]
    fn json_lines_wait_for_the_ready_line_unless_it_will_not_come() {
        let log = |text: &str| Fact::Log {
            level: Level::Info,
            text: text.to_owned(),
            partial: false,
            source: "app",
        };
        let ready = || {
            let ready = crate::event::Ready {
                url: String::new(),
                ws_url: String::new(),
                pid: 1,
                app: String::new(),
                env: "sandbox",
                data_dir: String::new(),
                limits: crate::domain::RateLimits {
                    rate: 1,
                    burst: 1,
                    enforced: true,
                },
                handlers: Vec::new(),
            };
            Fact::Ready(Box::new(ready))
        };
        let failed = || Fact::HandlerError {
            handler: "load".to_owned(),
            connection_id: None,
            request_id: None,
            error: Box::default(),
        };
        let printed = |facts: Vec<Fact>| {
            let bus = EventBus::new(Clock::system());
            let written = Buffer::default();
            let style = Style {
                json: true,
                ..Style::default()
            };
            let printer = Printer::start(bus.subscribe(), style, written.clone()).unwrap();
            facts.into_iter().for_each(|fact| bus.tell(fact));
            bus.close();
            printer.finish(Duration::from_secs(10));
            let names: Vec<String> = written
                .text()
                .lines()
                .map(|line| {
                    let event: serde_json::Value = serde_json::from_str(line).unwrap();
                    let name = event.get("text").unwrap_or(&event["event"]);
                    name.as_str().unwrap().to_owned()
                })
                .collect();
            names.join(" ")
        };
        assert_eq!(printed(vec![log("a"), ready(), log("b")]), "ready a b");
        assert_eq!(
            printed(vec![log("a"), failed(), ready()]),
            "a handler-error ready"
        );
        assert_eq!(printed(vec![log("a")]), "a");
    }

    #[test]
    fn a_closed_output_stops_nothing() {
        let bus = EventBus::new(Clock::system());
        let printer = Printer::start(bus.subscribe(), Style::default(), Closed).unwrap();
        bus.log(Level::Info, "nobody reads this");
        bus.log(Level::Info, "nor this");
        bus.close();
        printer.finish(Duration::from_secs(10));
    }

    #[test]
    fn missing_messages_are_mentioned() {
        let mut renderer = Renderer::new(Style::default());
        let mut out = Vec::new();
        renderer.push_batch(
            &mut out,
            &Batch {
                skipped: 7,
                ..Batch::default()
            },
        );
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("warning: 7 messages are not shown"), "{text}");
    }
}
