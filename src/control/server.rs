//! The sandbox's end of the control socket.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::announcement::{Announced, Announcement};
use super::place;
use super::stream;
use super::wire::{Envelope, LONGEST_REQUEST, Reply, VERSION, read_line, write_line};
use crate::error::{Failure, reason};
use crate::event::{EventBus, Level};
use crate::iso;
use crate::ops::{Answer, DataRequest, Perform, Request};

/// Most verbs and followers at once.
const MOST_CONNECTIONS: usize = 64;

/// How long a connection may stay without asking for anything.
const IDLE: Duration = Duration::from_secs(60);

/// The sandbox's control socket; dropping it removes the socket.
#[derive(Debug)]
pub struct Listener {
    listener: StdListener,
    socket: SocketFile,
    data_dir: PathBuf,
}

/// The socket's place in the file system; dropping it removes it, if it is still ours.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    inode: Option<u64>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path) == self.inode {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some(metadata.ino())
}

impl Listener {
    /// Listens for the sandbox of `data_dir`, which must exist. A socket that a dead sandbox left
    /// behind is replaced.
    pub fn bind(data_dir: &Path) -> Result<Self, Failure> {
        let data_dir = data_dir.canonicalize().map_err(|e| {
            let message = format!("cannot use `{}`: {}", data_dir.display(), reason(&e));
            Failure::new("data-dir", message)
        })?;
        let path = place::socket_path(&data_dir)?;
        let listener = match StdListener::bind(&path) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                if std::os::unix::net::UnixStream::connect(&path).is_ok() {
                    return Err(in_use(&data_dir));
                }
                std::fs::remove_file(&path).and_then(|()| StdListener::bind(&path))
            }
            other => other,
        };
        let listener = listener
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|e| {
                let message = format!("cannot listen on `{}`: {}", path.display(), reason(&e));
                Failure::new("control", message)
            })?;
        let inode = inode(&path);
        let socket = SocketFile { path, inode };
        Ok(Self {
            listener,
            socket,
            data_dir,
        })
    }

    /// Where the socket lies: in a private folder, on a short path.
    pub fn path(&self) -> &Path {
        &self.socket.path
    }

    /// Lets verbs find the sandbox, as long as the announcement is held.
    pub fn announce(
        &self,
        url: &str,
        ws_url: &str,
        access_key_id: &str,
    ) -> Result<Announcement, Failure> {
        let announced = Announced {
            pid: std::process::id(),
            socket: self.socket.path.clone(),
            url: url.to_owned(),
            ws_url: ws_url.to_owned(),
            access_key_id: access_key_id.to_owned(),
            version: VERSION.to_owned(),
            started_at: iso::from_ms(jiff::Timestamp::now().as_millisecond()),
        };
        Announcement::write(&self.data_dir, announced)
    }
}

/// The failure to use a data folder that is in use, as far as it is known by whom.
pub fn in_use(data_dir: &Path) -> Failure {
    let shown = data_dir.display();
    let (who, hint) = match Announced::read(data_dir) {
        Ok(Some(announced)) if announced.socket.exists() => (
            format!("a sandbox (process {}, {})", announced.pid, announced.url),
            "stop it with `ampt-ws stop`, or give this one another folder with --data-dir",
        ),
        // A sandbox announces itself a moment after it has opened its store.
        _ => (
            "another ampt-ws".to_owned(),
            "try again when it is done or has started; or name another folder with --data-dir",
        ),
    };
    let message = format!("{who} uses the data folder `{shown}`");
    Failure::new("data-in-use", message).hint(hint)
}

/// Serves verbs until `shutdown`; then accepts no more, finishes what was begun, and returns when
/// the last stream has ended, which the close of the bus brings about.
pub async fn serve(
    listener: Listener,
    perform: Arc<dyn Perform>,
    bus: EventBus,
    shutdown: CancellationToken,
) {
    let Listener {
        listener, socket, ..
    } = listener;
    let accepting = match UnixListener::from_std(listener) {
        Ok(accepting) => accepting,
        Err(e) => {
            let text = format!("no other terminal can reach this sandbox: {}", reason(&e));
            return bus.log(Level::Error, text);
        }
    };
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accepting.accept(), if connections.len() < MOST_CONNECTIONS => accepted,
        };
        match accepted {
            Ok((socket, _)) => {
                let (perform, bus) = (perform.clone(), bus.clone());
                connections.spawn(converse(socket, perform, bus, shutdown.clone()));
            }
            // Out of file descriptors, mostly: some will be free again.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    drop((accepting, socket));
    while connections.join_next().await.is_some() {}
}

