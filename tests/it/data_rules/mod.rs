//! Rules of `@ampt/data` that no recorded program holds: what needs more than one call with plain
//! values, the package's surface, the objects that callers pass in, and what the terminal shows.

mod hints;
mod limits;
mod objects;
mod order;
mod refused;
mod surface;
mod tables;
mod values;

use std::fmt::Write as _;

use crate::support::{App, Client, Dev};

/// Evaluates an expression in which `data`, `Data` and `whole` are the package's, and answers with Node's own
/// text of the result, or with the error's name and text; `aws` stands before one of the database.
const EVALUATE: &str = r#"
    import { ws } from '@ampt/sdk';
    import * as whole from '@ampt/data';
    import { inspect } from 'node:util';
    const compile = (code) => new Function('data', 'Data', 'whole', `return (async () => ${code})()`);
    const text = (value) => inspect(value, { depth: 9, compact: true, breakLength: Infinity, maxStringLength: 200, sorted: true });
    ws.on('message', { timeout: 60000 }, async (connection, { code }) => {
      let answer;
      try {
        answer = text(await compile(code)(whole.data, whole.Data, whole));
      } catch (error) {
        answer = `${error.$fault ? 'aws ' : ''}${error.name}: ${error.message}`;
      }
      await connection.send(answer);
    });
"#;

/// An app that evaluates what it is sent.
struct Evaluator {
    app: App,
    /// Kept, so that it runs.
    _dev: Dev,
    client: Client,
}

impl Evaluator {
    fn start() -> Self {
        let app = App::esm(EVALUATE);
        let dev = app.dev(&["--no-limits", "--no-watch"]);
        let client = dev.client();
        Self {
            app,
            _dev: dev,
            client,
        }
    }

    /// The same, with the clock standing still at the beginning of 2024.
    fn start_in_2024() -> Self {
        let evaluator = Self::start();
        evaluator.clock(&["freeze"]);
        evaluator.clock(&["set", "2024-01-01T00:00:00Z"]);
        evaluator
    }

    fn clock(&self, args: &[&str]) {
        let all: Vec<&str> = ["clock"].iter().chain(args).copied().collect();
        assert_eq!(self.app.verb(&all).code, Some(0));
    }

    /// Node's text of what an expression gives.
    fn eval(&mut self, code: &str) -> String {
        self.client.send_json(&serde_json::json!({ "code": code }));
        self.client.text()
    }

    /// Evaluates expressions in order, and compares each answer with the one beside it.
    fn hold(&mut self, table: &[(&str, &str)]) {
        let mut wrong = String::new();
        for (code, expected) in table {
            let got = self.eval(code);
            if got != *expected {
                writeln!(wrong, "{code}\n  expected {expected}\n  got      {got}").expect("room");
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }
}
