//! What the app finds around it: variables, arguments, working directory.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{App, Dev};

/// An app that prints what expressions come to, as JSON, when it is loaded.
fn asking(expressions: &[&str]) -> App {
    App::new().file("index.mjs", &code(expressions))
}

fn code(expressions: &[&str]) -> String {
    let code: Vec<String> = expressions.iter().map(|e| format!("() => ({e})")).collect();
    format!(
        "import fs from 'node:fs';
         import path from 'node:path';
         const found = [{}].map((f) => f() ?? null);
         console.log('found ' + JSON.stringify(found));",
        code.join(",")
    )
}

/// What the app found.
fn found(dev: &Dev) -> Vec<Value> {
    let told = dev.wait_for(|event: &Value| {
        event["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("found "))
    });
    let text = told["text"]
        .as_str()
        .and_then(|text| text.strip_prefix("found "));
    serde_json::from_str(text.expect("a line")).expect("JSON")
}

fn warns_of_dot_env(event: &Value) -> bool {
    let text = event["text"].as_str().unwrap_or_default();
    event["level"] == "warn" && event["source"] == "sandbox" && text.contains("`.env`")
}

/// `dev` on the app, started from a shell with these variables.
fn from_shell(app: &App, variables: &[(&str, &str)], args: &[&str]) -> Dev {
    let mut dev = app.start_at(app.dir(), args, |command: &mut Command| {
        command.env_remove("TZ").envs(variables.iter().copied());
    });
    dev.ready();
    dev
}

#[test]
fn the_variables_of_the_cloud_are_there() {
    let names = [
        "AMPT_STAGE",
        "AMPT_ORG_NAME",
        "AMPT_APP_NAME",
        "AMPT_SERVICE_NAME",
        "AMPT_ENVIRONMENT_NAME",
        "AMPT_INSTANCE_NAME",
        "AMPT_INSTANCE_TYPE",
        "AMPT_ENVIRONMENT_TYPE",
        "AWS_REGION",
        "AMPT_URL",
        "AMPT_APP_WEBSOCKET_URL",
    ];
    let asked = names.map(|name| format!("process.env.{name}"));
    let app =
        asking(&asked.each_ref().map(String::as_str)).file("package.json", "{\"name\":\"shop\"}");
    for env in ["sandbox", "preview", "stage"] {
        let dev = from_shell(&app, &[], &["--env", env]);
        assert_eq!(
            json!(found(&dev)),
            json!([
                env,
                "local",
                "shop",
                "shop",
                "local",
                "local",
                env,
                env,
                "us-east-1",
                dev.fact("url"),
                dev.fact("wsUrl")
            ])
        );
        dev.stop();
    }
}

#[test]
fn nothing_of_ours_shows_through() {
    let app = asking(&[
        "Object.keys(process.env).filter((name) => name.startsWith('AMPT_WS'))",
        "process.argv.length",
        "process.execArgv",
        "process.title",
    ]);
    let dev = from_shell(&app, &[], &[]);
    assert_eq!(json!(found(&dev)), json!([[], 2, [], "node"]));
}

#[test]
fn the_shell_s_variables_are_there_but_not_its_clouds() {
    let app = asking(&[
        "process.env.MINE",
        "process.env.PATH !== ''",
        "process.env.AWS_PROFILE",
        "process.env.AWS_SESSION_TOKEN",
        "process.env.AMPT_API_KEY",
        "process.env.AMPT_STAGE",
        "process.env.AWS_ACCESS_KEY_ID === 'AKIAREAL'",
        "process.env.AWS_SECRET_ACCESS_KEY === 'real'",
    ]);
    let shell = [
        ("MINE", "yes"),
        ("AWS_PROFILE", "work"),
        ("AWS_ACCESS_KEY_ID", "AKIAREAL"),
        ("AWS_SECRET_ACCESS_KEY", "real"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AMPT_API_KEY", "key"),
        ("AMPT_STAGE", "prod"),
    ];
    let dev = from_shell(&app, &shell, &[]);
    assert_eq!(
        json!(found(&dev)),
        json!(["yes", true, null, null, null, "sandbox", false, false])
    );
}

#[test]
fn dot_env_adds_variables_and_the_shell_wins() {
    let app = asking(&[
        "process.env.ONE",
        "process.env.TWO",
        "process.env.SPACED",
        "process.env.LINES",
        "process.env.AWS_PROFILE",
        "process.env.EMPTY",
    ])
    .file(
        ".env",
        "# comment\nONE=file\nTWO=file\nexport SPACED=\"a b\" # why\nLINES='x\ny'\nAWS_PROFILE=asked for\nEMPTY=\n",
    );
    let dev = from_shell(&app, &[("ONE", "shell")], &[]);
    assert_eq!(
        json!(found(&dev)),
        json!(["shell", "file", "a b", "x\ny", "asked for", ""])
    );
    assert_eq!(json!(dev.events(warns_of_dot_env)), json!([]));
}

#[test]
fn dot_env_cannot_replace_what_the_sandbox_sets_and_is_told_so() {
    let app = asking(&["process.env.AWS_REGION", "process.env.AMPT_URL.length > 1"])
        .file(".env", "AWS_REGION=eu-north-1\nAMPT_URL=x\nFINE=1\n");
    let dev = from_shell(&app, &[], &[]);
    assert_eq!(json!(found(&dev)), json!(["us-east-1", true]));
    let warned = dev.wait_for(warns_of_dot_env);
    let text = warned["text"].as_str().unwrap();
    for part in ["`.env`", "`AMPT_URL`", "`AWS_REGION`"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("FINE"), "{text}");
}

#[test]
fn a_dot_env_that_cannot_be_read_is_told() {
    let app = asking(&["process.env.ONE"]);
    std::fs::write(app.path(".env"), b"ONE=\xff\n").unwrap();
    let dev = from_shell(&app, &[], &[]);
    let warned = dev.wait_for(warns_of_dot_env);
    let text = warned["text"].as_str().unwrap();
    assert!(text.contains("`.env`") && text.contains("UTF-8"), "{text}");
    assert_eq!(json!(found(&dev)), json!([null]));
    dev.stop();
    std::fs::remove_file(app.path(".env")).unwrap();
    std::fs::create_dir(app.path(".env")).unwrap();
    let dev = from_shell(&app, &[], &[]);
    let warned = dev.wait_for(warns_of_dot_env);
    let text = warned["text"].as_str().unwrap();
    assert!(
        text.contains("`.env`") && text.contains("directory"),
        "{text}"
    );
}

#[test]
fn the_time_zone_is_the_cloud_s_unless_somebody_sets_one() {
    let zone = "new Date(2020, 0, 1).toISOString()";
    let app = asking(&[zone, "process.env.TZ"]);
    let dev = from_shell(&app, &[], &[]);
    assert_eq!(
        json!(found(&dev)),
        json!(["2020-01-01T00:00:00.000Z", "UTC"])
    );
    dev.stop();
    let dev = from_shell(&app, &[("TZ", "Asia/Tokyo")], &[]);
    assert_eq!(
        json!(found(&dev)),
        json!(["2019-12-31T15:00:00.000Z", "Asia/Tokyo"])
    );
    dev.stop();
    app.write(".env", "TZ=America/New_York\n");
    let dev = from_shell(&app, &[], &[]);
    assert_eq!(
        json!(found(&dev)),
        json!(["2020-01-01T05:00:00.000Z", "America/New_York"])
    );
}

#[test]
fn node_s_own_options_are_heeded() {
    let app = asking(&["globalThis.preloaded", "process.execArgv"])
        .file("preload.cjs", "globalThis.preloaded = 'yes';");
    let dev = from_shell(&app, &[("NODE_OPTIONS", "--require ./preload.cjs")], &[]);
    assert_eq!(json!(found(&dev)), json!(["yes", []]));
}

#[test]
fn the_working_directory_is_the_app_s_wherever_the_entry_is() {
    let app = App::named("shop")
        .file("package.json", r#"{ "main": "src/start.mjs" }"#)
        .file("note.txt", "here")
        .file(
            "src/start.mjs",
            &code(&[
                "process.cwd()",
                "fs.readFileSync('note.txt', 'utf8')",
                "import.meta.filename ?? path.resolve('src/start.mjs')",
            ]),
        );
    let expected = json!([app.dir(), "here", app.path("src/start.mjs")]);
    assert_eq!(json!(found(&from_shell(&app, &[], &[]))), expected);
    let mut elsewhere = app.start_at(&app.path("src/start.mjs"), &[], |command| {
        command.current_dir("/");
    });
    elsewhere.ready();
    assert_eq!(json!(found(&elsewhere)), expected);
}

#[test]
fn standard_input_is_at_its_end() {
    let app = asking(&[
        "fs.readFileSync(0, 'utf8')",
        "process.stdin.isTTY",
        "process.stdout.isTTY",
    ]);
    let dev = from_shell(&app, &[], &[]);
    assert_eq!(json!(found(&dev)), json!(["", null, null]));
}

#[test]
fn a_process_of_the_app_has_its_environment() {
    let app = asking(&["process.env.FROM_FILE"])
        .file(".env", "FROM_FILE=yes\n")
        .file(
            "index.mjs",
            "import { execFileSync } from 'node:child_process';
             const code = 'console.log(JSON.stringify([process.env.FROM_FILE, process.env.AMPT_STAGE, Object.keys(process.env).filter((name) => /^AMPT_WS/.test(name))]))';
             console.log('found ' + execFileSync(process.execPath, ['-e', code], { encoding: 'utf8' }).trim());",
        );
    let dev = from_shell(&app, &[], &[]);
    assert_eq!(json!(found(&dev)), json!(["yes", "sandbox", []]));
}
