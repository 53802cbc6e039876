//! Bytes that mean harm: nothing crashes, nothing leaks, nobody else is held up.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, waitpid};
use serde_json::{Value, json};

use crate::access::{UPGRADE, head};
use crate::messages::masked;
use crate::support::{App, Dev, PATIENCE, Random, descriptors, meanwhile, memory_kb, seed_or};

const ECHO: &str = "import { ws } from '@ampt/sdk'; ws.on('message', (c, d) => c.send(d));";

/// Longest that another client may wait for its echo meanwhile; far below the handshake's limit.
const DELAY: Duration = Duration::from_secs(5);

/// What requests are mixed of, besides their own bytes.
const SPICE: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\0",
    b"\xff\xfe",
    b": ",
    b"Host: rebound.example\r\n",
    b"Host: 127.0.0.1\r\n",
    b"Origin: null\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Upgrade: websocket, h2c\r\n",
    b"Connection: close, Upgrade\r\n",
    b"Sec-WebSocket-Protocol: ,,,\r\n",
    b"Sec-WebSocket-Version: 13\r\n",
    b"GET /?%00=%ff&%=%zz HTTP/1.1\r\n",
    b"/@connections/%2e%2e%2f",
    b"http://[::1",
    b"HTTP/9.9",
    b"\x81\x85aaaaHello",
    b"\x88\x80aaaa",
];

/// A good request with some of its bytes changed, moved, left out, repeated.
fn mutated(random: &mut Random, host: &str) -> Vec<u8> {
    let host = format!("Host: {host}");
    let lines: Vec<&str> = [&[host.as_str()], &UPGRADE[..]].concat();
    let plain = [
        head("GET /?name=ana HTTP/1.1", &lines),
        head(
            "POST /@connections/AAAAAAAAAAAAAAA= HTTP/1.1",
            &[&host, "Content-Length: 3"],
        ),
        head("GET / HTTP/1.1", &[&host, "Connection: close"]),
    ];
    let mut bytes = plain[random.below(plain.len())].clone().into_bytes();
    if random.below(40) == 0 {
        return random.bytes(2_000);
    }
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let length = random.below(24).min(bytes.len() - at);
        match random.below(7) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let again = bytes[at..at + length].to_vec();
                bytes.splice(at..at, again);
            }
            4 => drop(bytes.splice(at..at, random.pick(SPICE).iter().copied())),
            5 => bytes.truncate(at),
            _ => {
                let much = vec![random.next() as u8; random.below(20_000)];
                bytes.splice(at..at, much);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Sends bytes, some of them in two pieces, and reads to the end what comes back.
fn exchange(address: SocketAddr, bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the sandbox listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let (first, second) = bytes.split_at(random.below(bytes.len() + 1));
    // It may have given up on us already: that shows in what can be read.
    let _ = stream
        .write_all(first)
        .and_then(|()| stream.write_all(second));
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("no end after {:?}", String::from_utf8_lossy(bytes))
        }
        _ => answer,
    }
}

/// Fuzzes handshakes on four threads; the requests follow from the seed.
fn fuzz(dev: &Dev, requests: usize, seed: u64) {
    const THREADS: usize = 4;
    let address = dev.address();
    let host = address.to_string();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let host = &host;
            scope.spawn(move || {
                let mut random = Random::new(seed + (thread as u64) * 1_000_003);
                for number in 0..requests / THREADS {
                    let bytes = mutated(&mut random, host);
                    let answer = exchange(address, &bytes, &mut random);
                    let status = answer
                        .get(..12)
                        .map(|s| String::from_utf8_lossy(s).into_owned());
                    let known = [
                        "101", "100", "400", "403", "404", "405", "413", "414", "417", "426",
                        "431", "505",
                    ];
                    let fine = match &status {
                        None => answer.is_empty(),
                        Some(status) => {
                            status.starts_with("HTTP/1.") && known.contains(&&status[9..])
                        }
                    };
                    assert!(
                        fine,
                        "seed {seed}, thread {thread}, request {number}: {:?} gave {:?}",
                        String::from_utf8_lossy(&bytes),
                        String::from_utf8_lossy(&answer)
                    );
                }
            });
        }
    });
}

/// Has a client ask for its echo again and again while `work` is done; the longest wait.
fn with_witness(dev: &Dev, work: impl FnOnce()) -> Duration {
    let mut witness = dev.client();
    let mut longest = Duration::ZERO;
    meanwhile(work, || {
        let asked = Instant::now();
        assert_eq!(witness.ask("still there?"), "still there?");
        longest = longest.max(asked.elapsed());
        // Its own traffic is not what is tested.
        thread::sleep(Duration::from_millis(5));
    });
    longest
}

