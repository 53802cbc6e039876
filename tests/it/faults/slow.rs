//! Slow and hostile clients: others hardly notice, memory is bounded and given back, descriptors too.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::access::{UPGRADE, head};
use crate::messages::masked;
use crate::support::{App, Client, Dev, descriptors, eventually, meanwhile, memory_kb};

const ECHO: &str = "import { ws } from '@ampt/sdk';
     ws.on('message', async (c, data) => {
       if (!data.flood) return c.send(String(data));
       try {
         for (;;) {
           await c.send('x'.repeat(100000));
           await new Promise(setImmediate);
         }
       } catch (e) { console.log('refused', c.connectionId); }
     });";

/// Round trips may take so many times what they take in a sandbox that is left alone at the same
/// moment, and this much more: both share this machine's two or so cores with whatever else runs.
const FACTOR: u32 = 25;
const ALLOWANCE: Duration = Duration::from_millis(50);

/// What a sandbox may hold more than before, in kilobytes: an allocator keeps some of what it had.
const KEPT_KB: usize = 24 * 1024;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn round_trip(client: &mut Client) -> Duration {
    let asked = Instant::now();
    assert_eq!(client.ask("still there?"), "still there?");
    asked.elapsed()
}

/// A frame that the gateway answers without the app, so that no limit applies.
fn ping(client: &mut Client) -> Duration {
    let asked = Instant::now();
    client.send_frame(Message::Ping(Default::default()));
    while !matches!(client.next(), Message::Pong(_)) {}
    asked.elapsed()
}

/// Does `work` while another client makes round trips, and compares them with those that are made in
/// turn with them in an idle sandbox: a busy machine slows both.
fn others_hardly_notice(dev: &Dev, trip: fn(&mut Client) -> Duration, work: impl FnOnce()) {
    let idle_app = App::esm(ECHO);
    let idle_dev = idle_app.dev_without_messages(&["--no-limits", "--no-watch"]);
    let (mut witness, mut idle_witness) = (dev.client(), idle_dev.client());
    let (mut busy, mut idle) = (Vec::new(), Vec::new());
    meanwhile(work, || {
        busy.push(trip(&mut witness));
        idle.push(trip(&mut idle_witness));
        // Their own traffic is not what is tested.
        thread::sleep(Duration::from_millis(2));
    });
    let count = busy.len();
    let (busy, idle) = (median(busy), median(idle));
    eprintln!("{count} round trips each: {busy:?} here, {idle:?} in an idle sandbox");
    assert!(
        busy < idle * FACTOR + ALLOWANCE,
        "{busy:?} here, {idle:?} in an idle sandbox"
    );
}

/// Waits until descriptors and memory are back to what they were before.
fn gives_back(dev: &Dev, (open, used): (usize, usize)) {
    eventually("descriptors are back", || descriptors(dev.pid()) <= open);
    eventually("memory is back", || memory_kb(dev.pid()) < used + KEPT_KB);
    eprintln!(
        "memory: {used} kB before, {} kB after",
        memory_kb(dev.pid())
    );
}

fn held(dev: &Dev) -> (usize, usize) {
    (descriptors(dev.pid()), memory_kb(dev.pid()))
}

