//! Requests over HTTP: as steps, and recorded.

use serde_json::{Value, json};

use super::record::{pause, record, replays};
use super::{fixture_text, run};
use crate::support::{App, Dev, Response};

/// A chat that is entered and spoken into over HTTP.
const DOOR: &str = r#"
import { http, ws } from '@ampt/sdk';
import { data } from '@ampt/data';
import { randomUUID } from 'node:crypto';
const everybody = async (what) => {
  for (const { value } of (await data.get('in:*')).items) await ws.send(value, what);
};
http.use('/login', async (request) => {
  const token = randomUUID();
  await data.set(`token:${token}`, (await request.json()).name);
  return Response.json({ token }, { status: 201 });
});
http.use('/say', async (request) => {
  const said = { text: await request.text(), lang: new URL(request.url).searchParams.get('lang') };
  await everybody(said);
  return new Response('said\n');
});
http.use('/page', () => new Response('<p>' + 'x'.repeat(5000), { headers: { 'content-type': 'text/html' } }));
http.use('/old', () => new Response(null, { status: 302, headers: { location: '/new' } }));
http.use('/bytes', async (request) => new Response((await request.arrayBuffer()).byteLength));
http.use('/broken', () => { throw new TypeError('oh'); });
ws.on('connected', async (c) => {
  const name = await data.get(`token:${c.meta.queryStringParameters?.token}`);
  if (!name) return c.close();
  await data.set(`in:${c.connectionId}`, c.connectionId);
  await c.send(`hello ${name}`);
});
"#;

fn with_steps(steps: &[Value]) -> App {
    App::esm(DOOR).file("x.fixture.json", &fixture_text(json!({}), steps))
}

#[track_caller]
fn passes(steps: &[Value]) {
    let (document, output) = run(&with_steps(steps));
    assert_eq!(output.code, Some(0), "{document:#}\n{}", output.stderr);
}

/// The failure of the one step.
#[track_caller]
fn fails(step: Value) -> Value {
    let (document, output) = run(&with_steps(&[step]));
    assert_eq!(output.code, Some(1), "{document:#}\n{}", output.stderr);
    document["fixtures"][0]["failure"].clone()
}

/// The one problem of the one step: message and hint.
#[track_caller]
fn problem(step: Value) -> (String, String) {
    let (document, output) = run(&with_steps(&[step]));
    assert_eq!(output.code, Some(2), "{document:#}\n{}", output.stderr);
    let problems = &document["fixtures"][0]["problems"];
    assert_eq!(problems.as_array().map(Vec::len), Some(1), "{problems:#}");
    let text = |name: &str| problems[0][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (problems[0]["line"].as_u64(), text("step").as_str()),
        (Some(4), "step 1")
    );
    (text("message"), text("hint"))
}

#[test]
fn requests_go_to_the_apps_handlers_and_answers_are_compared() {
    passes(&[
        json!({"http": "/login", "method": "POST", "body": {"name": "ana"}, "expectStatus": 201,
               "expectHeaders": {"Content-Type": {"$regex": "^application/json"}},
               "expectBody": {"token": {"$capture": "token"}}}),
        json!({"connect": "ana", "query": {"token": "${token}"}}),
        json!({"expect": "ana", "message": "hello ana"}),
        json!({"http": "/say", "method": "POST", "query": {"lang": "é&="}, "body": "hi there",
               "expectBody": "said\n"}),
        json!({"expect": "ana", "message": {"text": "hi there", "lang": "é&="}}),
        json!({"http": "/old", "expectStatus": 302, "expectHeaders": {"location": "/new"}}),
        json!({"http": "/bytes", "method": "PUT", "binary": "AP8=", "matches": 2}),
        json!({"http": "/broken", "expectStatus": 500}),
        json!({"http": "/nowhere at all", "expectStatus": 404}),
    ]);
}

#[test]
fn the_management_api_is_asked_with_a_signature() {
    let (document, output) = run(&App::esm(super::CHATTY).file(
        "x.fixture.json",
        &fixture_text(
            json!({}),
            &[
                json!({"connect": "ana"}),
                json!({"http": "/@connections/${ana.connectionId}", "method": "POST", "body": {"a": 1}}),
                json!({"expect": "ana", "message": {"a": 1}}),
                json!({"http": "/@connections/${ana.connectionId}", "matches": {"identity": {"sourceIp": "127.0.0.1"}}}),
                json!({"http": "/@connections/${ana.connectionId}", "headers": {"Authorization": "x"}, "expectStatus": 403}),
                json!({"http": "/@connections/${ana.connectionId}", "method": "DELETE", "expectStatus": 204}),
                json!({"expectClosed": "ana", "code": 1000}),
                json!({"http": "/@connections/${ana.connectionId}", "method": "POST", "body": "x", "expectStatus": 410}),
            ],
        ),
    ));
    assert_eq!(output.code, Some(0), "{document:#}");
}

