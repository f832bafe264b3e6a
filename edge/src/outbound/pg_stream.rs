//! One Postgres connection over any byte stream: it drives `wire::pg`'s session.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::pg::{Batch, Limits, Login, PgError, ServerError, Session, StatementResult, Step, Transaction};

/// How much is read at a time, in bytes.
const READ: usize = 16 * 1024;

/// Why a batch failed.
#[derive(Debug)]
pub enum RunError {
    /// A statement failed and the batch with it. The connection remains usable.
    Batch(Box<ServerError>),
    /// The connection is of no more use.
    Session(PgError),
    /// The stream is broken, and the connection of no more use.
    Stream(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(error) => error.fmt(f),
            Self::Session(error) => error.fmt(f),
            Self::Stream(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RunError {}

impl From<PgError> for RunError {
    fn from(error: PgError) -> Self {
        Self::Session(error)
    }
}

/// A connection, signed in by its first batch. Dropping it closes the stream.
pub struct PgStream<S> {
    stream: S,
    session: Session,
    unwritten: VecDeque<Bytes>,
    unflushed: bool,
    buffer: Box<[u8]>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> PgStream<S> {
    /// Over a fresh stream. Nothing is sent yet.
    pub fn new(stream: S, login: Login, limits: Limits) -> Self {
        let session = Session::new(login, limits);
        let buffer = vec![0; READ].into_boxed_slice();
        Self {
            stream,
            session,
            unwritten: VecDeque::new(),
            unflushed: false,
            buffer,
        }
    }

    /// Sends the batch in one write and waits for the whole reply. Dropped half way, the connection is of no more use.
    ///
    /// A transaction that the batch opened and left open or failed is rolled back, in a second flight.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn run(&mut self, batch: &Batch) -> Result<Vec<StatementResult>, RunError> {
        let reply = self.exchange(batch).await?;
        if self.session.transaction() != Transaction::None {
            let mut rollback = Batch::new();
            rollback.push::<&str>("ROLLBACK", &[]).map_err(PgError::from)?;
            self.exchange(&rollback).await?.map_err(RunError::Batch)?;
        }
        reply.map_err(RunError::Batch)
    }

    /// Whether [`PgStream::run`] may be called (again).
    pub fn is_usable(&self) -> bool {
        self.session.is_ready() && self.session.transaction() == Transaction::None
    }

    async fn exchange(&mut self, batch: &Batch) -> Result<Result<Vec<StatementResult>, Box<ServerError>>, RunError> {
        self.session.submit(batch)?;
        loop {
            match self.session.step()? {
                Step::Write(bytes) => {
                    self.unwritten.push_back(bytes);
                    self.unflushed = true;
                }
                Step::Read => match poll_fn(|cx| self.poll_io(cx)).await.map_err(RunError::Stream)? {
                    0 => return Err(self.session.closed().into()),
                    count => self.session.feed(self.buffer.get(..count).unwrap_or_default())?,
                },
                Step::Done(reply) => return Ok(reply),
            }
        }
    }

    /// Writes what is unwritten and reads into the buffer, whichever is possible: a server that answers the first
    /// statements of a long batch while we still write must not be left waiting for a reader.
    fn poll_io(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Err(error)) = self.poll_write_all(cx) {
            return Poll::Ready(Err(error));
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(bytes) = self.unwritten.front_mut() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count if count < bytes.len() => bytes.advance(count),
                _ => drop(self.unwritten.pop_front()),
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