/// Answers one client's requests. A client that breaks off or writes nonsense harms only itself.
async fn converse(
    socket: UnixStream,
    perform: Arc<dyn Perform>,
    bus: EventBus,
    shutdown: CancellationToken,
) {
    let (reader, writer) = socket.into_split();
    let mut conversation = Conversation {
        reader: BufReader::new(reader),
        writer,
        perform,
        bus,
        shutdown: shutdown.clone(),
    };
    loop {
        let read = read_line(&mut conversation.reader, LONGEST_REQUEST);
        let line = tokio::select! {
            () = shutdown.cancelled() => return,
            line = tokio::time::timeout(IDLE, read) => line,
        };
        let answered = match line {
            Ok(Ok(Some(line))) => conversation.answer(&line).await,
            Ok(Err(e)) if e.kind() == io::ErrorKind::FileTooLarge => {
                let message = format!("the request is longer than {LONGEST_REQUEST} bytes");
                let reply = Reply::failed(Failure::usage(message));
                let _ = write_line(&mut conversation.writer, &reply).await;
                return;
            }
            _ => return,
        };
        if answered.is_err() {
            return;
        }
    }
}

struct Conversation {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    perform: Arc<dyn Perform>,
    bus: EventBus,
    shutdown: CancellationToken,
}

impl Conversation {
    async fn answer(&mut self, line: &[u8]) -> io::Result<()> {
        let (envelope, request) = match understand(line) {
            Ok(understood) => understood,
            Err(failure) => return write_line(&mut self.writer, &Reply::failed(failure)).await,
        };
        match request {
            Request::Logs { follow } => {
                write_line(&mut self.writer, &Reply::Stream).await?;
                let (writer, reader) = (&mut self.writer, &mut self.reader);
                stream::logs(writer, reader, &self.bus, envelope.style, follow).await
            }
            Request::Data(DataRequest::Watch { pattern }) => {
                let changes = match self.perform.watch(pattern).await {
                    Ok(changes) => changes,
                    Err(failure) => {
                        return write_line(&mut self.writer, &Reply::failed(failure)).await;
                    }
                };
                write_line(&mut self.writer, &Reply::Stream).await?;
                let (writer, reader) = (&mut self.writer, &mut self.reader);
                stream::changes(writer, reader, changes, envelope.style, &self.shutdown).await
            }
            request => {
                let answer = match envelope.progress {
                    true => self.perform_telling(request).await,
                    false => self.perform.perform(request).await,
                };
                let reply = match answer {
                    Ok(answer) => Reply::Answer(answer),
                    Err(failure) => Reply::failed(failure),
                };
                write_line(&mut self.writer, &reply).await
            }
        }
    }

    /// Performs a request to its end, and tells the client how far it is as long as it listens.
    async fn perform_telling(&mut self, request: Request) -> Answer {
        let (telling, mut told) = watch::channel(None);
        let mut answer = self.perform.perform_telling(request, telling);
        let mut listens = true;
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                Ok(()) = told.changed(), if listens => {
                    let progress = *told.borrow_and_update();
                    if let Some(progress) = progress {
                        let reply = Reply::Progress(progress);
                        listens = write_line(&mut self.writer, &reply).await.is_ok();
                    }
                }
            }
        }
    }
}

fn understand(line: &[u8]) -> Result<(Envelope, Request), Failure> {
    let nonsense = |e: serde_json::Error| {
        Failure::usage(format!("the sandbox does not understand the request: {e}"))
    };
    let envelope: Envelope = serde_json::from_slice(line).map_err(nonsense)?;
    // Whatever its version, a sandbox can be stopped.
    let is_stop = envelope.request["verb"] == "stop";
    if envelope.version != VERSION && !is_stop {
        let asking = &envelope.version;
        let message = format!("this is ampt-ws {asking}, but the running sandbox is {VERSION}");
        return Err(Failure::new("version-mismatch", message)
            .hint("stop it with `ampt-ws stop`, and start it again with this version"));
    }
    let request = serde_json::from_value(envelope.request.clone()).map_err(nonsense)?;
    Ok((envelope, request))
}
