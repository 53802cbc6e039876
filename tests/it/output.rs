//! What the app prints, in whatever way: shown whole, in its order, and harmless.

use serde_json::{Value, json};

use crate::support::{App, Dev};

/// An app that runs this code when a message comes, and then prints `end of it`.
fn printing(code: &str) -> App {
    App::esm(&format!(
        "import {{ ws }} from '@ampt/sdk';
         import * as fs from 'node:fs';
         import {{ spawnSync }} from 'node:child_process';
         ws.on('message', async () => {{
           {code}
           console.log('end of it');
         }});"
    ))
}

/// What the code prints, as `level text`, and `…` behind a line that did not end.
fn printed(code: &str) -> Vec<String> {
    let app = printing(code);
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    client.send("go");
    dev.wait_for_line("end of it");
    said(&dev)
}

fn said(dev: &Dev) -> Vec<String> {
    let events = dev.events(json!({ "event": "log", "source": "app" }));
    let mut lines: Vec<String> = events.iter().map(described).collect();
    lines.retain(|line| line != "info end of it");
    lines
}

fn described(event: &Value) -> String {
    let (level, text) = (event["level"].as_str(), event["text"].as_str());
    let end = match &event["partial"] {
        Value::Null => "",
        Value::Bool(true) => "…",
        other => panic!("`partial` is {other}"),
    };
    format!("{} {}{end}", level.unwrap(), text.unwrap())
}

/// `dev` for people, up to the line `end of it`; what the app printed, without times and names.
fn shown(code: &str, color: &str) -> Vec<String> {
    let app = printing(code);
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    client.send("go");
    dev.wait_for_line("end of it");
    let logs = app.verb(&["logs", "--color", color]).stdout;
    let text = |line: &str| {
        let (_, line) = line.split_once(':')?;
        let (_, text) = line.split_once("app     ")?;
        let text = text.strip_prefix("\x1b[0m").unwrap_or(text);
        text.strip_prefix(' ').map(str::to_owned)
    };
    let mut lines: Vec<String> = logs.lines().filter_map(text).collect();
    lines.retain(|line| !line.contains("end of it"));
    lines
}

#[test]
fn a_line_begun_by_write_is_ended_by_console_log() {
    assert_eq!(
        printed("process.stdout.write('a'); console.log('b'); process.stdout.write('c\\n');"),
        ["info ab", "info c"]
    );
}

#[test]
fn a_line_without_an_end_comes_before_what_is_logged_after_it() {
    assert_eq!(
        printed(
            "process.stdout.write('one'); console.error('two');
             process.stderr.write('three'); process.stdout.write('four\\n');
             process.stdout.write('five'); console.debug('six');"
        ),
        [
            "info one…",
            "error two",
            "error three…",
            "info four",
            "info five…",
            "debug six"
        ]
    );
}

#[test]
fn a_line_without_an_end_is_shown_after_a_short_pause_even_if_the_app_is_busy() {
    let app = printing(
        "const [head, tail] = [Buffer.of(0xc3), Buffer.of(0xbc)];
         process.stdout.write('working '); process.stdout.write(head);
         const until = Date.now() + 60_000;
         while (Date.now() < until && !fs.existsSync('enough')) {}
         process.stdout.write(tail); process.stdout.write('ber\\n');",
    );
    let dev = app.dev(&[]);
    let mut client = dev.client();
    client.send("go");
    dev.wait_for(json!({ "text": "working ", "partial": true }));
    app.write("enough", "");
    dev.wait_for_line("end of it");
    assert_eq!(said(&dev), ["info working …", "info über"]);
}

#[test]
fn several_lines_written_at_once_are_several_and_one_logged_at_once_is_one() {
    assert_eq!(
        printed(
            "process.stdout.write('a\\nb\\r\\n\\nc\\n'); console.log('d\\ne'); console.log();
             console.log(' \\n');"
        ),
        [
            "info a",
            "info b",
            "info ",
            "info c",
            "info d\ne",
            "info ",
            "info  \n"
        ]
    );
}

#[test]
fn a_character_may_come_in_pieces() {
    assert_eq!(
        printed(
            "const bytes = Buffer.from('grüße 🎉\\n');
             for (const byte of bytes) process.stdout.write(Buffer.of(byte));
             const [head, tail] = [bytes.subarray(0, 9), bytes.subarray(9)];
             process.stderr.write(head);
             console.log('between');
             process.stderr.write(tail);"
        ),
        ["info grüße 🎉", "error grüße …", "info between", "error 🎉"]
    );
}

#[test]
fn past_node_too_a_character_may_come_in_pieces() {
    assert_eq!(
        printed("for (const byte of Buffer.from('grüße 🎉\\n')) fs.writeSync(1, Buffer.of(byte));"),
        ["info grüße 🎉"]
    );
}

#[test]
fn the_encoding_is_heeded_and_the_callback_called() {
    assert_eq!(
        printed(
            "process.stdout.write('68690a', 'hex');
             process.stdout.write('eWVz', 'base64');
             process.stdout.write('\\xfc\\n', 'latin1');
             process.stdout.write('u\\n', 'utf16le');
             await new Promise((resolve) => process.stdout.write('called\\n', 'utf8', resolve));
             await new Promise((resolve) => process.stdout.write('back\\n', resolve));
             try { process.stdout.write(5); } catch (error) { console.log(error.code); }
             try { process.stdout.write('x', 'nonsense'); } catch (error) { console.log(error.code); }"
        ),
        [
            "info hi",
            "info yes\u{fffd}",
            "info u\0",
            "info \0called",
            "info back",
            "info ERR_INVALID_ARG_TYPE",
            "info ERR_UNKNOWN_ENCODING"
        ]
    );
}

