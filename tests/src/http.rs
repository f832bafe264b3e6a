//! A raw HTTP/1.1 client: one connection a request, every header as the case wrote it, no redirects, no cookie store.
//!
//! Blocking on purpose: a case is a plain function, and a race is threads behind a barrier. Every reply is held to what
//! holds for all of them (an `x-request-id`, no 500), so that no case has to remember it.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::openapi;

/// After this a request counts as hung. Generous: sixteen Argon2 hashes may queue on a small machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// How many requests wrangler's proxy has lost, and were sent again. A few under load; many would have a cause.
pub static LOST_BY_WRANGLER: AtomicUsize = AtomicUsize::new(0);

/// Where a host listens: `http://name:port`, as printed in links and given in `Host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    authority: String,
}

impl Base {
    /// Parses `http://host:port`, with or without a slash at the end.
    ///
    /// # Panics
    /// When it isn't plain http with a port.
    pub fn parse(url: &str) -> Self {
        let authority = url
            .trim_end_matches('/')
            .strip_prefix("http://")
            .expect("a base address starts with http://");
        assert!(
            authority.contains(':') && !authority.contains('/'),
            "{url} isn't http://host:port"
        );
        Self {
            authority: authority.to_owned(),
        }
    }

    /// `host:port`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// `http://host:port`, which is also what a browser sends as `Origin`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// A request to be dressed and sent.
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call {
            base: self.clone(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Body::None,
            deadline: DEADLINE,
        }
    }
}

#[derive(Clone)]
enum Body {
    None,
    /// With `Content-Length`.
    Sized(Vec<u8>),
    /// With `Transfer-Encoding: chunked`, in pieces of 8 KiB.
    Chunked(Vec<u8>),
}

/// A request under construction.
#[derive(Clone)]
pub struct Call {
    base: Base,
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Body,
    deadline: Duration,
}

