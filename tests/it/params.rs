//! `params`: what the app is told about itself and its environment.

use serde_json::{Value, json};

use crate::support::App;

/// Runs an app that evaluates expressions over `params` at load; what came of each.
fn evaluate(expressions: &[&str], args: &[&str]) -> Vec<Value> {
    let code: Vec<String> = expressions.iter().map(|e| format!("() => ({e})")).collect();
    let app = App::esm(&format!(
        "import {{ params }} from '@ampt/sdk';
         const told = [{}].map((f) => f() ?? null);
         console.log(JSON.stringify(told));",
        code.join(",")
    ))
    .file("package.json", r#"{ "name": "shop", "type": "module" }"#)
    .file(".env", "FROM_FILE=yes\nBOTH=file\n");
    let mut dev = app.start_at(app.dir(), args, |command| {
        let params = json!({ "KEY": "v", "NUMBER": 7, "ZERO": 0, "BOTH": "params", "PATH": "nowhere", "AWS_SECRET_ACCESS_KEY": "s3cret", "LATER": "on" });
        command.env("PARAMS", params.to_string());
        let groups = json!({ "params": { "db": { "HOST": "h", "PORT": 0 } } });
        command.env("PARAM_GROUPS", groups.to_string());
    });
    dev.ready();
    let printed = dev.wait_for(json!({ "event": "log", "source": "app" }));
    let line = printed["text"].as_str().expect("a line");
    serde_json::from_str(line).expect("what the app found")
}

#[test]
fn a_parameter_is_its_value_or_nothing() {
    let told = evaluate(
        &[
            "params('KEY')",
            "params('NUMBER')",
            "params('ZERO')",
            "params('nope')",
            "params('FROM_FILE')",
            "params('BOTH')",
        ],
        &[],
    );
    assert_eq!(json!(told), json!(["v", 7, null, null, "yes", "params"]));
}

#[test]
fn the_app_knows_its_environment() {
    let told = evaluate(
        &[
            "['ORG_NAME', 'SERVICE_NAME', 'APP_NAME', 'ENV_NAME', 'INSTANCE_NAME', 'ENVIRONMENT_NAME'].map((key) => params(key))",
            "['INSTANCE_TYPE', 'ENVIRONMENT_TYPE', 'ENV_TYPE'].map((key) => params(key))",
            "params('AMPT_URL') === process.env.AMPT_URL && /^http:/.test(params('AMPT_URL'))",
            "[params().list().CUSTOM_DOMAINS, params().list().FROM_FILE, params('').list().KEY]",
        ],
        &["--env", "preview"],
    );
    let names = ["local", "shop", "shop", "local", "local", "local"];
    assert_eq!(told[0], json!(names));
    assert_eq!(told[1], json!(["preview", "preview", "preview"]));
    assert_eq!(told[2], true);
    assert_eq!(told[3], json!(["", "yes", "v"]));
}

#[test]
fn parameters_are_exported_where_nothing_is_set_yet() {
    let told = evaluate(
        &[
            "(params().export('KEY'), [process.env.KEY, process.env.NUMBER])",
            "(params().export(['NUMBER', 'PATH']), [process.env.NUMBER, process.env.PATH === 'nowhere'])",
            "(params().export([]), [process.env.LATER, process.env.ZERO, process.env.BOTH])",
            "process.env.AWS_SECRET_ACCESS_KEY === 's3cret'",
        ],
        &[],
    );
    assert_eq!(told[0], json!(["v", null]));
    assert_eq!(told[1], json!(["7", false]));
    assert_eq!(told[2], json!(["on", null, "file"]));
    assert_eq!(told[3], false);
}

#[test]
fn a_group_is_a_function_and_its_values() {
    let told = evaluate(
        &[
            "[params().group('db')('HOST'), params().group('db').HOST, params().group('db')('PORT')]",
            "params().group('nope')",
        ],
        &[],
    );
    assert_eq!(json!(told), json!([["h", "h", 0], null]));
}
