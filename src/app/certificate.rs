//! The certificate for `--tls`, made on first use and kept in the data folder.
//!
//! An authority signs the server's certificate, because browsers and TLS libraries trust
//! authorities. Its key is thrown away as soon as it has signed: whoever trusts the authority trusts
//! this one server, and nobody can sign anything else with it.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose, date_time_ymd};
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::data_dir::unusable;
use crate::error::Failure;

/// The certificate's folder in the data folder.
const FOLDER: &str = "tls";

/// The authority's certificate, which clients must trust.
const AUTHORITY: &str = "authority.pem";

/// The server's certificate and key.
const SERVER: &str = "server.pem";

/// For whom it is and how long.
const ABOUT: &str = "about.json";

/// The authorities that the app's Node trusts, where there is one beside ours.
const NODE_AUTHORITIES: &str = "node-authorities.pem";

const DAY: Duration = Duration::from_secs(86_400);

/// How long a certificate is valid.
const VALID: Duration = DAY.saturating_mul(365);

/// A new one is made when it is valid for less than this.
const SPARE: Duration = DAY.saturating_mul(7);

/// Names that mean this machine.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate to serve with.
pub struct Certificate {
    /// For the server.
    pub config: Arc<ServerConfig>,
    /// The file that clients must trust.
    pub authority: PathBuf,
    /// Whether it was made just now, so that nobody can trust it yet.
    pub is_new: bool,
}

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct About {
    names: Vec<String>,
    /// When it runs out, in seconds since the epoch.
    expires: u64,
}

/// The certificate of a data folder for the loopback names and these; made if there is none, if it
/// is for other names, or if it runs out. Blocks.
///
/// # Errors
/// The folder cannot be written to, a name cannot stand in a certificate, or what is there is
/// damaged.
pub fn prepare(data_dir: &Path, names: &[String]) -> Result<Certificate, Failure> {
    let folder = data_dir.join(FOLDER);
    let mut all: Vec<String> = LOOPBACK.iter().map(|&name| name.to_owned()).collect();
    all.extend(names.iter().cloned());
    all.sort();
    all.dedup();
    let is_new = !is_usable(&folder, &all);
    if is_new {
        make(data_dir, &folder, all)?;
    }
    Ok(Certificate {
        config: Arc::new(load(&folder.join(SERVER))?),
        authority: authority_of(data_dir),
        is_new,
    })
}

fn is_usable(folder: &Path, names: &[String]) -> bool {
    let about = fs::read(folder.join(ABOUT)).ok();
    let about: Option<About> = about.and_then(|text| serde_json::from_slice(&text).ok());
    about.is_some_and(|about| {
        about.names == names && about.expires > (since_epoch() + SPARE).as_secs()
    })
}

/// The machine's time: certificates know no other.
fn since_epoch() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

/// Makes a certificate aside, and puts it in its place whole.
fn make(data_dir: &Path, folder: &Path, names: Vec<String>) -> Result<(), Failure> {
    let now = since_epoch();
    let expires = now + VALID;
    let (authority, server) = sign(&names, now, expires).map_err(|error| {
        Failure::new("tls", format!("no certificate can be made: {error}"))
            .hint("names given with --host and --allow-host must be host names or addresses")
    })?;
    let about = About {
        names,
        expires: expires.as_secs(),
    };
    let about = serde_json::to_string(&about).unwrap_or_default();
    let write = || -> io::Result<()> {
        let staging = data_dir.join(format!("{FOLDER}.{}", std::process::id()));
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&staging)?;
        for (name, text) in [(AUTHORITY, &authority), (SERVER, &server), (ABOUT, &about)] {
            write_private(&staging.join(name), text)?;
        }
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::rename(&staging, folder),
        }
    };
    write().map_err(|error| unusable(folder, &error))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// PEM of the authority, and of the server's certificate with its key.
