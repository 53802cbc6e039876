use super::*;

fn app(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temp dir");
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, text).expect("file");
    }
    dir
}

fn found(files: &[(&str, &str)]) -> String {
    let dir = app(files);
    relative(&dir, find(dir.path(), None).expect("entry"))
}

fn relative(dir: &tempfile::TempDir, entry: Entry) -> String {
    match entry {
        Entry::File(path) => {
            let root = fs::canonicalize(dir.path()).expect("root");
            path.strip_prefix(root)
                .expect("inside")
                .display()
                .to_string()
        }
        Entry::NoCode { .. } => "(none)".into(),
    }
}

#[test]
fn main_wins_with_extension_and_index_search() {
    let with_main = |main: &str, file: &str| {
        let manifest = format!("{{\"main\": {main:?}}}");
        found(&[("package.json", &manifest), (file, ""), ("index.ts", "")])
    };
    assert_eq!(with_main("src/app.ts", "src/app.ts"), "src/app.ts");
    assert_eq!(with_main("./src/app", "src/app.mjs"), "src/app.mjs");
    assert_eq!(with_main("src", "src/index.cjs"), "src/index.cjs");
    assert_eq!(with_main("src/", "src/index.cjs"), "src/index.cjs");
    assert_eq!(with_main("src/app.js", "src/app.ts"), "src/app.ts");
    assert_eq!(with_main("", "src/app.js"), "index.ts");
}

#[test]
fn index_is_searched_in_order() {
    assert_eq!(found(&[("index.js", ""), ("index.ts", "")]), "index.ts");
    assert_eq!(found(&[("index.jsx", ""), ("index.cjs", "")]), "index.cjs");
    assert_eq!(
        found(&[("package.json", "\u{feff}{}"), ("index.mjs", "")]),
        "index.mjs"
    );
    assert_eq!(
        found(&[
            ("package.json", "{\"main\":\"index.js\"}"),
            ("index.mjs", "")
        ]),
        "index.mjs"
    );
    assert_eq!(found(&[("readme.md", "")]), "(none)");
}

#[test]
fn a_named_file_wins() {
    let dir = app(&[
        ("index.ts", ""),
        ("tools/my app ä.ts", ""),
        ("notes.txt", ""),
    ]);
    let named = |name: &str| find(dir.path(), Some(Path::new(name)));
    assert_eq!(
        relative(&dir, named("tools/my app ä.ts").expect("entry")),
        "tools/my app ä.ts"
    );
    assert_eq!(
        relative(&dir, named("tools/my app ä").expect("entry")),
        "tools/my app ä.ts"
    );
    assert_eq!(
        relative(&dir, named("index.js").expect("entry")),
        "index.ts"
    );
    let error = named("indx.ts").expect_err("missing");
    assert_eq!(error.hint(), "is it `index.ts`?");
    assert!(matches!(named("notes.txt"), Err(EntryError::NotCode(_))));
    assert!(matches!(
        named("zzz"),
        Err(EntryError::FileMissing { similar: None, .. })
    ));
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let error = |manifest: &str| {
        let dir = app(&[("package.json", manifest)]);
        let error = find(dir.path(), None).expect_err("fails");
        (error.to_string(), error.hint())
    };
    let (message, _) = error("{\n  \"main\": oops\n}");
    assert!(
        message.contains("package.json`, line 2, column "),
        "{message}"
    );
    assert!(error("[]").0.ends_with("holds an array, not an object"));
    assert!(
        error("{\"main\": [1]}")
            .0
            .ends_with("is an array, not a file name")
    );
    let (message, hint) = error("{\"main\": \"lib/x\"}");
    assert!(
        message.ends_with("is `lib/x`, and there is no such file"),
        "{message}"
    );
    assert!(hint.starts_with("tried `lib/x`, `lib/x.ts`"), "{hint}");
    assert!(hint.contains("`lib/x/index.js`"), "{hint}");
    let missing = find(Path::new("/nowhere/at/all"), None).expect_err("fails");
    assert_eq!(
        missing.to_string(),
        "the folder `/nowhere/at/all` does not exist"
    );
}
