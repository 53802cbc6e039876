//! `http`: what the app serves beside its socket.

use serde_json::{Value, json};

use crate::support::{App, Dev};

/// Everything that comes for a GET of a path, head and body.
pub fn get(dev: &Dev, path: &str) -> String {
    exchange(dev, "GET", path, "")
}

/// Everything that comes for a request; the connection is closed after it.
fn exchange(dev: &Dev, method: &str, path: &str, body: &str) -> String {
    let mut socket = dev.socket();
    let (host, length) = (dev.address(), body.len());
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nx-Case: A\r\nconnection: close\r\n\r\n"
    );
    socket.write((head + body).as_bytes());
    String::from_utf8(socket.end()).expect("UTF-8")
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).expect("a status")
}

#[test]
fn a_static_file_comes_as_a_promise_of_a_stream_or_of_nothing() {
    let app = App::esm(
        "import { http } from '@ampt/sdk';
         import { Readable } from 'node:stream';
         const files = [['there.txt', 'a web stream'], ['../secret.txt'], ['folder'], ['absent.txt']];
         http.use('/web', async () => {
           const told = [];
           for (const [name] of files) {
             const promise = http.readStaticFile(name);
             const file = await promise;
             told.push([promise instanceof Promise, file && await new Response(file).text()]);
           }
           return Response.json(told);
         });
         http.node.use('/node', async (req, res) => {
           const promise = http.node.readStaticFile('there.txt');
           const file = await promise;
           const absent = await http.node.readStaticFile('absent.txt');
           const text = [promise instanceof Promise, file instanceof Readable, absent].join(' ');
           res.setHeader('content-length', text.length).end(text);
         });",
    )
    .file("static/there.txt", "here")
    .file("static/folder/x", "")
    .file("secret.txt", "secret");
    let dev = app.dev(&[]);
    assert!(get(&dev, "/node").ends_with("\r\n\r\ntrue true "));
    let answer = get(&dev, "/web");
    let told = r#"[[true,"here"],[true,null],[true,null],[true,null]]"#;
    assert!(answer.contains(told), "{answer}");
}

#[test]
fn a_fetch_style_handler_gets_the_request_and_gives_the_response() {
    let app = App::esm(
        "import { http } from '@ampt/sdk';
         http.use('/api', async (request, { remoteAddress }) => {
           const { method, url, headers } = request;
           const seen = { method, path: new URL(url).pathname, query: new URL(url).search, body: await request.text(), case: headers.get('X-case'), remoteAddress };
           const answer = Response.json(seen, { status: 201, headers: { 'x-answer': 'yes' } });
           answer.headers.append('set-cookie', 'a=1');
           answer.headers.append('set-cookie', 'b=2');
           return answer;
         });",
    );
    let dev = app.dev(&[]);
    let answer = exchange(&dev, "POST", "//api/x?a=1&b", "hello");
    assert_eq!(
        status(&answer),
        "404",
        "the prefix is compared with the path as it is"
    );
    let answer = exchange(&dev, "POST", "/api/x?a=1&b", "hello");
    assert_eq!(status(&answer), "201");
    let seen = json!({ "method": "POST", "path": "/api/x", "query": "?a=1&b", "body": "hello", "case": "A", "remoteAddress": "127.0.0.1" });
    for part in [
        "x-answer: yes\r\n",
        "set-cookie: a=1\r\n",
        "set-cookie: b=2\r\n",
        &seen.to_string(),
    ] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    assert_eq!(
        status(&get(&dev, "/apix")),
        "201",
        "a prefix of the text, not of the path"
    );
}

#[test]
fn handlers_are_asked_in_turn_and_the_first_404_is_kept() {
    let app = App::esm(
        "import { http } from '@ampt/sdk';
         const asked = [];
         http.use((request) => { asked.length = 0; asked.push(1); });
         http.node.use('/a', (req, res) => { asked.push(2); res.writeHead(404, { 'x-by': 'two' }); res.write('from '); res.end('two'); });
         http.use('/a', () => { asked.push(3); return new Response('from three', { status: 404 }); });
         http.use('/a/b', async () => { asked.push(4); return new Response(`from four after ${asked}`); });
         http.use('/c', () => new Response('gone', { status: 410 }));
         http.use('/c', () => new Response('never'));",
    );
    let dev = app.dev(&[]);
    let found = get(&dev, "/a/b");
    assert_eq!(status(&found), "200");
    assert!(found.contains("from four after 1,2,3,4"), "{found}");
    let first = get(&dev, "/a");
    assert_eq!(status(&first), "404");
    assert!(
        first.contains("x-by: two\r\n") && first.contains("two"),
        "{first}"
    );
    assert!(!first.contains("three"), "{first}");
    let none = get(&dev, "/b");
    assert_eq!(status(&none), "404");
    assert!(none.contains("Not Found"), "{none}");
    assert_eq!(status(&get(&dev, "/c")), "410", "only a 404 is passed over");
}

