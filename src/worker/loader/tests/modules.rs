use super::harness::App;

const MODULE: (&str, &str) = ("package.json", "{\"type\": \"module\"}");

#[test]
fn an_es_module_in_javascript() {
    let app = App::new(&[
        MODULE,
        (
            "index.js",
            "import { ws } from '@ampt/sdk'; import w from '@ampt/sdk/websockets'; import { data } from '@ampt/data'; import { a } from './lib'; console.log(ws.from, w === ws, data.from, a, await Promise.resolve('tla'))",
        ),
        ("lib/index.js", "export const a = 1"),
    ]);
    app.prints("index.js", &["ours true ours 1 tla"]);
}

#[test]
fn a_commonjs_module_in_javascript() {
    let app = App::new(&[
        (
            "index.js",
            "const { ws } = require('@ampt/sdk'); const w = require('@ampt/sdk/websockets'); const a = require('./lib/a'); console.log(ws.from, w === ws, a, require('./lib'), require('./data.json').x, __filename.endsWith('index.js'), require.resolve('@ampt/data').endsWith('index.cjs')); import('./m.mjs').then((m) => console.log(m.same(ws)))",
        ),
        ("lib/a.js", "module.exports = 'a'"),
        ("lib/index.js", "module.exports = 'index'"),
        ("data.json", "{\"x\": 1}"),
        (
            "m.mjs",
            "import { ws } from '@ampt/sdk'; export const same = (x) => x === ws",
        ),
    ]);
    app.prints("index.js", &["ours true a index 1 true true", "true"]);
}

#[test]
fn an_es_module_in_typescript() {
    let app = App::new(&[
        MODULE,
        (
            "index.ts",
            "import { ws, SocketConnection, type Foo } from '@ampt/sdk'; import { Shape, area } from './shape.js'; import type { Bar } from './nowhere'; enum E { A = 'x' } const s: Shape = { w: 2 }; console.log(ws.from, area(s), E.A, await Promise.resolve(1)); try { throw new Error('x') } catch (e: InvalidConnectionError) { console.log(e.message) } export { SocketConnection }",
        ),
        (
            "shape.ts",
            "export interface Shape { w: number } export const area = (s: Shape): number => s.w * 2; class A { constructor(private readonly x = 1) {} get() { return this.x } } namespace N { export const y = new A().get() } if (N.y !== 1) throw 0",
        ),
    ]);
    app.prints("index.ts", &["ours 4 x 1", "x"]);
}

#[test]
fn typescript_without_a_type_runs_as_commonjs() {
    let app = App::new(&[
        (
            "index.ts",
            "import fs, { readFileSync } from 'fs'; import * as path from 'path'; import dep, { named } from './dep'; import { count, inc } from './live'; import json, { x } from './data.json'; import babel from 'babelish'; import plain from 'plain'; inc(); console.log(typeof require, fs.readFileSync === readFileSync, path.sep, dep, named, count, json.x, x, babel, plain.p, this === exports, { named }); module.exports.z = 1",
        ),
        (
            "dep.ts",
            "export default function dep() { return 1 } export const named = dep()",
        ),
        (
            "live.ts",
            "export let count = 0; export function inc() { count++ }",
        ),
        ("data.json", "{\"x\": 5}"),
        (
            "node_modules/babelish/index.js",
            "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = 'b'",
        ),
        ("node_modules/plain/index.js", "module.exports = { p: 'p' }"),
    ]);
    app.prints(
        "index.ts",
        &["function true / [Function: dep] 1 1 5 5 b p true { named: 1 }"],
    );
}

#[test]
fn all_kinds_of_files_work_together() {
    let app = App::new(&[
        (
            "index.mts",
            "import { a } from './a.cjs'; import { b } from './b.cts'; import { c, default as d } from './c'; import e from './e.cts'; import j from './j.json'; import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); console.log(a, b, c, d, e.x, j.x, require('./c').c === c, require('./b.cts').b === b, require('./j.json') === j); const t = await import('./t.tsx'); console.log(t.default)",
        ),
        ("a.cjs", "exports.a = 'a'"),
        (
            "b.cts",
            "import { a } from './a.cjs'; export const b: string = a + 'b'",
        ),
        (
            "c.ts",
            "export * from './star'; export const c = { c: 1 }; export default 'd'",
        ),
        ("star.ts", "export const star = 1"),
        ("e.cts", "const x: number = 1; module.exports = { x }"),
        ("j.json", "{\"x\": 1}"),
        (
            "tsconfig.json",
            "{\"compilerOptions\": {\"jsx\": \"react-jsx\", \"jsxImportSource\": \"mini\",},}",
        ),
        ("t.tsx", "export default <p a={1}>hi</p>"),
        (
            "node_modules/mini/jsx-runtime.js",
            "exports.jsx = (t, p) => t + p.children; exports.jsxs = exports.jsx",
        ),
    ]);
    app.prints("index.mts", &["a ab { c: 1 } d 1 1 true true true", "phi"]);
}