#[test]
fn another_answer_than_expected_is_told() {
    let failure = fails(json!({"http": "/broken"}));
    let message = failure["message"].as_str().expect("a message");
    assert!(
        message.starts_with("`GET /broken` was answered with 500"),
        "{message}"
    );
    assert_eq!(
        failure["hint"],
        "an answer that is meant is written \"expectStatus\": 500"
    );
    let events = failure["events"].to_string();
    assert!(events.contains("TypeError: oh"), "{failure:#}");

    let failure = fails(json!({"http": "/page", "expectStatus": 201}));
    let message = failure["message"].as_str().expect("a message");
    assert!(
        message.starts_with("`GET /page` was answered with 200, not with 201: <p>xxx"),
        "{message}"
    );
    assert!(message.ends_with('…'), "{message}");

    let failure =
        fails(json!({"http": "/say", "method": "POST", "body": "x", "expectBody": "done\n"}));
    assert_eq!(
        failure["message"],
        "`POST /say` was answered with another body than expected"
    );
    assert!(failure["diff"].to_string().contains("said"), "{failure:#}");

    let failure = fails(json!({"http": "/old", "expectHeaders": {"Location": "/newer"}}));
    assert_eq!(
        failure["message"],
        "`GET /old` was answered with other headers than expected"
    );
}

#[test]
fn what_could_never_be_asked_is_told_beforehand() {
    let (message, hint) = problem(json!({"http": "page"}));
    assert_eq!(message, "`http` begins with `/`");
    assert!(hint.starts_with("it is a path on the sandbox"), "{hint}");
    assert_eq!(
        problem(json!({"http": "/", "method": "post"})),
        (
            "`post` is not a method of HTTP".to_owned(),
            "did you mean `POST`?".to_owned()
        )
    );
    assert_eq!(
        problem(json!({"http": "/", "body": 1, "binary": "AQ=="})).0,
        "there is a `body` and a `binary`"
    );
    assert_eq!(
        problem(json!({"http": "/", "expectStatus": 99})).0,
        "`expectStatus` is an HTTP status, from 100 to 599"
    );
    assert_eq!(
        problem(json!({"http": "/", "matches": {}, "expectBody": {}})).0,
        "there is a `expectBody` and a `matches`"
    );
    assert_eq!(
        problem(json!({"http": "/${id}"})).0,
        "the capture `id` is used before it is set"
    );
    assert_eq!(
        problem(json!({"http": "/", "query": {"a": []}})).0,
        "`query.a` is a string, a number or a boolean"
    );
}

