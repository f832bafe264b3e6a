//! The client's side of Postgres' wire protocol (PostgreSQL manual, chapter 54, protocol 3.0), without I/O.
//!
//! A [`Session`] is one connection. It is told which batch to run and which bytes came in, and it says what to do
//! next:
//!
//! ```no_run
//! # use doorward_core::unicode::TABLES;
//! # use doorward_edge::wire::pg::{Batch, Limits, Login, PgError, Session, StatementResult, Step};
//! # fn write(_: &[u8]) {}
//! # fn read() -> Vec<u8> { Vec::new() }
//! # fn run() -> Result<(), PgError> {
//! let mut session = Session::new(Login::new("app", "doorward").password("secret", TABLES), Limits::default());
//! let mut batch = Batch::new();
//! batch.push("SELECT $1::text::int + 1 AS next", &[Some("41")])?;
//! session.submit(&batch)?;
//! let reply = loop {
//!     match session.step()? {
//!         Step::Write(bytes) => write(&bytes),
//!         Step::Read => session.feed(&read())?, // at the end of the stream: session.closed()
//!         Step::Done(reply) => break reply,
//!     }
//! };
//! # let _: Result<Vec<StatementResult>, _> = reply;
//! # Ok(())
//! # }
//! ```
//!
//! - The first [`Session::submit`] also signs in: trust, cleartext, MD5 or SCRAM-SHA-256, whatever the server asks.
//! - A [`Batch`] is Parse/Bind/Describe/Execute for each statement and one Sync, in one write. Without BEGIN and COMMIT
//!   of its own it is one implicit transaction. Everything is in text format; parameters are untyped.
//! - [`Step::Done`] holds one [`StatementResult`] for each statement, or the [`ServerError`] that ended the batch. In
//!   both cases the session takes the next batch, once [`Session::transaction`] is [`Transaction::None`]; after a batch
//!   that failed behind its own BEGIN it is [`Transaction::Failed`], and a ROLLBACK comes next.
//! - Any `Err` means that the connection is of no more use; so does dropping a batch half way.
//!
//! `outbound::pg_stream` drives a session over any byte stream.

mod batch;
mod collect;
mod frame;
mod login;
mod result;
mod saslprep;
mod scram;
mod server_error;
mod session;
#[cfg(test)]
pub(crate) mod tests;

pub use batch::{Batch, BatchError};
pub use login::{Assume, Login};
pub use result::{Field, StatementResult};
pub use scram::ScramKeys;
pub use server_error::ServerError;
pub use session::{Limits, Session, Step, Transaction};

use std::fmt;

/// Why a connection is of no more use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PgError {
    /// The server refused the sign-in or ended the connection, and said why.
    Server(Box<ServerError>),
    /// The stream ended before the reply did.
    Cut,
    /// What came isn't of the protocol, is larger than the limits, or asks for what isn't supported.
    Protocol(String),
    /// The server asked for another kind of authentication than [`Assume`] said. Nothing was run.
    WrongAssumption,
    /// The batch can't be said in the protocol. Nothing was sent.
    Batch(BatchError),
    /// A batch is under way, was abandoned half way, or an earlier error ended the session.
    Unusable,
}

impl fmt::Display for PgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => error.fmt(f),
            Self::Cut => f.write_str("the connection was closed before the reply was complete"),
            Self::Protocol(why) => write!(f, "the server broke the protocol: {why}"),
            Self::WrongAssumption => f.write_str("the server asks for another authentication than was assumed"),
            Self::Batch(error) => error.fmt(f),
            Self::Unusable => f.write_str("the connection is of no more use"),
        }
    }
}

impl std::error::Error for PgError {}

impl From<BatchError> for PgError {
    fn from(error: BatchError) -> Self {
        Self::Batch(error)
    }
}
