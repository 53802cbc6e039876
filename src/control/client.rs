//! A verb's end of the control socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, BufReader};
use tokio::net::UnixStream;

use super::announcement::Announced;
use super::place;
use super::wire::{END, Envelope, LONGEST_ANSWER, Reply, VERSION, read_line, write_line};
use crate::error::{Failure, reason};
use crate::ops::{Answer, Boxed, Perform, Request, Telling};
use crate::output::Style;

/// How long an ordinary answer may take.
const SOON: Duration = Duration::from_secs(30);

/// How long an answer may take that means work: a large file, a slow app.
const LATE: Duration = Duration::from_secs(600);

/// The sandbox that runs for an app, as another process sees it.
#[derive(Debug, Clone)]
pub struct Client {
    announced: Announced,
}

impl Client {
    /// The sandbox that runs on `data_dir`; `None` if there is none. What a dead one left behind
    /// is recognised by nobody listening.
    pub async fn find(data_dir: &Path) -> Result<Option<Self>, Failure> {
        let Some(announced) = Announced::read(data_dir)? else {
            return Ok(None);
        };
        if !announced.socket.exists() {
            return Ok(None);
        }
        place::check_socket(&announced.socket)?;
        let client = Self { announced };
        match client.connect().await {
            Ok(socket) if client.is_orphan(&socket) => Ok(None),
            Ok(_) => Ok(Some(client)),
            Err(e) if is_nobody(&e) => Ok(None),
            Err(e) => Err(client.broken(&e)),
        }
    }

    /// Whether who listened here is dead: a child that it was starting when it was killed holds its
    /// socket for a moment yet. Another sandbox that listens by now has not announced itself yet.
    fn is_orphan(&self, socket: &UnixStream) -> bool {
        let listener = socket.peer_cred().ok().and_then(|peer| peer.pid());
        let listener = listener.and_then(|pid| u32::try_from(pid).ok());
        listener.is_some_and(|pid| pid == self.announced.pid && has_ended(pid))
    }

    /// What the sandbox says of itself.
    pub fn announced(&self) -> &Announced {
        &self.announced
    }

    async fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(&self.announced.socket).await
    }

    /// Sends a request and reads the line that answers it; what comes before goes to `telling`.
    async fn ask(
        &self,
        request: &Request,
        style: Style,
        patience: Duration,
        telling: Option<Telling>,
    ) -> Result<(Reply, BufReader<UnixStream>), Failure> {
        let envelope = Envelope {
            version: VERSION.to_owned(),
            style,
            progress: telling.is_some(),
            request: serde_json::to_value(request)
                .map_err(|e| Failure::usage(format!("the request cannot be sent: {e}")))?,
        };
        let exchange = async {
            let mut socket = self.connect().await?;
            write_line(&mut socket, &envelope).await?;
            Ok(BufReader::new(socket))
        };
        let mut reader = self.within(patience, exchange).await?;
        loop {
            let reading = async {
                let line = read_line(&mut reader, LONGEST_ANSWER).await?;
                line.ok_or(io::ErrorKind::UnexpectedEof.into())
            };
            let line = self.within(patience, reading).await?;
            match (serde_json::from_slice(&line), &telling) {
                (Ok(Reply::Failed { failure, exit }), _) => return Err(failure.exiting(exit)),
                (Ok(Reply::Progress(progress)), Some(telling)) => {
                    telling.send_replace(Some(progress));
                }
                (Ok(reply), _) => return Ok((reply, reader)),
                (Err(_), _) => return Err(self.strange()),
            }
        }
    }

    async fn within<T>(
        &self,
        patience: Duration,
        exchange: impl Future<Output = io::Result<T>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(patience, exchange).await {
            Ok(Ok(exchanged)) => Ok(exchanged),
            Ok(Err(e)) => Err(self.broken(&e)),
            Err(_) => Err(self.silent(patience)),
        }
    }

    async fn answer(&self, request: Request, telling: Option<Telling>) -> Answer {
        let patience = match request {
            Request::Reload | Request::Data(_) | Request::Clock(_) => LATE,
            _ => SOON,
        };
        let style = Style::default();
        match self.ask(&request, style, patience, telling).await? {
            (Reply::Answer(answer), _) => Ok(answer),
            _ => Err(self.strange()),
        }
    }

    /// Follows a stream: gives whole lines to `take` until the stream ends or `take` wants no
    /// more. Lines come rendered in `style`.
    pub async fn follow(
        &self,
        request: &Request,
        style: Style,
        mut take: impl FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let (reply, mut reader) = self.ask(request, style, SOON, None).await?;
        if !matches!(reply, Reply::Stream) {
            return Err(self.strange());
        }
        let mut lines = Vec::new();
        loop {
            let read = reader.read_buf(&mut lines).await;
            if !matches!(read, Ok(1..)) {
                let message = "the stream broke off: the sandbox died, or this reader was too slow";
                return Err(Failure::new("stream", message));
            }
            let Some(end) = lines.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let whole = &lines[..=end];
            let (whole, is_last) = match whole.strip_suffix(END) {
                Some(rest) if rest.is_empty() || rest.ends_with(b"\n") => (rest, true),
                _ => (whole, false),
            };
            if !take(whole)? || is_last {
                return Ok(());
            }
            lines.drain(..=end);
        }
    }

    /// Waits until the sandbox's process has ended; false if it has not after `patience`.
    pub async fn wait_until_gone(&self, patience: Duration) -> bool {
        let gone = async {
            while !has_ended(self.announced.pid) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(patience, gone).await.is_ok()
    }

    fn broken(&self, error: &io::Error) -> Failure {
        let pid = self.announced.pid;
        let why = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it hung up".to_owned(),
            _ => reason(error),
        };
        Failure::new(
            "control",
            format!("cannot talk to the sandbox (process {pid}): {why}"),
        )
        .hint("it may just be stopping; look at its terminal")
    }

    fn silent(&self, patience: Duration) -> Failure {
        let (pid, s) = (self.announced.pid, patience.as_secs());
        Failure::new(
            "control",
            format!("the sandbox (process {pid}) did not answer in {s} s"),
        )
        .hint("look at its terminal: it may be suspended or held by a debugger")
    }

    fn strange(&self) -> Failure {
        let theirs = &self.announced.version;
        let message = format!("the sandbox (ampt-ws {theirs}) gave an answer of another kind");
        Failure::new("version-mismatch", message).hint(format!(
            "this is ampt-ws {VERSION}; restart the sandbox with it"
        ))
    }
}

impl Perform for Client {
    fn perform(&self, request: Request) -> Boxed<'_, Answer> {
        Box::pin(self.answer(request, None))
    }

    fn perform_telling(&self, request: Request, telling: Telling) -> Boxed<'_, Answer> {
        Box::pin(self.answer(request, Some(telling)))
    }
}

/// Whether an error means that nobody listens.
fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
    )
}

/// Whether a process has ended; one that its parent has not taken note of yet has.
fn has_ended(pid: u32) -> bool {
    let Some(process) = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    else {
        return true;
    };
    if rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH) {
        return true;
    }
    // The state stands behind the program's name, which stands in parentheses.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|rest| rest.starts_with(['Z', 'X']))
}
