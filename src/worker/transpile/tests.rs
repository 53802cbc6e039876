use super::*;

fn run(name: &str, source: &str) -> Compiled {
    run_with(name, source, &CompileOptions::default())
}

fn run_with(name: &str, source: &str, options: &CompileOptions) -> Compiled {
    compile(Path::new(name), source, options).expect("compiles")
}

fn code(name: &str, source: &str) -> String {
    run(name, source).code.expect("changed")
}

fn scoped(scope: ModuleScope) -> CompileOptions {
    CompileOptions {
        scope,
        ..CompileOptions::default()
    }
}

#[test]
fn the_format_follows_extension_then_package_then_syntax() {
    use Format::{CommonJs, Module};
    use ModuleScope::Unset;
    let cases = [
        ("a.mjs", "", Unset, Module),
        ("a.cjs", "export {}", ModuleScope::Module, CommonJs),
        ("a.mts", "", ModuleScope::CommonJs, Module),
        ("a.cts", "export const a = 1", ModuleScope::Module, CommonJs),
        ("a.js", "", ModuleScope::Module, Module),
        ("a.ts", "", ModuleScope::Module, Module),
        ("a.js", "import 'x'", ModuleScope::CommonJs, CommonJs),
        ("a.js", "import 'x'", Unset, Module),
        ("a.js", "import.meta.url", Unset, Module),
        ("a.js", "await 1", Unset, Module),
        ("a.js", "require('x')", Unset, CommonJs),
        ("a.js", "import 'x'; require('y')", Unset, CommonJs),
        ("a.js", "import 'x'; require('y'); await 1", Unset, Module),
        ("a.js", "with (a) { await = 1 }", Unset, CommonJs),
        ("a.js", "// import and export and await", Unset, CommonJs),
        ("a.js", "return; import('x')", Unset, CommonJs),
        ("a.js", "const a = async () => await 1", Unset, CommonJs),
        ("a.ts", "import 'x'", Unset, CommonJs),
        ("a.ts", "import 'x'; await 1", Unset, Module),
        ("a.ts", "for await (const x of y) {}", Unset, Module),
        (
            "a.ts",
            "class A { x = async () => { await 1 } }",
            Unset,
            CommonJs,
        ),
        ("a.tsx", "export default <p/>", Unset, CommonJs),
        ("a.ts", "export = 1", Unset, CommonJs),
    ];
    for (name, source, scope, expected) in cases {
        let options = scoped(scope);
        assert_eq!(
            run_with(name, source, &options).format,
            expected,
            "{name} {scope:?}: {source}"
        );
    }
}

#[test]
fn plain_javascript_is_left_alone() {
    for (name, source) in [
        ("a.js", "import 'x'; export const a  =  1 // odd"),
        ("a.cjs", "with (x) {}"),
        ("a.mjs", "let let = 1"),
        ("a.js", "this is no javascript; import"),
    ] {
        assert_eq!(run(name, source).code, None, "{source}");
    }
}

#[test]
fn types_are_no_errors() {
    let source = "try {} catch (e: InvalidConnectionError) {}\nconst a: string = 5; undefinedName;\nabstract class A { abstract x(): void; declare y: 1; constructor(public override z?: number) {} }\nlet v = <const>['a']; v satisfies readonly string[]; function f(this: Foo, a?: number): asserts a {}";
    let code = code("a.ts", source);
    assert!(
        code.contains("catch (e) {}") && !code.contains("Foo"),
        "{code}"
    );
}

#[test]
fn unused_imports_go_unless_the_configuration_keeps_them() {
    let source = "import { A, b } from './x'; import { C } from './y'; import './z'; export const d: C = b as A";
    let elided = code("a.mts", source);
    assert!(elided.contains("import { b } from \"./x\""), "{elided}");
    assert!(
        !elided.contains("./y") && elided.contains("import \"./z\""),
        "{elided}"
    );
    let settings = TypeScriptSettings {
        verbatim_module_syntax: true,
        ..Default::default()
    };
    let options = CompileOptions {
        settings,
        ..CompileOptions::default()
    };
    let kept = run_with("a.mts", source, &options).code.expect("code");
    assert!(
        kept.contains("import { A, b }") && kept.contains("./y"),
        "{kept}"
    );
}

#[test]
fn a_conversion_lists_what_an_import_can_see() {
    let compiled = run(
        "a.ts",
        "export const { a, b: [c, ...d], ...e } = x; export function f() {} export class G {} export enum H { I } export { a as j, a as 'odd name' }; export * as k from './k'; export * from './l'; export type T = 1; export { m } from './m'; export default 1",
    );
    let names: Vec<&str> = compiled.exports.iter().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "a", "c", "d", "e", "f", "G", "H", "j", "odd name", "k", "m", "default"
        ]
    );
    assert_eq!(compiled.star_exports, ["./l"]);
    let plain = run(
        "a.cts",
        "exports.a = 1; module.exports.b = 2; module.exports = { c, 'd': 1, ...e }",
    );
    assert_eq!(plain.exports, ["a", "b", "c", "d"]);
}

