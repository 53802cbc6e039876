//! wsload: a lean WebSocket load generator (hand-rolled RFC 6455 client framing on tokio).
//! One JSON line on stdout per run. The client and the server share the machine, so the
//! generator does one read() and one write() per wake-up and no per-message allocation.
use anyhow::{anyhow, bail, Result};
use clap::{Args, Parser, Subcommand};
use hdrhistogram::Histogram;
use serde_json::{json, Value};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    cmd: Cmd,
    #[command(flatten)]
    o: Opt,
}
#[derive(Args, Clone)]
struct Opt {
    /// ws://127.0.0.1:PORT/path
    #[arg(long, global = true, default_value = "ws://127.0.0.1:8080/")]
    url: String,
    #[arg(long, global = true, default_value_t = 1)]
    conns: usize,
    #[arg(long, global = true, default_value_t = 128)]
    size: usize,
    #[arg(long, global = true, default_value_t = 3.0)]
    secs: f64,
    #[arg(long, global = true, default_value_t = 1.0)]
    warmup: f64,
    /// concurrent handshakes while connecting
    #[arg(long, global = true, default_value_t = 64)]
    par: usize,
    /// generator threads
    #[arg(long, global = true, default_value_t = 1)]
    threads: usize,
    /// root pid(s) of the server: their process trees are charged with CPU and RSS
    #[arg(long, global = true)]
    pid: Vec<u32>,
    #[arg(long, global = true, default_value = "")]
    label: String,
    /// several ports on the same host: connections are dealt round-robin (more loopback ports)
    #[arg(long, global = true, default_value_t = 30.0)]
    timeout: f64,
}
#[derive(Subcommand)]
enum Cmd {
    /// closed loop: C connections, W in flight on each
    Echo {
        #[arg(long, default_value_t = 1)]
        inflight: usize,
    },
    /// open loop: R msgs/s in all; latency counted from the intended send time
    Rate {
        #[arg(long)]
        rate: f64,
    },
    /// open C connections as fast as possible, K at a time
    Connect,
    /// open C connections, hold them, report server RSS per connection
    Idle {
        #[arg(long, default_value_t = 2.0)]
        hold: f64,
    },
    /// one sender triggers a broadcast to C receivers
    Fanout {
        #[arg(long, default_value_t = 20)]
        rounds: usize,
    },
}

const MASK: [u8; 4] = [0x5a, 0x13, 0xc7, 0x9e];
const N0: u64 = 1_000_000_000; // ten digits always
struct Frame {
    bytes: Vec<u8>,
    off: usize,
    doff: usize,
}
impl Frame {
    /// A masked text frame holding `<prefix>"n":<10 digits>,"pad":"xx.."}` of `size` bytes.
    fn new(size: usize, prefix: &str) -> Frame {
        let head = format!("{prefix}\"n\":");
        let pad = size.saturating_sub(head.len() + 10 + 8 + 2);
        let mut p = head.clone().into_bytes();
        p.extend_from_slice(b"0000000000,\"pad\":\"");
        p.extend(std::iter::repeat(b'x').take(pad));
        p.extend_from_slice(b"\"}");
        let mut bytes = vec![0x81];
        match p.len() {
            n if n < 126 => bytes.push(0x80 | n as u8),
            n if n < 65536 => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(n as u16).to_be_bytes())
            }
            n => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&(n as u64).to_be_bytes())
            }
        }
        bytes.extend_from_slice(&MASK);
        let off = bytes.len();
        bytes.extend(p.iter().enumerate().map(|(i, b)| b ^ MASK[i & 3]));
        Frame {
            bytes,
            off: off + head.len(),
            doff: head.len(),
        }
    }
    fn put(&mut self, n: u64, out: &mut Vec<u8>) {
        let mut v = n + N0;
        for i in (0..10).rev() {
            self.bytes[self.off + i] = (b'0' + (v % 10) as u8) ^ MASK[(self.doff + i) & 3];
            v /= 10;
        }
        out.extend_from_slice(&self.bytes);
    }
}
fn parse_n(p: &[u8]) -> Option<u64> {
    let i = p.windows(4).take(64).position(|w| w == b"\"n\":")? + 4;
    let mut v = 0u64;
    for b in p[i..].iter().take_while(|b| b.is_ascii_digit()) {
        v = v * 10 + (b - b'0') as u64
    }
    v.checked_sub(N0)
}