/// Waits until no more descriptors are open than before.
fn has_closed(dev: &Dev, before: usize) {
    let deadline = Instant::now() + PATIENCE;
    while descriptors(dev.pid()) > before {
        assert!(
            Instant::now() < deadline,
            "{} open, {before} before",
            descriptors(dev.pid())
        );
        thread::yield_now();
    }
}

fn stays_healthy(requests: usize, seed: u64, growth_kb: usize) {
    let app = App::esm(ECHO);
    // Without a spare worker, whose descriptors would count as a leak.
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    fuzz(&dev, requests / 10, seed ^ 1);
    let waited = with_witness(&dev, || {
        let (open, used) = (descriptors(dev.pid()), memory_kb(dev.pid()));
        fuzz(&dev, requests, seed);
        has_closed(&dev, open);
        let grown = memory_kb(dev.pid()).saturating_sub(used);
        eprintln!("{requests} requests: {used} kB before, {grown} kB more after");
        assert!(grown < growth_kb, "{used} kB before, {grown} kB more after");
    });
    assert!(waited < DELAY, "a client waited {waited:?}");
    assert_eq!(dev.stop().code, Some(0));
}

#[test]
fn mutated_requests_do_no_harm() {
    stays_healthy(2_000, 20_250_101, 16 * 1024);
}

#[test]
#[ignore = "takes a minute or two: cargo test --release -- --ignored torture"]
fn torture_of_a_hundred_thousand_mutated_requests_does_no_harm() {
    stays_healthy(100_000, seed_or(7), 16 * 1024);
}

#[test]
fn random_bytes_for_frames_do_no_harm() {
    let app = App::esm(ECHO);
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let mut random = Random::new(42);
    let waited = with_witness(&dev, || {
        let open = descriptors(dev.pid());
        for _ in 0..200 {
            let mut client = dev.client();
            for _ in 0..=random.below(3) {
                let mut frame = masked(random.next() as u8, &random.bytes(300));
                if random.below(2) == 0 {
                    let at = random.below(frame.len());
                    frame[at] = random.next() as u8;
                }
                // Refused after the first of them, perhaps.
                let _ = client.stream().write_all(&frame);
            }
            let _ = client.stream().shutdown(Shutdown::Write);
            client.finish();
        }
        has_closed(&dev, open);
    });
    assert!(waited < DELAY, "a client waited {waited:?}");
    let told = dev.wait_for_all(200, json!({ "event": "disconnected" }));
    assert_eq!(told.len(), 200, "each is told");
}

#[test]
fn clients_that_send_much_at_once_take_turns() {
    let app = App::esm(ECHO);
    let dev = app.dev(&["--no-limits", "--no-watch"]);
    let mut clients = [dev.client(), dev.client()];
    for client in &mut clients {
        client.ask("hello");
    }
    // Both floods must stand at the gateway before it looks at either.
    dev.signal(Signal::STOP);
    let pid = i32::try_from(dev.pid()).ok().and_then(Pid::from_raw);
    waitpid(pid, WaitOptions::UNTRACED).expect("a child of ours");
    let flood = masked(0x81, b"x").repeat(500);
    for client in &mut clients {
        client.stream().write_all(&flood).expect("room for it");
    }
    dev.signal(Signal::CONT);
    let told = dev.wait_for_all(1002, json!({ "event": "message" }));
    let early = &told[2..202];
    for client in &clients {
        let is_its = |event: &&Value| event["connectionId"] == client.id.as_str();
        assert!(early.iter().any(|e| is_its(&e)), "it waited for the other");
    }
}

