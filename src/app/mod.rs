//! The composition root of a sandbox: builds everything, and takes it down in order.

pub mod certificate;
mod data_dir;
mod listen;
mod reloader;
mod seed;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cli::SdkChoice;
use crate::config::Config;
use crate::control::{self, Announcement};
use crate::dispatch::{self, AppSource, Command, DispatchConfig, DispatchHandle};
use crate::domain::{Clock, CloseReason, ConnectionId};
use crate::error::{Failure, exit};
use crate::event::{EventBus, Fact, Level};
use crate::gateway::{AccessRules, Credentials, Gateway, GatewayConfig};
use crate::ops::perform::{Facts, Sandbox};
use crate::store::Store;
use crate::worker::env::AppEnv;
use crate::worker::{Launch, Loader, assets};
use certificate::Certificate;
pub use data_dir::open_store;
use data_dir::{open_store_aside, store_failure, unusable};
use listen::Listeners;

/// How long closing sockets may take when the sandbox stops.
const GOODBYE_TIME: Duration = Duration::from_secs(2);

/// A sandbox that runs, and what only its owner needs.
pub struct Running {
    /// The operations.
    pub sandbox: Sandbox,
    /// Ends the gateway.
    stop_gateway: CancellationToken,
    /// Serves the verbs of other terminals.
    control: JoinHandle<()>,
    stop_control: CancellationToken,
    /// Lets those verbs find the sandbox.
    announcement: Announcement,
    /// The watcher of the app's files.
    _reloader: Option<reloader::Reloader>,
}

/// Starts a sandbox: when this returns, clients can connect. The app's code may still be loading:
/// [`Running::settled`] waits for it.
pub async fn start(config: &Config, bus: &EventBus, clock: &Clock) -> Result<Running, Failure> {
    let started = Instant::now();
    raise_descriptor_limit();
    let source = find_source(config)?;
    let store = open_store_aside(config, clock).await?;
    let control = control::Listener::bind(&config.data_dir)?;
    let former = former_connections(&store)?;
    tell_of_former(former.len(), bus);
    let listeners = listen::bind(&config.host, config.port).await?;
    warn_about_address(config, &listeners, bus);

    let host = listeners.host();
    let certificate = match config.tls {
        true => Some(certificate(config, &listeners).await?),
        false => None,
    };
    let secure = if config.tls { "s" } else { "" };
    let url = format!("http{secure}://{host}:{}", listeners.port);
    let ws_url = format!("ws{secure}://{host}:{}", listeners.port);
    let node_authorities = match &certificate {
        Some(certificate) => Some(certificate::for_node(&certificate.authority)?),
        None => None,
    };
    if let Some(certificate) = &certificate {
        tell_how_to_trust(certificate, &url, bus);
    }
    let credentials = new_credentials()?;
    let stop_gateway = CancellationToken::new();
    let gateway = Gateway::start(
        GatewayConfig {
            tls: certificate.map(|certificate| certificate.config),
            ..gateway_config(config, &listeners, credentials.clone())
        },
        clock.clone(),
        bus.clone(),
        stop_gateway.clone(),
    );
    let runtime_dir = assets::unpack(&config.data_dir.join("runtime"))
        .map_err(|error| unusable(&config.data_dir, &error))?;
    let loader = Loader::new(&config.app_dir, &runtime_dir, bus.clone());
    let app_env = AppEnv {
        url: url.clone(),
        ws_url: match config.sdk {
            // Its AWS SDK takes this for an endpoint; `wss`, and only that, it makes `https`.
            SdkChoice::Installed if !config.tls => url.clone(),
            _ => ws_url.clone(),
        },
        app_name: app_name(&config.app_dir),
        env_type: config.env.name(),
        key_id: credentials.key_id,
        secret: credentials.secret,
        authorities: node_authorities,
        settings: settings(config, control.path()),
    };
    if let Some(seed) = &config.seed {
        seed::import(&store, seed, bus).await?;
    }
    let dispatch_config = DispatchConfig {
        launch: Launch {
            node: config.node.clone(),
            node_args: config.node_args.clone(),
            runtime_dir,
            app_dir: config.app_dir.clone(),
            load_time: config.load_time,
            env: app_env.variables(),
        },
        loader: loader.clone(),
        source,
        keeps_spare: config.watch,
        concurrency: config.rate.enforced.then_some(config.rate.burst as usize),
        former,
    };
    let dispatch = dispatch::start(
        dispatch_config,
        gateway.clone(),
        store.clone(),
        clock.clone(),
        bus.clone(),
    )?;
    for listener in listeners.all {
        gateway.listen(listener);
    }
    let facts = Facts {
        url,
        ws_url,
        app: config
            .entry
            .clone()
            .unwrap_or_else(|| config.app_dir.clone()),
        env: config.env,
        data_dir: config.data_dir.clone(),
        started,
    };
    let sandbox = Sandbox {
        facts: Arc::new(facts),
        gateway,
        dispatch,
        store,
        clock: clock.clone(),
        bus: bus.clone(),
        stop: CancellationToken::new(),
    };
    let reloader = reloader::start(config, &loader, &sandbox);
    let announcement = control.announce(&sandbox.facts.url, &sandbox.facts.ws_url)?;
    let stop_control = CancellationToken::new();
    let serving = control::serve(
        control,
        Arc::new(sandbox.clone()),
        bus.clone(),
        stop_control.clone(),
    );
    Ok(Running {
        sandbox,
        stop_gateway,
        control: tokio::spawn(serving),
        stop_control,
        announcement,
        _reloader: reloader,
    })
}

