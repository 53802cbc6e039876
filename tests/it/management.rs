//! The management API, `/@connections/{id}`: request by request, as AWS answers.

use serde_json::{Value, json};

use crate::lifecycle::advance;
use crate::support::{App, Client, Dev, Response};

/// Tells its access key, and what it hears.
pub const APP: &str = "import { ws } from '@ampt/sdk';
     console.log(`key ${process.env.AWS_ACCESS_KEY_ID}`);
     ws.on('message', (c, data) => c.send(data));
     ws.on('disconnected', (c, reason) => console.log('gone', reason));";

/// Well-formed, and nobody's.
const NOBODY: &str = "AAAAAAAAAAAAAAA=";

/// A caller of the management API.
pub struct Api<'a> {
    dev: &'a Dev,
    key: String,
}

impl<'a> Api<'a> {
    /// With the access key that the app got.
    pub fn of_app(dev: &'a Dev) -> Self {
        let line = dev.wait_for(|e: &Value| {
            e["source"] == "app" && e["text"].as_str().is_some_and(|t| t.starts_with("key "))
        });
        let key = line["text"].as_str().unwrap()[4..].to_owned();
        Self { dev, key }
    }

    pub fn authorization(&self) -> String {
        format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/execute-api/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00ff\r\n",
            self.key
        )
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Response {
        self.call_with(method, path, &self.authorization(), body)
    }

    fn call_with(&self, method: &str, path: &str, headers: &str, body: &str) -> Response {
        let host = self.dev.address();
        let length = body.len();
        self.dev.request(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        ))
    }

    fn post(&self, id: &str, body: &str) -> Response {
        self.call("POST", &format!("/@connections/{id}"), body)
    }
}

#[track_caller]
fn is_refused(answer: &Response, status: u16, kind: &str, body: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("x-amzn-errortype"), Some(kind), "{answer:?}");
    assert_eq!(answer.body, body);
}

#[track_caller]
fn is_forbidden(answer: &Response) {
    is_refused(
        answer,
        403,
        "ForbiddenException",
        r#"{"message":"Forbidden"}"#,
    );
}

#[track_caller]
fn is_gone(answer: &Response) {
    is_refused(answer, 410, "GoneException", "");
}

#[test]
fn post_sends_the_body_as_it_is_and_answers_200() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let mut client = dev.client();
    for body in ["hello", r#"{"a": 1}"#, "ä€😀", "", "ping"] {
        let answer = api.post(&client.id, body);
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert!(answer.header("x-amzn-requestid").is_some(), "{answer:?}");
        assert_eq!(client.text(), body);
    }
}

#[test]
fn get_tells_when_it_connected_was_active_and_from_where() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let agent = [("user-agent", "test/1.0 (ü)")];
    assert_eq!(app.verb(&["clock", "freeze"]).code, Some(0));
    let set = ["clock", "set", "2030-01-02T03:04:05.006Z"];
    assert_eq!(app.verb(&set).code, Some(0));
    let mut client = dev.dial("/", &agent).unwrap();
    let path = format!("/@connections/{}", client.id);
    let connected = "2030-01-02T03:04:05.006Z";
    let told = |active: &str| {
        json!({
            "connectedAt": connected,
            "identity": { "sourceIp": "127.0.0.1", "userAgent": "test/1.0 (ü)" },
            "lastActiveAt": active,
        })
    };
    let read = || -> Value {
        let answer = api.call("GET", &path, "");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        serde_json::from_str(&answer.body).unwrap()
    };
    assert_eq!(read(), told(connected));
    advance(&app, "1m");
    assert_eq!(read(), told(connected), "asking is no activity");
    client.send("x");
    assert_eq!(client.text(), "x");
    assert_eq!(read(), told("2030-01-02T03:05:05.006Z"));
}

#[test]
fn get_of_a_client_that_names_no_agent_gives_an_empty_one() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let client = dev.client();
    let answer = api.call("GET", &format!("/@connections/{}", client.id), "");
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(told["identity"]["userAgent"], "");
}

#[test]
fn delete_closes_with_1000_answers_204_and_after_that_the_connection_is_gone() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let mut client = dev.client();
    let path = format!("/@connections/{}", client.id);
    let answer = api.call("DELETE", &path, "");
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    for method in ["DELETE", "GET", "POST"] {
        is_gone(&api.call(method, &path, ""));
    }
    assert_eq!(
        client.closed(),
        (1000, "Connection Closed Normally".to_owned())
    );
    dev.wait_for_line("gone Connection Closed Normally");
}