struct Rx {
    buf: Vec<u8>,
    start: usize,
    end: usize,
}
impl Rx {
    fn new() -> Rx {
        Rx {
            buf: vec![0; 4096],
            start: 0,
            end: 0,
        }
    }
    /// Hands each complete data frame to `f`; true when the peer closed.
    fn drain(&mut self, mut f: impl FnMut(&[u8])) -> bool {
        loop {
            let b = &self.buf[self.start..self.end];
            if b.len() < 2 {
                break;
            }
            let (op, l7) = (b[0] & 15, (b[1] & 127) as usize);
            let (h, len) = match l7 {
                126 if b.len() >= 4 => (4, u16::from_be_bytes([b[2], b[3]]) as usize),
                127 if b.len() >= 10 => (
                    10,
                    u64::from_be_bytes(b[2..10].try_into().unwrap()) as usize,
                ),
                126 | 127 => break,
                n => (2, n),
            };
            if b.len() < h + len {
                if self.buf.len() < h + len {
                    self.buf.resize(h + len + 4096, 0)
                }
                break;
            }
            match op {
                1 | 2 => f(&b[h..h + len]),
                8 => return true,
                _ => {}
            }
            self.start += h + len;
        }
        if self.start == self.end {
            self.start = 0;
            self.end = 0
        } else if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0
        }
        false
    }
    async fn fill(&mut self, s: &mut (impl AsyncReadExt + Unpin)) -> Result<()> {
        let n = s.read(&mut self.buf[self.end..]).await?;
        if n == 0 {
            bail!("eof")
        }
        self.end += n;
        // grow when a read filled the buffer: fewer syscalls for deep pipelines
        if self.end == self.buf.len() && self.buf.len() < 65536 {
            let l = self.buf.len() * 4;
            self.buf.resize(l, 0)
        }
        Ok(())
    }
}

