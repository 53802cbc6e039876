//! `events`: what the app tells itself, now and later.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::support::{App, Client, Dev};

/// An app that publishes what it is sent as `[name, …]`, answers with what came of it, and sends
/// each event that it hears of to the client that published it.
const PUBLISH: &str = r#"
import { events, ws } from '@ampt/sdk';
let client;
const hear = (who) => async (event, context) => {
  await client.send({ who, event, context: Object.keys(context) });
};
events.on('order', hear('first'));
events.on('order', { timeout: 1000 }, hear('second'));
events.on('custom:order', hear('third'));
events.on('other:order', hear('other'));
ws.on('message', async (connection, args) => {
  client = connection;
  const before = Date.now();
  let answer;
  try {
    const published = await events.publish(...args);
    answer = { ...published, time: published.time - before };
  } catch (error) {
    answer = { error: error.message };
  }
  await connection.send({ answer });
});
"#;

/// A client that publishes and hears.
struct Publisher {
    client: Client,
    heard: VecDeque<Value>,
}

impl Publisher {
    fn new(dev: &Dev) -> Self {
        Self {
            client: dev.client(),
            heard: VecDeque::new(),
        }
    }

    /// Publishes; what came of it.
    fn publish(&mut self, args: Value) -> Value {
        self.client.send_json(&args);
        loop {
            let mut message = self.client.json();
            if !message["answer"].is_null() {
                return message["answer"].take();
            }
            self.heard.push_back(message);
        }
    }

    /// The next event that a handler hears of.
    fn hear(&mut self) -> Value {
        let heard = self.heard.pop_front();
        heard.unwrap_or_else(|| self.client.json())
    }

    /// Makes sure that nothing has been heard since.
    fn hears_nothing(&mut self) {
        assert_eq!(self.client.ask("ping"), "pong");
        assert_eq!(self.heard.len(), 0);
    }
}

#[test]
fn every_handler_of_a_name_hears_of_an_event() {
    let app = App::esm(PUBLISH);
    let dev = app.dev(&["--no-limits"]);
    let mut publisher = Publisher::new(&dev);
    let answer = publisher.publish(json!(["order", { "id": 7 }]));
    assert_eq!(answer["delay"], 0);
    let id = answer["id"].as_str().expect("an id");
    let is_ulid = |c: char| c.is_ascii_digit() || (c.is_ascii_lowercase() && !"ilou".contains(c));
    assert!(
        id.len() == 27 && id.ends_with('0') && id.chars().all(is_ulid),
        "{id}"
    );
    for who in ["first", "second", "third"] {
        let heard = publisher.hear();
        assert_eq!(heard["who"], who);
        let event = &heard["event"];
        assert_eq!(event["id"], id);
        assert_eq!(event["name"], "order");
        assert_eq!(event["target"], "event:custom:order");
        assert_eq!(event["body"], json!({ "id": 7 }));
        assert_eq!((&event["delay"], &event["attempt"]), (&json!(0), &json!(1)));
        assert!(event["time"].is_i64());
        assert_eq!(heard["context"], json!(["setTimeout"]));
    }
    publisher.publish(json!(["other:order", "text"]));
    let heard = publisher.hear();
    assert_eq!(
        (&heard["who"], &heard["event"]["name"]),
        (&json!("other"), &json!("other:order"))
    );
}

#[test]
fn an_event_that_nobody_handles_is_worth_a_word() {
    let app = App::esm(PUBLISH);
    let dev = app.dev(&["--no-limits"]);
    let mut publisher = Publisher::new(&dev);
    for _ in 0..2 {
        publisher.publish(json!(["unknown", 1]));
    }
    publisher.publish(json!(["order", 1]));
    publisher.hear();
    let text = "an event `unknown` was not handled: the app registers no handler for it: events.on('unknown', …)";
    dev.wait_for(json!({ "event": "log", "level": "warn", "text": text }));
    assert_eq!(dev.events(json!({ "text": text })).len(), 1, "once");
}

#[test]
fn what_cannot_be_published_says_so() {
    let app = App::esm(PUBLISH);
    let dev = app.dev(&[
        "--no-limits",
        "--max-message",
        "300000",
        "--max-frame",
        "300000",
    ]);
    let mut publisher = Publisher::new(&dev);
    let mut error = |args: Value| publisher.publish(args)["error"].take();
    assert_eq!(error(json!(["nobody"])), "Missing body for event");
    assert_eq!(error(json!(["nobody", 0])), "Missing body for event");
    let large = "x".repeat(262_144);
    assert_eq!(error(json!(["nobody", large])), "Event body is too large");
    let after = |after: Value| json!(["nobody", { "after": after }, 1]);
    assert_eq!(error(after(json!("2 fortnights"))), "Invalid delivery time");
    assert_eq!(error(after(json!("soon"))), "Invalid delivery time");
    let late = "Event delivery must be within one year";
    assert_eq!(error(after(json!("13 months"))), late);
    assert_eq!(error(after(json!(366 * 86_400_000_i64))), late);
}

