//! Postgres' ErrorResponse (PostgreSQL manual, "Error and Notice Message Fields").

use std::fmt;

use postgres_protocol::message::backend::ErrorFields;

use super::PgError;
use super::frame::protocol;
use crate::host::DatabaseError;

/// Every field of an ErrorResponse. Texts that aren't UTF-8 (before the encoding is agreed) are read lossily.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError {
    /// `S`, `V`: ERROR, FATAL or PANIC, not localised where the server says so.
    pub severity: String,
    /// `C`: SQLSTATE, five characters.
    pub code: String,
    /// `M`: the primary message. It can hold values.
    pub message: String,
    /// `D`
    pub detail: Option<String>,
    /// `H`
    pub hint: Option<String>,
    /// `P`: where in the statement, in characters from 1, in decimal.
    pub position: Option<String>,
    /// `p`: the same within `internal_query`.
    pub internal_position: Option<String>,
    /// `q`: the text of a command that the server made up itself.
    pub internal_query: Option<String>,
    /// `W`: the context, a line for each call.
    pub context: Option<String>,
    /// `s`
    pub schema: Option<String>,
    /// `t`
    pub table: Option<String>,
    /// `c`
    pub column: Option<String>,
    /// `d`
    pub data_type: Option<String>,
    /// `n`
    pub constraint: Option<String>,
    /// `F`: the server's source file.
    pub file: Option<String>,
    /// `L`: its line, in decimal.
    pub line: Option<String>,
    /// `R`: its function.
    pub routine: Option<String>,
}

impl ServerError {
    /// Whether the server ends the connection with it.
    pub fn is_fatal(&self) -> bool {
        matches!(self.severity.as_str(), "FATAL" | "PANIC")
    }

    /// # Errors
    /// When the fields can't be read, or there is no SQLSTATE among them.
    pub(super) fn read(mut fields: ErrorFields<'_>) -> Result<Self, PgError> {
        use fallible_iterator::FallibleIterator;

        let mut error = Self::default();
        let mut plain_severity = None;
        while let Some(field) = fields.next().map_err(protocol)? {
            let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'S' => error.severity = value,
                b'V' => plain_severity = Some(value),
                b'C' => error.code = value,
                b'M' => error.message = value,
                b'D' => error.detail = Some(value),
                b'H' => error.hint = Some(value),
                b'P' => error.position = Some(value),
                b'p' => error.internal_position = Some(value),
                b'q' => error.internal_query = Some(value),
                b'W' => error.context = Some(value),
                b's' => error.schema = Some(value),
                b't' => error.table = Some(value),
                b'c' => error.column = Some(value),
                b'd' => error.data_type = Some(value),
                b'n' => error.constraint = Some(value),
                b'F' => error.file = Some(value),
                b'L' => error.line = Some(value),
                b'R' => error.routine = Some(value),
                // The manual: fields of an unknown kind are to be ignored.
                _ => {}
            }
        }
        if let Some(severity) = plain_severity {
            error.severity = severity;
        }
        if error.code.is_empty() {
            return Err(PgError::Protocol("an ErrorResponse without SQLSTATE".to_owned()));
        }
        Ok(error)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.severity, self.code, self.message)
    }
}

impl std::error::Error for ServerError {}

impl From<ServerError> for DatabaseError {
    fn from(error: ServerError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            constraint: error.constraint,
            table: error.table,
        }
    }
}
