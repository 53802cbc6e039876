//! `ampt-ws test`: scripted fixtures.

mod bad;
mod chaos;
mod clients;
mod data;
mod failures;
mod http;
mod record;
mod repository;
mod runs;
mod sandbox;
mod update;
mod watch;

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{App, Output};

/// An app that welcomes, echoes, and does what its messages ask for.
pub const CHATTY: &str = r#"
import { ws } from '@ampt/sdk';
import { data } from '@ampt/data';
ws.on('connected', async (c) => {
  const name = c.meta.queryStringParameters?.name;
  if (name) await c.send(`Welcome, ${name}!`);
});
ws.on('disconnected', async (c, reason) => {
  await data.set(`left:${c.connectionId}`, { reason });
});
ws.on('message', async (c, m) => {
  switch (m?.do) {
    case 'throw': throw new TypeError('as asked');
    case 'set': await data.set(m.key, m.value); break;
    case 'many': for (const text of m.texts) await c.send(text); break;
    case 'close': await c.close(); break;
    case 'bytes': await post(c.connectionId, Buffer.from(m.base64, 'base64')); break;
    case 'print': console.log(m.text); break;
    case 'later': setTimeout(() => c.send('late'), m.ms); break;
    case 'tell': await ws.send(m.id, m.what); break;
    case 'nothing': break;
    default: await c.send({ echo: m });
  }
});
const post = (id, body) => fetch(`${process.env.AMPT_URL}/@connections/${id}`, {
  method: 'POST',
  headers: {
    authorization: `AWS4-HMAC-SHA256 Credential=${process.env.AWS_ACCESS_KEY_ID}/`,
    'x-ampt-ws-message': 'binary',
  },
  body,
});
"#;

/// An app with a fixture of these steps, which stand one a line from line 4 on.
pub fn fixture(steps: &[Value]) -> App {
    fixture_with(json!({}), steps)
}

/// The same with more at the top level.
pub fn fixture_with(more: Value, steps: &[Value]) -> App {
    App::esm(CHATTY).file("x.fixture.json", &fixture_text(more, steps))
}

/// The text of a fixture whose first step is in line 4.
pub fn fixture_text(more: Value, steps: &[Value]) -> String {
    let mut top = json!({ "name": "x", "app": ".", "limits": false });
    for (name, value) in more.as_object().expect("an object") {
        top[name] = value.clone();
    }
    let top = top.to_string();
    let fields = &top[1..top.len() - 1];
    let steps: Vec<String> = steps.iter().map(Value::to_string).collect();
    format!(
        "{{\n{fields},\n\"steps\": [\n{}\n]\n}}\n",
        steps.join(",\n")
    )
}

/// Runs the app's fixtures, and gives the JSON document.
pub fn run(app: &App) -> (Value, Output) {
    let output = app.verb(&["test", ".", "--json"]);
    (output.json(), output)
}

/// Runs steps that must pass.
#[track_caller]
pub fn passes(steps: &[Value]) {
    passes_with(json!({}), steps);
}

/// The same with more at the top level.
#[track_caller]
pub fn passes_with(more: Value, steps: &[Value]) {
    let (document, output) = run(&fixture_with(more, steps));
    assert_eq!(output.code, Some(0), "{document:#}\n{}", output.stderr);
    assert_eq!(document["passed"], 1);
}

/// Runs steps of which one must fail: the message, and everything else there is to know.
#[track_caller]
pub fn fails(steps: &[Value]) -> Value {
    let (document, output) = run(&fixture(steps));
    assert_eq!(output.code, Some(1), "{document:#}\n{}", output.stderr);
    document["fixtures"][0]["failure"].clone()
}

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
