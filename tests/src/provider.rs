//! A mail provider of the test's own, which speaks as much of the Resend API as matters and fails on demand.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::mailbox::Mail;

/// What the provider does with a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes it: 200 with an id.
    Takes,
    /// Answers this status, and hasn't taken it.
    Answers(u16),
    /// Takes it, and is gone before it can say so.
    Hangs,
}

/// One `POST /emails` as it came in.
#[derive(Debug, Clone)]
pub struct Handed {
    /// The header `Idempotency-Key`.
    pub key: String,
    /// The header `Authorization`.
    pub authorization: String,
    /// The mail.
    pub mail: Mail,
    /// What became of it.
    pub mood: Mood,
}

#[derive(Debug)]
struct Inner {
    handed: Vec<Handed>,
    usual: Mood,
}

/// It listens until it is dropped.
#[derive(Debug)]
pub struct Provider {
    port: u16,
    inner: Arc<Mutex<Inner>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Provider {
    /// A port on which nobody listens now.
    ///
    /// # Panics
    /// When there is none.
    pub fn free_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("an address").port()
    }

    /// Starts to listen; takes every mail until told otherwise.
    ///
    /// # Panics
    /// When somebody else has the port.
    pub fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let inner = Arc::new(Mutex::new(Inner {
            handed: Vec::new(),
            usual: Mood::Takes,
        }));
        let over = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (Arc::clone(&inner), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                if let Ok(stream) = stream {
                    std::thread::spawn(move || serve(stream, &shared));
                }
            }
        });
        Self {
            port,
            inner,
            over,
            thread: Some(thread),
        }
    }

    /// From now on it does this.
    pub fn usually(&self, mood: Mood) {
        held(&self.inner).usual = mood;
    }

    /// What was handed over for an address, in the order in which it came.
    pub fn handed_to(&self, email: &str) -> Vec<Handed> {
        let inner = held(&self.inner);
        let mine = |handed: &&Handed| handed.mail.to.iter().any(|to| to.eq_ignore_ascii_case(email));
        inner.handed.iter().filter(mine).cloned().collect()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes it up, so that it sees that it is over.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut stream: TcpStream, inner: &Mutex<Inner>) {
    let Some((headers, body)) = read_request(&mut stream) else {
        return;
    };
    let header = |name: &str| {
        let found = headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let mail: Value = serde_json::from_slice(&body).expect("a mail is JSON");
    let mood = {
        let mut inner = held(inner);
        let mood = inner.usual;
        inner.handed.push(Handed {
            key: header("idempotency-key"),
            authorization: header("authorization"),
            mail: Mail::parse(&mail),
            mood,
        });
        mood
    };
    let (status, body) = match mood {
        Mood::Takes => (200, r#"{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}"#),
        Mood::Answers(status) => (status, r#"{"statusCode":0,"message":"no","name":"application_error"}"#),
        Mood::Hangs => {
            std::thread::sleep(Duration::from_mins(1));
            return;
        }
    };
    let answer = format!(
        "HTTP/1.1 {status} Whatever\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).ok();
}

type Headers = Vec<(String, String)>;

/// Headers and body of one request; `None` when it isn't whole.
fn read_request(stream: &mut TcpStream) -> Option<(Headers, Vec<u8>)> {
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
            None => return None,
        };
        if let Some(body) = body {
            return Some((headers, body));
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
