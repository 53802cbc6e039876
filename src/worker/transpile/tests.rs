use super::*;

fn run(name: &str, source: &str) -> Compiled {
    run_with(name, source, &CompileOptions::default())
}

fn run_with(name: &str, source: &str, options: &CompileOptions) -> Compiled {
    compile(Path::new(name), source, options).expect("compiles")
}

#[test]
fn shows_output() {
    let out = run(
        "/a/x.ts",
        "import { ws, type Foo, Bar } from '@ampt/sdk';\nimport d, * as n from './x';\nexport * from './y'; export default class { x: Bar = 1; constructor(private a: string) {} }\nexport const { a, b: [c] } = n; ws.on('m', (e: Foo) => { try { d`a` } catch (e: InvalidConnectionError) { console.log({ ws }) } }); enum E { A, B = 'x' } export function f() { return import('./z') }",
    );
    eprintln!("{:?} {}", out.format, out.code.unwrap());
}
