//! Where the sandbox listens, and the names by which it is called.

use super::certificate::{self, Certificate};
use super::listen::{self, Listeners};
use crate::config::Config;
use crate::error::Failure;
use crate::event::{EventBus, Level};

/// Bound sockets, which do not accept anybody yet.
pub(super) struct Address {
    /// The sockets.
    pub listeners: Listeners,
    /// With `--tls`, what is shown to clients.
    pub certificate: Option<Certificate>,
    /// `http://…` or `https://…`
    pub url: String,
    /// `ws://…` or `wss://…`
    pub ws_url: String,
}

impl Address {
    /// Binds the sockets, and finds or makes the certificate.
    ///
    /// # Errors
    /// If the port is taken, the host is none of this machine's, or no certificate can be kept.
    pub async fn bind(config: &Config) -> Result<Self, Failure> {
        let listeners = listen::bind(&config.host, config.port).await?;
        let certificate = match config.tls {
            true => Some(make_certificate(config, &listeners).await?),
            false => None,
        };
        let secure = if config.tls { "s" } else { "" };
        let (host, port) = (listeners.host(), listeners.port);
        Ok(Self {
            listeners,
            certificate,
            url: format!("http{secure}://{host}:{port}"),
            ws_url: format!("ws{secure}://{host}:{port}"),
        })
    }

    /// Tells what is to be known about it, if anything.
    pub fn tell(&self, config: &Config, bus: &EventBus) {
        self.warn(config, bus);
        if let Some(certificate) = &self.certificate {
            self.tell_how_to_trust(certificate, bus);
        }
    }

    /// Says so if the address is another than expected, or open to everybody.
    fn warn(&self, config: &Config, bus: &EventBus) {
        let listeners = &self.listeners;
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

    fn tell_how_to_trust(&self, certificate: &Certificate, bus: &EventBus) {
        let url = &self.url;
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
}

/// The certificate for the names by which clients may call this sandbox.
async fn make_certificate(config: &Config, listeners: &Listeners) -> Result<Certificate, Failure> {
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
