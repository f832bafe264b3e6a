//! A service of the test's own on a port of its own: it answers what a closure says, until it is dropped.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

type Headers = Vec<(String, String)>;

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `POST`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// In the order in which they came.
    pub headers: Headers,
    /// Whole, without its chunks.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header's value; empty where it isn't there.
    pub fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

/// An answer: its status, headers beyond those of a JSON body, and the body. None ends the connection without one.
pub type Answer = Option<(u16, Vec<(&'static str, String)>, String)>;

/// It listens until it is dropped.
#[derive(Debug)]
pub struct Stub {
    port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stub {
    /// A port on which nobody listens now.
    ///
    /// # Panics
    /// When there is none.
    pub fn free_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("an address").port()
    }

    /// Starts to listen. Each request has a thread of its own.
    ///
    /// # Panics
    /// When somebody else has the port.
    pub fn start(port: u16, answer: impl Fn(Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let over = Arc::new(AtomicBool::new(false));
        let (answer, ended) = (Arc::new(answer), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let answer = Arc::clone(&answer);
                if let Ok(stream) = stream {
                    std::thread::spawn(move || serve(stream, &*answer));
                }
            }
        });
        Self {
            port,
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes it up, so that it sees that it is over.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn serve(mut stream: TcpStream, answer: &impl Fn(Asked) -> Answer) {
    let Some(asked) = read_request(&mut stream) else {
        return;
    };
    let Some((status, headers, body)) = answer(asked) else {
        return;
    };
    let mut text = format!(
        "HTTP/1.1 {status} Whatever\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.extend([name, ": ", &value, "\r\n"]);
    }
    text.push_str("\r\n");
    text.push_str(&body);
    stream.write_all(text.as_bytes()).ok();
}

/// One request; `None` when it isn't whole.
fn read_request(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 8192];
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let mut storage = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Request::new(&mut storage);
        let Ok(httparse::Status::Complete(length)) = head.parse(&bytes) else {
            continue;
        };
        let (method, path) = (head.method?.to_owned(), head.path?.to_owned());
        let headers: Headers = head
            .headers
            .iter()
            .map(|header| {
                (
                    header.name.to_owned(),
                    String::from_utf8_lossy(header.value).into_owned(),
                )
            })
            .collect();
        let find = |name: &str| headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        let rest = &bytes[length..];
        let body = match find("content-length") {
            Some((_, length)) => rest.get(..length.parse().ok()?).map(<[u8]>::to_vec),
            None if find("transfer-encoding").is_some() => unchunk(rest),
            None => Some(Vec::new()),
        };
        if let Some(body) = body {
            return Some(Asked {
                method,
                path,
                headers,
                body,
            });
        }
    }
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(rest) else {
            return None;
        };
        let size = usize::try_from(size).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(start..start + size)?);
        rest = rest.get(start + size + 2..)?;
    }
}