impl Running {
    /// Waits until the app's first load has come to an end, one way or the other.
    ///
    /// # Errors
    /// Why the app's code does not run. [`is_final`] tells whether a save may mend it.
    pub async fn settled(&self) -> Result<(), Failure> {
        let mut seen = self.sandbox.dispatch.watch();
        let is_settled = |seen: &dispatch::Seen| {
            matches!(seen.worker.state.as_str(), "ready" | "failed" | "none")
        };
        match seen.wait_for(is_settled).await {
            Ok(seen) if seen.worker.state == "failed" => seen.failure.clone().map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }

    /// Waits until the app's code runs.
    pub async fn settled_well(&self) {
        let mut seen = self.sandbox.dispatch.watch();
        let _ = seen.wait_for(|seen| seen.worker.state == "ready").await;
    }

    /// Tells that the sandbox is ready.
    pub fn tell_ready(&self) {
        let facts = &self.sandbox.facts;
        self.sandbox.bus.tell(Fact::Ready {
            url: facts.url.clone(),
            ws_url: facts.ws_url.clone(),
            pid: std::process::id(),
            app: facts.app.display().to_string(),
            env: facts.env.name(),
            data_dir: facts.data_dir.display().to_string(),
            handlers: self.sandbox.dispatch.worker().handlers,
            limits: self.sandbox.gateway.rate(),
        });
        self.tell_missing_handlers();
    }

    /// Says so if nobody will answer.
    fn tell_missing_handlers(&self) {
        let worker = self.sandbox.dispatch.worker();
        if !worker.handlers.is_empty() {
            return;
        }
        let folder = self.sandbox.facts.app.display();
        let why = match worker.state.as_str() {
            "none" => format!(
                "there is no app code in `{folder}` (no `main` in a package.json, no index file)"
            ),
            _ => "the app never calls `ws.on`".to_owned(),
        };
        let text = format!(
            "no handlers are registered: {why}; clients can connect, messages are only logged"
        );
        self.sandbox.bus.log(Level::Warn, text);
    }

    /// Takes the sandbox down: no new connections, clients closed with 1001, `disconnected`
    /// handlers get their time, Node ends, everything is on disk.
    pub async fn stop(self, cause: &str) {
        let Self {
            sandbox,
            stop_gateway,
            control,
            stop_control,
            announcement,
            ..
        } = self;
        let Sandbox {
            gateway,
            dispatch,
            store,
            bus,
            ..
        } = &sandbox;
        bus.tell(Fact::Stopping {
            cause: cause.to_owned(),
        });
        stop_gateway.cancel();
        for connection in gateway.registry.all() {
            connection.close(CloseReason::GOING_AWAY);
        }
        gateway.tasks.close();
        let ended = async {
            while !gateway.registry.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE_TIME, ended).await;
        stop_dispatch(dispatch).await;
        let _ = tokio::time::timeout(GOODBYE_TIME, gateway.tasks.wait()).await;
        let store = store.clone();
        let flushed = tokio::task::spawn_blocking(move || store.flush()).await;
        if let Ok(Err(error)) = flushed {
            bus.log(
                Level::Error,
                format!("the last writes are not on disk: {error}"),
            );
        }
        // Only now: `ampt-ws stop` waits for the announcement and the socket to be gone.
        drop(announcement);
        stop_control.cancel();
        bus.close();
        let _ = tokio::time::timeout(GOODBYE_TIME, control).await;
    }
}

async fn stop_dispatch(dispatch: &DispatchHandle) {
    let (done, told) = oneshot::channel();
    if dispatch.command(Command::Stop { done }).await {
        let _ = told.await;
    }
}

/// Whether a failure of the first load is one that no save of the app's files can mend.
pub fn is_final(failure: &Failure) -> bool {
    matches!(failure.code.as_str(), "node-too-old" | "no-node")
}

/// What there is to load.
fn find_source(config: &Config) -> Result<AppSource, Failure> {
    AppSource::find(&config.app_dir, config.entry.as_deref()).map_err(|error| {
        let failure = Failure::new("entry", error.to_string()).hint(error.hint());
        match error.is_usage() {
            true => failure.exiting(exit::USAGE),
            false => failure,
        }
    })
}

/// Connections of an earlier run that are owed a `disconnected`.
fn former_connections(store: &Store) -> Result<Vec<ConnectionId>, Failure> {
    let rows = store.connections().map_err(store_failure)?;
    Ok(rows.iter().filter_map(|(id, _)| id.parse().ok()).collect())
}

fn tell_of_former(connections: usize, bus: &EventBus) {
    let text = match connections {
        0 => return,
        1 => "1 connection of an earlier run gets its `disconnected` now".to_owned(),
        n => format!("{n} connections of an earlier run get their `disconnected` now"),
    };
    bus.log(Level::Info, text);
}

fn warn_about_address(config: &Config, listeners: &Listeners, bus: &EventBus) {
    if listeners.moved {
        let text = format!(
            "port {} is taken; listening on {} instead",
            crate::config::DEFAULT_PORT,
            listeners.port
        );
        bus.log(Level::Warn, text);
    }
    if !listeners.address.is_loopback() {
        let text = format!(
            "listening on {}: everybody on the network can reach this sandbox",
            config.host
        );
        bus.log(Level::Warn, text);
    }
}

/// The certificate for the names by which clients may call this sandbox.
async fn certificate(config: &Config, listeners: &Listeners) -> Result<Certificate, Failure> {
    let mut names = config.allow_host.clone();
    if !listeners.address.is_unspecified() {
        names.push(listeners.address.to_string());
    }
    if config.host.parse::<std::net::IpAddr>().is_err() {
        names.push(config.host.to_ascii_lowercase());
    }
    let data_dir = config.data_dir.clone();
    let making = tokio::task::spawn_blocking(move || certificate::prepare(&data_dir, &names));
    making
        .await
        .map_err(|error| Failure::new("internal", error.to_string()))?
}

fn tell_how_to_trust(certificate: &Certificate, url: &str, bus: &EventBus) {
    let made = if certificate.is_new {
        "made a new certificate"
    } else {
        "serving with a local certificate"
    };
    bus.log(
        Level::Info,
        format!("{made}; clients have to trust its authority:"),
    );
    for line in certificate::how_to_trust(&certificate.authority, url) {
        bus.log(Level::Info, line);
    }
}

fn gateway_config(
    config: &Config,
    listeners: &Listeners,
    credentials: Credentials,
) -> GatewayConfig {
    GatewayConfig {
        rate: config.rate,
        limits: config.limits,
        handshake_timeout: config.handshake_timeout,
        error_frames: config.error_frames,
        access: AccessRules {
            port: listeners.port,
            hosts: config.allow_host.clone(),
            origins: config.allow_origin.clone(),
            any_address: !listeners.address.is_loopback(),
        },
        subprotocols: config.subprotocols.clone(),
        credentials,
        any_credentials: config.allow_any_credentials,
        tls: None,
        chaos: config.chaos,
    }
}

fn new_credentials() -> Result<Credentials, Failure> {
    let random = |letters: usize| -> Result<String, Failure> {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut bytes = vec![0; letters];
        getrandom::fill(&mut bytes).map_err(|error| {
            Failure::new(
                "internal",
                format!("no random numbers for credentials: {error}"),
            )
        })?;
        Ok(bytes
            .iter()
            .map(|b| char::from(ALPHABET[usize::from(b % 32)]))
            .collect())
    };
    Ok(Credentials {
        key_id: format!("AKIA{}", random(16)?),
        secret: random(40)?,
    })
}

/// Settings of our own JavaScript.
fn settings(config: &Config, control: &Path) -> String {
    let sdk = match config.sdk {
        SdkChoice::Bundled => "embedded",
        SdkChoice::Installed => "installed",
    };
    serde_json::json!({
        "loader": { "appDir": config.app_dir, "sdk": sdk },
        "socketBase": control.with_extension(""),
        "maxMessage": config.limits.max_message,
        "strict": config.strict,
    })
    .to_string()
}

/// The app's name: that of its `package.json`, else of its folder.
fn app_name(app_dir: &Path) -> String {
    let text = fs::read_to_string(app_dir.join("package.json")).unwrap_or_default();
    let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let folder = || {
        app_dir
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
    };
    let name = package
        .get("name")
        .and_then(|n| n.as_str())
        .map(str::to_owned);
    name.or_else(folder).unwrap_or_else(|| "app".to_owned())
}

/// Sockets need descriptors, and the usual soft limit is 1,024.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A refusal leaves the old limit, with which a sandbox works as well.
    let _ = setrlimit(Resource::Nofile, limit);
}