impl Call {
    /// Adds a header; the same name twice is sent twice. A `Host` given here replaces the usual one.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// A JSON body with its content type.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// Any body with any content type.
    #[must_use]
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.headers
            .push(("content-type".to_owned(), content_type.as_bytes().to_vec()));
        self.body = Body::Sized(bytes.into());
        self
    }

    /// A body without a content type.
    #[must_use]
    pub fn bare_body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Sized(bytes.into());
        self
    }

    /// A body that doesn't say how long it is.
    #[must_use]
    pub fn chunked(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.headers
            .push(("content-type".to_owned(), content_type.as_bytes().to_vec()));
        self.body = Body::Chunked(bytes.into());
        self
    }

    /// Asks in token mode (`x-doorward-mode: token`).
    #[must_use]
    pub fn token_mode(self) -> Self {
        self.header("x-doorward-mode", "token")
    }

    /// `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// The time after which the request counts as hung.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sends it and reads the whole reply, which is held to what every reply of a host must be.
    ///
    /// # Panics
    /// When there is no proper HTTP reply within the deadline, when it is a 500, when `x-request-id` is missing, or when
    /// the host's description of its API has no such reply.
    pub fn send(self) -> Reply {
        let (base, method, path) = (self.base.clone(), self.method.clone(), self.path.clone());
        let again = self.clone();
        let mut reply = self.send_unchecked();
        if reply.is_from_wranglers_proxy() && !again.is_large() {
            LOST_BY_WRANGLER.fetch_add(1, Ordering::Relaxed);
            reply = again.send_unchecked();
        }
        assert_ne!(reply.status, 500, "a 500 is a defect\n{reply}");
        let id = reply.header("x-request-id").unwrap_or_default();
        assert!(
            !id.is_empty() && id.len() <= 128,
            "every reply carries x-request-id\n{reply}"
        );
        openapi::check(&base, &method, &path, &reply);
        reply
    }

    /// Whether it is so large that a host may want to refuse it unread, which is never to look like an accident.
    fn is_large(&self) -> bool {
        matches!(&self.body, Body::Sized(bytes) | Body::Chunked(bytes) if bytes.len() > 16 * 1024)
    }

    /// Sends it to something that isn't a Doorward host (the gateway), or where a failure is expected.
    ///
    /// # Panics
    /// When there is no proper HTTP reply within the deadline.
    pub fn send_unchecked(self) -> Reply {
        self.try_send().unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// As [`Call::send_unchecked`], with a reply that doesn't come as a value.
    ///
    /// # Errors
    /// Says what was asked and how it failed: refused, cut, hung, or no HTTP.
    pub fn try_send(self) -> Result<Reply, String> {
        let asked = format!("{} http://{}{}", self.method, self.base.authority, self.path);
        let started = Instant::now();
        self.exchange(&asked, started)
            .map_err(|problem| format!("{asked}: {problem} after {} ms", started.elapsed().as_millis()))
    }

    fn exchange(&self, asked: &str, started: Instant) -> Result<Reply, String> {
        let address = self
            .base
            .authority
            .to_socket_addrs()
            .map_err(|e| e.to_string())?
            // The hosts listen on 127.0.0.1; `localhost` may name ::1 as well.
            .find(std::net::SocketAddr::is_ipv4)
            .ok_or("no IPv4 address")?;
        let mut stream = TcpStream::connect_timeout(&address, self.deadline).map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        stream
            .set_write_timeout(Some(self.deadline))
            .map_err(|e| e.to_string())?;
        // A server may answer 413 and close before it has taken the whole body: what counts is the reply.
        let sent = stream.write_all(&self.encode());
        let mut bytes = Vec::new();
        let outcome = read_reply(&mut stream, &mut bytes, self.method == "HEAD", started, self.deadline);
        match (outcome, sent) {
            (Ok(parsed), _) => Ok(Reply {
                asked: asked.to_owned(),
                status: parsed.status,
                headers: parsed.headers,
                body: parsed.body,
                took: started.elapsed(),
            }),
            (Err(problem), Ok(())) => Err(problem),
            (Err(problem), Err(e)) => Err(format!("{problem} (and sending failed: {e})")),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let has = |name: &str| self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        };
        if !has("host") {
            line("Host", self.base.authority.as_bytes());
        }
        for (name, value) in &self.headers {
            line(name, value);
        }
        if !has("connection") {
            line("Connection", b"close");
        }
        match &self.body {
            Body::None if matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") => line("Content-Length", b"0"),
            Body::None => {}
            Body::Sized(bytes) => line("Content-Length", bytes.len().to_string().as_bytes()),
            Body::Chunked(_) => line("Transfer-Encoding", b"chunked"),
        }
        out.extend_from_slice(b"\r\n");
        match &self.body {
            Body::None => {}
            Body::Sized(bytes) => out.extend_from_slice(bytes),
            Body::Chunked(bytes) => {
                for piece in bytes.chunks(8192) {
                    out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                    out.extend_from_slice(piece);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n\r\n");
            }
        }
        out
    }
}

struct Parsed {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Reads until the reply is complete by its own framing (RFC 9112, section 6.3).
fn read_reply(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    head_only: bool,
    started: Instant,
    deadline: Duration,
) -> Result<Parsed, String> {
    let mut closed = false;
    loop {
        if let Some(parsed) = parse(bytes, head_only, closed)? {
            return Ok(parsed);
        }
        if closed {
            return Err(format!("the reply was cut after {} bytes", bytes.len()));
        }
        let left = deadline
            .checked_sub(started.elapsed())
            .filter(|left| !left.is_zero())
            .ok_or("no reply: hung")?;
        stream.set_read_timeout(Some(left)).map_err(|e| e.to_string())?;
        let mut buffer = [0; 16 * 1024];
        match stream.read(&mut buffer) {
            Ok(0) => closed = true,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err("no reply: hung".to_owned());
            }
            Err(e) => return Err(format!("reading the reply: {e}")),
        }
    }
}

/// `None` as long as something is missing.
fn parse(bytes: &[u8], head_only: bool, closed: bool) -> Result<Option<Parsed>, String> {
    let mut storage = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut storage);
    let length = match head.parse(bytes).map_err(|e| format!("not HTTP: {e}"))? {
        httparse::Status::Partial => return Ok(None),
        httparse::Status::Complete(length) => length,
    };
    let status = head.code.unwrap_or_default();
    let rest = &bytes[length..];
    if status == 100 {
        return parse(rest, head_only, closed);
    }
    let headers: Vec<_> = head
        .headers
        .iter()
        .map(|header| {
            (
                header.name.to_ascii_lowercase(),
                String::from_utf8_lossy(header.value).into_owned(),
            )
        })
        .collect();
    let find = |name: &str| {
        headers
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    };
    let body = if head_only || status == 204 || status == 304 {
        Some(Vec::new())
    } else if find("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        unchunk(rest)?
    } else if let Some(length) = find("content-length") {
        let length: usize = length
            .parse()
            .map_err(|_| "a content-length that is no number".to_owned())?;
        rest.get(..length).map(<[u8]>::to_vec)
    } else {
        closed.then(|| rest.to_vec())
    };
    Ok(body.map(|body| Parsed { status, headers, body }))
}

