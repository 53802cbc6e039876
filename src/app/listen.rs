//! Finds a port, and says who has it if it is taken.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, lookup_host};

use crate::config::DEFAULT_PORT;
use crate::error::Failure;

/// How many ports after the default one are tried.
const TRIES: u16 = 100;

/// Listeners on one port.
pub struct Listeners {
    /// The listeners: IPv4 and, on loopback, IPv6 if it is to be had.
    pub all: Vec<TcpListener>,
    /// Their port.
    pub port: u16,
    /// The address from `--host`.
    pub address: IpAddr,
    /// Whether the default port was taken and another is used.
    pub moved: bool,
}

impl Listeners {
    /// How clients on this machine name the sandbox's host.
    pub fn host(&self) -> String {
        match self.address {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => "127.0.0.1".to_owned(),
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => "[::1]".to_owned(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        }
    }
}

/// Listens on the port that was given by hand, or on the first free one from the default on.
pub async fn bind(host: &str, port: Option<u16>) -> Result<Listeners, Failure> {
    let address = resolve(host).await?;
    match port {
        Some(port) => match try_bind(address, port).await {
            Ok(all) => Ok(listeners(all, address, false)),
            Err(error) => Err(refused(address, port, &error)),
        },
        None => bind_default(address).await,
    }
}

async fn bind_default(address: IpAddr) -> Result<Listeners, Failure> {
    for port in DEFAULT_PORT..DEFAULT_PORT + TRIES {
        match try_bind(address, port).await {
            Ok(all) => return Ok(listeners(all, address, port != DEFAULT_PORT)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(refused(address, port, &error)),
        }
    }
    let last = DEFAULT_PORT + TRIES - 1;
    Err(Failure::new(
        "port-in-use",
        format!("the ports {DEFAULT_PORT} to {last} are all taken"),
    )
    .hint("choose another one with --port, or any free one with --port 0"))
}

fn listeners(all: Vec<TcpListener>, address: IpAddr, moved: bool) -> Listeners {
    let port = all
        .first()
        .and_then(|l| l.local_addr().ok())
        .map_or(0, |a| a.port());
    Listeners {
        all,
        port,
        address,
        moved,
    }
}

async fn resolve(host: &str) -> Result<IpAddr, Failure> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let unknown = |error: String| {
        Failure::usage(format!("`{host}` is not an address to listen on: {error}"))
            .hint("use --host 127.0.0.1, or --host 0.0.0.0 to listen on every interface")
    };
    if bare == "localhost" {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    if let Ok(address) = bare.parse() {
        return Ok(address);
    }
    let mut found = lookup_host((bare, 0))
        .await
        .map_err(|e| unknown(e.to_string()))?;
    found
        .next()
        .map(|a| a.ip())
        .ok_or_else(|| unknown("it has no address".to_owned()))
}

/// Binds the address; of the IPv4 loopback also its IPv6 sister, so that `localhost` works
/// whichever way it resolves. The sister is a courtesy: without it there is still the first.
async fn try_bind(address: IpAddr, port: u16) -> io::Result<Vec<TcpListener>> {
    let first = TcpListener::bind(SocketAddr::new(address, port)).await?;
    let port = first.local_addr()?.port();
    let mut all = vec![first];
    if address == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        let sister = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port);
        all.extend(TcpListener::bind(sister).await.ok());
    }
    if address.is_loopback() {
        all.iter().for_each(keep_from_pacing);
    }
    Ok(all)
}

/// Gives the listener's connections the plainest congestion control. Inside one machine there is no
/// network to be fair to, and one that paces, as BBR does, costs each message there.
#[cfg(target_os = "linux")]
fn keep_from_pacing(listener: &TcpListener) {
    // Every Linux has it. Should one not: what it has works as well.
    let _ = rustix::net::sockopt::set_tcp_congestion(listener, "reno");
}

#[cfg(not(target_os = "linux"))]
fn keep_from_pacing(_: &TcpListener) {}

fn refused(address: IpAddr, port: u16, error: &io::Error) -> Failure {
    let at = SocketAddr::new(address, port);
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let who =
                owner(port).map_or_else(|| "another process".to_owned(), |who| format!("`{who}`"));
            Failure::new("port-in-use", format!("port {port} is taken by {who}"))
                .hint("stop it, choose another port, or leave --port out to take the next free one")
        }
        io::ErrorKind::PermissionDenied => {
            Failure::new("port-refused", format!("listening on {at} is not allowed"))
                .hint("ports below 1024 need privileges; choose one above")
        }
        io::ErrorKind::AddrNotAvailable => Failure::new(
            "address-unavailable",
            format!("this machine has no address {address}"),
        )
        .hint("use --host 127.0.0.1, or --host 0.0.0.0 to listen on every interface"),
        _ => Failure::new("listen", format!("cannot listen on {at}: {error}")),
    }
}

/// The name and id of the process that listens on a TCP port, if the system lets us know.
fn owner(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| {
            let text = std::fs::read_to_string(table).ok()?;
            text.lines()
                .skip(1)
                .find_map(|line| listening_inode(line, port))
        })?;
    let wanted = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let pid = process.file_name().into_string().ok()?;
        pid.parse::<u32>().ok()?;
        let mut descriptors = std::fs::read_dir(process.path().join("fd")).ok()?.flatten();
        descriptors.find(|fd| {
            std::fs::read_link(fd.path()).is_ok_and(|l| l.as_os_str() == wanted.as_str())
        })?;
        let name = std::fs::read_to_string(process.path().join("comm")).ok()?;
        Some(format!("{} (process {pid})", name.trim()))
    })
}

/// The inode of a listening socket on `port`, if this line of `/proc/net/tcp` is about one.
fn listening_inode(line: &str, port: u16) -> Option<String> {
    let mut fields = line.split_whitespace().skip(1);
    let local = fields.next()?;
    let state = fields.nth(1)?;
    let (_, hex) = local.rsplit_once(':')?;
    let matches = state == "0A" && u16::from_str_radix(hex, 16).ok()? == port;
    matches.then(|| fields.nth(5).map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_given_by_hand_that_is_taken_names_who_has_it() {
        let first = bind("127.0.0.1", Some(0)).await.unwrap();
        let error = bind("127.0.0.1", Some(first.port)).await.err().unwrap();
        assert_eq!(error.code, "port-in-use");
        let me = format!("(process {})", std::process::id());
        assert!(error.message.contains(&me), "{}", error.message);
    }

    #[tokio::test]
    async fn a_host_without_an_address_is_wrong_usage() {
        let error = bind("no such host", Some(0)).await.err().unwrap();
        assert_eq!(error.exit, crate::error::exit::USAGE);
    }
}
