use serde_json::{Value, json};

use super::super::FileRole;
use super::harness::{App, nodes};

const MODULE: (&str, &str) = ("package.json", "{\"type\": \"module\"}");

fn text<'a>(error: &'a Value, name: &str) -> &'a str {
    error[name].as_str().unwrap_or_default()
}

fn place(error: &Value) -> String {
    format!(
        "{}:{}:{}",
        text(error, "file"),
        error["line"],
        error["column"]
    )
}

#[test]
fn an_exception_at_load_points_at_the_users_line() {
    let lib = "import { ws } from '@ampt/sdk';\n\ninterface A { x: number }\n\nexport function boom(a: A): never {\n  throw new RangeError(`no ${a.x}`);\n}\n";
    for (manifest, name) in [
        ("{\"type\": \"module\"}", "lib.ts"),
        ("{}", "lib.ts"),
        ("{}", "lib.cts"),
    ] {
        let index =
            format!("import {{ boom }} from './{name}';\ntype T = string;\n\nboom({{ x: 1 }});\n");
        let app = App::new(&[
            ("package.json", manifest),
            ("src/index.ts", &index),
            (&format!("src/{name}"), lib),
        ]);
        app.fails("src/index.ts", |error| {
            assert_eq!(text(error, "name"), "RangeError");
            assert_eq!(text(error, "message"), "no 1");
            assert_eq!(place(error), format!("src/{name}:6:9"));
            let frame = text(error, "codeFrame");
            assert!(
                frame.contains(
                    "> 6 |   throw new RangeError(`no ${a.x}`);\n    |         ^\n  7 | }"
                ),
                "{frame}"
            );
            let stack = text(error, "stack");
            let expected = format!("RangeError: no 1\n    at boom (src/{name}:6:9)\n    at ");
            assert!(stack.starts_with(&expected), "{stack}");
            assert!(stack.contains("src/index.ts:4:"), "{stack}");
            assert!(
                !stack.contains("node:internal") && !stack.contains("/loader/"),
                "{stack}"
            );
        });
    }
}

#[test]
fn the_users_own_print_of_a_stack_is_mapped() {
    let app = App::new(&[
        MODULE,
        (
            "index.ts",
            "interface Long {\n  x: 1\n}\n\nasync function f(): Promise<void> {\n  await null;\n  throw new Error('here');\n}\nf().catch((e) => console.log(e.stack.split('\\n')[1].replace(/.*\\//, '')));\nconsole.log(new Error('x', { cause: 1 }).stack!.split('\\n')[0])",
        ),
    ]);
    app.prints("index.ts", &["Error: x", "index.ts:7:9)"]);
}

#[test]
fn typescript_that_does_not_parse() {
    let app = App::new(&[
        MODULE,
        ("index.ts", "import './lib.js';\n"),
        (
            "lib.ts",
            "const a: number = 1;\nfunction f( {\n  return a;\n}\n",
        ),
    ]);
    app.fails("index.ts", |error| {
        assert_eq!(text(error, "name"), "SyntaxError");
        assert_eq!(text(error, "file"), "lib.ts");
        assert!(error["line"].as_u64() >= Some(2), "{error:#}");
        assert!(
            text(error, "codeFrame").contains("function f("),
            "{error:#}"
        );
        assert_eq!(
            app.shared.loaded_files().get(&app.root.join("lib.ts")),
            Some(&FileRole::Source)
        );
    });
}

#[test]
fn javascript_that_does_not_parse() {
    for (manifest, index) in [
        ("{\"type\": \"module\"}", "import './lib.js';"),
        ("{}", "require('./lib.js');"),
        ("{}", "import './lib.js';"),
    ] {
        let app = App::new(&[
            ("package.json", manifest),
            ("index.js", index),
            ("lib.js", "const a = 1;\nfunction f() {\n  let b = ;\n}\n"),
        ]);
        app.fails("index.js", |error| {
            assert_eq!(text(error, "message"), "Unexpected token ';'");
            assert_eq!(place(error), "lib.js:3:11");
            assert!(
                text(error, "codeFrame").contains("> 3 |   let b = ;"),
                "{error:#}"
            );
        });
    }
}

#[test]
fn json_that_does_not_parse() {
    for (manifest, index) in [
        ("{\"type\": \"module\"}", "import './d.json';"),
        ("{}", "require('./d.json');"),
    ] {
        let app = App::new(&[
            ("package.json", manifest),
            ("index.js", index),
            ("d.json", "{\n  \"a\": 1,\n}"),
        ]);
        app.fails("index.js", |error| {
            assert_eq!(place(error), "d.json:3:1");
            assert!(
                text(error, "message").starts_with("not valid JSON: "),
                "{error:#}"
            );
        });
    }
}