#[test]
fn a_handler_that_fails_is_a_500_with_its_place_in_the_log() {
    let app = App::esm(
        "import { http } from '@ampt/sdk';
         http.use('/sync', () => { throw new TypeError('no luck'); });
         http.node.use('/node', async () => { throw new Error('no luck'); });
         http.use('/wrong', () => 'not a response');
         http.use('/late', (request) => new Response(new ReadableStream({
           pull(controller) { controller.enqueue(new TextEncoder().encode('some')); throw new Error('half way'); },
         })));",
    );
    let dev = app.dev(&[]);
    for (path, line) in [("/sync", 2), ("/node", 3)] {
        let answer = get(&dev, path);
        assert_eq!(status(&answer), "500");
        assert!(answer.contains("Internal Server Error"), "{answer}");
        dev.wait_for(json!({
            "event": "handler-error", "handler": format!("http GET {path}"),
            "error": { "message": "no luck", "file": "index.mjs", "line": line },
        }));
    }
    assert_eq!(status(&get(&dev, "/wrong")), "500");
    get(&dev, "/late");
    dev.wait_for(
        json!({ "event": "handler-error", "error": { "message": "half way", "line": 6 } }),
    );
}

#[test]
fn pages_of_the_apps_own_stand_for_404_and_500() {
    let app = App::esm(
        "import { http } from '@ampt/sdk';
         http.on(404, 'static/404.html');
         http.on('500', './static/500.html');
         http.use('/bad', () => { throw new Error('bad'); });
         for (const attempt of [() => http.on(418, 'x'), () => http.node.on(404, 'x'), () => http.node.use({})]) {
           try { attempt(); } catch (error) { console.log(error.message); }
         }",
    )
    .file("static/404.html", "<p>lost</p>")
    .file("static/500.html", "<p>broken</p>");
    let dev = app.dev(&[]);
    for (path, code, text) in [
        ("/x", "404", "<p>lost</p>"),
        ("/bad", "500", "<p>broken</p>"),
    ] {
        let answer = get(&dev, path);
        assert_eq!(status(&answer), code);
        assert!(answer.contains("content-type: text/html\r\n"), "{answer}");
        assert!(answer.contains(text), "{answer}");
    }
    for line in [
        "Unsupported event name for http.on(): 418",
        "http.on() is not supported in node mode",
        "Unsupported framework",
    ] {
        dev.wait_for_line(line);
    }
}

#[test]
fn what_takes_too_long_is_a_500_once_and_its_late_answer_is_dropped() {
    let app = App::esm(
        "import { http } from '@ampt/sdk';
         http.on(500, 'package.json');
         http.use(async (request) => {
           http.setTimeout(30);
           await new Promise((resolve) => setTimeout(resolve, 150));
           console.log('late');
           return new Response('late');
         });",
    );
    let dev = app.dev(&[]);
    let ended = get(&dev, "/");
    assert_eq!(status(&ended), "500");
    // Whoever runs the app ends the request, and knows no page of the app's.
    assert!(ended.contains("\r\nInternal Server Error\r\n"), "{ended}");
    dev.wait_for_line("late");
    // Another whole round: what the late answer would have to say has been said by then.
    assert_eq!(status(&get(&dev, "/")), "500");
    let log = dev.log();
    dev.stop();
    let errors: Vec<Value> = log
        .events()
        .into_iter()
        .filter(|e| e["event"] == "handler-error")
        .collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].to_string().contains("30 ms"), "{errors:?}");
}

#[test]
fn a_stream_flows_as_it_is_made_and_ends_when_nobody_listens() {
    let app = App::esm(
        "import { http } from '@ampt/sdk';
         http.use(() => {
           let timer;
           const stream = new ReadableStream({
             start(controller) {
               controller.enqueue('data: first\\n\\n');
               timer = setInterval(() => controller.enqueue('data: more\\n\\n'), 5);
             },
             cancel() { clearInterval(timer); console.log('cancelled'); },
           });
           return new Response(stream.pipeThrough(new TextEncoderStream()), { headers: { 'content-type': 'text/event-stream' } });
         });",
    );
    let dev = app.dev(&[]);
    let mut socket = dev.socket();
    socket.write(format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", dev.address()).as_bytes());
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("data: more") {
        seen.extend(socket.bytes(1));
    }
    drop(socket);
    dev.wait_for_line("cancelled");
    let log = dev.log();
    dev.stop();
    let complaints = log
        .events()
        .into_iter()
        .filter(|e| e["event"] == "handler-error");
    assert_eq!(complaints.count(), 0);
}
