//! Which of several mistakes a call is refused for, and calls that do not wait for each other.

use serde_json::json;

use super::Evaluator;
use crate::support::{App, eventually};

#[test]
fn a_read_is_refused_for_its_first_mistake() {
    Evaluator::start().hold(&[
        // Label's name, key, limit, wildcard, bounds, start.
        (
            "data.get('', { label: 'x', limit: -1 })",
            "ValidationError: Labels must be specified as 'label1' through 'label5'.",
        ),
        (
            "data.get('', { limit: -1, start: '' })",
            "ValidationError: Invalid key",
        ),
        (
            "data.get('n:*a|', { limit: -1 })",
            "ValidationError: 'limit' must be between 1 and 1000",
        ),
        (
            "data.get('n:*a|')",
            "ValidationError: Wildcards ('*') can only be used at the end of a key expression",
        ),
        (
            "data.get('n:a|', { start: ':' })",
            "ValidationError: You must supply a key name before and after '|'",
        ),
        (
            "data.get('n:<', { start: ':' })",
            "ValidationError: You must supply a key name after '<'",
        ),
        (
            "data.get('n:*', { start: ':' })",
            "ValidationError: Invalid key",
        ),
        (
            "data.get([], { limit: 1 })",
            "ValidationError: Invalid options for batch get request: limit",
        ),
        (
            "data.get(Array(26).fill(''))",
            "ValidationError: You may only provide a maximum of 25 keys in one batch get request",
        ),
        ("data.get(['a', 'a', ''])", "ValidationError: Invalid key"),
    ]);
}

#[test]
fn a_write_is_refused_for_its_first_mistake() {
    // Each call has all the mistakes of those below it.
    let mistakes = [
        ("", "5", "Error: 'options' must be a boolean or object"),
        ("", "{ rest }", "ValidationError: Invalid key"),
        (
            "n:a*",
            "{ rest }",
            "ValidationError: Invalid key: Key names in collections cannot contain the '|' or the '*' characters.",
        ),
        (
            "n:a",
            "{ rest }",
            "ValidationError: 'default' must be of the same type as the value",
        ),
        (
            "n:a",
            "{ label1: '', created: 'x', ttl: 'x' }",
            "ValidationError: Invalid key",
        ),
        (
            "n:a",
            "{ created: 'x', ttl: 'x' }",
            "ValidationError: 'created' value must be a number",
        ),
        ("n:a", "{ ttl: 'x' }", "ValidationError: Invalid ttl value."),
        (
            "n:a",
            "{}",
            "ValidationError: 'value' must be a number when using $add",
        ),
    ];
    let mut evaluator = Evaluator::start();
    for (key, options, refusal) in mistakes {
        let options = options.replace(
            "{ rest }",
            "{ default: 1, label1: '', created: 'x', ttl: 'x' }",
        );
        let code = format!(
            "data.set('{key}', {{ p: {{ $add: 'x' }}, d: new Date(0), s: 'x'.repeat(500000) }}, {options})"
        );
        assert_eq!(evaluator.eval(&code), refusal, "{code}");
    }
    evaluator.hold(&[
        // Then value types, size, and last what the database finds.
        ("data.set('n:a', { d: { x: new Date(0) }, s: 'x'.repeat(500000) }, { exists: true }).catch((e) => e.message.slice(0, 24))", "'Unsupported type passed:'"),
        ("data.set('n:a', { s: 'x'.repeat(500000), p: { $add: 1 } }, { exists: true, default: { q: 1 } }).catch((e) => e.message.slice(0, 12))", "'Item size of'"),
        ("data.set('n:a', { p: { $add: 1 } }, { exists: true, default: { q: 1 } })", "ValidationError: '$add' cannot be used as a default (p)"),
        ("data.set('n:a', { p: { $add: 1 } }, { exists: true })", "Error: Item does not exist"),
        // A list is refused for the first bad item, and nothing of it is written.
        ("data.set([{ key: 'ok', value: 1 }, { key: '', value: 1 }, { key: 'x' }])", "ValidationError: A string value of 'key' must be provided in each item"),
        ("data.set([{ key: 'ok', value: 1 }, { key: 'n:*', value: 1 }, { key: '' }]).catch((e) => e.message.slice(0, 23))", "'Invalid key: Key names '"),
        ("data.get('ok')", "undefined"),
    ]);
}

