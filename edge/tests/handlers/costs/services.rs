//! The real adapters over scripted bytes: Postgres' protocol as on Workers, Neon's over HTTP as on a WASI host, and Upstash's
//! for Redis. What goes each way is counted, and nothing here allocates while a request runs.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use doorward_edge::host::{Fetch, FetchError, Rows};
use doorward_edge::outbound::pg_sql::Connect;
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A service that gives one answer after the other, one to each flight.
#[derive(Debug, Clone, Default)]
pub(super) struct Service(Rc<Script>);

#[derive(Debug, Default)]
struct Script {
    answers: RefCell<VecDeque<Bytes>>,
    traffic: Cell<Traffic>,
}

/// What went to a service and came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) flights: usize,
    pub(super) sent: usize,
    pub(super) received: usize,
}

impl Service {
    /// The next flight is answered with this.
    pub(super) fn answers(&self, bytes: impl Into<Bytes>) {
        self.0.answers.borrow_mut().push_back(bytes.into());
    }

    /// What went each way since the last time.
    pub(super) fn traffic(&self) -> Traffic {
        assert!(self.0.answers.borrow().is_empty(), "answers that no flight asked for");
        self.0.traffic.take()
    }

    /// As if nothing had been asked or were to be answered.
    pub(super) fn forget(&self) {
        self.0.answers.borrow_mut().clear();
        self.0.traffic.take();
    }

    fn flight(&self, sent: usize) -> Bytes {
        let answer = self.0.answers.borrow_mut().pop_front();
        let answer = answer.expect("nobody expected a flight");
        let Traffic {
            flights,
            sent: before,
            received,
        } = self.0.traffic.get();
        self.0.traffic.set(Traffic {
            flights: flights + 1,
            sent: before + sent,
            received: received + answer.len(),
        });
        answer
    }
}

/// Over HTTP/1.1, without what a client adds of its own.
impl Fetch for Service {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let line = request.method().as_str().len() + request.uri().path().len() + "  HTTP/1.1\r\n\r\n".len();
        let headers = request.headers().iter();
        let headers: usize = headers
            .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
            .sum();
        Ok(Response::new(self.flight(line + headers + request.body().len())))
    }
}

/// Each connection is a stream on which each write is a flight.
impl Connect for Service {
    type Stream = Connection;

    async fn connect(&self) -> Result<Connection, String> {
        Ok(Connection {
            service: self.clone(),
            unread: Bytes::new(),
        })
    }
}

/// A connection to Postgres.
pub(super) struct Connection {
    service: Service,
    unread: Bytes,
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        assert!(self.unread.is_empty(), "written before the answer was read");
        self.unread = self.service.flight(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = self.unread.len().min(out.remaining());
        out.put_slice(&self.unread[..length]);
        self.unread.advance(length);
        Poll::Ready(Ok(()))
    }
}

/// What Postgres says to a startup message when it asks for nothing (the manual's "Message Formats").
pub(super) fn welcome() -> Vec<u8> {
    let parameter = message(b'S', b"server_version\x0018.4\0");
    [
        message(b'R', &[0; 4]),
        parameter,
        message(b'K', &[7; 8]),
        message(b'Z', b"I"),
    ]
    .concat()
}

/// What Postgres answers to the prelude and these statements.
pub(super) fn in_protocol(answers: &[Rows]) -> Vec<u8> {
    let statements = std::iter::once(&prelude())
        .chain(answers)
        .flat_map(statement)
        .collect::<Vec<u8>>();
    [statements, message(b'Z', b"I")].concat()
}

/// The same as the proxy says it.
pub(super) fn in_json(answers: &[Rows]) -> Vec<u8> {
    let result = |rows: &Rows| {
        let fields = (0..columns(rows)).map(|at| serde_json::json!({ "name": name(at), "dataTypeID": 25 }));
        serde_json::json!({
            "command": "SELECT",
            "fields": fields.collect::<Vec<_>>(),
            "rowAsArray": true,
            "rowCount": rows.rows.len(),
            "rows": rows.rows,
        })
    };
    let results: Vec<_> = std::iter::once(&prelude()).chain(answers).map(result).collect();
    serde_json::json!({ "results": results }).to_string().into()
}

fn prelude() -> Rows {
    Rows {
        rows: vec![
            ["5000ms", "UTC", "ISO, MDY", "hex"]
                .map(|value| Some(value.to_owned()))
                .to_vec(),
        ],
        ..Rows::default()
    }
}

fn columns(rows: &Rows) -> usize {
    rows.rows.first().map_or(0, Vec::len)
}

/// As long as ours are in the middle.
fn name(at: usize) -> String {
    format!("column_{at:02}")
}

fn statement(rows: &Rows) -> Vec<u8> {
    let count = u16::try_from(columns(rows)).unwrap().to_be_bytes();
    let mut described = count.to_vec();
    for at in 0..columns(rows) {
        described.extend_from_slice(name(at).as_bytes());
        // Table, column, type 25 (text), its size and modifier, format 0.
        described.extend_from_slice(b"\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
    }
    let mut all = [message(b'1', b""), message(b'2', b""), message(b'T', &described)].concat();
    for row in &rows.rows {
        let mut values = count.to_vec();
        for value in row {
            let length = value.as_ref().map_or(-1, |value| i32::try_from(value.len()).unwrap());
            values.extend_from_slice(&length.to_be_bytes());
            values.extend_from_slice(value.as_deref().unwrap_or_default().as_bytes());
        }
        all.extend(message(b'D', &values));
    }
    all.extend(message(b'C', format!("SELECT {}\0", rows.rows.len()).as_bytes()));
    all
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}
