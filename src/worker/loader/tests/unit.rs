use std::fs;
use std::path::Path;

use super::super::tsconfig::TsConfig;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temp dir");
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, text).expect("file");
    }
    dir
}

fn read(dir: &Path) -> TsConfig {
    TsConfig::read(&dir.join("tsconfig.json")).expect("reads")
}

#[test]
fn later_bases_and_the_file_itself_win() {
    let dir = folder(&[
        (
            "tsconfig.json",
            "{\"extends\": [\"./a\", \"./sub/b.json\"], \"compilerOptions\": {\"jsx\": \"react\"}}",
        ),
        (
            "a.json",
            "{\"compilerOptions\": {\"jsx\": \"preserve\", \"experimentalDecorators\": true, \"paths\": {\"x\": [\"./a\"]}}}",
        ),
        (
            "sub/b.json",
            "{\"compilerOptions\": {\"experimentalDecorators\": false, \"paths\": {\"x\": [\"./b\"], \"x/*\": [\"${configDir}/c/*\"], \"x/long/*\": [\"d\"]}}}",
        ),
    ]);
    let config = read(dir.path());
    assert!(config.settings.jsx.classic);
    assert!(!config.settings.experimental_decorators);
    let patterns: Vec<&str> = config
        .paths
        .iter()
        .map(|(pattern, _)| pattern.as_str())
        .collect();
    assert_eq!(patterns, ["x", "x/long/*", "x/*"]);
    assert_eq!(config.paths[0].1, [dir.path().join("sub/./b")]);
    assert_eq!(config.files.len(), 3);
}

#[test]
fn class_fields_follow_the_target() {
    let uses_define = |options: &str| {
        let text = format!("{{\"compilerOptions\": {options}}}");
        read(folder(&[("tsconfig.json", &text)]).path())
            .settings
            .use_define_for_class_fields
    };
    assert!(uses_define("{}"));
    assert!(uses_define("{\"target\": \"ES2022\"}"));
    assert!(uses_define("{\"target\": \"ESNext\"}"));
    assert!(!uses_define("{\"target\": \"es2020\"}"));
    assert!(!uses_define("{\"target\": \"es6\"}"));
    assert!(uses_define(
        "{\"target\": \"es2020\", \"useDefineForClassFields\": true}"
    ));
}

#[test]
fn packages_can_be_extended() {
    let dir = folder(&[
        (
            "app/tsconfig.json",
            "{\"extends\": [\"plain\", \"@s/field\", \"exported/strict\", \"@s/file/base.json\"]}",
        ),
        ("node_modules/plain/tsconfig.json", "{}"),
        (
            "node_modules/@s/field/package.json",
            "{\"tsconfig\": \"conf.json\"}",
        ),
        ("node_modules/@s/field/conf.json", "{}"),
        (
            "node_modules/exported/package.json",
            "{\"exports\": {\"./strict\": {\"default\": \"./s.json\"}}}",
        ),
        (
            "node_modules/exported/s.json",
            "{\"compilerOptions\": {\"emitDecoratorMetadata\": true}}",
        ),
        ("app/node_modules/@s/file/base.json", "{}"),
    ]);
    let config = read(&dir.path().join("app"));
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.files.len(), 5);
    assert!(config.settings.emit_decorator_metadata);
}

#[test]
fn circles_and_wrong_shapes_are_handled() {
    let dir = folder(&[
        ("tsconfig.json", "{\"extends\": \"./b.json\"}"),
        ("b.json", "{\"extends\": \"./tsconfig.json\"}"),
    ]);
    let problem = TsConfig::read(&dir.path().join("tsconfig.json")).expect_err("a circle");
    assert!(
        problem.message.contains("extends itself"),
        "{}",
        problem.message
    );
    for text in [
        "[]",
        "1",
        "{\"compilerOptions\": 5, \"extends\": {}}",
        "{\"compilerOptions\": {\"paths\": [], \"baseUrl\": 1, \"jsx\": null}}",
        "{\"compilerOptions\": {\"paths\": {\"a\": 1, \"b\": [2]}}}",
    ] {
        let config = read(folder(&[("tsconfig.json", text)]).path());
        assert_eq!(config.base_url, None, "{text}");
    }
}