fn split(url: &str) -> (String, String) {
    let r = url.strip_prefix("ws://").unwrap_or(url);
    match r.find('/') {
        Some(i) => (r[..i].into(), r[i..].into()),
        None => (r.into(), "/".into()),
    }
}
async fn open(host: &str, path: &str) -> Result<(TcpStream, Rx)> {
    let mut s = TcpStream::connect(host).await?;
    s.set_nodelay(true)?;
    let req = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    s.write_all(req.as_bytes()).await?;
    let mut rx = Rx::new();
    loop {
        rx.fill(&mut s).await?;
        let b = &rx.buf[..rx.end];
        if let Some(i) = b.windows(4).position(|w| w == b"\r\n\r\n") {
            if !b.starts_with(b"HTTP/1.1 101") {
                bail!("{}", String::from_utf8_lossy(&b[..b.len().min(60)]))
            }
            rx.start = i + 4;
            return Ok((s, rx));
        }
    }
}
/// Opens `n` connections, `par` handshakes at a time. Returns them, the time it took, latencies and failures.
async fn open_all(o: &Opt, n: usize) -> (Vec<(TcpStream, Rx)>, f64, Histogram<u64>, usize) {
    let (host, path) = split(&o.url);
    let next = Arc::new(AtomicUsize::new(0));
    let t0 = Instant::now();
    let mut js = vec![];
    for _ in 0..o.par.min(n) {
        let (next, host, path) = (next.clone(), host.clone(), path.clone());
        js.push(tokio::spawn(async move {
            let (mut v, mut lat, mut bad) = (vec![], vec![], 0);
            while next.fetch_add(1, Relaxed) < n {
                let t = Instant::now();
                match tokio::time::timeout(Duration::from_secs(20), open(&host, &path)).await {
                    Ok(Ok(c)) => {
                        lat.push(t.elapsed().as_micros() as u64);
                        v.push(c)
                    }
                    e => {
                        if bad == 0 {
                            eprintln!("connect: {:?}", e.map(|r| r.err()))
                        }
                        bad += 1
                    }
                }
            }
            (v, lat, bad)
        }));
    }
    let (mut all, mut h, mut bad) = (vec![], hist(), 0);
    for j in js {
        let (v, l, b) = j.await.unwrap();
        all.extend(v);
        l.into_iter().for_each(|x| h.saturating_record(x));
        bad += b;
    }
    (all, t0.elapsed().as_secs_f64(), h, bad)
}
fn hist() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).unwrap()
}
fn q(h: &Histogram<u64>, div: f64) -> Value {
    let f = |p: f64| (h.value_at_quantile(p) as f64 / div * 10.0).round() / 10.0;
    json!({"p50": f(0.5), "p99": f(0.99), "p999": f(0.999), "max": (h.max() as f64 / div * 10.0).round() / 10.0, "mean": (h.mean() / div * 10.0).round() / 10.0})
}
fn r1(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

/// pid -> (name, cpu µs, rss KiB) over the process trees of `roots`.
fn procs(roots: &[u32]) -> HashMap<u32, (String, u64, u64)> {
    let mut all = HashMap::new();
    if roots.is_empty() {
        return all;
    }
    let tick = 1_000_000 / unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as u64;
    let mut par = HashMap::new();
    for e in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = e.file_name().to_str().and_then(|s| s.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(st) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let (Some(a), Some(b)) = (st.find('('), st.rfind(')')) else {
            continue;
        };
        let f: Vec<&str> = st[b + 2..].split(' ').collect();
        let g = |i: usize| f[i].parse::<u64>().unwrap_or(0);
        par.insert(pid, g(1) as u32);
        all.insert(
            pid,
            (st[a + 1..b].to_string(), (g(11) + g(12)) * tick, g(21) * 4),
        );
    }
    all.retain(|&p, _| {
        let mut p = p;
        loop {
            if roots.contains(&p) {
                return true;
            }
            match par.get(&p) {
                Some(&q) if q > 1 => p = q,
                _ => return false,
            }
        }
    });
    all
}
fn self_cpu() -> f64 {
    let mut r: libc::rusage = unsafe { std::mem::zeroed() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut r) };
    let f = |t: libc::timeval| t.tv_sec as f64 * 1e6 + t.tv_usec as f64;
    f(r.ru_utime) + f(r.ru_stime)
}
struct Snap {
    at: Instant,
    cpu: f64,
    p: HashMap<u32, (String, u64, u64)>,
}
fn snap(o: &Opt) -> Snap {
    Snap {
        at: Instant::now(),
        cpu: self_cpu(),
        p: procs(&o.pid),
    }
}
/// CPU used between two snapshots, per message, for the generator and each server process.
fn charge(a: &Snap, b: &Snap, msgs: u64) -> Value {
    let m = msgs.max(1) as f64;
    let wall = (b.at - a.at).as_micros() as f64;
    let mut each = vec![];
    let mut tot = 0.0;
    for (pid, (name, cpu, rss)) in &b.p {
        let d = (cpu - a.p.get(pid).map_or(0, |x| x.1)) as f64;
        tot += d;
        if d > 0.0 {
            each.push(json!({"pid": pid, "name": name, "us_per_msg": r1(d / m), "cores": r1(d / wall), "rss_mb": rss / 1024}))
        }
    }
    let c = b.cpu - a.cpu;
    json!({"gen_us_per_msg": r1(c / m), "gen_cores": r1(c / wall), "srv_us_per_msg": r1(tot / m), "srv_cores": r1(tot / wall), "procs": each})
}

async fn echo(o: &Opt, w: usize) -> Result<Value> {
    let (cs, _, _, bad) = open_all(o, o.conns).await;
    if cs.is_empty() {
        bail!("no connection")
    }
    let h = Arc::new(Mutex::new(hist()));
    let (count, lost) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (on, stop) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let mut js = vec![];
    for (mut s, mut rx) in cs {
        let (h, count, on, stop, lost, size) = (
            h.clone(),
            count.clone(),
            on.clone(),
            stop.clone(),
            lost.clone(),
            o.size,
        );
        js.push(tokio::spawn(async move {
            let mut fr = Frame::new(size, "{");
            let mut out = Vec::new();
            let mut sent = vec![Instant::now(); w];
            for i in 0..w {
                fr.put(i as u64, &mut out)
            }
            let r: Result<()> = async {
                loop {
                    s.write_all(&out).await?;
                    out.clear();
                    while out.is_empty() {
                        rx.fill(&mut s).await?;
                        let now = Instant::now();
                        let live = on.load(Relaxed);
                        let mut hh = if live { Some(h.lock().unwrap()) } else { None };
                        let mut k = 0;
                        let closed = rx.drain(|p| {
                            if let Some(n) = parse_n(p) {
                                let slot = n as usize % w;
                                if let Some(hh) = hh.as_mut() {
                                    hh.saturating_record((now - sent[slot]).as_nanos() as u64 / 100)
                                }
                                k += 1;
                                sent[slot] = now;
                                fr.put(n + w as u64, &mut out);
                            }
                        });
                        if live {
                            count.fetch_add(k, Relaxed);
                        }
                        if closed {
                            return Err(anyhow!("closed"));
                        }
                        if stop.load(Relaxed) {
                            return Ok(());
                        }
                    }
                }
            }
            .await;
            if r.is_err() {
                lost.fetch_add(1, Relaxed);
            }
        }));
    }
    tokio::time::sleep(Duration::from_secs_f64(o.warmup)).await;
    on.store(true, Relaxed);
    let a = snap(o);
    tokio::time::sleep(Duration::from_secs_f64(o.secs)).await;
    let n = count.load(Relaxed);
    let b = snap(o);
    stop.store(true, Relaxed);
    js.iter().for_each(|j| j.abort());
    let h = h.lock().unwrap();
    Ok(
        json!({"mode": "echo", "conns": o.conns, "inflight": w, "size": o.size, "msgs": n, "msgs_s": (n as f64 / (b.at - a.at).as_secs_f64()).round(),
        "lat_us": q(&h, 10.0), "lost_conns": lost.load(Relaxed), "failed_connects": bad, "cpu": charge(&a, &b, n)}),
    )
}