#[test]
fn calls_on_a_key_apply_in_the_order_in_which_they_were_made() {
    Evaluator::start().hold(&[
        (
            "(async () => { const all = []; for (let n = 0; n < 500; n++) { all.push(data.set('k', n, { overwrite: true })); all.push(data.get('k')); } return (await Promise.all(all)).every((v, i) => v === i >> 1) })()",
            "true",
        ),
        (
            "(async () => { data.set('o', { a: 1 }); data.set('o', { b: 2 }); data.remove('o'); data.set('o', { c: 3 }); data.add('o', 'c', 4); return data.get('o') })()",
            "{ c: 7 }",
        ),
        // Single calls and lists, and a refused one between them.
        (
            "(async () => { const l = [data.set('m', 1), data.set([{ key: 'm', value: 2 }]), data.set('m', 3, { exists: false }).catch((e) => e.message), data.add('m', 10), data.get(['m']), data.remove(['m']), data.get('m'), data.set('m', 5)]; return (await Promise.all(l)).map((x) => x?.items?.[0]?.value ?? x) })()",
            "[ 1, 2, 'Item already exists', 12, 12, false, undefined, 5 ]",
        ),
        // Answers come in the order of the calls.
        (
            "(async () => { const order = []; await Promise.all([data.set('p', 1).then(() => order.push('set')), data.set('p', 2).then(() => order.push('again'))]); return order })()",
            "[ 'set', 'again' ]",
        ),
        ("(async () => { await Promise.all(Array.from({ length: 1000 }, () => data.add('count', 1))); return data.get('count') })()", "1000"),
        // An emptied table is empty for the calls behind it, though it takes its time.
        (
            "(async () => { const l = [data.set('t', 1), data.truncate(), data.get('t'), data.set('t', 2), data.get('t')]; const [, , ...rest] = await Promise.all(l); return rest })()",
            "[ undefined, 2, 2 ]",
        ),
        ("(async () => { data.on('deleted', () => {}); const l = [data.truncate(), data.get('t'), data.set('t', 3), data.get('t')]; const [, ...rest] = await Promise.all(l); return rest })()", "[ undefined, 3, 3 ]"),
    ]);
}

/// Makes calls and waits for none of them. Behind the tick's last write nothing else of the app runs
/// until there is a file `go`: no answer is taken.
const MAKES_CALLS: &str = r#"
    import { ws } from '@ampt/sdk';
    import { data } from '@ampt/data';
    import { existsSync } from 'node:fs';
    const pause = new Int32Array(new SharedArrayBuffer(4));
    ws.on('message', { timeout: 60000 }, async (connection, count) => {
      let answered = 0;
      const calls = Array.from({ length: count }, (_, n) => data.set(`w:${n}`, n).then(() => answered++));
      await new Promise((resolve) => setImmediate(() => {
        while (!existsSync(new URL('go', import.meta.url))) Atomics.wait(pause, 0, 0, 5);
        resolve();
      }));
      const early = answered;
      await Promise.all(calls);
      await connection.send({ early, answered });
    });
"#;

#[test]
fn calls_that_do_not_wait_for_each_other_are_on_their_way_together() {
    let app = App::esm(MAKES_CALLS);
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let mut client = dev.client();
    client.send("300");
    // All of them are carried out before the app has seen the answer to the first.
    eventually("300 stored items", || {
        let stored = app.verb(&["data", "ls", "w:*", "--json"]).json();
        stored.as_array().map(Vec::len) == Some(300)
    });
    app.write("go", "");
    assert_eq!(client.json(), json!({ "early": 0, "answered": 300 }));
}
