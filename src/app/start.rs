//! The start of a sandbox: what is built, and in which order.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::data_dir::{self, open_store_aside, store_failure, unusable};
use super::listen::Listeners;
use super::{Running, certificate, former, reloader, seed};
use crate::cli::SdkChoice;
use crate::config::Config;
use crate::control;
use crate::dispatch::{self, AppSource, DispatchConfig, Workers};
use crate::domain::Clock;
use crate::error::{Failure, exit};
use crate::event::EventBus;
use crate::gateway::{AccessRules, Credentials, Gateway, GatewayConfig};
use crate::ops::perform::{Facts, Sandbox};
use crate::worker::env::AppEnv;
use crate::worker::{Launch, Loader, assets};

/// Starts a sandbox: when this returns, clients can connect. The app's code may still be loading:
/// [`Running::settled`] waits for it.
pub async fn start(config: &Config, bus: &EventBus, clock: &Clock) -> Result<Running, Failure> {
    let started = Instant::now();
    let source = find_source(config)?;
    data_dir::prepare(&config.data_dir)?;
    let control = control::Listener::bind(&config.data_dir)?;
    let address = Address::bind(config).await?;
    let credentials = new_credentials()?;
    let key_id = credentials.key_id.clone();
    let unusable = |error| unusable(&config.data_dir, &error);
    let mut unpacking = assets::unpack(&config.data_dir.join("runtime")).map_err(unusable)?;
    let runtime_dir = unpacking.folder.clone();
    let launch = launch(config, runtime_dir, &address, &credentials, control.path())?;
    let loader = Loader::new(&config.app_dir, &launch.runtime_dir, bus.clone());
    let mut workers = Workers::new(launch, loader.clone(), bus.clone(), config.watch);
    if config.sdk == SdkChoice::Installed {
        unpacking.finish().await.map_err(unusable)?;
    }
    if source.has_code() {
        workers.boot()?;
    }
    // Node takes longest: the rest goes on while it boots, and not while it is still to be started.
    unpacking.go_on();
    let store = open_store_aside(config, clock).await?;
    unpacking.finish().await.map_err(unusable)?;
    let former = former::connections(&store, bus)?;
    let published = store.published().map_err(store_failure)?;
    former::tell(former.len(), published.len(), bus);
    address.tell(config, bus);
    if let Some(seed) = &config.seed {
        seed::import(&store, seed, bus).await?;
    }
    let stop_gateway = CancellationToken::new();
    let Address {
        listeners,
        certificate,
        url,
        ws_url,
    } = address;
    let gateway = Gateway::start(
        GatewayConfig {
            tls: certificate.map(|certificate| certificate.config),
            ..gateway_config(config, &listeners, credentials)
        },
        clock.clone(),
        bus.clone(),
        stop_gateway.clone(),
    );
    let dispatch_config = DispatchConfig {
        workers,
        source,
        concurrency: config.rate.enforced.then_some(config.rate.burst as usize),
        former,
        published,
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
    let facts = &sandbox.facts;
    let announcement = control.announce(&facts.url, &facts.ws_url, &key_id)?;
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

/// How Node is started for this app.
fn launch(
    config: &Config,
    runtime_dir: PathBuf,
    address: &Address,
    credentials: &Credentials,
    control: &Path,
) -> Result<Launch, Failure> {
    let authorities = match &address.certificate {
        Some(certificate) => Some(certificate::for_node(&certificate.authority)?),
        None => None,
    };
    let env = AppEnv {
        url: address.url.clone(),
        ws_url: match config.sdk {
            // Its AWS SDK takes this for an endpoint; `wss`, and only that, it makes `https`.
            SdkChoice::Installed if !config.tls => address.url.clone(),
            _ => address.ws_url.clone(),
        },
        app_name: app_name(&config.app_dir),
        env_type: config.env.name(),
        key_id: credentials.key_id.clone(),
        secret: credentials.secret.clone(),
        authorities,
        settings: settings(config, control),
    };
    Ok(Launch {
        node: config.node.clone(),
        node_args: config.node_args.clone(),
        runtime_dir,
        app_dir: config.app_dir.clone(),
        load_time: config.load_time,
        env: env.variables(),
    })
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

fn gateway_config(
    config: &Config,
    listeners: &Listeners,
    credentials: Credentials,
) -> GatewayConfig {
    GatewayConfig {
        rate: config.rate,
        limits: config.limits,
        handshake_timeout: config.handshake_timeout,
        max_connections: config.max_connections,
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
