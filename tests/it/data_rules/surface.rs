//! What the package exports, and the form of its errors.

use serde_json::json;

use super::Evaluator;
use crate::support::App;

#[test]
fn the_package_exports_what_the_published_one_does() {
    Evaluator::start().hold(&[
        (
            "Object.keys(whole)",
            "[ 'Data', 'data', 'default' ]",
        ),
        ("whole.default === data", "true"),
        ("data instanceof Data", "true"),
        ("Object.keys(data)", "[ 'table', 'client', '_removeNulls' ]"),
        (
            "Object.getOwnPropertyNames(Data.prototype).sort().join()",
            "'add,constructor,get,getByLabel,on,remove,removeNulls,scan,seed,set,truncate'",
        ),
        (
            "['get', 'getByLabel', 'scan', 'set', 'remove', 'seed', 'add', 'truncate'].every((name) => data[name].constructor.name === 'AsyncFunction')",
            "true",
        ),
        ("data.on.constructor.name", "'Function'"),
        ("data.on('created', () => {})", "undefined"),
        ("typeof data.client.send", "'function'"),
    ]);
}

#[test]
fn each_kind_of_module_has_an_instance_of_its_own() {
    let app = App::new()
        .file("package.json", r#"{"main":"main.mjs"}"#)
        .file(
            "old.cjs",
            "const { data } = require('@ampt/data');
             exports.data = data;
             exports.whole = require('@ampt/data');",
        )
        // A file of CommonJS in TypeScript takes the default export through `__esModule`.
        .file("typed.cts", "import data from '@ampt/data';\nexport const get = (key: string) => data.get(key);")
        .file(
            "main.mjs",
            "import { ws } from '@ampt/sdk';
             import { data } from '@ampt/data';
             import old from './old.cjs';
             import { get } from './typed.cts';
             ws.on('message', async (c) => {
               old.data.removeNulls = false;
               await old.data.set('k', { a: null });
               await c.send({
                 names: Object.keys(old.whole), alike: old.whole.default === old.data,
                 same: old.data === data, kept: data.removeNulls, seen: await data.get('k'), typed: await get('k'),
               });
             });",
        );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send("?");
    assert_eq!(
        client.json(),
        json!({
            "names": ["data", "default", "Data"], "alike": true,
            "same": false, "kept": true, "seen": { "a": null }, "typed": { "a": null },
        })
    );
}

#[test]
fn remove_nulls_is_a_setting_of_the_instance() {
    Evaluator::start().hold(&[
        ("data.removeNulls", "true"),
        (
            "data.removeNulls = 0",
            "Error: removeNulls must be a boolean value",
        ),
        (
            "data.removeNulls = undefined",
            "Error: removeNulls must be a boolean value",
        ),
        ("data.set('k', { a: null, b: 1 })", "{ b: 1 }"),
        ("data.removeNulls = false", "false"),
        ("data._removeNulls", "false"),
        ("data.set('k', { a: null })", "{ a: null, b: 1 }"),
        (
            "data.set('k', { c: null }, { removeNulls: true })",
            "{ a: null, b: 1 }",
        ),
        // `false` means metadata everywhere else.
        ("data.set('k', { d: 1 }, false)", "{ a: null, b: 1, d: 1 }"),
        (
            "Object.keys(await data.set('k', { d: 2 }, true)).length",
            "4",
        ),
        // Lists of items and `add` do not look at it.
        (
            "data.set([{ key: 'l', value: { a: null, b: 1 } }])",
            "{ items: [ { key: 'l', value: { b: 1 } } ] }",
        ),
        ("data.add('k', 'd', 1)", "{ a: null, b: 1, d: 3 }"),
    ]);
}

#[test]
fn errors_have_the_class_and_the_properties_of_the_published_ones() {
    Evaluator::start().hold(&[
        (
            "data.get('').catch((e) => [e instanceof Error, e.constructor.name, e.name, e.statusCode, Object.keys(e), String(e)])",
            "[ true, 'ValidationError', 'ValidationError', 400, [ 'name', 'statusCode' ], 'ValidationError: Invalid key' ]",
        ),
        (
            "data.get(['a', 'a']).catch((e) => [e instanceof Error, e.constructor.name, e.name, e.$fault, typeof e.$metadata, e.statusCode])",
            "[ true, '_DynamoDBServiceException', 'ValidationException', 'client', 'object', undefined ]",
        ),
        (
            "data.set('k', 1, 'x').catch((e) => [e.constructor.name, e.name, e.statusCode, Object.keys(e)])",
            "[ 'Error', 'Error', undefined, [] ]",
        ),
        (
            "data.set('e', 1).then(() => data.set('e', 1, { exists: false })).catch((e) => [e.constructor.name, e.statusCode, e.$fault])",
            "[ 'Error', undefined, undefined ]",
        ),
    ]);
}

#[test]
fn methods_reject_and_on_throws() {
    let mut evaluator = Evaluator::start();
    for call in [
        "get('')",
        "get('k', null)",
        "getByLabel(1, 'k')",
        "getByLabel('label1', 'k', null)",
        "scan(null)",
        "set('')",
        "set('k', 1, [])",
        "remove('')",
        "seed()",
        "add('k', 'p', '1')",
    ] {
        let code = format!(
            "(() => {{ const p = data.{call}; return p.then(() => 'kept', (e) => p instanceof Promise && e instanceof Error) }})()"
        );
        assert_eq!(evaluator.eval(&code), "true", "{call}");
    }
    let thrown = "(() => { try { data.on('nope', () => {}) } catch (e) { return e.message } })()";
    assert_eq!(evaluator.eval(thrown), "'Invalid event name: nope'");
}

#[test]
fn a_used_up_quota_is_told_and_refuses_nothing() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { data } from '@ampt/data';
         ws.on('message', async (c) => c.send(await data.set('k', 'stored')));",
    )
    .file(".env", "AMPT_DISABLED_DATA_WRITE=true\n");
    let dev = app.dev(&[]);
    dev.wait_for_line("You've exceeded your data write quota for the month. Writes are disabled.");
    assert_eq!(dev.client().ask("?"), "stored");
}