fn sign(
    names: &[String],
    now: Duration,
    expires: Duration,
) -> Result<(String, String), rcgen::Error> {
    let date = |since_epoch: Duration| date_time_ymd(1970, 1, 1) + since_epoch;
    let params = |names: Vec<String>, called: &str| -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, called);
        // A day early: clocks differ.
        params.not_before = date(now.saturating_sub(DAY));
        params.not_after = date(expires);
        Ok(params)
    };
    let mut authority = params(Vec::new(), "ampt-ws local authority")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let mut server = params(names.to_vec(), "ampt-ws local sandbox")?;
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &authority)?;
    let server = format!("{}{}", certificate.pem(), key.serialize_pem());
    Ok((authority.pem(), server))
}

fn load(file: &Path) -> Result<ServerConfig, Failure> {
    let damaged = |why: &dyn std::fmt::Display| {
        let folder = file.parent().unwrap_or(file).display();
        Failure::new(
            "tls",
            format!("the certificate in `{folder}` is not usable: {why}"),
        )
        .hint(format!("remove `{folder}` to have a new one made"))
    };
    let chain = CertificateDer::pem_file_iter(file).map_err(|e| damaged(&e))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(|e| damaged(&e))?;
    let key = PrivateKeyDer::from_pem_file(file).map_err(|e| damaged(&e))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| damaged(&e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Where the authority of a data folder's certificate is, if there is one.
pub fn authority_of(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER).join(AUTHORITY)
}

/// What clients have to do to trust an authority, a line each.
pub fn how_to_trust(authority: &Path, url: &str) -> Vec<String> {
    let file = authority.display();
    vec![
        format!("Node:     NODE_EXTRA_CA_CERTS={file} node client.js"),
        format!("curl:     curl --cacert {file} {url}"),
        format!(
            "Chromium: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n ampt-ws -i {file} (of libnss3-tools)"
        ),
    ]
}

/// The file of authorities for the app's own Node: ours, and what the shell names already.
///
/// # Errors
/// The file that is named cannot be read, or the folder not be written to.
pub fn for_node(authority: &Path) -> Result<PathBuf, Failure> {
    let Some(named) = std::env::var_os("NODE_EXTRA_CA_CERTS").filter(|name| !name.is_empty())
    else {
        return Ok(authority.to_owned());
    };
    let all = authority.with_file_name(NODE_AUTHORITIES);
    let gather = || -> io::Result<()> {
        let ours = fs::read_to_string(authority)?;
        // Node ignores a file that is not there.
        let theirs = fs::read_to_string(&named).unwrap_or_default();
        write_private(&all, &format!("{ours}\n{theirs}"))
    };
    gather().map_err(|error| unusable(authority, &error))?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_again_for_other_names() {
        let dir = tempfile::tempdir().unwrap();
        let first = prepare(dir.path(), &[]).unwrap();
        assert!(first.is_new);
        let authority = fs::read_to_string(&first.authority).unwrap();
        assert!(!authority.contains("PRIVATE KEY"));
        assert!(!prepare(dir.path(), &[]).unwrap().is_new);
        let other = prepare(dir.path(), &["my.test".to_owned()]).unwrap();
        assert!(other.is_new);
        assert_ne!(fs::read_to_string(&other.authority).unwrap(), authority);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = dir.path().join(FOLDER);
        assert_eq!(mode(&folder), 0o700);
        for file in [AUTHORITY, SERVER, ABOUT] {
            assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
        }
    }

    #[test]
    fn one_that_runs_out_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path(), &[]).unwrap();
        let about = dir.path().join(FOLDER).join(ABOUT);
        let mut read: About = serde_json::from_slice(&fs::read(&about).unwrap()).unwrap();
        read.expires = (since_epoch() + SPARE).as_secs() - 1;
        fs::write(&about, serde_json::to_string(&read).unwrap()).unwrap();
        assert!(prepare(dir.path(), &[]).unwrap().is_new);
    }

    #[test]
    fn a_damaged_one_says_what_to_remove() {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path(), &[]).unwrap();
        fs::write(dir.path().join(FOLDER).join(SERVER), "not PEM").unwrap();
        let failure = prepare(dir.path(), &[]).err().unwrap();
        assert!(failure.hint.unwrap().contains("remove"));
    }

    #[test]
    fn a_name_that_is_none_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let failure = prepare(dir.path(), &["ü".to_owned()]).err().unwrap();
        assert_eq!(failure.code, "tls");
    }
}
