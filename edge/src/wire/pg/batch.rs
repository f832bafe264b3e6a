//! Encoding a batch: for each statement Parse, Bind, Describe and Execute, and one Sync behind them all.

use std::fmt;

use bytes::{Bytes, BytesMut};
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;

/// Most parameters that one statement takes (the protocol counts them in 16 bits).
const MAX_PARAMETERS: usize = u16::MAX as usize;

/// Statements that go out in one write.
///
/// They use the unnamed statement and portal, untyped parameters, and text format both ways.
#[derive(Clone, Default)]
pub struct Batch {
    bytes: BytesMut,
    statements: usize,
}

impl Batch {
    /// An empty batch. Submitting it asks the server for nothing but its ReadyForQuery.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one statement; `params` are `$1`, `$2`, ... in Postgres' text format, `None` being NULL.
    ///
    /// BEGIN, COMMIT and the like are statements as any other. Without them the batch is one implicit transaction.
    ///
    /// # Errors
    /// See [`BatchError`]. The batch is then as it was.
    pub fn push<P: AsRef<str>>(&mut self, text: &str, params: &[Option<P>]) -> Result<(), BatchError> {
        let before = self.bytes.len();
        let pushed = encode(text, params, &mut self.bytes);
        match pushed {
            Ok(()) => self.statements += 1,
            Err(_) => self.bytes.truncate(before),
        }
        pushed
    }

    /// How many statements it holds.
    pub fn len(&self) -> usize {
        self.statements
    }

    /// Whether it holds no statement.
    pub fn is_empty(&self) -> bool {
        self.statements == 0
    }

    /// The bytes as they go out, the Sync included.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.bytes.len() + 5);
        self.write(&mut bytes);
        bytes.freeze()
    }

    /// Appends the bytes, the Sync included.
    pub(super) fn write(&self, out: &mut BytesMut) {
        out.extend_from_slice(&self.bytes);
        frontend::sync(out);
    }
}

/// Without the values.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("statements", &self.statements)
            .finish_non_exhaustive()
    }
}

fn encode<P: AsRef<str>>(text: &str, params: &[Option<P>], out: &mut BytesMut) -> Result<(), BatchError> {
    let has_nul = |value: &str| value.as_bytes().contains(&0);
    if has_nul(text) || params.iter().flatten().any(|value| has_nul(value.as_ref())) {
        return Err(BatchError::Nul);
    }
    if params.len() > MAX_PARAMETERS {
        return Err(BatchError::TooManyParameters);
    }
    frontend::parse("", text, [], out).map_err(|_| BatchError::TooLarge)?;
    let value = |value: &Option<P>, out: &mut BytesMut| {
        Ok(value.as_ref().map_or(IsNull::Yes, |value| {
            out.extend_from_slice(value.as_ref().as_bytes());
            IsNull::No
        }))
    };
    frontend::bind("", "", [], params, value, [], out).map_err(|_| BatchError::TooLarge)?;
    frontend::describe(b'P', "", out).map_err(|_| BatchError::TooLarge)?;
    frontend::execute("", 0, out).map_err(|_| BatchError::TooLarge)
}

/// Why a statement can't be said in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchError {
    /// A zero byte, which Postgres' text can't hold.
    Nul,
    /// More than 65,535 parameters.
    TooManyParameters,
    /// A message longer than the protocol can say (2 GiB).
    TooLarge,
}

impl BatchError {
    /// The SQLSTATE that Postgres itself has for it.
    pub const fn sqlstate(self) -> &'static str {
        match self {
            Self::Nul => "22021",
            Self::TooManyParameters => "54023",
            Self::TooLarge => "54000",
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nul => "invalid byte sequence for encoding \"UTF8\": 0x00",
            Self::TooManyParameters => "a statement takes at most 65535 parameters",
            Self::TooLarge => "a statement or a value is too large",
        })
    }
}

impl std::error::Error for BatchError {}
