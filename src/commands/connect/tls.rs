//! TLS for `wss://`, with the authorities that this machine trusts.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use super::target::Target;
use crate::error::{Failure, reason};

/// Makes a TCP connection a secure one.
pub(super) async fn secure(
    target: &Target,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Failure> {
    let name = ServerName::try_from(target.host.clone()).map_err(|_| {
        let host = &target.host;
        Failure::usage(format!("`{host}` is not a host name that TLS knows"))
    })?;
    let connector = TlsConnector::from(Arc::new(config(target.authority.as_deref())?));
    connector
        .connect(name, stream)
        .await
        .map_err(|error| failed(target, &error))
}

fn config(authority: Option<&Path>) -> Result<ClientConfig, Failure> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    // A sandbox without TLS has none.
    let own = authority.and_then(|file| CertificateDer::from_pem_file(file).ok());
    roots.add_parsable_certificates(own);
    if roots.is_empty() {
        let why = found.errors.first().map(|e| format!(": {e}"));
        let message = format!(
            "no certificate authorities were found on this machine{}",
            why.unwrap_or_default()
        );
        return Err(Failure::new("tls", message)
            .hint("install `ca-certificates`, or name a PEM file in SSL_CERT_FILE"));
    }
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map_err(|e| Failure::new("tls", format!("TLS cannot be set up: {e}")))
}

fn failed(target: &Target, error: &io::Error) -> Failure {
    let at = target.authority();
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<Error>());
    let no_tls = || {
        Failure::new("tls", format!("`{at}` does not speak TLS"))
            .hint("is it a ws:// address rather than wss://?")
    };
    match inner {
        Some(Error::InvalidCertificate(why)) => untrusted(target, why),
        Some(Error::InvalidMessage(_)) => no_tls(),
        Some(other) => Failure::new("tls", format!("no secure connection to `{at}`: {other}")),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            let message = format!("`{at}` hung up during the TLS handshake");
            Failure::new("tls", message).hint("is it a ws:// address rather than wss://?")
        }
        None => Failure::new(
            "tls",
            format!("no secure connection to `{at}`: {}", reason(error)),
        ),
    }
}

fn untrusted(target: &Target, why: &CertificateError) -> Failure {
    let host = &target.host;
    let (what, hint) = match why {
        CertificateError::UnknownIssuer => (
            "is not signed by an authority that this machine trusts".to_owned(),
            "for an authority of your own, name its PEM file in SSL_CERT_FILE",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "has expired".to_owned(),
            "renew it, and check this machine's clock",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("is not valid yet".to_owned(), "check this machine's clock")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "is for another host name".to_owned(),
            "connect by a name that the certificate is for",
        ),
        CertificateError::Revoked => ("was revoked".to_owned(), "the server needs a new one"),
        // An error of the verifier's own, which has no name here.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => (
            "is that of an authority, which must not be a server's own".to_owned(),
            "sign a certificate for the server with it, or make one without `CA:TRUE`",
        ),
        other => (
            format!("is not acceptable: {other}"),
            "look at it with `openssl s_client`",
        ),
    };
    Failure::new("tls", format!("the certificate of `{host}` {what}")).hint(hint)
}