#[test]
fn a_conversion_keeps_names_apart() {
    let code = code(
        "a.ts",
        "import def, { a, b as c } from './my-lib.js'; import * as ns from './my-lib.js'; const import_my_lib = 1, $ampt = 2; { const a = 3; a } a(); c`t`; new def(); ({ a, c: 1, [c]: ns }); (a) = 1; x.a; a?.(); typeof a; export { a, ns, def as default }",
    );
    let (header, body) = code.split_once('\n').expect("two lines");
    assert!(header.contains("const import_my_lib_2=require(\"./my-lib.js\"),import_my_lib_2_default=$ampt_2.defaultOf(import_my_lib_2),ns=$ampt_2.namespaceOf(import_my_lib_2);"), "{header}");
    assert!(header.contains("\"a\":()=>import_my_lib_2.a,\"ns\":()=>ns,\"default\":()=>import_my_lib_2_default.default"), "{header}");
    for part in [
        "(0, import_my_lib_2.a)();",
        "(0, import_my_lib_2.b)`t`",
        "new import_my_lib_2_default.default()",
        "a: import_my_lib_2.a",
        "[import_my_lib_2.b]: ns",
        "const a = 3;",
        "(0, import_my_lib_2.a)?.()",
    ] {
        assert!(body.contains(part), "{part}: {body}");
    }
}

#[test]
fn places_lead_back_to_the_source() {
    let source = "import { a } from './a';\ninterface I {\n  x: 1;\n}\n\nexport function f(): never {\n  throw new Error(a);\n}\n";
    for name in ["a.ts", "a.mts"] {
        let compiled = run(name, source);
        let code = compiled.code.as_ref().expect("code");
        let offset = u32::try_from(code.find("new Error").expect("there")).expect("small");
        let found = compiled.map.lookup(Position::of_offset(code, offset));
        assert_eq!(found, Some(Position { line: 7, column: 9 }), "{name}");
    }
    let compiled = run("a.ts", source);
    let code = compiled.code.as_ref().expect("code");
    let require = u32::try_from(code.find("require(\"./a\")").expect("there")).expect("small");
    let found = compiled.map.lookup(Position::of_offset(code, require));
    assert_eq!(
        found,
        Some(Position {
            line: 1,
            column: 19
        })
    );
}

#[test]
fn problems_have_a_place_and_a_frame() {
    let problem = compile(
        Path::new("a.ts"),
        "let ä = 1;\n\tlet 'x';\n",
        &CompileOptions::default(),
    )
    .expect_err("fails");
    assert_eq!(problem.position, Some(Position { line: 2, column: 6 }));
    let frame = problem.frame.expect("frame").text;
    assert_eq!(frame, "  1 | let ä = 1;\n> 2 | \tlet 'x';\n    | \t    ^");
    let module = scoped(ModuleScope::Module);
    let problem = compile(Path::new("a.ts"), "export = 1", &module).expect_err("fails");
    assert!(problem.hint.expect("hint").contains("export default"));
    let found = diagnose(Path::new("a.js"), "let a; let a;", &module).expect("found");
    assert!(found.message.contains("`a`"), "{}", found.message);
}

#[test]
fn odd_sources_do_not_panic() {
    // The loader's threads have as much.
    let thread = std::thread::Builder::new()
        .stack_size(256 << 20)
        .spawn(try_odd_sources);
    thread.expect("thread").join().expect("no panic");
}

fn try_odd_sources() {
    let chain = format!("export let x: string = {}1", "'a' + ".repeat(10_000));
    let deep = format!("{}1{}", "(".repeat(2000), ")".repeat(2000));
    let long = format!("let a: number = '{}', b;", "x".repeat(100_000));
    for source in [
        "",
        "\u{2028}",
        "#!/usr/bin/env node\nlet a: 1",
        "\0",
        "'use strict'",
        "<!-- x",
        &deep,
        &chain,
        &long,
        "export { a as }",
        "import x from",
        "@",
        "class A { #x; #x }",
        "𝒳 = 1; ä: number",
    ] {
        for name in ["a.ts", "a.tsx", "a.cts", "a.js", "a.jsx", "a.mjs"] {
            for scope in [
                ModuleScope::Module,
                ModuleScope::CommonJs,
                ModuleScope::Unset,
            ] {
                let _ = compile(Path::new(name), source, &scoped(scope));
                let _ = diagnose(Path::new(name), source, &scoped(scope));
                let _ = locate_specifier(Path::new(name), source, "x");
            }
        }
    }
}

#[test]
fn specifiers_are_found() {
    let at = |source: &str| {
        locate_specifier(Path::new("a.ts"), source, "x").map(|at| (at.line, at.column))
    };
    assert_eq!(at("// 'x'\nimport a from \"x\""), Some((2, 15)));
    assert_eq!(at("\nconst a = require('x')"), Some((2, 19)));
    assert_eq!(at("import(`x`)"), Some((1, 8)));
    assert_eq!(at("y"), None);
}

#[test]
fn jsx_follows_the_configuration() {
    let with = |jsx: Jsx| {
        let settings = TypeScriptSettings {
            jsx,
            ..Default::default()
        };
        let options = CompileOptions {
            settings,
            ..scoped(ModuleScope::Module)
        };
        run_with("a.jsx", "export const a = <><p a={1}/></>", &options)
            .code
            .expect("code")
    };
    assert!(with(Jsx::default()).contains("from \"react/jsx-runtime\""));
    let preact = Jsx {
        import_source: Some("preact".into()),
        ..Jsx::default()
    };
    assert!(with(preact).contains("from \"preact/jsx-runtime\""));
    let classic = Jsx {
        classic: true,
        factory: Some("h".into()),
        fragment_factory: Some("F".into()),
        ..Jsx::default()
    };
    let code = with(classic);
    assert!(
        code.contains("h(F, null, ") && code.contains("h(\"p\", { a: 1 })"),
        "{code}"
    );
}
