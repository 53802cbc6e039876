//! Who may come in: the `Host` and `Origin` checks.
//!
//! Any web page can reach a local port. A page that re-binds its own name to 127.0.0.1 is told
//! apart by the `Host` header, any other page by its `Origin`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is let in beside loopback.
#[derive(Debug, Clone, Default)]
pub struct AccessRules {
    /// The port we listen on.
    pub port: u16,
    /// More host names, from `--allow-host`, lower case.
    pub hosts: Vec<String>,
    /// More origins, from `--allow-origin`, lower case.
    pub origins: Vec<String>,
    /// Whether we listen beyond loopback: then any address may be ours. (A page that re-binds a
    /// name can never have an address as its host.)
    pub any_address: bool,
}

/// A `Host` header that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadHost {
    /// It is missing, or not a host at all: 400.
    Malformed,
    /// It names another host or port: 403.
    Foreign,
}

impl AccessRules {
    /// Judges a `Host` header.
    pub fn check_host(&self, host: Option<&str>) -> Result<(), BadHost> {
        let (name, port) = host.and_then(split_authority).ok_or(BadHost::Malformed)?;
        let name = name.to_ascii_lowercase();
        if self.hosts.contains(&name) {
            return Ok(());
        }
        let ours = is_loopback(&name) || (self.any_address && is_address(&name));
        // Browsers name every port but 80. Older AWS SDKs, the one inside the published `@ampt/sdk`
        // among them, never do.
        let port_fits = port.is_none_or(|port| port == self.port);
        if ours && port_fits {
            Ok(())
        } else {
            Err(BadHost::Foreign)
        }
    }

    /// Judges a socket's `Origin` header: absent, loopback on any port, or allowed.
    pub fn allows_origin(&self, origin: Option<&str>) -> bool {
        let Some(origin) = origin else {
            return true;
        };
        let origin = origin.trim().to_ascii_lowercase();
        if self.origins.contains(&origin) {
            return true;
        }
        let authority = ["http://", "https://"]
            .iter()
            .find_map(|scheme| origin.strip_prefix(scheme));
        let host = authority.and_then(split_authority);
        host.is_some_and(|(name, _)| is_loopback(name))
    }
}

/// Splits `name`, `name:port` or `[v6]:port`; `None` if it is none of these.
fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let authority = authority.trim();
    let (name, rest) = if authority.starts_with('[') {
        authority.split_at(authority.find(']')? + 1)
    } else {
        authority.split_at(authority.find(':').unwrap_or(authority.len()))
    };
    let port = match rest.strip_prefix(':') {
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
        None if rest.is_empty() => None,
        None => return None,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let well_formed = match name.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']')?.parse::<Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(plain),
    };
    well_formed.then_some((name, port))
}

fn is_address(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
}

/// Whether a host name or address can only mean this machine.
fn is_loopback(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => v4.is_loopback(),
        Ok(IpAddr::V6(v6)) => {
            v6.is_loopback()
                || v6
                    .to_ipv4_mapped()
                    .is_some_and(|v4| v4 == Ipv4Addr::LOCALHOST)
        }
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> AccessRules {
        AccessRules {
            port: 8810,
            hosts: vec!["my.test".into()],
            origins: vec!["https://app.example".into()],
            any_address: false,
        }
    }

    #[test]
    fn only_loopback_names_with_our_port_and_allowed_hosts_pass() {
        for host in [
            "127.0.0.1:8810",
            "localhost:8810",
            "LOCALHOST:8810",
            "[::1]:8810",
            "127.1.2.3:8810",
            "app.localhost:8810",
            "127.0.0.1",
            "localhost",
            "my.test",
            "my.test:443",
        ] {
            assert_eq!(rules().check_host(Some(host)), Ok(()), "{host}");
        }
        for host in [
            "127.0.0.1:80",
            "evil.example",
            "evil.example:8810",
            "localhost.evil.example:8810",
            "127.0.0.1.evil.example:8810",
            "10.0.0.1:8810",
            "[::2]:8810",
        ] {
            assert_eq!(
                rules().check_host(Some(host)),
                Err(BadHost::Foreign),
                "{host}"
            );
        }
        for host in [
            "",
            ":8810",
            "a b:8810",
            "[::1",
            "[zz]:8810",
            "a:b:8810",
            "x:99999",
            "ü:8810",
        ] {
            assert_eq!(
                rules().check_host(Some(host)),
                Err(BadHost::Malformed),
                "{host}"
            );
        }
        assert_eq!(rules().check_host(None), Err(BadHost::Malformed));
    }

    #[test]
    fn pages_of_other_origins_stay_out() {
        for origin in [
            "http://localhost:3000",
            "https://127.0.0.1",
            "http://[::1]:5173",
            "https://app.example",
        ] {
            assert!(rules().allows_origin(Some(origin)), "{origin}");
        }
        assert!(rules().allows_origin(None));
        for origin in [
            "null",
            "",
            "https://evil.example",
            "http://localhost.evil.example",
            "file://",
            "https://app.example.evil",
        ] {
            assert!(!rules().allows_origin(Some(origin)), "{origin}");
        }
    }
}