#[test]
fn a_falsy_body_gives_way_to_the_config() {
    let app = App::esm(PUBLISH);
    let dev = app.dev(&[]);
    let mut publisher = Publisher::new(&dev);
    let answer = publisher.publish(json!(["order", { "after": "1 hour" }, 0]));
    assert_eq!(answer["delay"], 0);
    assert_eq!(
        publisher.hear()["event"]["body"],
        json!({ "after": "1 hour" })
    );
}

#[test]
fn an_event_comes_when_the_sandboxs_clock_says_so() {
    let app = App::esm(PUBLISH);
    let dev = app.dev(&[
        "--no-limits",
        "--idle-timeout",
        "9h",
        "--max-duration",
        "9h",
    ]);
    let mut publisher = Publisher::new(&dev);
    let advance = |by: &str| {
        let moved = app.verb(&["clock", "advance", by]);
        assert_eq!(moved.code, Some(0), "{moved:?}");
    };
    // Twice, so that the clock is ahead of the app's own the second time.
    for _ in 0..2 {
        for (after, ms) in [
            (json!("90 minutes"), 5_400_000),
            (json!("1.5 hours"), 3_600_000),
            (json!(60_000), 60_000),
        ] {
            let answer = publisher.publish(json!(["other:order", { "after": after }, ms]));
            assert_eq!(answer["delay"], ms);
            let published_at = answer["time"].as_i64().unwrap();
            assert!(published_at < 1000, "the time of the publish: {answer}");
        }
        publisher.hears_nothing();
        for (by, body) in [("1m", 60_000), ("59m", 3_600_000), ("30m", 5_400_000)] {
            advance(by);
            assert_eq!(publisher.hear()["event"]["body"], body);
            publisher.hears_nothing();
        }
    }
    let past = publisher.publish(json!(["other:order", { "after": "2001-01-01" }, 1]));
    assert_eq!(past["delay"], 0);
    assert_eq!(publisher.hear()["event"]["body"], 1);
}

#[test]
fn a_date_is_as_far_off_as_the_app_thinks() {
    let app = App::esm(&PUBLISH.replace(
        "...args)",
        "args[0], { after: new Date(Date.now() + 60_000) }, args[1])",
    ));
    let dev = app.dev(&["--no-limits", "--idle-timeout", "9h"]);
    let mut publisher = Publisher::new(&dev);
    let advance = |by: &str| assert_eq!(app.verb(&["clock", "advance", by]).code, Some(0));
    // The sandbox's clock is ahead of the one from which the app makes its date.
    advance("1h");
    publisher.publish(json!(["other:order", "in a minute"]));
    publisher.hears_nothing();
    advance("1m");
    assert_eq!(publisher.hear()["event"]["body"], "in a minute");
}

#[test]
fn what_is_registered_can_be_asked_for() {
    let app = App::esm(
        "import { events } from '@ampt/sdk';
         events.on('a', { timeout: 70000 }, () => 1);
         events.on('a', async (event) => event);
         events.on('b:c', () => {});
         console.log(JSON.stringify(events.getConfig()));
         const handlers = events.getHandlers();
         console.log(JSON.stringify([Object.keys(handlers), await handlers['event:custom:a']({ name: 'custom:a', body: 2 })]));",
    );
    let dev = app.dev(&[]);
    let lines = dev.wait_for_all(2, json!({ "event": "log", "source": "app" }));
    let lines = lines.iter().map(|line| line["text"].as_str().unwrap());
    let lines: Vec<Value> = lines.map(|l| serde_json::from_str(l).unwrap()).collect();
    let handler = |id: &str, timeout: u32| json!({ "id": id, "name": id, "timeout": timeout, "invocationType": "event" });
    assert_eq!(
        lines,
        [
            json!({
                "events": [handler("event:custom:a", 60_000), handler("event:b:c", 5000)],
                "errors": ["Maximum timeout for event handlers is 60000 ms"],
            }),
            json!([["event:custom:a", "event:b:c"], [1, { "name": "a", "body": 2 }]]),
        ]
    );
}
