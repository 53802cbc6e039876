//! The kinds of code that an app may be made of, and that failures show its own lines.

use serde_json::{Value, json};

use crate::support::{App, Dev};

/// Runs an app and gives what it has printed when it says `done`.
fn prints(app: &App) -> Vec<String> {
    let dev = app.dev(&["--no-watch"]);
    dev.wait_for_line("done");
    let mut lines = dev.lines();
    assert_eq!(lines.pop().as_deref(), Some("done"), "{lines:?}");
    let warned = dev.events(json!({ "event": "log", "level": "error" }));
    assert!(warned.is_empty(), "{warned:?}");
    lines
}

/// Fails in a handler and gives the described error.
fn fails(dev: &Dev) -> Value {
    let mut client = dev.client();
    client.send("go");
    assert_eq!(client.json()["message"], "Internal server error");
    dev.wait_for(json!({ "event": "handler-error" }))["error"].clone()
}

const MODULE: &str = r#"{ "type": "module" }"#;

/// A package of the app's own `node_modules` that is an ES module and uses the SDK.
fn with_packages(app: App) -> App {
    app.file(
        "node_modules/rooms/package.json",
        r#"{ "name": "rooms", "type": "module", "exports": "./rooms.js", "dependencies": { "@ampt/sdk": "^1" } }"#,
    )
    .file(
        "node_modules/rooms/rooms.js",
        "import { ws, InvalidConnectionError } from '@ampt/sdk'
         import { data } from '@ampt/data'
         export const sdk = ws
         export const isInvalid = (e) => e instanceof InvalidConnectionError
         export const join = (room, id) => data.set(`room:${room}`, { [id]: true })",
    )
    .file("node_modules/old/index.js", "exports.name = 'old'; exports.sdk = require('@ampt/sdk').ws")
    .file(
        "node_modules/dual/package.json",
        r#"{ "name": "dual", "exports": { "import": "./i.mjs", "require": "./r.cjs" } }"#,
    )
    .file("node_modules/dual/i.mjs", "export default 'imported'")
    .file("node_modules/dual/r.cjs", "module.exports = 'required'")
}

