//! `ampt-ws dev --record`.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{App, Dev};

/// A chat whose messages have ids and times.
const CHAT: &str = r#"
import { ws } from '@ampt/sdk';
import { data } from '@ampt/data';
import { randomUUID } from 'node:crypto';
const others = async () => (await data.get('connection:*')).items.map((item) => item.value.id);
ws.on('connected', async (c) => {
  const name = c.meta.queryStringParameters?.name;
  await data.set(`connection:${c.connectionId}`, { id: c.connectionId, name });
  await c.send(`Hello ${name}, it is ${new Date().toISOString()}, you are ${c.connectionId}`);
});
ws.on('disconnected', async (c) => {
  await data.remove(`connection:${c.connectionId}`);
  for (const id of await others()) await ws.send(id, { left: c.connectionId }, { throwIfNotConnected: false });
});
ws.on('message', async (c, m) => {
  if (m.post) {
    const post = { id: randomUUID(), at: Date.now(), from: c.connectionId, text: m.post };
    await data.set(`post:${post.id}`, post);
    for (const id of await others()) await ws.send(id, post);
  } else if (m.get) {
    await c.send((await data.get(`post:${m.get}`)) ?? 'no such post');
  } else if (m.count) {
    await c.send({ posts: (await data.get('post:*')).items.length });
  } else {
    await c.close();
  }
});
"#;

/// Long enough that what follows is not taken for a part of the same burst.
pub fn pause() {
    std::thread::sleep(Duration::from_millis(60));
}

/// Records into `rec.fixture.json` what `act` does; gives the steps.
pub fn record(app: &App, args: &[&str], act: impl FnOnce(&Dev)) -> Vec<Value> {
    let file = app.path("rec.fixture.json").display().to_string();
    let args = [args, &["--no-limits", "--record", &file]].concat();
    let dev = app.dev(&args);
    act(&dev);
    let output = dev.stop();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stdout.contains("replay them with: ampt-ws test"),
        "{output:?}"
    );
    let fixture: Value = serde_json::from_str(&app.read("rec.fixture.json")).expect("JSON");
    fixture["steps"].as_array().expect("steps").clone()
}

#[track_caller]
pub fn replays(app: &App) {
    let output = app.verb(&["test", "rec.fixture.json"]);
    assert_eq!(
        output.code,
        Some(0),
        "{}\n{}",
        output.stdout,
        app.read("rec.fixture.json")
    );
}

#[test]
fn a_recorded_conversation_replays_and_notices_a_change() {
    let app = App::esm(CHAT);
    let steps = record(&app, &[], |dev| {
        let mut ana = dev.client_at("/?name=ana");
        ana.text();
        pause();
        let mut bob = dev.client_at("/room?name=bob");
        bob.text();
        pause();
        ana.send_json(&json!({"post": "costs ${5}"}));
        ana.json();
        let post = bob.json();
        pause();
        bob.send_json(&json!({"get": post["id"]}));
        bob.json();
        pause();
        for text in ["a", "b"] {
            ana.send_json(&json!({"post": text}));
        }
        for client in [&mut ana, &mut bob] {
            client.json();
            client.json();
        }
        pause();
        ana.close(4000, "done");
        bob.json();
        pause();
        bob.send_json(&json!({"bye": true}));
        assert_eq!(bob.closed().0, 1000);
    });
    assert_eq!(
        steps[0],
        json!({"connect": "ana", "query": {"name": "ana"}})
    );
    assert_eq!(
        steps[1]["message"],
        json!({"$regex": "^Hello ana, it is .+, you are .+$"})
    );
    assert_eq!(
        steps[2],
        json!({"connect": "bob", "path": "/room", "query": {"name": "bob"}})
    );
    let get = json!({"send": "bob", "message": {"get": "${id1}"}});
    assert!(steps.contains(&get), "{steps:#?}");
    replays(&app);
    app.write(
        "index.mjs",
        &CHAT.replace("text: m.post", "text: `${m.post}!`"),
    );
    let broken = app.verb(&["test", "rec.fixture.json"]);
    assert_eq!(broken.code, Some(1));
    assert!(
        broken.stdout.contains("-   \"text\": \"costs ${5}\","),
        "{broken:?}"
    );
    assert!(
        broken.stdout.contains("+   \"text\": \"costs ${5}!\","),
        "{broken:?}"
    );
}

