use super::super::FileRole;
use super::harness::{App, nodes};

const MODULE: (&str, &str) = ("package.json", "{\"type\": \"module\"}");

#[test]
fn extensions_indexes_and_typescript_for_javascript() {
    let app = App::new(&[
        MODULE,
        (
            "index.ts",
            "import { a } from './a'; import { b } from './b.js'; import { c } from './c'; import { d } from './d.mjs'; import { e } from 'e/lib/x'; import { f } from './f?q=1#h'; import { g } from './g h'; console.log(a, b, c, d, e, f, g)",
        ),
        ("a.ts", "export const a = 1"),
        ("b.ts", "export const b = 2"),
        ("c/index.ts", "export const c = 3"),
        ("d.mts", "export const d = 4"),
        ("node_modules/e/package.json", "{\"type\": \"module\"}"),
        ("node_modules/e/lib/x.js", "export const e = 5"),
        (
            "f.ts",
            "export const f = import.meta.url.endsWith('f.ts?q=1#h')",
        ),
        ("g h.ts", "export const g = 7"),
    ]);
    app.prints("index.ts", &["1 2 3 4 5 true 7"]);
}

#[test]
fn what_node_finds_goes_first() {
    let files = |kind: &'static str, index: &'static str| {
        [
            ("package.json", kind),
            ("index.ts", index),
            ("lib/index.js", "module.exports = 'folder'"),
            ("lib.ts", "module.exports = 'file'"),
            ("x.js", "module.exports = 'js'"),
            ("x.ts", "module.exports = 'ts'"),
        ]
    };
    let app = App::new(&files(
        "{}",
        "console.log(require('./lib'), require('./x'), require('./x.ts'))",
    ));
    app.prints("index.ts", &["folder js ts"]);
}

#[test]
fn paths_of_the_configuration() {
    let app = App::new(&[
        MODULE,
        (
            "tsconfig.json",
            "// base\n{\"extends\": [\"./base.json\", \"@conf/strict/tsconfig\"], \"compilerOptions\": {\"paths\": {\"@/*\": [\"./src/*\"], \"exact\": [\"./src/exact.ts\"], \"~lib/*/end\": [\"./none/*\", \"./src/lib/*\"]}}}",
        ),
        (
            "base.json",
            "{\"compilerOptions\": {\"baseUrl\": \"./root\", \"paths\": {\"never\": [\"x\"]},},}",
        ),
        (
            "node_modules/@conf/strict/tsconfig.json",
            "{\"compilerOptions\": {\"verbatimModuleSyntax\": true}}",
        ),
        (
            "index.ts",
            "import { a } from '@/a'; import { e } from 'exact'; import { l } from '~lib/l/end'; import { r } from 'deep/r'; import { n } from '@/node'; console.log(a, e, l, r, n)",
        ),
        ("src/a.ts", "export const a = 1"),
        ("src/exact.ts", "export const e = 2"),
        ("src/lib/l.ts", "export const l = 3"),
        ("root/deep/r.ts", "export const r = 4"),
        ("src/node.ts", "export const n = 'path'"),
        ("node_modules/@/node/index.js", "exports.n = 'installed'"),
    ]);
    app.prints("index.ts", &["1 2 3 4 installed"]);
    let files = app.shared.loaded_files();
    for name in [
        "tsconfig.json",
        "base.json",
        "node_modules/@conf/strict/tsconfig.json",
        "package.json",
    ] {
        assert_eq!(
            files.get(&app.root.join(name)),
            Some(&FileRole::Config),
            "{name}"
        );
    }
    assert_eq!(
        files.get(&app.root.join("root/deep/r.ts")),
        Some(&FileRole::Source)
    );
    let required = App::new(&[
        (
            "jsconfig.json",
            "{\"compilerOptions\": {\"paths\": {\"@/*\": [\"./src/*\"]}}}",
        ),
        (
            "index.js",
            "console.log(require('@/a').a, require.resolve('@/a').endsWith('a.ts'))",
        ),
        ("src/a.ts", "export const a: number = 1"),
    ]);
    required.prints("index.js", &["1 true"]);
}

