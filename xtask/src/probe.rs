//! Ports and readiness: which ports are free, and whether somebody answers on one.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use crate::progress::{Progress, stopping};

/// Below the range from which systems take ports for outgoing connections, so that none of those can be in the way
/// between the look and the use.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// How long the other side of a probe may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether nothing listens on `port` of the loopback.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A free port, never the same twice in one process.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN
        .lock()
        .map_err(|_| anyhow!("a thread died while it looked for a port"))?;
    let range = u32::from(RANGE.end - RANGE.start);
    // Processes that start together look in different places.
    let start = std::process::id().wrapping_mul(97) % range;
    for step in 0..range {
        let port = RANGE.start + u16::try_from((start + step) % range)?;
        if !taken.contains(&port) && is_free(port) {
            taken.insert(port);
            return Ok(port);
        }
    }
    bail!("no free port between {} and {}", RANGE.start, RANGE.end)
}

/// `wanted` if it is free, else any other.
///
/// # Errors
/// When there is no free port at all.
pub fn free_port_near(wanted: u16) -> Result<u16> {
    if is_free(wanted) { Ok(wanted) } else { free_port() }
}

/// The status that `GET path` answers on `port` of the loopback, if anything does.
pub fn http_status(port: u16, path: &str) -> Option<u16> {
    http_call(port, "GET", path, "")
}

/// The status of a call without a body; `fields` are more header lines, each with its end.
pub fn http_call(port: u16, method: &str, path: &str, fields: &str) -> Option<u16> {
    let end = if method == "GET" { "" } else { "Content-Length: 0\r\n" };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{fields}{end}\r\n");
    let answer = exchange(port, head.as_bytes(), |answer| answer.len() >= 12)?;
    let head = String::from_utf8_lossy(&answer);
    head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

/// What `port` of the loopback answers to `request`, as soon as it is `enough`.
pub fn exchange(port: u16, request: &[u8], enough: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(request).ok()?;
    let mut answer = Vec::new();
    let mut buffer = [0_u8; 1024];
    while !enough(&answer) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
    Some(answer)
}

/// Asks `ready` again and again until it says yes.
///
/// # Errors
/// What `ready` fails with, or when `limit` has passed, or a signal asked for the end.
pub fn wait_until(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<bool>) -> Result<()> {
    let mut progress = Progress::start(&format!("waiting for {what}"));
    while !ready()? {
        if progress.elapsed() > limit {
            bail!("{what} isn't ready after {} seconds", limit.as_secs());
        }
        if stopping() {
            bail!("interrupted");
        }
        progress.tick();
        // What is measured by its start comes up in less than this.
        let soon = progress.elapsed() < Duration::from_secs(1);
        thread::sleep(Duration::from_millis(if soon { 2 } else { 25 }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once() {
        let ports: BTreeSet<u16> = (0..20).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 20);
        assert!(ports.iter().all(|port| RANGE.contains(port)));
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        assert_ne!(free_port_near(port).unwrap(), port);
    }

    #[test]
    fn a_status_is_read_from_the_first_line() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 64];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /healthz HTTP/1.1\r\n"));
            stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap();
        });
        assert_eq!(http_status(port, "/healthz"), Some(503));
        server.join().unwrap();
        assert_eq!(http_status(port, "/healthz"), None);
    }
}
