//! The server's messages, written by hand from the manual ("Message Formats"), and a session driven against a script.

use bytes::Bytes;
use doorward_core::unicode::TABLES;

use crate::wire::pg::{Limits, Login, PgError, Session, Step};

/// A message: tag, length, body.
pub(crate) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

pub(crate) fn auth(kind: u32, body: &[u8]) -> Vec<u8> {
    message(b'R', &[&kind.to_be_bytes(), body].concat())
}

pub(crate) fn auth_ok() -> Vec<u8> {
    auth(0, b"")
}

/// What follows AuthenticationOk up to the first ReadyForQuery.
pub(crate) fn greeting() -> Vec<u8> {
    let status = message(b'S', b"server_version\x0018.4\0");
    [status, message(b'K', &[0, 0, 0, 7, 1, 2, 3, 4]), ready(b'I')].concat()
}

pub(crate) fn ready(status: u8) -> Vec<u8> {
    message(b'Z', &[status])
}

pub(crate) fn parsed_and_bound() -> Vec<u8> {
    [message(b'1', b""), message(b'2', b"")].concat()
}

/// Columns of type `text`.
pub(crate) fn text_columns(names: &[&str]) -> Vec<u8> {
    let mut body = u16::try_from(names.len()).unwrap().to_be_bytes().to_vec();
    for name in names {
        body.extend_from_slice(name.as_bytes());
        // table OID 0, column 0, type 25, size -1, modifier -1, format 0
        body.extend_from_slice(b"\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
    }
    message(b'T', &body)
}

pub(crate) fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        match value {
            None => body.extend_from_slice(&[0xff; 4]),
            Some(value) => {
                body.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend_from_slice(value);
            }
        }
    }
    message(b'D', &body)
}

pub(crate) fn complete(tag: &str) -> Vec<u8> {
    message(b'C', format!("{tag}\0").as_bytes())
}

/// A reply to `SELECT ... AS a` with one row.
pub(crate) fn one_row(value: &str) -> Vec<u8> {
    [
        parsed_and_bound(),
        text_columns(&["a"]),
        row(&[Some(value.as_bytes())]),
        complete("SELECT 1"),
    ]
    .concat()
}

pub(crate) fn error(fields: &[(u8, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in fields {
        body.push(*kind);
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    message(b'E', &body)
}

pub(crate) fn session() -> Session {
    Session::new(Login::new("app", "door").password("secret", TABLES), Limits::default())
}

/// Steps until the session wants to read; everything that it wrote, a write each. Panics if a batch is done.
pub(crate) fn writes(session: &mut Session) -> Vec<Bytes> {
    let mut written = Vec::new();
    loop {
        match session.step().unwrap() {
            Step::Write(bytes) => written.push(bytes),
            Step::Read => return written,
            Step::Done(reply) => panic!("done already: {reply:?}"),
        }
    }
}

/// Feeds the bytes and steps until the session is done, fails or wants more.
pub(crate) fn answer(session: &mut Session, bytes: &[u8]) -> Result<Step, PgError> {
    session.feed(bytes)?;
    loop {
        match session.step()? {
            Step::Write(_) => {}
            step => return Ok(step),
        }
    }
}