#[test]
fn es_modules_with_packages_json_and_every_import_of_the_sdk() {
    let app = with_packages(App::new())
        .file("package.json", MODULE)
        .file("config.json", r#"{ "port": 7 }"#)
        .file("lib/index.js", "export const lib = import.meta.url.endsWith('/lib/index.js')")
        .file(
            "index.js",
            "import { ws, SocketConnection, InvalidConnectionError, WebSocketError } from '@ampt/sdk'
             import sockets, { ws as again } from '@ampt/sdk/websockets'
             import { data, Data } from '@ampt/data'
             import theirs, { default as whole } from '@ampt/data'
             import * as rooms from 'rooms'
             import { name, sdk } from 'old'
             import dual from 'dual'
             import config from './config.json'
             import attributed from './config.json' with { type: 'json' }
             import { lib } from './lib'
             import { createRequire } from 'node:module'
             const require = createRequire(import.meta.url)
             console.log(ws === sockets, ws === again, ws === rooms.sdk, ws === sdk, ws === require('@ampt/sdk').ws)
             console.log(data === theirs, data === whole, data instanceof Data, data !== require('@ampt/data').data)
             console.log(name, dual, require('dual'), config.port, attributed.port, lib)
             const error = await ws.send('nobody', 1).catch((e) => e)
             console.log(rooms.isInvalid(error), error instanceof InvalidConnectionError, error instanceof WebSocketError)
             await rooms.join('hall', SocketConnection.for('x').connectionId)
             console.log(JSON.stringify(await data.get('room:hall')))
             console.log(typeof require === 'function', typeof __dirname, await import('./late.js').then((m) => m.late))
             console.log('done')",
        )
        .file("late.js", "export const late = 'late'");
    assert_eq!(
        prints(&app),
        [
            "true true true true true",
            "true true true true",
            "old imported required 7 7 true",
            "true true false",
            r#"{"x":true}"#,
            "true undefined late",
        ]
    );
}

#[test]
fn commonjs_with_packages_and_json() {
    let app = with_packages(App::new())
        .file("package.json", r#"{ "main": "src/app" }"#)
        .file("config.json", r#"{ "port": 7 }"#)
        .file("src/lib/index.js", "exports.lib = __filename.endsWith('/lib/index.js')")
        .file(
            "src/app.js",
            "const { ws, SocketConnection } = require('@ampt/sdk')
             const sockets = require('@ampt/sdk/websockets')
             const { data, Data } = require('@ampt/data')
             const { name, sdk } = require('old')
             console.log(ws === sockets.ws, ws === sdk, typeof SocketConnection.for, data instanceof Data)
             console.log(name, require('dual'), require('../config').port, require('./lib').lib)
             console.log(this === module.exports)
             import('rooms').then(({ sdk }) => console.log(sdk === ws)).then(() => console.log('done'))",
        );
    assert_eq!(
        prints(&app),
        [
            "true true function true",
            "old required 7 true",
            "true",
            "true"
        ]
    );
}

/// TypeScript with all that goes beyond taking types away.
const TYPESCRIPT: &str = "import { ws, SocketConnection, InvalidConnectionError } from '@ampt/sdk'
import type { Shape } from './shapes'
import { Colour, type Area, area } from './shapes.js'
import { greet } from '@lib/greet'
import { deep } from 'deep/er'
import View from './view'
enum Direction { Up = 1, Down }
const enum Inlined { A = 'a' }
namespace Tools { export const twice = (n: number) => n * 2 }
abstract class Base<T> { constructor(protected readonly value: T, public name?: string) {} abstract get(): T }
class Box<T> extends Base<T> { get(): T { return this.value! } override toString() { return `${this.name ?? 'box'} ${this.value}` } }
function logged(target: any, key: string, descriptor: PropertyDescriptor) {
  const original = descriptor.value
  descriptor.value = function (...args: unknown[]) { return `logged ${original.apply(this, args)}` }
}
class Service { @logged run(input: string): string { return input satisfies string } }
const shape = { width: 2, height: 3 } as const satisfies Shape
const connection: SocketConnection = SocketConnection.for('x')
console.log(Direction.Down, Direction[1], Inlined.A, Tools.twice(4), Colour.Red)
console.log(String(new Box<number>(7)), new Service().run('it'), area(shape as Area), connection.connectionId)
console.log(greet('ana'), deep, View({ name: 'bo' }))
async function tell() {
  try { await ws.send('nobody', 'x') } catch (e: InvalidConnectionError) { console.log(e instanceof InvalidConnectionError, e.message) }
}
tell().then(() => console.log('done'))
";

#[test]
fn typescript_as_either_kind_of_module() {
    for manifest in [MODULE, "{}"] {
        let app = App::named("über uns (1)/meine App #2")
            .file("package.json", manifest)
            .file("index.ts", TYPESCRIPT)
            .file("base/tsconfig.json", r#"{ "compilerOptions": { "experimentalDecorators": true, "jsx": "react", "jsxFactory": "h", /* a comment */ }, }"#)
            .file("tsconfig.json", r#"{ "extends": "./base/tsconfig.json", "compilerOptions": { "baseUrl": "src", "paths": { "@lib/*": ["lib/*"] } } }"#)
            .file("shapes.ts", "export interface Shape { width: number; height: number }\nexport type Area = Shape\nexport enum Colour { Red = 'red' }\nexport const area = (s: Area): number => s.width * s.height\n")
            .file("src/lib/greet.ts", "export const greet = (name: string) => `hello ${name}`")
            .file("src/deep/er.ts", "export const deep = 'deep' as string")
            .file("view.tsx", "const h = (tag: string, props: object | null, ...children: unknown[]) => `${tag}:${children.join('')}`\nexport default ({ name }: { name: string }) => <b>{name}</b>\n");
        assert_eq!(
            prints(&app),
            [
                "2 Up a 8 red",
                "box 7 logged it 6 x",
                "hello ana deep b:bo",
                "true Connection nobody is not connected",
            ],
            "{manifest}"
        );
    }
}

#[test]
fn an_entry_with_imports_needs_no_type() {
    for (entry, code) in [
        (
            "index.js",
            "import { ws } from '@ampt/sdk'; import { a } from './a'; console.log(typeof ws.on, a, await Promise.resolve(1)); console.log('done')",
        ),
        (
            "index.ts",
            "import { ws } from '@ampt/sdk'; import { a } from './a.js'; const n: number = await Promise.resolve(1); console.log(typeof ws.on, a, n); console.log('done')",
        ),
    ] {
        let app = App::new()
            .file("package.json", r#"{ "name": "no-type" }"#)
            .file(entry, code)
            .file("a.ts", "export const a: string = 'a'");
        assert_eq!(prints(&app), ["function a 1"], "{entry}");
    }
}

#[test]
fn a_part_of_the_sdk_that_is_not_there_is_named() {
    let app = App::esm("import '@ampt/sdk/nope'");
    let dev = app.start(&["--no-watch"]);
    let error = dev.wait_for(json!({ "event": "handler-error" }))["error"].clone();
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("'@ampt/sdk/nope'"), "{message}");
    assert_eq!(
        (&error["file"], &error["line"]),
        (&json!("index.mjs"), &json!(1)),
        "{error}"
    );
}

#[test]
fn stacks_show_the_users_lines_through_every_kind_of_file() {
    let app = App::named("a b/ünï")
        .file("package.json", MODULE)
        .file(
            "index.ts",
            "import { ws } from '@ampt/sdk'\nimport { middle } from './lib/middle'\n\ninterface Nothing {\n  at: 'all'\n}\n\nws.on('message', async (connection) => {\n  await null\n  await middle(connection.connectionId as string)\n})\n",
        )
        .file(
            "lib/middle.tsx",
            "type Id = string\n\nexport async function middle(id: Id) {\n  await null\n  return require_(id)\n}\n\nimport { createRequire } from 'node:module'\nconst require_: (id: Id) => never = createRequire(import.meta.url)('./last.cjs').last\n",
        )
        .file("lib/last.cjs", "exports.last = function last(id) {\n  const user = undefined\n  return user.name + id\n}\n");
    let dev = app.dev(&["--no-watch"]);
    let error = fails(&dev);
    assert_eq!(error["name"], "TypeError");
    assert_eq!(
        (&error["file"], &error["line"], &error["column"]),
        (&json!("lib/last.cjs"), &json!(3), &json!(15))
    );
    let frame = error["codeFrame"].as_str().unwrap();
    assert!(frame.contains("> 3 |   return user.name + id"), "{frame}");
    let stack = error["stack"].as_str().unwrap();
    let frames: Vec<&str> = stack
        .lines()
        .filter(|line| line.starts_with("    at "))
        .collect();
    assert_eq!(frames.len(), 3, "{stack}");
    for (frame, (name, place)) in frames.iter().zip([
        ("last", "lib/last.cjs:3:15"),
        ("middle", "lib/middle.tsx:5:10"),
        ("", "index.ts:10:3"),
    ]) {
        assert!(frame.contains(name) && frame.contains(place), "{stack}");
    }
}

#[test]
fn the_apps_own_look_at_a_stack_is_mapped_too() {
    let app = App::new().file("package.json", MODULE).file(
        "index.ts",
        "interface Long {\n  a: 1\n}\nfunction where(): string {\n  return new Error('here').stack!.split('\\n')[1]!.replace(/.*\\//, '')\n}\nconsole.log(where())\nconsole.log('done')\n",
    );
    assert_eq!(prints(&app), ["index.ts:5:10)"]);
}