#[test]
fn who_does_not_finish_a_handshake_is_dropped_in_time() {
    let app = App::esm(ECHO);
    let dev = app.dev(&["--handshake-timeout", "400ms", "--no-limits", "--no-watch"]);
    let open = descriptors(dev.pid());
    let request = head("GET / HTTP/1.1", &UPGRADE);
    let half = &request.as_bytes()[..40];
    let mut silent = dev.socket();
    let mut stuck = dev.socket();
    stuck.write(half);
    let mut trickling: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(dev.address()).unwrap())
        .collect();
    let began = Instant::now();
    let waited = with_witness(&dev, || {
        // One byte every now and then: the limit is for the whole, not for each byte.
        for byte in request.bytes().cycle() {
            trickling.retain_mut(|stream| {
                let gone = |e: &std::io::Error| e.kind() != std::io::ErrorKind::WouldBlock;
                stream.set_nonblocking(true).unwrap();
                let ended = match stream.read(&mut [0; 512]) {
                    Ok(read) => read == 0,
                    Err(error) => gone(&error),
                };
                !ended && stream.write(&[byte]).is_ok()
            });
            if trickling.is_empty() {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "they are still connected");
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert!(silent.end().is_empty() && stuck.end().is_empty());
    assert!(began.elapsed() >= Duration::from_millis(400));
    assert!(waited < DELAY, "a client waited {waited:?}");
    has_closed(&dev, open);
    // An open socket does not count as an unfinished handshake.
    let mut client = dev.client();
    assert_eq!(client.ask("later"), "later");
}

#[test]
fn sends_to_a_client_that_reads_nothing_are_refused_and_hold_up_nobody() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         ws.on('message', async (c, data) => {
           if (data !== 'flood') return c.send(data);
           try {
             for (;;) {
               await c.send('x'.repeat(100000));
               await new Promise(setImmediate);
             }
           } catch (e) { console.log('refused:', e.message); }
         });",
    );
    let dev = app.dev(&["--no-limits"]);
    let waited = with_witness(&dev, || {
        let mut deaf = dev.client();
        deaf.send("flood");
        dev.wait_for(|e: &serde_json::Value| {
            e["text"]
                .as_str()
                .is_some_and(|text| text.starts_with("refused:"))
        });
    });
    assert!(waited < DELAY, "a client waited {waited:?}");
}

#[test]
fn control_characters_from_clients_never_reach_the_terminal_as_such() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk'; ws.on('message', (c, d) => console.log('got', d));",
    );
    let dev = app.start_at(app.dir(), &[], |command| {
        // As people see it, in a pipe.
        let args: Vec<_> = command
            .get_args()
            .filter(|a| *a != "--json")
            .map(Into::into)
            .collect();
        let mut plain = app.command();
        plain.args::<Vec<std::ffi::OsString>, _>(args);
        *command = plain;
    });
    let url = dev.wait_for(|e: &serde_json::Value| e.to_string().contains("ws://127.0.0.1:"));
    let said = url.to_string();
    let port: String = said
        .split("ws://127.0.0.1:")
        .nth(1)
        .unwrap()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m";
    let mut client =
        crate::support::dial(address, "/?name=%1b%5b2J%07", &[("user-agent", "a\tb")]).unwrap();
    client.send(evil);
    client.close(1000, "\u{1b}[2Jbye");
    dev.wait_for(|e: &serde_json::Value| e.to_string().contains("bye"));
    dev.signal(rustix::process::Signal::INT);
    let output = dev.wait();
    let printed = format!("{}{}", output.stdout, output.stderr);
    assert!(printed.contains("owned"), "{printed}");
    let bad = |c: char| c.is_control() && c != '\n';
    let found = printed.replace("\\n", "").chars().find(|c| bad(*c));
    assert_eq!(found, None, "{printed:?}");
}

/// A client that got through a handshake of many odd but allowed kinds.
#[test]
fn odd_but_allowed_handshakes_are_accepted() {
    let app = App::esm(ECHO);
    let dev = app.dev(&["--no-limits"]);
    let host = format!("Host: {}", dev.address());
    for (first, lines) in [
        (
            "GET / HTTP/1.1",
            ["connection: keep-alive, upgrade", "upgrade: WebSocket"],
        ),
        (
            "GET /a/b/../c?x=1#y HTTP/1.1",
            ["Connection: Upgrade", "Upgrade: websocket/13, websocket"],
        ),
        (
            "GET * HTTP/1.1",
            ["Connection: close,Upgrade", "UPGRADE: websocket"],
        ),
        (
            "GET /%zz?%zz=%ff&&=& HTTP/1.1",
            ["Connection:upgrade", "Upgrade:websocket"],
        ),
    ] {
        let all = [&[host.as_str()], &lines[..], &UPGRADE[2..]].concat();
        let mut socket = dev.socket();
        socket.write(head(first, &all).as_bytes());
        assert_eq!(socket.response().status, 101, "{first}");
        socket.write(&masked(0x81, b"hi"));
        assert_eq!(socket.bytes(4), b"\x81\x02hi", "{first}");
    }
    // The first frames may come together with the request.
    let all = [&[host.as_str()], &UPGRADE[..]].concat();
    let mut socket = dev.socket();
    let together = [
        head("GET / HTTP/1.1", &all).into_bytes(),
        masked(0x81, b"early"),
    ]
    .concat();
    socket.write(&together);
    assert_eq!(socket.response().status, 101);
    assert_eq!(socket.bytes(7), b"\x81\x05early");
}