async fn rate(o: &Opt, r: f64) -> Result<Value> {
    let (cs, _, _, bad) = open_all(o, o.conns).await;
    let c = cs.len();
    let h = Arc::new(Mutex::new(hist()));
    let got = Arc::new(AtomicU64::new(0));
    let t0 = Instant::now() + Duration::from_millis(50);
    let due = move |seq: u64| t0 + Duration::from_secs_f64(seq as f64 / r);
    let first = (o.warmup * r) as u64;
    let last = ((o.warmup + o.secs) * r) as u64;
    let mut tx = vec![];
    let mut js = vec![];
    for (s, mut rx) in cs {
        s.writable().await?;
        let s = Arc::new(s);
        tx.push(s.clone());
        let (h, got) = (h.clone(), got.clone());
        js.push(tokio::spawn(async move {
            loop {
                if s.readable().await.is_err() {
                    break;
                }
                match s.try_read(&mut rx.buf[rx.end..]) {
                    Ok(0) => break,
                    Ok(n) => rx.end += n,
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => continue,
                    Err(_) => break,
                }
                let now = Instant::now();
                let mut hh = h.lock().unwrap();
                rx.drain(|p| {
                    if let Some(n) = parse_n(p) {
                        if n >= first {
                            got.fetch_add(1, Relaxed);
                            hh.saturating_record(
                                (now.saturating_duration_since(due(n))).as_nanos() as u64 / 100,
                            )
                        }
                    }
                });
            }
        }));
    }
    let size = o.size;
    // The pacer is a plain thread: tokio's timers are 1 ms coarse. Message seq goes to connection seq % c at t0 + seq/r.
    let pacer = std::thread::spawn(move || {
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1000u64) };
        let (mut fr, mut out, mut stalls) = (Frame::new(size, "{"), Vec::new(), 0u64);
        for seq in 0..last {
            let d = due(seq).saturating_duration_since(Instant::now());
            if d > Duration::from_micros(5) {
                std::thread::sleep(d)
            }
            out.clear();
            fr.put(seq, &mut out);
            let (s, mut i) = (&tx[seq as usize % c], 0);
            while i < out.len() {
                match s.try_write(&out[i..]) {
                    Ok(n) => i += n,
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                        stalls += 1;
                        std::thread::sleep(Duration::from_micros(100))
                    }
                    Err(_) => break,
                }
            }
        }
        stalls
    });
    tokio::time::sleep_until((t0 + Duration::from_secs_f64(o.warmup)).into()).await;
    let a = snap(o);
    let stalls = tokio::task::spawn_blocking(move || pacer.join().unwrap()).await?;
    let want = last - first;
    let grace = Instant::now();
    while got.load(Relaxed) < want && grace.elapsed().as_secs_f64() < 2.0 {
        tokio::time::sleep(Duration::from_millis(5)).await
    }
    let b = snap(o);
    let n = got.load(Relaxed);
    js.iter().for_each(|j| j.abort());
    let h = h.lock().unwrap();
    Ok(
        json!({"mode": "rate", "conns": o.conns, "rate": r, "size": o.size, "answered": n, "unanswered": want - n.min(want), "stalls": stalls,
        "lat_us": q(&h, 10.0), "failed_connects": bad, "cpu": charge(&a, &b, n)}),
    )
}

