//! A bare TCP connection: requests that no library would send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

/// A TCP connection with a read deadline.
pub struct RawSocket {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An HTTP response.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl RawSocket {
    /// Connects.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the sandbox listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Writes bytes; a peer that has given up on us meanwhile shows in what can be read.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Reads so many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more(), "the connection ended early: {:?}", self.read);
        }
        self.read.drain(..count).collect()
    }

    /// Reads one HTTP response.
    pub fn response(&mut self) -> Response {
        let end = self.until(b"\r\n\r\n");
        let head = String::from_utf8(self.bytes(end)).expect("a head in ASCII");
        let mut lines = head.lines();
        let status = lines.next().and_then(|l| l.split(' ').nth(1)?.parse().ok());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let value = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        let bytes = match value("transfer-encoding") {
            Some(_) => self.chunks(),
            None => {
                let length = value("content-length").and_then(|v| v.parse().ok());
                self.bytes(length.unwrap_or(0))
            }
        };
        let body = String::from_utf8(bytes).expect("a body in UTF-8");
        Response {
            status: status.expect("a status"),
            headers,
            body,
        }
    }

    /// A body in chunks.
    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let end = self.until(b"\r\n");
            let line = String::from_utf8(self.bytes(end)).expect("a length in ASCII");
            let length = usize::from_str_radix(line.trim_end(), 16).expect("a chunk's length");
            body.extend(self.bytes(length));
            self.bytes(2);
            if length == 0 {
                return body;
            }
        }
    }

    /// How many bytes there are up to the end of this mark.
    fn until(&mut self, mark: &[u8]) -> usize {
        loop {
            if let Some(at) = find(&self.read, mark) {
                return at + mark.len();
            }
            let so_far = String::from_utf8_lossy(&self.read).into_owned();
            assert!(self.more(), "the connection ended early: {so_far:?}");
        }
    }

    /// Waits until the other side has ended the connection; what it wrote before.
    pub fn end(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.read)
    }

    fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(read) => {
                self.read.extend_from_slice(&bytes[..read]);
                read > 0
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing to read: {error}"),
        }
    }
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}