#[test]
fn a_base_that_is_not_there_is_a_warning() {
    let app = App::new(&[
        (
            "tsconfig.json",
            "{\"extends\": \"@tsconfig/node20/tsconfig.json\"}",
        ),
        ("index.ts", "console.log(1 as number)"),
    ]);
    app.prints("index.ts", &["1"]);
    let warnings = app.warnings.lock().expect("unpoisoned");
    assert_eq!(warnings.len(), nodes().len());
    assert!(warnings[0].contains("`@tsconfig/node20/tsconfig.json`, which cannot be found"));
}

#[test]
fn package_imports_and_workspaces() {
    let app = App::new(&[
        (
            "package.json",
            "{\"type\": \"module\", \"imports\": {\"#lib/*\": \"./src/*.js\", \"#ts\": \"./src/t.ts\"}}",
        ),
        (
            "index.ts",
            "import { a } from '#lib/a'; import { t } from '#ts'; import { w } from 'workspace'; import { v } from 'workspace/v'; console.log(a, t, w, v)",
        ),
        ("src/a.ts", "export const a = 1"),
        ("src/t.ts", "export const t = 2"),
        (
            "packages/w/package.json",
            "{\"type\": \"module\", \"main\": \"src/index.ts\"}",
        ),
        (
            "packages/w/src/index.ts",
            "import { v } from '../v'; export const w: number = v",
        ),
        ("packages/w/v.ts", "export const v: number = 4"),
        ("node_modules/workspace", "->../packages/w"),
    ]);
    app.prints("index.ts", &["1 2 4 4"]);
}

#[test]
fn every_loaded_file_is_reported_and_what_is_missing_too() {
    let app = App::new(&[
        (
            "index.js",
            "require('./a'); require('./data.json'); try { require('./gone') } catch {} import('./late.mjs')",
        ),
        ("a.js", "require('dep')"),
        ("data.json", "{}"),
        (
            "late.mjs",
            "import j from './late.json'; import './dir/x.cjs'",
        ),
        ("late.json", "{}"),
        ("dir/x.cjs", ""),
        ("node_modules/dep/index.js", "require('./deep.json')"),
        ("node_modules/dep/deep.json", "{}"),
        ("unrelated.js", ""),
    ]);
    for node in nodes() {
        let one = App::new(&[]);
        drop(one);
        let run = app.run(&node, "index.js");
        assert_eq!(run.verdict["ok"], true, "{node}: {run:#?}");
        let files = app.shared.loaded_files();
        for name in [
            "index.js",
            "a.js",
            "data.json",
            "late.mjs",
            "late.json",
            "dir/x.cjs",
            "node_modules/dep/index.js",
            "node_modules/dep/deep.json",
        ] {
            assert_eq!(
                files.get(&app.root.join(name)),
                Some(&FileRole::Source),
                "{node}: {name}: {files:#?}"
            );
        }
        assert_eq!(
            files.get(&app.root.join("gone.ts")),
            Some(&FileRole::Missing),
            "{node}"
        );
        assert!(!files.contains_key(&app.root.join("unrelated.js")));
        assert_eq!(
            files
                .iter()
                .filter(|(path, _)| !path.starts_with(&app.root))
                .count(),
            0,
            "{files:#?}"
        );
    }
}

#[test]
fn a_reload_compiles_only_what_changed() {
    let app = App::new(&[
        MODULE,
        (
            "index.ts",
            "import { a } from './a'; import { b } from './b'; console.log(a, b)",
        ),
        ("a.ts", "export const a: number = 1"),
        ("b.ts", "export const b: number = 1"),
    ]);
    app.prints("index.ts", &["1 1"]);
    assert_eq!(app.shared.compilations(), 3);
    app.write("b.ts", "export const b: number = 2");
    app.prints("index.ts", &["1 2"]);
    assert_eq!(app.shared.compilations(), 4);
}
