//! Work outside of a request: what runs after a reply, or because it is time.

use std::time::Duration;

use crate::error::Failure;
use crate::host::{Host, Level, Rows, Sql as _, SqlError, Statement};
use crate::instance::Instance;
use crate::json;
use crate::outbound::{patience, within};

/// How much longer than Postgres' own timeout a whole flight may take.
const FLIGHT_MARGIN: Duration = Duration::from_secs(2);

/// One flight to the database, with its deadline. Answers as many [`Rows`] as there are statements.
pub(crate) async fn flight<H: Host>(
    host: &H,
    instance: &Instance,
    statements: &[Statement<'_>],
) -> Result<Vec<Rows>, SqlError> {
    let deadline = instance.config.sql_timeout + FLIGHT_MARGIN;
    let rows = within(patience(host, deadline), host.sql().batch(statements)).await?;
    if rows.len() == statements.len() {
        Ok(rows)
    } else {
        let (answers, count) = (rows.len(), statements.len());
        Err(SqlError::Protocol(format!("{answers} answers to {count} statements")))
    }
}

/// One flight with one statement. A failure is logged.
pub(crate) async fn flight_one<H: Host>(
    host: &H,
    instance: &Instance,
    statement: Statement<'_>,
) -> Result<Rows, Failure> {
    let name = statement.name;
    match flight(host, instance, &[statement]).await {
        Ok(rows) => Ok(rows.into_iter().next().unwrap_or_default()),
        Err(e) => {
            let failure = Failure::from(e);
            log(host, Level::Error, "sql", &format!("{name}: {failure:?}"));
            Err(failure)
        }
    }
}

/// Writes a structured line to the host's log, as [`crate::context::Context::log`] does for a request.
pub(crate) fn log<H: Host>(host: &H, level: Level, event: &str, text: &str) {
    let line = serde_json::json!({ "level": level.to_string(), "event": event, "text": text });
    host.log(level, &json::text(&line));
}