async fn connect(o: &Opt, hold: Option<f64>) -> Result<Value> {
    let sum = |p: &HashMap<u32, (String, u64, u64)>| p.values().map(|x| x.2).sum::<u64>();
    let a = snap(o);
    let (cs, t, h, bad) = open_all(o, o.conns).await;
    let b = snap(o);
    let n = cs.len();
    let mut v = json!({"mode": "connect", "conns": o.conns, "opened": n, "failed": bad, "secs": r1(t * 1000.0) / 1000.0,
        "connects_s": (n as f64 / t).round(), "lat_ms": q(&h, 1000.0), "cpu": charge(&a, &b, n as u64)});
    if let Some(hold) = hold {
        tokio::time::sleep(Duration::from_secs_f64(hold)).await;
        let c = procs(&o.pid);
        let d = |k: &u32| c[k].2 as f64 - a.p.get(k).map_or(0.0, |x| x.2 as f64);
        let each: Vec<Value> = c.iter().map(|(k, x)| json!({"name": x.0, "rss_mb": x.2 / 1024, "kib_per_conn": r1(d(k) / n as f64)})).collect();
        v["mode"] = json!("idle");
        v["rss_kib_before"] = json!(sum(&a.p));
        v["rss_kib_after"] = json!(sum(&c));
        v["kib_per_conn"] = json!(r1((sum(&c) as f64 - sum(&a.p) as f64) / n as f64));
        v["procs"] = json!(each);
    }
    drop(cs);
    Ok(v)
}

async fn fanout(o: &Opt, rounds: usize) -> Result<Value> {
    let (mut cs, _, _, bad) = open_all(o, o.conns + 1).await;
    let (mut s, _) = cs.pop().ok_or(anyhow!("no connection"))?;
    let c = cs.len();
    let got: Arc<Vec<AtomicUsize>> = Arc::new((0..rounds).map(|_| AtomicUsize::new(0)).collect());
    let done = Arc::new(tokio::sync::Notify::new());
    let mut js = vec![];
    for (mut s, mut rx) in cs {
        let (got, done) = (got.clone(), done.clone());
        js.push(tokio::spawn(async move {
            while rx.fill(&mut s).await.is_ok() {
                if rx.drain(|p| {
                    if let Some(n) = parse_n(p) {
                        if (n as usize) < rounds && got[n as usize].fetch_add(1, Relaxed) + 1 == c {
                            done.notify_one()
                        }
                    }
                }) {
                    break;
                }
            }
        }));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut fr = Frame::new(o.size, "{\"b\":1,");
    let mut h = hist();
    let (mut out, mut short) = (vec![], 0);
    let a = snap(o);
    for r in 0..rounds {
        out.clear();
        fr.put(r as u64, &mut out);
        let t = Instant::now();
        s.write_all(&out).await?;
        match tokio::time::timeout(Duration::from_secs_f64(o.timeout), done.notified()).await {
            Ok(_) => h.saturating_record(t.elapsed().as_micros() as u64),
            Err(_) => {
                short += c - got[r].load(Relaxed);
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let b = snap(o);
    js.iter().for_each(|j| j.abort());
    let med = h.value_at_quantile(0.5) as f64;
    Ok(
        json!({"mode": "fanout", "receivers": c, "size": o.size, "rounds": h.len(), "time_to_last_ms": q(&h, 1000.0),
        "deliveries_s": (c as f64 / med * 1e6).round(), "undelivered": short, "failed_connects": bad, "cpu": charge(&a, &b, (h.len() as usize * c) as u64)}),
    )
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let o = cli.o;
    let rt = if o.threads == 1 {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
    } else {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(o.threads)
            .enable_all()
            .build()?
    };
    let mut v = rt.block_on(async {
        match cli.cmd {
            Cmd::Echo { inflight } => echo(&o, inflight).await,
            Cmd::Rate { rate: r } => rate(&o, r).await,
            Cmd::Connect => connect(&o, None).await,
            Cmd::Idle { hold } => connect(&o, Some(hold)).await,
            Cmd::Fanout { rounds } => fanout(&o, rounds).await,
        }
    })?;
    if !o.label.is_empty() {
        v["label"] = json!(o.label)
    }
    println!("{v}");
    std::process::exit(0)
}
