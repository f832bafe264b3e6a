//! The ports: everything the handlers ask of the place that they run in, and nothing else.
//!
//! A host (Workers, Spin, a test) implements [`Host`]. The handlers are generic over it, with native `async fn` in
//! traits: nothing is boxed and no future has to be `Send`, because the hosts' own types are not.

#![expect(
    async_fn_in_trait,
    reason = "no future here has to be Send: a single thread runs them on both hosts"
)]

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use doorward_core::entropy::Entropy;
use doorward_core::time::Time;
use doorward_core::unicode::Unicode;
use http::{Request, Response};

/// One SQL statement with its parameters, each in Postgres' text format.
///
/// Parameters are untyped: the text casts them (`$1::text::uuid`), so that one text serves the wire protocol and the
/// HTTP proxy alike.
#[derive(Debug, Clone)]
pub struct Statement<'a> {
    /// What a log line calls it, such as `session.rotate`. Never holds a value.
    pub name: &'static str,
    /// The SQL, a single statement.
    pub text: &'static str,
    /// `$1`, `$2`, ... in order; `None` is NULL.
    pub params: Vec<Option<Cow<'a, str>>>,
}

/// What one statement answered, in text format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// The columns' names, in order. Empty when the statement returns no rows.
    pub columns: Vec<String>,
    /// The rows; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// The count of the command tag (`UPDATE 3`); 0 where the tag has none.
    pub affected: u64,
}

/// Why a batch failed. After [`SqlError::Database`] none of its statements took effect. After any other one they all did
/// or none did, and nobody here knows which: the answer was lost, late or not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlError {
    /// Postgres refused a statement.
    Database(DatabaseError),
    /// No connection, a connection that broke, or an answer that was cut short. The text is for the log.
    Unreachable(String),
    /// The deadline passed first.
    Timeout,
    /// The other side broke the protocol. The text is for the log.
    Protocol(String),
}

/// Postgres' own fields (PostgreSQL manual, "Error and Notice Message Fields").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabaseError {
    /// SQLSTATE, five characters.
    pub code: String,
    /// The primary message. For the log, never for a client: it can hold values.
    pub message: String,
    /// The violated constraint's name.
    pub constraint: Option<String>,
    /// The table concerned.
    pub table: Option<String>,
}

/// The database. The statements of a batch go out in one network flight and are one transaction (READ COMMITTED).
pub trait Sql {
    /// Runs the statements in order; answers one [`Rows`] for each.
    ///
    /// # Errors
    /// See [`SqlError`]. An adapter never waits for ever: the caller also sets a deadline.
    async fn batch(&self, statements: &[Statement<'_>]) -> Result<Vec<Rows>, SqlError>;
}

/// One Redis command: its name and arguments.
pub type Command<'a> = Vec<Cow<'a, str>>;

/// A Redis reply (RESP2's five kinds; a status counts as text).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The null reply.
    Nil,
    /// An integer.
    Integer(i64),
    /// A status or a bulk string.
    Text(String),
    /// An array, possibly nested.
    Array(Vec<Reply>),
    /// This command failed; the others of the pipeline did not.
    Error(String),
}

/// Why a whole pipeline failed. The texts are for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvError {
    /// No connection, a connection that broke, or an answer that was cut short.
    Unreachable(String),
    /// The deadline passed first.
    Timeout,
    /// Refused as a whole (a wrong token), or an answer that isn't of the protocol.
    Protocol(String),
}

/// The cache and the counters: Redis, or what speaks its commands.
pub trait Kv {
    /// Sends the commands in one network flight; answers one [`Reply`] for each. Not a transaction.
    ///
    /// # Errors
    /// See [`KvError`].
    async fn pipeline(&self, commands: &[Command<'_>]) -> Result<Vec<Reply>, KvError>;
}

/// A cache that a deployment may leave out.
impl<K: Kv> Kv for Option<K> {
    async fn pipeline(&self, commands: &[Command<'_>]) -> Result<Vec<Reply>, KvError> {
        match self {
            Some(kv) => kv.pipeline(commands).await,
            None => Err(KvError::Unreachable("not configured".to_owned())),
        }
    }
}

/// Why no HTTP answer came. The texts are for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// No connection, a connection that broke, or a body that was cut short.
    Unreachable(String),
    /// The deadline passed first.
    Timeout,
}

/// The most that an adapter reads of an answer, in bytes. A longer one is [`FetchError::Unreachable`].
pub const MAX_ANSWER: usize = 32 << 20;

/// Outbound HTTP with whole bodies. Any status is an answer; redirects are not followed.
pub trait Fetch {
    /// Sends the request to its absolute URI.
    ///
    /// # Errors
    /// See [`FetchError`].
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError>;
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The course of things.
    Info,
    /// Degraded: something is down or slow and was worked around.
    Warn,
    /// A defect, or a request that failed because of us.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

/// What a host lends to one request: a handle that is cheap to clone, so that work after the reply can keep one.
pub trait Host: Entropy + Clone + 'static {
    /// The database adapter.
    type Sql: Sql;
    /// The cache adapter.
    type Kv: Kv;
    /// Outbound HTTP.
    type Fetch: Fetch;

    /// What passwords need of Unicode's tables.
    const UNICODE: Unicode;

    /// The database; the adapter connects at its first batch.
    fn sql(&self) -> &Self::Sql;
    /// The cache and the counters.
    fn kv(&self) -> &Self::Kv;
    /// Outbound HTTP, for mail and for the list of breached passwords.
    fn fetch(&self) -> &Self::Fetch;
    /// A file that `cargo xtask build` puts into `browser/pkg`, by its name there; none where the host wasn't given it.
    async fn asset(&self, name: &'static str) -> Option<Bytes>;
    /// The wall clock. Read once a request and passed down.
    fn now(&self) -> Time;
    /// A monotonic reading for `Server-Timing`, in microseconds from an arbitrary start.
    fn ticks(&self) -> u64;
    /// Completes after `duration`. Used for deadlines only.
    async fn sleep(&self, duration: Duration);
    /// Writes one line to the host's log.
    fn log(&self, level: Level, line: &str);
    /// Lets `work` run on after the reply was sent. It may be cut short, so it never holds the only copy of anything.
    fn defer(&self, work: impl Future<Output = ()> + 'static);
}
