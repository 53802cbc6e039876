//! `--tls`: the same over TLS, with clients that trust the local authority.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::support::{App, Dev, PATIENCE};

const ECHO: &str = "import { http, ws } from '@ampt/sdk';
     http.use('/hello', () => new Response('over TLS'));
     ws.on('connected', (c) => c.send(process.env.AMPT_APP_WEBSOCKET_URL));
     ws.on('message', async (c, data) => {
       if (data !== 'fetch') return c.send(data);
       const response = await fetch(process.env.AMPT_URL + '/hello');
       await c.send(`fetched ${await response.text()}`);
     });";

type SecureSocket = tungstenite::WebSocket<StreamOwned<ClientConnection, TcpStream>>;

fn authority(app: &App) -> PathBuf {
    app.path(".ampt-ws/tls/authority.pem")
}

/// A WebSocket over TLS that trusts these authorities, and speaks to `host`.
fn dial(dev: &Dev, roots: RootCertStore, host: &str) -> Result<SecureSocket, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(dev.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let url = format!("wss://{host}:{}/", dev.port());
    let shaken = tungstenite::client(url, StreamOwned::new(connection, stream));
    shaken.map(|(socket, _)| socket).map_err(|e| e.to_string())
}

fn trusting(app: &App) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(authority(app)).unwrap();
    roots.add(authority).unwrap();
    roots
}

fn text(socket: &mut SecureSocket) -> String {
    match socket.read().unwrap() {
        Message::Text(text) => text.to_string(),
        other => panic!("not a text: {other:?}"),
    }
}

#[test]
fn wss_and_https_are_served_on_one_port() {
    let app = App::esm(ECHO);
    let dev = app.dev(&["--tls"]);
    let ws_url = dev.fact("wsUrl").to_owned();
    assert_eq!(ws_url, format!("wss://127.0.0.1:{}", dev.port()));
    assert_eq!(dev.fact("url"), ws_url.replace("wss", "https"));
    for host in ["127.0.0.1", "localhost"] {
        let mut socket = dial(&dev, trusting(&app), host).unwrap();
        assert_eq!(text(&mut socket), ws_url);
        for message in ["hello", &"x".repeat(30_000)] {
            socket.send(Message::text(message)).unwrap();
            assert_eq!(text(&mut socket), message);
        }
        socket.send(Message::text("fetch")).unwrap();
        assert_eq!(
            text(&mut socket),
            "fetched over TLS",
            "the app's Node trusts it"
        );
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    }
    dev.wait_for_all(2, json!({ "event": "disconnected", "code": 1005 }));
}

#[test]
fn ends_are_told_over_tls_too() {
    let app = App::esm(ECHO);
    let dev = app.dev(&["--tls", "--no-limits"]);
    let mut closed = dial(&dev, trusting(&app), "localhost").unwrap();
    text(&mut closed);
    assert_eq!(app.verb(&["close", "--all"]).code, Some(0));
    match closed.read().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1000),
        other => panic!("not a close frame: {other:?}"),
    }
    drop(closed);
    let mut vanishing = dial(&dev, trusting(&app), "localhost").unwrap();
    text(&mut vanishing);
    drop(vanishing);
    dev.wait_for(json!({ "event": "disconnected", "code": 1006 }));
    let mut binary = dial(&dev, trusting(&app), "localhost").unwrap();
    text(&mut binary);
    binary.send(Message::binary(vec![1])).unwrap();
    match binary.read().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1003),
        other => panic!("not a close frame: {other:?}"),
    }
}

#[test]
fn node_curl_and_connect_trust_it_as_they_are_told() {
    let app = App::esm(ECHO).file(
        "client.cjs",
        "const url = process.argv[2];
         require('https').get(`${url}/hello`, (response) => {
           response.on('data', (chunk) => process.stdout.write(`${response.statusCode} ${chunk}`));
         });",
    );
    let dev = app.dev(&["--tls"]);
    let url = dev.fact("url").to_owned();
    let told = |beginning: &str| {
        let line = dev.wait_for(|e: &Value| {
            e["event"] == "log" && e["text"].as_str().is_some_and(|t| t.starts_with(beginning))
        });
        line["text"].as_str().unwrap().to_owned()
    };
    let file = authority(&app).display().to_string();
    assert!(told("Node:").contains(&format!("NODE_EXTRA_CA_CERTS={file} ")));
    assert!(told("curl:").contains(&format!("--cacert {file} {url}")));
    assert!(told("Chromium:").contains(&file));

    let node = |trust: &str| {
        let mut command = Command::new("node");
        command.arg(app.path("client.cjs")).arg(&url);
        command.env("NODE_EXTRA_CA_CERTS", trust).output().unwrap()
    };
    assert_eq!(node(&file).stdout, b"200 over TLS");
    assert!(!node("").status.success(), "nobody trusts it without");

    let hello = format!("{url}/hello");
    let curl = Command::new("curl")
        .args(["-sS", "--cacert", &file, &hello])
        .output();
    if let Ok(curl) = curl {
        assert_eq!(curl.stdout, b"over TLS", "{curl:?}");
    }

    let connected = app.verb(&["connect", "-x", "hello"]);
    assert_eq!(connected.code, Some(0), "{connected:?}");
    assert!(connected.stdout.ends_with("hello\n"), "{connected:?}");
}

#[test]
fn who_does_not_trust_it_or_speaks_no_tls_holds_up_nobody() {
    let app = App::esm(ECHO);
    let dev = app.dev(&["--tls"]);
    assert!(dial(&dev, RootCertStore::empty(), "localhost").is_err());
    let mut silent = dev.socket();
    silent.write(b"\x16\x03\x01");
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", dev.address());
    let answer = dev.request(&request);
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("wss:// or https://"), "{answer:?}");
    let mut socket = dial(&dev, trusting(&app), "localhost").unwrap();
    text(&mut socket);
    assert_eq!(dev.stop().code, Some(0));
}

#[test]
fn the_certificate_is_kept_privately_and_used_again() {
    let app = App::new();
    let stopped = app.dev(&["--tls"]).stop();
    assert!(
        stopped.stdout.contains("made a new certificate"),
        "{stopped:?}"
    );
    let first = app.read(".ampt-ws/tls/authority.pem");
    for file in ["authority.pem", "server.pem", "about.json"] {
        let file = app.path(".ampt-ws/tls").join(file);
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let stopped = app.dev(&["--tls", "--fresh"]).stop();
    assert!(!stopped.stdout.contains("made a new certificate"));
    assert_eq!(app.read(".ampt-ws/tls/authority.pem"), first);
    let dev = app.dev(&["--tls", "--allow-host", "my.test"]);
    assert_ne!(
        app.read(".ampt-ws/tls/authority.pem"),
        first,
        "for another name"
    );
    dial(&dev, trusting(&app), "my.test").unwrap();
}
