//! Where `dev` listens.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::support::App;

/// A `dev` whose port this test chooses; the default port if it is none.
fn dev_at(app: &App, args: &[&str]) -> crate::support::Dev {
    let mut command = app.command();
    command.args(["dev", "--json"]).args(args);
    crate::support::Dev::spawn(command)
}

#[test]
fn without_a_port_the_default_one_or_the_next_free_one_is_used_and_named() {
    // Held by this test if it is free; whoever has it otherwise does as well.
    let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, 8810));
    let app = App::new();
    let mut dev = dev_at(&app, &[]);
    dev.ready();
    let port = dev.port();
    assert!((8811..8910).contains(&port), "{port}");
    let said = |event: &Value| {
        let text = event["text"].as_str().unwrap_or_default();
        event["level"] == "warn" && text.contains("port 8810 is taken")
    };
    let told = dev.wait_for(said);
    let text = told["text"].as_str().unwrap();
    assert!(
        text.contains(&format!("listening on {port} instead")),
        "{text}"
    );
    dev.client();
    let other_app = App::new();
    let mut other = dev_at(&other_app, &[]);
    other.ready();
    assert_ne!(other.port(), port);
}

#[test]
fn a_port_given_by_hand_that_is_taken_is_an_error_that_names_who_has_it() {
    let app = App::new();
    let dev = app.dev(&[]);
    let port = dev.port().to_string();
    let other = App::new();
    let ended = dev_at(&other, &["--port", &port]).wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
    let error = &ended.json()["error"];
    assert_eq!(error["code"], "port-in-use");
    let message = error["message"].as_str().unwrap();
    let who = format!("port {port} is taken by `ampt-ws (process {})`", dev.pid());
    assert_eq!(message, who);
    assert!(
        error["hint"].as_str().unwrap().contains("leave --port out"),
        "{error}"
    );
    assert_eq!(dev.stop().code, Some(0));
    let mut dev = dev_at(&other, &["--port", &port]);
    dev.ready();
    assert_eq!(dev.port().to_string(), port, "as soon as it is free");
}

#[test]
fn a_port_or_host_that_is_none_is_wrong_usage() {
    let app = App::new();
    for args in [
        ["--port", "70000"],
        ["--port", "http"],
        ["--host", "no such host"],
    ] {
        let ended = dev_at(&app, &args).wait();
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert_eq!(ended.json()["error"]["code"], "usage");
    }
    let ended = dev_at(&app, &["--port", "0", "--host", "203.0.113.7"]).wait();
    assert_eq!(ended.code, Some(1));
    let error = &ended.json()["error"];
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("no address 203.0.113.7"),
        "{error}"
    );
    assert!(!app.path(".ampt-ws/sandbox.json").exists());
}

#[test]
fn listening_beyond_loopback_warns() {
    let app = App::new();
    let dev = app.dev(&["--host", "0.0.0.0"]);
    let warned = |event: &Value| {
        let text = event["text"].as_str().unwrap_or_default();
        event["level"] == "warn" && text.contains("0.0.0.0") && text.contains("network")
    };
    dev.wait_for(warned);
    assert_eq!(dev.fact("url"), format!("http://127.0.0.1:{}", dev.port()));
    dev.client();
    let app = App::new();
    let dev = app.dev(&[]);
    assert!(dev.events(warned).is_empty());
}

#[test]
fn both_loopback_addresses_are_served() {
    let app = App::new();
    let dev = app.dev(&[]);
    let v6 = TcpStream::connect(("::1", dev.port()));
    let machine_has_v6 = TcpListener::bind(("::1", 0)).is_ok();
    assert_eq!(v6.is_ok(), machine_has_v6);
}

#[test]
fn each_app_has_a_sandbox_of_its_own() {
    let (one, two) = (App::new(), App::new());
    let (dev_one, dev_two) = (one.dev(&[]), two.dev(&[]));
    let client = dev_two.client();
    assert_eq!(one.verb(&["list", "--json"]).json(), json!([]));
    assert_eq!(
        two.verb(&["list", "--json"]).json()[0]["connectionId"],
        client.id
    );
    assert_eq!(one.verb(&["stop"]).code, Some(0));
    assert_eq!(dev_one.wait().code, Some(0));
    assert_eq!(two.verb(&["list"]).code, Some(0));
}