#[test]
fn one_stage_segment_and_percent_encoding_are_understood() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let mut client = dev.client();
    let id = client.id.clone();
    let encoded =
        id.replace('=', "%3D")
            .replacen(&id[..1], &format!("%{:02x}", id.as_bytes()[0]), 1);
    for path in [
        format!("/@connections/{id}"),
        format!("/%40connections/{encoded}"),
        format!("/prod/@connections/{id}"),
        format!("/prod/%40connections/{encoded}"),
        format!("/@connections/{id}?x=1"),
        format!("http://127.0.0.1:{}/@connections/{id}", dev.port()),
    ] {
        assert_eq!(api.call("POST", &path, &path).status, 200, "{path}");
        assert_eq!(client.text(), path);
    }
}

#[test]
fn an_id_that_nobody_has_is_gone_and_a_malformed_one_is_a_bad_request() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    for method in ["GET", "POST", "DELETE"] {
        is_gone(&api.call(method, &format!("/@connections/{NOBODY}"), ""));
        for (id, path) in [
            ("nope", "nope"),
            ("AAAAAAAAAAAAAAB=", "AAAAAAAAAAAAAAB="),
            ("AAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA"),
            ("a b\n", "a%20b%0a"),
            ("ü", "%c3%bc"),
            ("..", ".."),
            ("a/b", "a%2fb"),
        ] {
            let answer = api.call(method, &format!("/@connections/{path}"), "");
            assert_eq!(answer.status, 400, "{answer:?}");
            assert_eq!(
                answer.header("x-amzn-errortype"),
                Some("BadRequestException")
            );
            let told: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(told["message"], format!("Invalid connectionId: {id}"));
            assert_eq!(told["connectionId"], id);
            assert_eq!(
                told["requestId"].as_str(),
                answer.header("x-amzn-requestid")
            );
        }
    }
}

#[test]
fn what_ended_by_itself_is_gone_too() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let client = dev.client();
    let id = client.id.clone();
    client.vanish();
    dev.wait_for(json!({ "event": "disconnected", "connectionId": id }));
    is_gone(&api.post(&id, "anyone?"));
}

#[test]
fn a_message_above_128_kb_is_too_large() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let mut client = dev.client();
    let largest = "x".repeat(131_072);
    assert_eq!(api.post(&client.id, &largest).status, 200);
    assert_eq!(
        client.text(),
        largest,
        "in one message, whatever its frames"
    );
    let message = r#"{"message":"Message too long"}"#;
    for size in [131_073, 1_000_000, 20_000_000] {
        let answer = api.post(&client.id, &"x".repeat(size));
        is_refused(&answer, 413, "PayloadTooLargeException", message);
    }
    let chunked = format!(
        "POST /@connections/{} HTTP/1.1\r\nHost: {}\r\n{}Transfer-Encoding: chunked\r\n\r\n20001\r\n{largest}x\r\n0\r\n\r\n",
        client.id,
        dev.address(),
        api.authorization(),
    );
    is_refused(
        &dev.request(&chunked),
        413,
        "PayloadTooLargeException",
        message,
    );
    assert_eq!(api.post(&client.id, "next").status, 200);
    assert_eq!(client.text(), "next", "nothing of the others was sent");
}

#[test]
fn posts_to_a_client_that_does_not_read_get_429_and_hold_up_nobody() {
    let app = App::esm(APP);
    let dev = app.dev(&["--no-limits"]);
    let api = Api::of_app(&dev);
    let mut deaf = dev.client();
    let mut other = dev.client();
    let text = "x".repeat(131_072);
    // What the kernel holds for a socket is a few megabytes at most.
    let statuses = (0..400).map(|_| api.post(&deaf.id, &text));
    let mut taken = 0;
    let mut refused = None;
    for answer in statuses {
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
        taken += 1;
    }
    let refused = refused.expect("a refusal");
    is_refused(
        &refused,
        429,
        "LimitExceededException",
        r#"{"message":"The client is reading too slowly"}"#,
    );
    assert_eq!(other.ask("not held up"), "not held up");
    assert_eq!(api.post(&other.id, "neither").status, 200);
    assert_eq!(other.text(), "neither");
    for _ in 0..taken {
        assert_eq!(deaf.text().len(), text.len());
    }
    // The last byte it read may be ahead of the sandbox's knowing.
    let again = (0..1000).find(|_| api.post(&deaf.id, "again").status == 200);
    assert!(again.is_some(), "once it has read, it can be sent to");
    assert_eq!(deaf.text(), "again");
}

