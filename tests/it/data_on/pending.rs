//! `status --json` tells when everything has settled: never too early.

use serde_json::json;

use super::{clock, lines, pending, set, settle, waiting};
use crate::support::App;

/// Handlers that end when there is a file `go`.
const GATED: &str = "
    import { events } from '@ampt/sdk';
    import { data } from '@ampt/data';
    import { existsSync } from 'node:fs';
    const go = async () => { while (!existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 5)); };
    data.on(['created:n:*', 'deleted'], { timeout: 60000 }, async ({ name, item }) => {
      await go();
      console.log(`${name} ${item.key}`);
    });
    events.on('late', { timeout: 60000 }, go);
    await events.publish('late', { after: '1 hour' }, { x: 1 });";

#[test]
fn a_change_counts_from_the_write_to_the_end_of_its_handler() {
    let app = App::esm(GATED);
    let dev = app.dev(&["--no-watch"]);
    assert_eq!(pending(&app), json!({ "invocations": 0, "dataEvents": 0 }));
    set(&app, "n:1", "1");
    assert_eq!(pending(&app), json!({ "invocations": 1, "dataEvents": 1 }));
    set(&app, "n:2", "1");
    set(&app, "unwanted:1", "1");
    assert_eq!(pending(&app), json!({ "invocations": 1, "dataEvents": 2 }));
    app.write("go", "");
    settle(&app);
    assert_eq!(lines(&dev, 2), ["created n:1", "created n:2"]);
}

#[test]
fn what_the_clock_makes_due_is_pending_when_its_verb_returns() {
    let app = App::esm(GATED);
    let dev = app.dev(&["--no-watch"]);
    app.verb(&["data", "set", "short", "1", "--ttl", "1s"]);
    assert_eq!(pending(&app), json!({ "invocations": 0, "dataEvents": 0 }));
    clock(&app, &["advance", "2h"]);
    assert_eq!(pending(&app)["invocations"], 1, "the published event");
    // An expired item is removed after two days.
    clock(&app, &["advance", "3d"]);
    assert_eq!(waiting(&app), 1);
    app.write("go", "");
    settle(&app);
    assert_eq!(lines(&dev, 1), ["deleted short"]);
}

#[test]
fn emptied_tables_and_imports_count_as_soon_as_they_are_done() {
    let app = App::esm(GATED).file(
        "data.json",
        r#"[{"key":"n:1","value":1},{"key":"n:2","value":1},{"key":"m:1","value":1}]"#,
    );
    let dev = app.dev(&["--no-watch"]);
    assert_eq!(app.verb(&["import"]).code, Some(0));
    assert_eq!(waiting(&app), 2);
    assert_eq!(app.verb(&["import", "--overwrite"]).code, Some(0));
    assert_eq!(waiting(&app), 2 + 3 + 2);
    app.write("go", "");
    settle(&app);
    assert_eq!(lines(&dev, 7).len(), 7);
}

#[test]
fn nothing_is_pending_means_that_nothing_comes() {
    // Whatever is written, by whatever call: at zero all of it has been heard.
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         let heard = 0;
         data.on('*', async () => { await null; heard += 1; });
         const rounds = [
           async (n) => { await data.set(`a:${n}`, n); return 1; },
           async (n) => { await Promise.all([data.set(`b:${n}`, n), data.set(`c:${n}`, n), data.add('sum', 1 + n)]); return 3; },
           async (n) => { await data.set([{ key: `d:${n}`, value: n }, { key: `e:${n}`, value: n }]); return 2; },
           async () => { const { items } = await data.scan({ limit: 1000 }); await data.truncate(); return items.length; },
           async (n) => { await data.seed([{ key: `f:${n}`, value: n }]); await data.remove(`f:${n}`); return 2; },
         ];
         let caused = 0;
         ws.on('message', async (c, n) => {
           if (n === 'sum') return c.send({ caused, heard });
           caused += await rounds[n % rounds.length](n);
           await c.send('done');
         });",
    );
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    for n in 0..25 {
        client.ask(&n.to_string());
        settle(&app);
        client.send("sum");
        let sums = client.json();
        assert_eq!(sums["caused"], sums["heard"], "after round {n}");
    }
}