#[test]
fn configuration_that_does_not_parse() {
    let app = App::new(&[
        ("tsconfig.json", "{\n  \"compilerOptions\": {{\n}"),
        ("index.ts", "1"),
    ]);
    app.fails("index.ts", |error| {
        assert_eq!(text(error, "file"), "tsconfig.json");
        assert_eq!(error["line"], json!(2));
        assert_eq!(
            app.shared
                .loaded_files()
                .get(&app.root.join("tsconfig.json")),
            Some(&FileRole::Config)
        );
    });
    let app = App::new(&[("package.json", "{"), ("index.ts", "1")]);
    app.fails("index.ts", |error| {
        assert_eq!(text(error, "file"), "package.json")
    });
}

#[test]
fn a_missing_package() {
    for (manifest, index) in [
        (
            "{\"type\": \"module\"}",
            "\nimport x from 'left-pad';\nconsole.log(x);\n",
        ),
        ("{}", "\nconst x = require('left-pad');\n"),
    ] {
        for name in ["index.js", "index.ts"] {
            let app = App::new(&[("package.json", manifest), (name, index)]);
            let index = name;
            app.fails(index, |error| {
                assert_eq!(
                    text(error, "message"),
                    format!("cannot find module 'left-pad', imported by {name}")
                );
                assert_eq!(text(error, "hint"), "run `npm install left-pad`");
                assert_eq!(error["line"], json!(2));
                assert!(text(error, "codeFrame").contains("left-pad"), "{error:#}");
            });
        }
    }
    let app = App::new(&[
        ("package.json", "{\"dependencies\": {\"left-pad\": \"1\"}}"),
        (
            "index.ts",
            "import x from 'left-pad';\nimport y from 'left-pad/sub';\nconsole.log(x, y)",
        ),
    ]);
    app.fails("index.ts", |error| {
        assert_eq!(
            text(error, "hint"),
            "it is in package.json, but not installed: run `npm install`"
        );
        assert_eq!(place(error), "index.ts:1:15");
    });
}

#[test]
fn a_missing_file() {
    for manifest in ["{\"type\": \"module\"}", "{}"] {
        let app = App::new(&[
            ("package.json", manifest),
            ("index.ts", "import { a } from './sub/a';\nconsole.log(a);"),
            (
                "sub/a.ts",
                "import { h } from '../helprs';\nexport const a = h;",
            ),
            ("helpers.ts", ""),
        ]);
        app.fails("index.ts", |error| {
            assert_eq!(
                text(error, "message"),
                "cannot find module '../helprs', imported by sub/a.ts",
                "{error:#}"
            );
            assert_eq!(text(error, "hint"), "is it `../helpers.ts`?");
            assert_eq!(place(error), "sub/a.ts:1:19");
        });
        assert_eq!(
            app.shared.loaded_files().get(&app.root.join("helprs.ts")),
            Some(&FileRole::Missing)
        );
    }
}

#[test]
fn a_missing_part_of_the_sdk() {
    let app = App::new(&[
        MODULE,
        (
            "index.ts",
            "import x from '@ampt/sdk/nonsense';\nconsole.log(x)",
        ),
    ]);
    app.fails("index.ts", |error| {
        assert_eq!(
            text(error, "message"),
            "cannot find module '@ampt/sdk/nonsense', imported by index.ts"
        );
        assert_eq!(
            text(error, "hint"),
            "the emulated @ampt/sdk has no such part"
        );
        assert_eq!(place(error), "index.ts:1:15");
    });
}

#[test]
fn a_missing_export() {
    let app = App::new(&[
        MODULE,
        (
            "index.ts",
            "type X = 1;\n\nimport {\n  nope,\n} from './a';\nconsole.log(nope);",
        ),
        ("a.ts", "export const a = 1"),
    ]);
    app.fails("index.ts", |error| {
        assert!(
            text(error, "message").contains("does not provide an export named 'nope'"),
            "{error:#}"
        );
        assert_eq!(text(error, "file"), "index.ts");
        assert!(text(error, "hint").contains("import type"));
        assert_eq!(error["line"], json!(4), "{error:#}");
    });
}