#[test]
fn who_does_not_have_the_apps_credentials_is_refused_and_told_in_the_log() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let mut client = dev.client();
    let path = format!("/@connections/{}", client.id);
    let good = api.authorization();
    let stranger = good.replace(&api.key, "AKIAIOSFODNN7EXAMPLE");
    for (headers, hint) in [
        (String::new(), "sign"),
        ("Authorization: Bearer x\r\n".to_owned(), "sign"),
        ("Authorization: AWS4-HMAC-SHA256\r\n".to_owned(), "sign"),
        (good.replace(&api.key, ""), "sign"),
        (stranger, "--allow-any-credentials"),
    ] {
        let before = dev.events(json!({ "event": "rejected" })).len();
        for method in ["GET", "POST", "DELETE"] {
            is_forbidden(&api.call_with(method, &path, &headers, ""));
        }
        let told = dev.wait_for_all(before + 3, json!({ "event": "rejected", "status": 403 }));
        let said = told.last().unwrap()["hint"].as_str().unwrap();
        assert!(said.contains(hint), "{headers:?}: {said}");
    }
    assert_eq!(client.ask("still open"), "still open");
}

#[test]
fn a_web_page_may_not_use_it_whatever_its_origin_and_credentials() {
    let app = App::esm(APP);
    let dev = app.dev(&[
        "--allow-any-credentials",
        "--allow-origin",
        "https://a.example",
    ]);
    let api = Api::of_app(&dev);
    let client = dev.client();
    let path = format!("/@connections/{}", client.id);
    for origin in [
        "https://evil.example",
        "https://a.example",
        "null",
        "http://localhost:3000",
    ] {
        let headers = format!("{}Origin: {origin}\r\n", api.authorization());
        is_forbidden(&api.call_with("POST", &path, &headers, "x"));
        // Nor learn from the answer to a preflight that it might.
        let answer = api.call_with("OPTIONS", &path, &headers, "");
        is_forbidden(&answer);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn with_any_credentials_a_signature_is_still_needed() {
    let app = App::esm(APP);
    let dev = app.dev(&["--allow-any-credentials"]);
    let mut api = Api::of_app(&dev);
    let mut client = dev.client();
    api.key = "AKIAIOSFODNN7EXAMPLE".to_owned();
    assert_eq!(api.post(&client.id, "hi").status, 200);
    assert_eq!(client.text(), "hi");
    is_forbidden(&api.call_with("POST", &format!("/@connections/{}", client.id), "", "hi"));
}

#[test]
fn other_methods_and_paths_below_connections_are_forbidden() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let client = dev.client();
    let path = format!("/@connections/{}", client.id);
    for method in ["PUT", "PATCH", "OPTIONS", "get", "BREW"] {
        is_forbidden(&api.call(method, &path, ""));
    }
    for path in [
        "/@connections".to_owned(),
        "/@connections/".to_owned(),
        "/prod/@connections".to_owned(),
        format!("{path}/"),
        format!("{path}/more"),
    ] {
        is_forbidden(&api.call("POST", &path, ""));
    }
}

#[test]
fn what_is_not_below_connections_is_not_the_management_apis() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    for path in [
        "/".to_owned(),
        "/connections/x".to_owned(),
        format!("/two/stages/@connections/{NOBODY}"),
        format!("/@connectionsx/{NOBODY}"),
    ] {
        let answer = api.call("GET", &path, "");
        assert_eq!(answer.status, 426, "no app serves HTTP here: {path}");
        assert_eq!(answer.header("upgrade"), Some("websocket"));
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let mut client = dev.client();
    let mut socket = dev.socket();
    let head = format!(
        "POST /@connections/{} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: 4\r\n\r\n",
        client.id,
        dev.address(),
        api.authorization()
    );
    socket.write(head.as_bytes());
    socket.write(b"a\xff\xfeb");
    assert_eq!(socket.response().status, 200);
    assert_eq!(client.text(), "a\u{fffd}\u{fffd}b");
}

#[test]
fn many_requests_may_share_one_connection() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let mut client = dev.client();
    let mut socket = dev.socket();
    let request = |body: &str| {
        format!(
            "POST /@connections/{} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: {}\r\n\r\n{body}",
            client.id,
            dev.address(),
            api.authorization(),
            body.len()
        )
    };
    let pipelined: String = ["one", "two", "three"].map(request).concat();
    socket.write(pipelined.as_bytes());
    for _ in 0..3 {
        assert_eq!(socket.response().status, 200);
    }
    for text in ["one", "two", "three"] {
        assert_eq!(client.text(), text);
    }
}

#[test]
fn a_body_that_ends_early_sends_nothing() {
    let app = App::esm(APP);
    let dev = app.dev(&[]);
    let api = Api::of_app(&dev);
    let mut client: Client = dev.client();
    let mut socket = dev.socket();
    let head = format!(
        "POST /@connections/{} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: 10\r\n\r\nhalf",
        client.id,
        dev.address(),
        api.authorization()
    );
    socket.write(head.as_bytes());
    drop(socket);
    assert_eq!(api.post(&client.id, "whole").status, 200);
    assert_eq!(client.text(), "whole");
}