#[test]
fn imports_without_a_type_work() {
    let app = App::new(&[
        (
            "index.js",
            "import { a } from './a'; import { b } from './b'; console.log(a, b)",
        ),
        ("a.js", "export const a = await Promise.resolve(1)"),
        ("b.ts", "export const b: number = 2"),
    ]);
    app.prints("index.js", &["1 2"]);
    let typed = App::new(&[
        (
            "index.ts",
            "import { a } from './a'; import { pure } from 'pure'; const b = await Promise.resolve(a); console.log(b, pure, typeof require, __dirname === import.meta.dirname)",
        ),
        ("a.ts", "export const a: number = 1"),
        (
            "node_modules/pure/package.json",
            "{\"type\": \"module\", \"exports\": \"./i.js\"}",
        ),
        ("node_modules/pure/i.js", "export const pure = 'pure'"),
    ]);
    typed.prints("index.ts", &["1 pure function true"]);
}

#[test]
fn mixtures_of_both_kinds_work() {
    let app = App::new(&[
        (
            "index.js",
            "import { a } from './a.js'; const b = require('./b'); console.log(a, b.b, __dirname.length > 1); module.exports = { a }",
        ),
        ("a.js", "export const a = 1"),
        ("b.ts", "import { a } from './a.js'; exports.b = a + 1"),
    ]);
    app.prints("index.js", &["1 2 true"]);
    let explicit = App::new(&[
        ("package.json", "{\"type\": \"commonjs\"}"),
        (
            "index.js",
            "import { ws } from '@ampt/sdk'; import { b } from './b'; console.log(ws.from, b); export {}",
        ),
        (
            "b.ts",
            "export const b = 1; import c = require('./c'); console.log(c.c)",
        ),
        ("c.ts", "const c = 1; export = { c }"),
    ]);
    explicit.prints("index.js", &["1", "ours 1"]);
}

#[test]
fn circular_imports_are_live() {
    let app = App::new(&[
        ("index.ts", "import { a } from './a'; console.log(a())"),
        (
            "a.ts",
            "import { b } from './b'; export function a() { return 'a' + b() } export class A {}",
        ),
        (
            "b.ts",
            "import { a, A } from './a'; export const b = () => 'b' + typeof a + typeof A",
        ),
    ]);
    app.prints("index.ts", &["abfunctionfunction"]);
}

#[test]
fn es_modules_can_be_required() {
    let app = App::new(&[
        ("package.json", "{\"type\": \"module\"}"),
        (
            "index.cjs",
            "const { a, meta } = require('./a.ts'); console.log(a, meta); import('./a.ts').then((m) => console.log(m.a === a))",
        ),
        (
            "a.ts",
            "import { b } from './b'; import { ws } from '@ampt/sdk'; export const a = { b, w: ws.from }; export const meta = import.meta.url.endsWith('a.ts')",
        ),
        ("b.ts", "export const b: number = 1"),
    ]);
    app.prints("index.cjs", &["{ b: 1, w: 'ours' } true", "true"]);
}

#[test]
fn decorators_and_class_fields_follow_the_configuration() {
    let app = App::new(&[
        (
            "tsconfig.json",
            "{\"compilerOptions\": {\"experimentalDecorators\": true, \"emitDecoratorMetadata\": true, \"useDefineForClassFields\": false}}",
        ),
        (
            "index.ts",
            "function log(t: any, k: string, d: PropertyDescriptor) { const f = d.value; d.value = function (...a: any[]) { return 'L' + f.apply(this, a) } } function par(t: any, k: string, i: number) { console.log(k, i) } const cls = (c: any) => { c.tag = 1 }; @cls class A { declare z: string; y; @log m(@par x: string) { return x } } console.log(new A().m('x'), (A as any).tag, 'y' in new A())",
        ),
    ]);
    app.prints("index.ts", &["m 0", "Lx 1 false"]);
    let module = App::new(&[
        MODULE,
        (
            "tsconfig.json",
            "{\"compilerOptions\": {\"experimentalDecorators\": true}}",
        ),
        (
            "index.ts",
            "const cls = (c: any) => { c.tag = 1 }; @cls export class A {} console.log((A as any).tag); { using r = { [Symbol.dispose]() { console.log('gone') } } } export {}",
        ),
    ]);
    module.prints("index.ts", &["1", "gone"]);
}

