//! One representative app on each Node that is listed (see `tests/nodes.sh`).

use serde_json::{Value, json};

use crate::support::{App, each_node};

const LIB: &str = "export const greet = (name: string): string => `hello ${name}`\n";

/// An ES module in TypeScript over CommonJS, with data, a stack to map and ways to die.
const ENTRY: &str = "import { ws, InvalidConnectionError } from '@ampt/sdk'
import { data } from '@ampt/data'
import old from './old.cjs'
import { greet } from './lib.js'

interface Ask { what: string }

ws.on('message', async (connection, { what }: Ask) => {
  if (what === 'die') process.exit(7)
  if (what === 'throw') throw new RangeError('thrown')
  await data.set('asked', { what })
  const asked = await data.get('asked')
  const gone = await ws.send('nobody', 1).catch((e) => e instanceof InvalidConnectionError)
  await connection.send([greet(old.name), asked, gone, process.version])
})
";

#[test]
fn a_representative_app_runs_on_each_node() {
    each_node(|node| {
        let app = App::new()
            .file("package.json", r#"{ "type": "module", "main": "app" }"#)
            .file("app.ts", ENTRY)
            .file("lib.ts", LIB)
            .file(
                "old.cjs",
                "exports.name = require('node:path').basename('/x/ana')",
            );
        let dev = app.dev(&["--no-limits", "--node", node]);
        let mut client = dev.client();
        let mut ask = |what: &str| -> Value {
            client.send_json(&json!({ "what": what }));
            client.json()
        };
        let first = ask("first");
        let version = first[3].clone();
        assert_eq!(
            first,
            json!(["hello ana", { "what": "first" }, true, version])
        );

        assert_eq!(ask("throw")["message"], "Internal server error");
        let failed = dev.wait_for(json!({ "event": "handler-error", "handler": "message" }));
        let error = &failed["error"];
        assert_eq!(
            (&error["file"], &error["line"]),
            (&json!("app.ts"), &json!(10)),
            "{error}"
        );

        app.write("lib.ts", &LIB.replace("hello", "welcome"));
        dev.wait_for(json!({ "event": "reload", "cause": "lib.ts", "ok": true }));
        assert_eq!(ask("second")[0], "welcome ana");
        app.write("lib.ts", "export const greet = (");
        let failed = dev.wait_for(json!({ "event": "reload", "ok": false }));
        assert_eq!(failed["error"]["file"], "lib.ts", "{failed}");
        assert_eq!(ask("third")[0], "welcome ana", "the old code keeps running");
        app.write("lib.ts", LIB);
        dev.wait_for_all(
            2,
            json!({ "event": "reload", "cause": "lib.ts", "ok": true }),
        );

        assert_eq!(ask("die")["message"], "Internal server error");
        dev.wait_for(json!({ "event": "reload", "cause": "crash", "ok": true }));
        assert_eq!(
            ask("fourth"),
            json!(["hello ana", { "what": "fourth" }, true, version])
        );
        assert_eq!(
            app.verb(&["status", "--json"]).json()["worker"]["node"],
            version
        );
    });
}
