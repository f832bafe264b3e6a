//! `Sql` over a byte stream: Postgres' own protocol.

use std::cell::Cell;
use std::iter;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::pg_stream::{PgStream, RunError};
use crate::host::{DatabaseError, Rows, Sql, SqlError, Statement};
use crate::wire::pg::{Assume, Batch, BatchError, Limits, Login, PgError, StatementResult};
use crate::wire::prelude::prelude;
use crate::wire::refusal;

/// Makes byte streams to the database.
#[expect(async_fn_in_trait, reason = "a host's own types are not Send, so no bound is wanted")]
pub trait Connect {
    /// A stream to the server, with nothing sent on it.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Connects.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn connect(&self) -> Result<Self::Stream, String>;
}

/// How to use the connection.
#[derive(Debug, Clone)]
pub struct PgConfig {
    /// Who signs in, and what the server is known to ask for.
    pub login: Login,
    /// How much the server may make us hold.
    pub limits: Limits,
    /// Each statement is cancelled after this time.
    pub statement_timeout: Duration,
}

/// Runs batches on one connection, which is made by the first and kept for the life of this value: one request.
///
/// A batch whose future is dropped half way takes its connection with it. Two batches at once use two connections, of
/// which one is kept.
pub struct PgSql<C: Connect> {
    connect: C,
    config: Rc<PgConfig>,
    idle: Cell<Option<PgStream<C::Stream>>>,
}

impl<C: Connect> PgSql<C> {
    /// Connects at the first batch.
    pub fn new(connect: C, config: Rc<PgConfig>) -> Self {
        Self {
            connect,
            config,
            idle: Cell::new(None),
        }
    }

    /// A connection with nothing sent on it, at the second attempt if the first fails.
    async fn open(&self, login: Login) -> Result<PgStream<C::Stream>, SqlError> {
        let stream = match self.connect.connect().await {
            Ok(stream) => Ok(stream),
            Err(_) => self.connect.connect().await.map_err(SqlError::Unreachable),
        };
        Ok(PgStream::new(stream?, login, self.config.limits))
    }

    async fn run(&self, batch: &Batch) -> Result<Vec<StatementResult>, SqlError> {
        let mut connection = match self.idle.take() {
            Some(connection) => connection,
            None => self.open(self.config.login.clone()).await?,
        };
        let mut result = connection.run(batch).await;
        if let Err(RunError::Session(PgError::WrongAssumption)) = result {
            // The server turned the sign-in away before it read the batch, so it is safe to send it again.
            connection = self.open(self.config.login.clone().assume(Assume::Nothing)).await?;
            result = connection.run(batch).await;
        }
        if connection.is_usable() {
            self.idle.set(Some(connection));
        }
        result.map_err(failed)
    }
}

impl<C: Connect> Sql for PgSql<C> {
    async fn batch(&self, statements: &[Statement<'_>]) -> Result<Vec<Rows>, SqlError> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let prelude = prelude(self.config.statement_timeout);
        let mut batch = Batch::new();
        for statement in iter::once(&prelude).chain(statements) {
            batch.push(statement.text, &statement.params).map_err(unsayable)?;
        }
        let results = self.run(&batch).await?;
        Ok(results.into_iter().skip(1).map(Rows::from).collect())
    }
}

fn failed(error: RunError) -> SqlError {
    match error {
        RunError::Batch(error) | RunError::Session(PgError::Server(error)) => {
            let severity = error.severity.clone();
            refusal::sort(&severity, (*error).into())
        }
        RunError::Session(PgError::Batch(error)) => unsayable(error),
        RunError::Session(error @ PgError::Protocol(_)) => SqlError::Protocol(error.to_string()),
        RunError::Session(error) => SqlError::Unreachable(error.to_string()),
        RunError::Stream(error) => SqlError::Unreachable(error.to_string()),
    }
}

/// What can't be said in the protocol is refused as Postgres itself would.
fn unsayable(error: BatchError) -> SqlError {
    let (code, message) = (error.sqlstate().to_owned(), error.to_string());
    SqlError::Database(DatabaseError {
        code,
        message,
        constraint: None,
        table: None,
    })
}
