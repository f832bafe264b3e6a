//! A TCP forwarder that can be cut: a service that goes away and comes back, without touching the one that all share.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Forwards to a service for as long as it is whole.
pub(crate) struct Forwarder {
    address: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    cut: bool,
    streams: Vec<TcpStream>,
}

impl Forwarder {
    /// In front of the service at `target` (host:port).
    pub(crate) fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared: Arc<Mutex<Shared>> = Arc::default();
        let (target, kept) = (target.to_owned(), Arc::clone(&shared));
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let mut shared = kept.lock().unwrap();
                if shared.cut {
                    continue;
                }
                let server = TcpStream::connect(&target).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || pump(from, to));
                }
                shared.streams.extend([client, server]);
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Breaks every connection, and each new one at once.
    pub(crate) fn cut(&self) {
        let mut shared = self.shared.lock().unwrap();
        shared.cut = true;
        for stream in shared.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets new connections through again.
    pub(crate) fn mend(&self) {
        self.shared.lock().unwrap().cut = false;
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