#[test]
fn what_does_not_go_through_node_is_shown() {
    let lines = printed(
        "console.log('first');
         spawnSync('sh', ['-c', 'echo out; echo err >&2; printf cut'], { stdio: 'inherit' });
         console.log('last');
         fs.writeSync(2, 'raw\\n');",
    );
    let place = |line: &str| {
        let at = lines.iter().position(|l| l == line);
        at.unwrap_or_else(|| panic!("no {line} in {lines:?}"))
    };
    assert!(place("info first") < place("info out"), "{lines:?}");
    assert!(place("info out") < place("info cut…"), "{lines:?}");
    assert!(place("info cut…") < place("info last"), "{lines:?}");
    assert!(lines.contains(&"error err".to_owned()), "{lines:?}");
}

#[test]
fn a_stream_piped_into_the_output_and_a_thread_are_shown() {
    let lines = printed(
        "const { Readable } = await import('node:stream');
         const { Worker } = await import('node:worker_threads');
         const code = \"console.log('from a thread'); console.error('and its error');\";
         const thread = new Worker(code, { eval: true });
         await new Promise((resolve) => thread.on('exit', resolve));
         await new Promise((resolve) =>
           Readable.from(['pi', 'ped\\n']).on('end', resolve).pipe(process.stdout));",
    );
    for line in ["info from a thread", "error and its error", "info piped"] {
        assert!(lines.contains(&line.to_owned()), "{line} in {lines:?}");
    }
}

#[test]
fn a_very_long_line_comes_in_pieces_and_nothing_is_lost() {
    let app = printing(
        "console.log('é'.repeat((9 << 20) + 5));
         process.stdout.write('w'.repeat(200_000) + '\\n');
         spawnSync('sh', ['-c', 'head -c 200000 /dev/zero | tr \"\\\\0\" q; echo'], { stdio: 'inherit' });
         console.log('after');",
    );
    let dev = app.dev(&["--no-limits"]);
    let mut client = dev.client();
    client.send("go");
    dev.wait_for_line("after");
    for (letter, count) in [("é", (9 << 20) + 5), ("w", 200_000), ("q", 200_000)] {
        let is_whole = |letter: &str| {
            let events =
                dev.events(|e: &Value| e["text"].as_str().is_some_and(|t| t.contains(letter)));
            let text: String = events.iter().map(|e| e["text"].as_str().unwrap()).collect();
            (text == letter.repeat(count), events.len() > 1)
        };
        assert_eq!(is_whole(letter), (true, true), "of {letter}");
    }
}

#[test]
fn bytes_that_are_no_text_harm_nothing() {
    let lines = printed(
        "process.stdout.write(Buffer.from([0xff, 0x00, 0x9b, 0xc3, 0x0a]));
         console.log('fine');",
    );
    assert_eq!(lines, ["info \u{fffd}\0\u{fffd}\u{fffd}", "info fine"]);
    let text = shown(
        "process.stdout.write('\\x1b]0;title\\x07\\x9b2J\\x08\\n');",
        "always",
    );
    assert_eq!(text, ["\\x1b]0;title\\x07\\x9b2J\\x08"]);
}

#[test]
fn colours_of_the_app_are_kept_on_a_colour_terminal_only() {
    let code = "console.log('\\x1b[1;32mgreen\\x1b[39m, \\x1b[38;5;8mgrey');
                console.error('\\x1b[31mred\\x1b[0m');";
    assert_eq!(shown(code, "never"), ["green, grey", "error: red"]);
    let colored = shown(code, "always");
    assert!(
        colored[0].ends_with("\x1b[1;32mgreen\x1b[39m, \x1b[38;5;8mgrey\x1b[0m"),
        "{colored:?}"
    );
    assert!(colored[1].contains("\x1b[31mred\x1b[0m"), "{colored:?}");
    assert_eq!(
        printed(code)[0],
        "info \x1b[1;32mgreen\x1b[39m, \x1b[38;5;8mgrey",
        "in JSON, as it was printed"
    );
}

#[test]
fn a_line_without_an_end_is_marked_for_people() {
    let lines = shown(
        "process.stdout.write('begun'); console.warn('next');",
        "never",
    );
    assert_eq!(lines, ["begun…", "warning: next"]);
}

#[test]
fn what_is_printed_last_is_not_lost() {
    for end in [
        "process.exit(1)",
        "process.abort()",
        "process.kill(process.pid, 'SIGKILL')",
    ] {
        let app = printing(&format!(
            "process.stdout.write('last word'); fs.writeSync(2, 'and of fd 2'); {end};"
        ));
        let dev = app.dev(&[]);
        dev.client().send("go");
        for text in ["last word", "and of fd 2"] {
            dev.wait_for(|e: &Value| e["text"].as_str().is_some_and(|t| t.starts_with(text)));
        }
    }
}