#[test]
fn clients_that_never_read_cost_bounded_memory_which_comes_back() {
    let app = App::esm(ECHO);
    let dev = app.dev_without_messages(&["--no-limits", "--no-watch"]);
    let before = held(&dev);
    others_hardly_notice(&dev, round_trip, || {
        let deaf: Vec<Client> = (0..20).map(|_| dev.client()).collect();
        let deaf = deaf.into_iter().map(|mut client| {
            client.send(r#"{"flood":true}"#);
            client
        });
        let deaf: Vec<Client> = deaf.collect();
        dev.wait_for_all(deaf.len(), |e: &Value| {
            e["text"].as_str().is_some_and(|t| t.starts_with("refused"))
        });
        // A client counts as slow from 1 MB on; what was on its way then may come on top.
        let most = before.1 + deaf.len() * 4 * 1024 + KEPT_KB;
        assert!(
            memory_kb(dev.pid()) < most,
            "{before:?}, {} kB",
            memory_kb(dev.pid())
        );
    });
    gives_back(&dev, (before.0 + 1, before.1));
    assert_eq!(dev.stop().code, Some(0));
}

/// Sends numbered texts of sizes on both sides of every bound, as fast as the client takes them: it
/// lets the worker hear in between that the client does not.
const NUMBERED: &str = "import { ws } from '@ampt/sdk';
     const sizes = [1, 150, 2500, 8500, 35000];
     let told = false;
     ws.on('message', { timeout: 60000 }, async (c, count) => {
       for (let n = 0; n < count; n++) {
         if (n % 10 === 0) await new Promise(setImmediate);
         const text = JSON.stringify({ n, pad: 'ä'.repeat(sizes[n % sizes.length]) });
         while (!(await c.send(text).then(() => true, () => false))) {
           if (!told) console.log('refused');
           told = true;
           await new Promise((resolve) => setTimeout(resolve, 2));
         }
       }
     });";

#[test]
fn what_a_full_socket_did_not_take_comes_whole_and_in_order() {
    const COUNT: u64 = 1000;
    const SIZES: [usize; 5] = [1, 150, 2500, 8500, 35000];
    let app = App::esm(NUMBERED);
    let dev = app.dev_without_messages(&["--no-limits", "--no-watch"]);
    let mut client = dev.client();
    client.send(&COUNT.to_string());
    let mut pings = 0_u32;
    let mut send_pings = |client: &mut Client| {
        for _ in 0..10 {
            pings += 1;
            client.send_frame(Message::Ping(pings.to_be_bytes().to_vec().into()));
        }
        pings
    };
    send_pings(&mut client);
    dev.wait_for_all(1, |e: &Value| e["text"] == "refused");
    // The answers to these meet the rest of a frame that did not fit.
    send_pings(&mut client);
    let (mut texts, mut pongs) = (0, 0_u32);
    let mut pinged = 20;
    while texts < COUNT || pongs < pinged {
        match client.next() {
            Message::Text(text) => {
                let data: Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(data["n"], texts);
                let pad = data["pad"].as_str().expect("a text");
                let size = SIZES[usize::try_from(texts).expect("small") % SIZES.len()];
                assert_eq!(pad.chars().filter(|c| *c == 'ä').count(), size);
                texts += 1;
                if texts % 100 == 0 {
                    pinged = send_pings(&mut client);
                }
            }
            Message::Pong(number) => {
                pongs = u32::from_be_bytes(number.as_ref().try_into().expect("a number"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(dev.stop().code, Some(0));
}

/// No traffic and no FIN, as after a cable was pulled: one client with nothing on the way to it, and
/// one that was being sent to, whose buffers are full.
#[test]
fn clients_that_are_not_heard_of_any_more_are_given_up() {
    let gone = "ws.on('disconnected', (c, why) => console.log('gone', c.connectionId, why));";
    let app = App::esm(&format!("{ECHO}\n{gone}"));
    let dev = app.dev_without_messages(&["--no-limits", "--no-watch"]);
    let before = held(&dev);
    let ends: [&[&str]; 2] = [&["clock", "advance", "10m"], &["stop"]];
    for end in ends {
        let (silent, mut deaf) = (dev.client(), dev.client());
        deaf.send(r#"{"flood":true}"#);
        dev.wait_for_line(&format!("refused {}", deaf.id));
        let ended = app.verb(end);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for client in [&silent, &deaf] {
            let line = format!("gone {} Going away", client.id);
            dev.wait_for_line(&line);
            let all = dev
                .lines()
                .into_iter()
                .filter(|l| l.contains(&client.id) && l.starts_with("gone"));
            assert_eq!(all.count(), 1);
        }
        if end != ["stop"] {
            gives_back(&dev, before);
        }
        // Only now do the clients close their ends.
        drop((silent, deaf));
    }
    assert_eq!(dev.wait().code, Some(0));
}

#[test]
fn clients_that_send_byte_by_byte_are_served_in_the_end() {
    let app = App::esm(ECHO);
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let before = held(&dev);
    others_hardly_notice(&dev, round_trip, || {
        let host = format!("Host: {}", dev.address());
        let lines: Vec<&str> = [&[host.as_str()], &UPGRADE[..]].concat();
        let request = head("GET / HTTP/1.1", &lines);
        let frames = masked(0x81, b"slow but whole");
        let mut clients: Vec<TcpStream> = (0..30)
            .map(|_| TcpStream::connect(dev.address()).expect("the sandbox listens"))
            .collect();
        // A whole second for each byte would only make the test longer.
        for byte in request.bytes().chain(frames) {
            for client in &mut clients {
                client.set_nodelay(true).expect("a socket");
                client.write_all(&[byte]).expect("it is still connected");
            }
            thread::sleep(Duration::from_millis(3));
        }
        for client in &mut clients {
            let mut answer = Vec::new();
            while !answer.ends_with(b"slow but whole") {
                let mut bytes = [0; 512];
                let read = client.read(&mut bytes).expect("an answer");
                assert!(read > 0, "ended: {}", String::from_utf8_lossy(&answer));
                answer.extend_from_slice(&bytes[..read]);
            }
        }
    });
    gives_back(&dev, before);
}

#[test]
fn a_flood_above_the_rate_is_throttled_and_holds_up_nobody() {
    let app = App::esm(ECHO);
    let dev = app.dev_without_messages(&["--rate", "50", "--burst", "20", "--no-watch"]);
    let before = held(&dev);
    others_hardly_notice(&dev, ping, || {
        // Before the flood: new connections take from the same bucket.
        let clients: Vec<Client> = (0..4).map(|_| dev.client()).collect();
        thread::scope(|scope| {
            for mut client in clients {
                scope.spawn(move || {
                    let mut listening = client.stream().try_clone().expect("a socket");
                    // It reads what it is told, or would be a client that never reads.
                    thread::spawn(move || {
                        let mut bytes = [0; 64 * 1024];
                        while listening.read(&mut bytes).is_ok_and(|read| read > 0) {}
                    });
                    for n in 0..5_000 {
                        client.send(&n.to_string());
                    }
                    client.vanish();
                });
            }
        });
        dev.wait_for(json!({ "event": "throttled" }));
        let used = memory_kb(dev.pid());
        assert!(used < before.1 + KEPT_KB, "{before:?}, {used} kB");
    });
    gives_back(&dev, before);
}

fn connects_and_disconnects(times: usize, threads: usize) {
    let app = App::esm(ECHO);
    let dev = app.dev_without_messages(&["--no-limits", "--no-watch"]);
    let come_and_go = |times: usize| {
        thread::scope(|scope| {
            for thread in 0..threads {
                let address = dev.address();
                scope.spawn(move || {
                    for n in 0..times / threads {
                        let mut client = crate::support::dial(address, "/", &[]).expect("let in");
                        match (n + thread) % 4 {
                            0 => client.close(1000, "bye"),
                            1 => client.vanish(),
                            2 => client.reset(),
                            _ => {
                                client.send("half a word");
                                drop(client);
                            }
                        }
                    }
                });
            }
        });
    };
    // What grows once, grows now.
    come_and_go(times / 10);
    let before = held(&dev);
    others_hardly_notice(&dev, round_trip, || come_and_go(times));
    gives_back(&dev, before);
    let all = times / 10 / threads * threads + times / threads * threads + 1;
    for event in ["connected", "disconnected"] {
        dev.wait_for_all(all, json!({ "event": event }));
        assert_eq!(dev.events(json!({ "event": event })).len(), all, "{event}");
    }
    assert_eq!(dev.stop().code, Some(0));
}

#[test]
fn connecting_and_disconnecting_leaves_nothing_behind() {
    connects_and_disconnects(400, 4);
}

#[test]
#[ignore = "takes a minute: cargo test --release -- --ignored torture"]
fn torture_of_ten_thousand_connects_leaves_nothing_behind() {
    connects_and_disconnects(10_000, 8);
}
