//! Why there is no result, and how HTTP puts it.

use axum::http::StatusCode;
use axum::response::Response;
use deadpool::managed::PoolError;
use doorward_edge::outbound::pg_stream::RunError;
use doorward_edge::wire::pg::{BatchError, PgError, ServerError};
use serde_json::json;

use super::super::reply;

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The request can't be read; the sentence says why.
    Request(&'static str),
    /// The body is over the limit.
    TooLarge,
    /// What the request says, Postgres' protocol can't.
    Batch(BatchError),
    /// Postgres refused: the statement, or the sign-in.
    Postgres(Box<ServerError>),
    /// No connection, or one that broke; whether the statements ran is not known. The text is for the log.
    Unreachable(String),
    /// All connections are busy, and were for a while.
    Busy,
    /// The answer isn't of the protocol, or too large. The text is for the log.
    Protocol(String),
    /// The deadline passed first.
    Late,
}

impl Failure {
    /// What the log says of a Postgres that can't be used; none when it did its part.
    pub(crate) fn trouble(&self) -> Option<String> {
        match self {
            Self::Unreachable(why) | Self::Protocol(why) => Some(why.clone()),
            Self::Postgres(error) if is_passing(error) => Some(error.message.clone()),
            Self::Busy => Some("every connection stayed busy".to_owned()),
            Self::Late => Some("no answer in time".to_owned()),
            Self::Request(_) | Self::TooLarge | Self::Batch(_) | Self::Postgres(_) => None,
        }
    }

    /// The answer: 400 with Postgres' own fields for what Postgres refuses, 5xx with a sentence for the rest.
    pub(crate) fn answer(self) -> Response {
        let (status, message) = match self {
            Self::Postgres(error) => return refused(&error),
            Self::Batch(error) => {
                let fields = json!({ "severity": "ERROR", "code": error.sqlstate(), "message": error.to_string() });
                return reply::json(StatusCode::BAD_REQUEST, &fields);
            }
            Self::Request(why) => (StatusCode::BAD_REQUEST, why),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the request is too large"),
            Self::Unreachable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the Postgres behind the gateway can't be reached",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "every connection to the Postgres is busy",
            ),
            Self::Protocol(_) => (
                StatusCode::BAD_GATEWAY,
                "the Postgres behind the gateway gave no usable answer",
            ),
            Self::Late => (
                StatusCode::GATEWAY_TIMEOUT,
                "the Postgres behind the gateway didn't answer in time",
            ),
        };
        reply::json(status, &json!({ "message": message }))
    }
}

/// Starting, stopping, or out of connections: not the statement's fault, and over by itself.
fn is_passing(error: &ServerError) -> bool {
    matches!(error.code.as_str(), "57P01" | "57P02" | "57P03" | "53300")
}

/// Postgres' fields by the names that node-postgres has for them.
fn refused(error: &ServerError) -> Response {
    let status = if is_passing(error) {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::BAD_REQUEST
    };
    let fields = json!({
        "severity": error.severity,
        "code": error.code,
        "message": error.message,
        "detail": error.detail,
        "hint": error.hint,
        "position": error.position,
        "internalPosition": error.internal_position,
        "internalQuery": error.internal_query,
        "where": error.context,
        "schema": error.schema,
        "table": error.table,
        "column": error.column,
        "dataType": error.data_type,
        "constraint": error.constraint,
        "file": error.file,
        "line": error.line,
        "routine": error.routine,
    });
    reply::json(status, &fields)
}

impl From<BatchError> for Failure {
    fn from(error: BatchError) -> Self {
        Self::Batch(error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Batch(error) | RunError::Session(PgError::Server(error)) => Self::Postgres(error),
            RunError::Session(PgError::Batch(error)) => Self::Batch(error),
            RunError::Session(PgError::Cut) | RunError::Stream(_) => Self::Unreachable(error.to_string()),
            RunError::Session(error) => Self::Protocol(error.to_string()),
        }
    }
}

impl From<PoolError<RunError>> for Failure {
    fn from(error: PoolError<RunError>) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(deadpool::managed::TimeoutType::Wait) => Self::Busy,
            other => Self::Unreachable(other.to_string()),
        }
    }
}