#[test]
fn a_recording_is_for_its_owner_alone_and_an_update_keeps_whose_it_is() {
    let app = App::esm(CHAT);
    record(&app, &[], |dev| {
        let mut ana = dev.client_at("/?name=ana");
        ana.text();
        ana.send_json(&json!({"post": "a secret"}));
        ana.json();
    });
    let file = app.path("rec.fixture.json");
    let mode = || std::fs::metadata(&file).expect("it is there").mode() & 0o777;
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    app.write("index.mjs", &CHAT.replace("text: m.post", "text: 'no'"));
    let updated = app.verb(&["test", "rec.fixture.json", "--update"]);
    assert_eq!(updated.code, Some(0), "{updated:?}");
    assert!(
        !app.read("rec.fixture.json")
            .contains("\"text\": \"a secret")
    );
    assert_eq!(mode(), 0o640);
}

#[test]
fn what_was_done_at_a_terminal_and_what_was_stored_before_are_part_of_it() {
    let app = App::esm(CHAT).file("more.json", r#"[{"key": "post:2", "value": 2}]"#);
    app.verb(&["data", "set", "post:1", "1"]);
    let steps = record(&app, &[], |dev| {
        let mut ana = dev.client_at("/?name=ana");
        ana.text();
        pause();
        for verb in [
            &["import", "more.json"][..],
            &["send", "--all", "from the terminal"],
            &["pause"],
        ] {
            assert_eq!(app.verb(verb).code, Some(0), "{verb:?}");
        }
        assert_eq!(ana.text(), "from the terminal");
        assert_eq!(
            dev.dial("/", &[]).err().map(|refused| refused.status),
            Some(403)
        );
        app.verb(&["resume"]);
        ana.send_json(&json!({"count": true}));
        assert_eq!(ana.json(), json!({"posts": 2}));
        app.verb(&["close", "--all"]);
        assert_eq!(ana.closed().0, 1000);
    });
    for step in [
        json!({"import": "more.json"}),
        json!({"send": "ana", "by": "server", "message": "from the terminal"}),
        json!({"connect": "client1", "expectStatus": 403}),
        json!({"close": "ana", "by": "server"}),
    ] {
        assert!(steps.contains(&step), "no {step} in {steps:#?}");
    }
    replays(&app);
}

#[test]
fn long_messages_are_recorded_whole_and_the_options_kept() {
    let echo = "import { ws } from '@ampt/sdk'; ws.on('message', (c, m) => c.send(m));";
    let app = App::esm(echo);
    let long = "x".repeat(20_000);
    let options = ["--binary", "allow", "--env", "stage", "--subprotocol", "v1"];
    let steps = record(&app, &options, |dev| {
        let headers = [("Sec-WebSocket-Protocol", "v1"), ("X-Room", "7")];
        let mut ana = dev.dial("/", &headers).expect("a connection");
        assert_eq!(ana.ask(&long), long);
        pause();
        ana.send_frame(tokio_tungstenite::tungstenite::Message::binary(vec![
            1, 2, 3,
        ]));
        assert_eq!(ana.text(), "AQID");
    });
    assert_eq!(
        steps[0],
        json!({"connect": "client1", "headers": {"X-Room": "7"}, "subprotocol": "v1"})
    );
    assert_eq!(steps[2]["message"], json!(long));
    assert_eq!(steps[3], json!({"send": "client1", "binary": "AQID"}));
    replays(&app);
}

#[test]
fn a_file_that_is_there_is_not_overwritten() {
    let app = App::esm(CHAT).file("rec.fixture.json", "mine");
    let file = app.path("rec.fixture.json").display().to_string();
    let output = app.start(&["--record", &file]).wait();
    assert_eq!(output.code, Some(2));
    assert!(output.stdout.contains("is there already"), "{output:?}");
    assert_eq!(app.read("rec.fixture.json"), "mine");
    let nowhere = app.start(&["--record", "no/such/folder/x.json"]).wait();
    assert_eq!(nowhere.code, Some(2));
}
