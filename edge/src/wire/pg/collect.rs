//! Collecting a batch's reply, message by message, up to ReadyForQuery.

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{DataRowBody, Message, RowDescriptionBody};

use super::PgError;
use super::frame::{name, protocol};
use super::result::{Field, StatementResult};
use super::server_error::ServerError;

/// A whole reply: what each statement answered, or why they all failed.
pub(super) type Reply = Result<Vec<StatementResult>, Box<ServerError>>;

/// What a statement's reply is waiting for.
enum Next {
    ParseComplete,
    BindComplete,
    Description,
    RowsOrEnd,
}

/// The reply to one batch, as far as it has come.
pub(super) struct Collector {
    expected: usize,
    done: Vec<StatementResult>,
    current: StatementResult,
    next: Next,
    error: Option<Box<ServerError>>,
    /// Bytes of memory that the reply may still take.
    budget: usize,
}

impl Collector {
    pub(super) fn new(expected: usize, budget: usize) -> Self {
        let (done, current) = (Vec::new(), StatementResult::default());
        Self {
            expected,
            done,
            current,
            next: Next::ParseComplete,
            error: None,
            budget,
        }
    }

    /// Takes the next message, `length` bytes long.
    ///
    /// # Errors
    /// When it isn't what the protocol has at this place, or the reply is over the limit.
    pub(super) fn take(&mut self, message: &Message, length: usize) -> Result<(), PgError> {
        if let Message::ErrorResponse(body) = message {
            self.error = Some(Box::new(ServerError::read(body.fields())?));
            return Ok(());
        }
        if self.error.is_some() || self.done.len() >= self.expected {
            return Err(unexpected(message));
        }
        match (&self.next, message) {
            (Next::ParseComplete, Message::ParseComplete) => self.next = Next::BindComplete,
            (Next::BindComplete, Message::BindComplete) => self.next = Next::Description,
            (Next::Description, Message::NoData) => self.next = Next::RowsOrEnd,
            (Next::Description, Message::RowDescription(body)) => {
                self.spend(length)?;
                self.current.fields = fields(body)?;
                self.next = Next::RowsOrEnd;
            }
            (Next::RowsOrEnd, Message::DataRow(body)) => {
                let columns = self.current.fields.len();
                self.spend(length + size_of::<Vec<Option<String>>>() + columns * size_of::<Option<String>>())?;
                self.current.rows.push(row(body, columns)?);
            }
            (Next::RowsOrEnd, Message::CommandComplete(body)) => {
                body.tag().map_err(protocol)?.clone_into(&mut self.current.tag);
                self.end_statement();
            }
            (Next::RowsOrEnd, Message::EmptyQueryResponse) => self.end_statement(),
            _ => return Err(unexpected(message)),
        }
        Ok(())
    }

    /// The reply, when the server has said ReadyForQuery.
    ///
    /// # Errors
    /// When statements are missing and no error said why.
    pub(super) fn finish(self) -> Result<Reply, PgError> {
        match self.error {
            Some(error) => Ok(Err(error)),
            None if self.done.len() == self.expected => Ok(Ok(self.done)),
            None => Err(PgError::Protocol(
                "ReadyForQuery before every statement was answered".to_owned(),
            )),
        }
    }

    /// The error that the server ends the connection with, if it said one.
    pub(super) fn fatal(&mut self) -> Option<Box<ServerError>> {
        self.error.take_if(|error| error.is_fatal())
    }

    fn end_statement(&mut self) {
        self.done.push(std::mem::take(&mut self.current));
        self.next = Next::ParseComplete;
    }

    fn spend(&mut self, bytes: usize) -> Result<(), PgError> {
        let left = self.budget.checked_sub(bytes);
        self.budget = left.ok_or_else(|| PgError::Protocol("the reply is over the limit".to_owned()))?;
        Ok(())
    }
}

/// A message where the protocol has another.
pub(super) fn unexpected(message: &Message) -> PgError {
    PgError::Protocol(format!("{} was not expected here", name(message)))
}

fn fields(body: &RowDescriptionBody) -> Result<Vec<Field>, PgError> {
    let field = |field: postgres_protocol::message::backend::Field<'_>| {
        Ok(Field {
            name: field.name().to_owned(),
            table_oid: field.table_oid(),
            column_id: field.column_id(),
            type_oid: field.type_oid(),
            type_size: field.type_size(),
            type_modifier: field.type_modifier(),
            format: field.format(),
        })
    };
    body.fields().map(field).collect().map_err(protocol)
}

fn row(body: &DataRowBody, columns: usize) -> Result<Vec<Option<String>>, PgError> {
    let mut values = Vec::with_capacity(columns);
    let mut ranges = body.ranges();
    while let Some(range) = ranges.next().map_err(protocol)? {
        let value = match range {
            None => None,
            Some(range) => {
                let bytes = body.buffer().get(range).unwrap_or_default();
                Some(std::str::from_utf8(bytes).map_err(protocol)?.to_owned())
            }
        };
        values.push(value);
    }
    if values.len() != columns {
        return Err(PgError::Protocol(format!(
            "a row of {} values under {columns} columns",
            values.len()
        )));
    }
    Ok(values)
}