#[test]
fn the_installed_sdk_can_be_asked_for() {
    let files = [
        MODULE,
        (
            "index.js",
            "import { ws } from '@ampt/sdk'; import { data } from '@ampt/data'; console.log(ws.from, data.from)",
        ),
        (
            "node_modules/@ampt/sdk/package.json",
            "{\"main\": \"i.js\"}",
        ),
        (
            "node_modules/@ampt/sdk/i.js",
            "exports.ws = { from: 'theirs' }",
        ),
        (
            "node_modules/@ampt/data/package.json",
            "{\"main\": \"i.js\"}",
        ),
        (
            "node_modules/@ampt/data/i.js",
            "exports.data = { from: 'theirs' }",
        ),
    ];
    let mut app = App::new(&files);
    app.prints("index.js", &["ours ours"]);
    app.sdk = "installed";
    app.prints("index.js", &["theirs ours"]);
}

#[test]
fn packages_get_our_sdk_too_and_are_not_compiled() {
    let app = App::new(&[
        MODULE,
        (
            "index.ts",
            "import { ws } from '@ampt/sdk'; import dep from 'dep'; import cjs from 'cjs'; console.log(dep.ws === ws, cjs.ws === ws)",
        ),
        (
            "node_modules/dep/package.json",
            "{\"type\": \"module\", \"exports\": \"./i.js\"}",
        ),
        (
            "node_modules/dep/i.js",
            "import { ws } from '@ampt/sdk'; export default { ws }",
        ),
        (
            "node_modules/cjs/index.js",
            "exports.ws = require('@ampt/sdk').ws",
        ),
    ]);
    app.prints("index.ts", &["true true"]);
    let files = app.shared.loaded_files();
    assert!(
        files.contains_key(&app.root.join("node_modules/dep/i.js")),
        "{files:?}"
    );
    assert!(
        files.contains_key(&app.root.join("node_modules/cjs/index.js")),
        "{files:?}"
    );
}

#[test]
fn es_modules_run_in_their_order() {
    let app = App::new(&[
        MODULE,
        (
            "index.ts",
            "import 'one'; import './a'; import { two } from 'two'; import './c.cjs'; import j from './j.json'; import './b.js'; import 'node:fs'; console.log('index', two, j.x)",
        ),
        ("a.ts", "import 'two'; console.log('a')"),
        ("b.js", "import './d'; import 'three'; console.log('b')"),
        ("c.cjs", "console.log('c')"),
        ("d.cts", "console.log('d' as string)"),
        ("j.json", "{\"x\": 1}"),
        ("node_modules/one/index.js", "console.log('one')"),
        (
            "node_modules/two/package.json",
            "{\"type\": \"module\", \"exports\": {\"require\": \"./no.js\", \"import\": \"./i.js\"}}",
        ),
        (
            "node_modules/two/i.js",
            "export const two = 2; console.log('two')",
        ),
        (
            "node_modules/three/package.json",
            "{\"type\": \"module\", \"exports\": \"./i.js\"}",
        ),
        (
            "node_modules/three/i.js",
            "await null; console.log('three')",
        ),
    ]);
    app.prints(
        "index.ts",
        &["one", "two", "a", "c", "d", "three", "b", "index 2 1"],
    );
}

#[test]
fn es_modules_in_a_circle_and_waiting_at_the_top() {
    let app = App::new(&[
        MODULE,
        (
            "index.ts",
            "import { a } from './a'; import { w } from './w'; export const i = 'i'; console.log(a(), w, await import('./late').then((m) => m.late))",
        ),
        (
            "a.ts",
            "import { b } from './b'; export function a() { return 'a' + b }",
        ),
        ("b.ts", "import { a } from './a'; export const b = typeof a"),
        (
            "w.ts",
            "import { v } from './v'; export const w = await Promise.resolve(v)",
        ),
        ("v.ts", "export const v: number = await 3"),
        ("late.ts", "import { v } from './v'; export const late = v"),
    ]);
    app.prints("index.ts", &["afunction 3 3"]);
    app.write("b.ts", "export const b = 'b'");
    app.write(
        "index.ts",
        "import { a } from './a'; import { w } from './w'; console.log(a(), w)",
    );
    app.prints("index.ts", &["ab 3"]);
}