#[test]
fn the_two_module_kinds_are_explained() {
    let app = App::new(&[MODULE, ("index.js", "\nrequire('fs');")]);
    app.fails("index.js", |error| {
        assert!(
            text(error, "hint").starts_with("this file is an ES module"),
            "{error:#}"
        );
        assert_eq!(place(error), "index.js:2:1");
    });
    let app = App::new(&[(
        "index.cts",
        "import fs from 'fs';\nawait fs.promises.stat('/');",
    )]);
    app.fails("index.cts", |error| {
        assert_eq!(text(error, "file"), "index.cts");
        assert!(
            text(error, "hint").contains("\"type\": \"module\""),
            "{error:#}"
        );
        assert_eq!(error["line"], json!(2));
    });
}

#[test]
fn newer_decorators_are_refused_with_a_reason() {
    let app = App::new(&[("index.ts", "const d = (x: any) => x;\n@d class A {}\n")]);
    app.fails("index.ts", |error| {
        assert_eq!(place(error), "index.ts:2:1");
        assert!(text(error, "hint").contains("experimentalDecorators"));
    });
}

#[test]
fn anything_can_be_thrown_and_described() {
    let app = App::new(&[
        MODULE,
        (
            "index.js",
            "const show = (e) => { const { name, message, stack } = describe(e); console.log(JSON.stringify([name, message, typeof stack])) };
for (const x of [null, undefined, 'text', 5, { a: 1 }, Symbol('s'), () => {}]) show(x);
show(Object.freeze(new TypeError('frozen')));
show({ get message() { throw 1 }, get stack() { throw 2 } });
console.log(typeof describe(new Proxy({}, { get() { throw 1 }, has() { throw 1 } })).message);
console.log(typeof describe(new Proxy(new Error('p'), { get() { throw 1 }, getPrototypeOf() { throw 1 } })).message);
const odd = new Error('odd'); odd.name = { toString() { throw 1 } }; show(odd);
const noStack = new Error('no stack'); noStack.stack = undefined; show(noStack);
const changed = new Error('changed'); changed.stack; changed.message = 'new'; show(changed);
const loop = new Error('loop'); loop.cause = loop; console.log(describe(loop).cause.message);
const nested = describe(new AggregateError([new Error('a'), 'b'], 'all', { cause: new Error('why') }));
console.log(nested.errors.map((e) => e.message).join(), nested.cause.message, nested.line, nested.errors[0].line);
Error.prepareStackTrace = undefined; const raw = describe(new Error('raw')); console.log(raw.line, raw.stack.includes('index.js:13'));",
        ),
    ]);
    app.prints(
        "index.js",
        &[
            "[\"thrown value\",\"null\",\"string\"]",
            "[\"thrown value\",\"undefined\",\"string\"]",
            "[\"thrown value\",\"text\",\"string\"]",
            "[\"thrown value\",\"5\",\"string\"]",
            "[\"thrown value\",\"{ a: 1 }\",\"string\"]",
            "[\"thrown value\",\"Symbol(s)\",\"string\"]",
            "[\"thrown value\",\"[Function (anonymous)]\",\"string\"]",
            "[\"TypeError\",\"frozen\",\"string\"]",
            "[\"thrown value\",\"{ message: [Getter], stack: [Getter] }\",\"string\"]",
            "string",
            "string",
            "[\"{ toString: [Function: toString] }\",\"odd\",\"string\"]",
            "[\"Error\",\"no stack\",\"string\"]",
            "[\"Error\",\"new\",\"string\"]",
            "(more errors inside)",
            "a,b why 11 11",
            "13 true",
        ],
    );
}

#[test]
fn a_call_site_is_the_users() {
    let app = App::new(&[
        ("package.json", "{\"type\": \"module\"}"),
        (
            "src/index.ts",
            "interface A {\n  x: 1\n}\nfunction ours() { return callSite(ours) }\n\nconst at = ours();\nconsole.log(at.file, at.line, at.column);",
        ),
    ]);
    app.prints("src/index.ts", &["src/index.ts 6 12"]);
}

#[test]
fn a_version_that_fails_is_still_watched() {
    let app = App::new(&[MODULE, ("index.ts", "console.log('fine')")]);
    app.prints("index.ts", &["fine"]);
    app.write("index.ts", "import './new'");
    app.write("new.ts", "let let = 1");
    app.fails("index.ts", |error| {
        assert_eq!(text(error, "file"), "new.ts")
    });
    assert!(
        app.shared
            .loaded_files()
            .contains_key(&app.root.join("new.ts"))
    );
    app.write("new.ts", "console.log('good again')");
    app.prints("index.ts", &["good again"]);
    let _ = nodes();
}
