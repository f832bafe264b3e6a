//! A TCP proxy that makes round trips longer: what a server says reaches the client so much later.
//!
//! One direction is enough for that, and nothing waits for anything else: bytes are held from when they arrived, so that a
//! pipeline of requests is late once and not once each. Connecting isn't delayed; who signs in pays for each answer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// A proxy on 127.0.0.1. Dropping it takes no more connections; those that are there end with their peers.
#[derive(Debug)]
pub struct DelayProxy {
    port: u16,
    ended: Arc<AtomicBool>,
}

impl DelayProxy {
    /// Starts one in front of `target` (a port of 127.0.0.1).
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub fn start(target: u16, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a port for the delaying proxy")?;
        let port = listener.local_addr()?.port();
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        thread::spawn(move || {
            for client in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(client) = client {
                    // A server that is down looks like one: the connection ends.
                    thread::spawn(move || join(&client, target, delay));
                }
            }
        });
        Ok(Self { port, ended })
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for DelayProxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // The thread waits for a connection before it looks.
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok();
    }
}

/// Carries one connection until both sides have said all.
fn join(client: &TcpStream, target: u16, delay: Duration) -> io::Result<()> {
    let server = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, target)))?;
    for side in [client, &server] {
        side.set_nodelay(true)?;
    }
    let (arrived, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut from = client;
            let mut to = &server;
            let copied = io::copy(&mut from, &mut to);
            // Without an end in order the other direction needn't go on.
            server.shutdown(if copied.is_ok() {
                Shutdown::Write
            } else {
                Shutdown::Both
            })
        });
        scope.spawn(|| {
            let arrived = arrived;
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = (&server).read(&mut buffer) {
                if arrived.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
                    return;
                }
            }
        });
        for (when, bytes) in due {
            thread::sleep(when.saturating_duration_since(Instant::now()));
            if { client }.write_all(&bytes).is_err() {
                break;
            }
        }
        client.shutdown(Shutdown::Write).ok();
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(40);

    /// A server that says back what it hears, and the proxy in front of it.
    fn echo() -> (DelayProxy, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut answers = stream.try_clone().unwrap();
            io::copy(&mut stream, &mut answers).unwrap();
        });
        let proxy = DelayProxy::start(port, DELAY).unwrap();
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        client.set_nodelay(true).unwrap();
        (proxy, client)
    }

    #[test]
    fn each_round_trip_takes_at_least_the_delay() {
        let (_proxy, mut client) = echo();
        for _ in 0..3 {
            let started = Instant::now();
            client.write_all(b"?").unwrap();
            client.read_exact(&mut [0]).unwrap();
            assert!(started.elapsed() >= DELAY);
        }
    }

    #[test]
    fn bytes_and_their_order_survive_and_a_pipeline_is_late_once() {
        let (_proxy, mut client) = echo();
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[(n % 3) as usize]).collect();
        let started = Instant::now();
        let mut writer = client.try_clone().unwrap();
        let out = sent.clone();
        thread::spawn(move || {
            for part in out.chunks(10_000) {
                writer.write_all(part).unwrap();
            }
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert!(received == sent);
        // A hundred parts, each late after the one before, would take four seconds.
        assert!(started.elapsed() >= DELAY && started.elapsed() < DELAY * 50);
    }

    #[test]
    fn a_server_that_is_down_ends_the_connection() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let proxy = DelayProxy::start(port, DELAY).unwrap();
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
    }
}