#[test]
fn answers_are_rewritten_too() {
    let app = with_steps(&[
        json!({"http": "/login", "method": "POST", "body": {"name": "ana"}, "expectStatus": 200, "expectBody": {"token": "old", "was": 1}}),
        json!({"http": "/say", "method": "POST", "body": "x", "matches": "done"}),
    ]);
    let output = app.verb(&["test", ".", "--update"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let fixture: Value = serde_json::from_str(&app.read("x.fixture.json")).expect("JSON");
    assert_eq!(fixture["steps"][0]["expectStatus"], 201);
    assert_eq!(
        fixture["steps"][0]["expectBody"],
        json!({"token": {"$type": "string"}})
    );
    assert_eq!(fixture["steps"][1]["matches"], "said\n");
    assert_eq!(app.verb(&["test", "."]).code, Some(0));
}

/// Asks, as any client over HTTP does.
fn ask(dev: &Dev, method: &str, target: &str, headers: &str, body: &str) -> Response {
    let (host, length) = (dev.address(), body.len());
    dev.request(&format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    ))
}

#[test]
fn what_came_over_http_is_recorded() {
    let app = App::esm(DOOR);
    let json_body = "Content-Type: application/json\r\nX-Trace: 7\r\n";
    let steps = record(&app, &[], |dev| {
        let login = ask(dev, "POST", "/login", json_body, r#"{"name":"ana"}"#);
        let answer: Value = serde_json::from_str(&login.body).expect("JSON");
        let token = answer["token"].as_str().expect("a token");
        pause();
        let mut ana = dev.client_at(&format!("/?token={token}"));
        assert_eq!(ana.text(), "hello ana");
        pause();
        let said = ask(
            dev,
            "POST",
            "/say?lang=en",
            "Content-Type: text/plain\r\n",
            "hi",
        );
        assert_eq!(said.body, "said\n");
        assert_eq!(ana.json(), json!({"text": "hi", "lang": "en"}));
        pause();
        assert_eq!(ask(dev, "GET", "/page", "", "").status, 200);
        assert_eq!(ask(dev, "GET", "/old", "", "").status, 302);
        assert_eq!(ask(dev, "GET", "/broken", "", "").status, 500);
    });
    let token = json!({"token": {"$capture": "id1", "$type": "string"}});
    assert_eq!(
        steps[..5],
        [
            json!({"http": "/login", "method": "POST", "headers": {"X-Trace": "7"},
                   "body": {"name": "ana"}, "expectStatus": 201, "expectBody": token}),
            json!({"connect": "client1", "query": {"token": "${id1}"}}),
            json!({"expect": "client1", "message": "hello ana"}),
            json!({"http": "/say", "method": "POST", "query": {"lang": "en"},
                   "headers": {"Content-Type": "text/plain"}, "body": "hi",
                   "expectStatus": 200, "expectBody": "said\n"}),
            json!({"expect": "client1", "message": {"text": "hi", "lang": "en"}}),
        ]
    );
    assert_eq!(
        steps[5..7],
        [
            json!({"http": "/page", "expectStatus": 200, "expectHeaders": {"content-type": "text/html"}}),
            json!({"http": "/old", "expectStatus": 302, "expectHeaders": {"location": "/new"}}),
        ]
    );
    assert_eq!(
        (&steps[7]["http"], &steps[7]["expectStatus"]),
        (&json!("/broken"), &json!(500))
    );
    replays(&app);
}

#[test]
fn what_others_ask_of_the_management_api_is_recorded_and_what_the_app_asks_is_not() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         const credential = `${process.env.AWS_ACCESS_KEY_ID}/20260101/us-east-1/execute-api/aws4_request`;
         const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`;
         ws.on('message', async (c, m) => {
           const url = `${process.env.AMPT_URL}/@connections/${encodeURIComponent(c.connectionId)}`;
           await fetch(url, { method: 'POST', headers: { authorization }, body: `you said ${m}` });
         });",
    );
    let signed = "Authorization: AWS4-HMAC-SHA256 Credential=AKIAOTHER/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=0\r\nX-Amz-Date: 20260101T000000Z\r\n";
    let steps = record(&app, &["--allow-any-credentials"], |dev| {
        let mut ana = dev.client_at("/?name=ana");
        pause();
        let id = app.verb(&["list", "--json"]).json()[0]["connectionId"].clone();
        let id = id.as_str().expect("an id");
        assert_eq!(ana.ask("hey"), "you said hey");
        pause();
        let path = format!("/@connections/{}", id.replace('=', "%3D"));
        assert_eq!(
            ask(dev, "POST", &path, signed, r#"{"from":"outside"}"#).status,
            200
        );
        assert_eq!(ana.json(), json!({"from": "outside"}));
        pause();
        assert_eq!(ask(dev, "POST", &path, "", "not signed").status, 403);
        assert_eq!(ask(dev, "DELETE", &path, signed, "").status, 204);
        assert_eq!(ana.closed().0, 1000);
        pause();
        assert_eq!(ask(dev, "POST", &path, signed, "").status, 410);
    });
    let path = "/@connections/${ana.connectionId}";
    assert_eq!(
        steps,
        [
            json!({"connect": "ana", "query": {"name": "ana"}}),
            json!({"send": "ana", "message": "hey"}),
            json!({"expect": "ana", "message": "you said hey"}),
            json!({"http": path, "method": "POST", "body": {"from": "outside"}, "expectStatus": 200}),
            json!({"expect": "ana", "message": {"from": "outside"}}),
            json!({"http": path, "method": "DELETE", "expectStatus": 204}),
            json!({"expectClosed": "ana", "code": 1000, "reason": "Connection Closed Normally"}),
            json!({"http": path, "method": "POST", "expectStatus": 410}),
        ]
    );
    replays(&app);
}
