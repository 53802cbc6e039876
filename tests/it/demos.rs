//! The demonstration apps: their pages and their clients. What they do with the sandbox's own
//! verbs, restarts and crashes is in their scripted fixtures.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::http::get;
use crate::support::{App, Client, Dev};

/// The next message of a type; what comes before it is passed over.
fn next(client: &mut Client, kind: &str) -> Value {
    loop {
        let message = client.json();
        if message["type"] == kind {
            return message;
        }
    }
}

fn page_is_served(dev: &Dev, title: &str) {
    for path in ["/", "/?name=Ana"] {
        let page = get(dev, path);
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        assert!(page.contains("content-type: text/html; charset=utf-8\r\n"));
        assert!(page.contains(&format!("<title>{title}</title>")));
        assert!(page.contains("</script>"), "to its end");
    }
    assert!(get(dev, "/elsewhere").starts_with("HTTP/1.1 404 "));
}

#[test]
fn the_chat_serves_its_page() {
    let app = App::fixture("chat");
    page_is_served(&app.dev(&[]), "Chat");
}

#[test]
fn the_tracker_serves_its_page() {
    let app = App::fixture("tracker");
    page_is_served(&app.dev(&[]), "Tracker");
}

#[test]
fn two_chat_with_each_other() {
    let app = App::fixture("chat");
    let dev = app.dev(&["--seed"]);
    let mut ana = dev.client_at("/?name=Ana");
    let welcome = next(&mut ana, "welcome");
    assert_eq!(welcome["history"][0]["name"], "Ampt", "from the seed file");
    assert_eq!(welcome["rooms"][1]["title"], "Lobby");
    let mut bo = dev.client_at("/?name=%20B%C3%B6%20&room=LOBBY");
    assert_eq!(next(&mut bo, "welcome")["names"], json!(["Ana", "Bö"]));
    assert_eq!(next(&mut ana, "joined")["name"], "Bö");
    for (text, shown) in [
        (r#"{"text":" hello "}"#, "hello"),
        ("as typed", "as typed"),
        ("12", "12"),
        (r#"{"other":1}"#, r#"{"other":1}"#),
    ] {
        bo.send(text);
        for client in [&mut ana, &mut bo] {
            let message = next(client, "message");
            assert_eq!(
                (&message["name"], &message["text"]),
                (&json!("Bö"), &json!(shown))
            );
        }
    }
    bo.close(1000, "");
    assert_eq!(next(&mut ana, "left")["names"], json!(["Ana"]));
    assert_eq!(dev.events(json!({ "event": "handler-error" })).len(), 0);
}

#[test]
fn a_room_of_the_chat_tells_newcomers_its_last_twenty_messages() {
    let app = App::fixture("chat");
    let dev = app.dev(&["--no-limits"]);
    let mut ana = dev.client();
    assert_eq!(next(&mut ana, "welcome")["name"], "guest");
    for number in 0..25 {
        ana.send(&format!("message {number}"));
        next(&mut ana, "message");
    }
    ana.send("   ");
    let welcome = next(&mut dev.client(), "welcome");
    let history = welcome["history"].as_array().expect("messages");
    let texts: Vec<&str> = history.iter().filter_map(|m| m["text"].as_str()).collect();
    let expected: Vec<String> = (5..25).map(|n| format!("message {n}")).collect();
    assert_eq!(texts, expected);
}

#[test]
fn a_member_of_the_chat_who_vanished_unseen_is_forgotten() {
    let app = App::fixture("chat");
    let dev = app.dev(&[]);
    let mut ana = dev.client_at("/?name=Ana");
    next(&mut ana, "welcome");
    // As it is left behind when an item is written after its connection has ended.
    let id = "AAAAAAAAAAAAAAA=";
    let ghost = json!({ "connectionId": id, "name": "Ghost", "room": "lobby" });
    let seed =
        json!([{ "key": format!("connection:{id}"), "value": ghost, "label1": "room:lobby" }]);
    app.write("ghost.json", &seed.to_string());
    let imported = app.verb(&["import", "ghost.json"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    ana.send("anybody?");
    assert_eq!(next(&mut ana, "message")["text"], "anybody?");
    let mut bo = dev.client_at("/?name=Bo");
    assert_eq!(next(&mut bo, "welcome")["names"], json!(["Ana", "Bo"]));
    assert_eq!(dev.events(json!({ "event": "handler-error" })).len(), 0);
}

#[test]
fn everybody_sees_where_the_others_are() {
    let app = App::fixture("tracker");
    let dev = app.dev(&["--seed"]);
    let mut ana = dev.client_at("/?name=Ana");
    let welcome = next(&mut ana, "welcome");
    assert_eq!(welcome["locations"][0]["username"], "Ferry");
    let mut bo = dev.client_at("/?name=Bo");
    next(&mut bo, "welcome");
    bo.send(r#"{"lat":59.31,"long":18.02}"#);
    for client in [&mut ana, &mut bo] {
        let moved = json!({ "type": "moved", "username": "Bo", "lat": 59.31, "long": 18.02 });
        assert_eq!(next(client, "moved"), moved);
    }
    let set = app.verb(&["data", "set", "current_location:Bo", r#"{"lat":59.33}"#]);
    assert_eq!(set.code, Some(0), "{set:?}");
    for client in [&mut ana, &mut bo] {
        assert_eq!(next(client, "moved")["lat"], 59.33);
    }
    bo.close(1000, "");
    assert_eq!(next(&mut ana, "online")["usernames"], json!(["Ana"]));
    let mut cy = dev.client_at("/");
    let welcome = next(&mut cy, "welcome");
    assert_eq!(welcome["username"], "somebody");
    assert_eq!(
        welcome["locations"][0]["username"], "Bo",
        "the last known place"
    );
}

#[test]
fn the_readme_shows_a_fixture_that_is_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |file: &str| fs::read_to_string(root.join(file)).expect(file);
    let readme = text("README.md");
    let shown = readme.split("```json\n").nth(1).expect("a fixture");
    let shown = shown.split("```").next().expect("its end");
    assert_eq!(shown, text("fixtures/chat/two.fixture.json"));
}