fn unchunk(mut rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let (start, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("a chunk without a proper size".to_owned()),
        };
        let size = usize::try_from(size).map_err(|e| e.to_string())?;
        if size == 0 {
            return Ok(Some(body));
        }
        let Some(chunk) = rest.get(start..start + size) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        let Some(next) = rest.get(start + size + 2..) else {
            return Ok(None);
        };
        rest = next;
    }
}

/// What came back, with how long it took.
#[derive(Clone)]
pub struct Reply {
    asked: String,
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body, unchunked.
    pub body: Vec<u8>,
    /// From before the connection to the last byte.
    pub took: Duration,
}

impl Reply {
    /// Whether no host has answered, but the proxy that `wrangler dev` puts in front of workerd, whose connection to it
    /// was closed as the request was sent (both close what was idle for five seconds). It then asks in so many words for
    /// the request to be sent again, which it does by itself for GET only.
    pub fn is_from_wranglers_proxy(&self) -> bool {
        self.status == 503 && self.body.starts_with(b"Your worker restarted mid-request.")
    }

    /// The one value of a header; `None` when it isn't there.
    ///
    /// # Panics
    /// When the header is there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(given, _)| given == name);
        let value = found.next();
        assert!(found.next().is_none(), "the header {name} is there twice\n{self}");
        value.map(|(_, value)| value.as_str())
    }

    /// Every value of a header.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, which has to be declared as such.
    ///
    /// # Panics
    /// When it isn't.
    pub fn json(&self) -> Value {
        let kind = self.header("content-type").unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        assert!(
            essence == "application/json" || essence.ends_with("+json"),
            "not declared as JSON\n{self}"
        );
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("not JSON: {e}\n{self}"))
    }

    /// Asserts the status, and shows the whole reply when it is another.
    #[must_use = "or use expect_only"]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "expected {status}\n{self}");
        self
    }

    /// Asserts the status where nothing else of the reply matters.
    pub fn expect_only(&self, status: u16) {
        assert_eq!(self.status, status, "expected {status}\n{self}");
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "> {}", self.asked)?;
        writeln!(f, "< {} ({} ms)", self.status, self.took.as_millis())?;
        for (name, value) in &self.headers {
            writeln!(f, "< {name}: {value}")?;
        }
        let text = self.text();
        let shown: String = text.chars().take(2000).collect();
        writeln!(f, "{shown}")
    }
}

/// Runs `count` copies at once, as nearly as threads behind a barrier can, and gives back what each answered, in order.
///
/// # Panics
/// When one of them panics.
pub fn race<T: Send>(count: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(count);
    std::thread::scope(|scope| {
        let runners: Vec<_> = (0..count)
            .map(|index| {
                let (barrier, run) = (&barrier, &run);
                scope.spawn(move || {
                    barrier.wait();
                    run(index)
                })
            })
            .collect();
        let outcomes: Vec<_> = runners.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
