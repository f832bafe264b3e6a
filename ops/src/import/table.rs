//! Rows of another Postgres, streamed: a table whose columns have names that are understood.

use std::pin::Pin;

use anyhow::bail;
use doorward_core::id::UserId;
use doorward_core::time::Time;
use futures_util::TryStreamExt as _;
use tokio::runtime::Handle;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryStream};

use super::names::Names;
use super::value::{Field, Record, Value};
use crate::database::explain;

/// A column of a source, and how its values are read.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Its name, as it is.
    pub(super) name: String,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Bool,
    Int,
    Uuid,
    /// Milliseconds since 1970.
    Date(&'static str),
}

/// An identifier in quotation marks.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's name, perhaps with that of its schema, in quotation marks.
pub(super) fn qualified(name: &str) -> String {
    name.split('.').map(identifier).collect::<Vec<_>>().join(".")
}

impl Column {
    /// The columns of a table. Empty where there is no such table.
    ///
    /// # Errors
    /// Whatever the database refuses.
    pub(super) async fn of(client: &Client, table: &str) -> anyhow::Result<Vec<Self>> {
        let rows = client
            .query(
                "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
                 WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                &[&qualified(table)],
            )
            .await
            .map_err(explain)?;
        Ok(rows
            .iter()
            .map(|row| Self {
                name: row.get(0),
                shape: Shape::of(row.get(1)),
            })
            .collect())
    }

    /// What selects it, of the table with this alias.
    pub(super) fn select(&self, alias: &str) -> String {
        let column = format!("{alias}.{}", identifier(&self.name));
        match self.shape {
            Shape::Date(zone) => {
                format!("CASE WHEN isfinite({column}) THEN (extract(epoch FROM {column}{zone}) * 1000)::bigint END")
            }
            _ => format!("{column}::text"),
        }
    }

    /// Its value from the text.
    pub(super) fn value(&self, text: Option<&str>) -> Value {
        let Some(text) = text else { return Value::None };
        let read = match self.shape {
            Shape::Text => None,
            Shape::Bool => Some(Value::Bool(text.starts_with('t'))),
            Shape::Int => text.parse().ok().map(Value::Int),
            Shape::Uuid => UserId::parse(text).map(|id| Value::Uuid(*id.as_bytes())),
            Shape::Date(_) => text.parse().ok().map(|millis| Value::Date(Time::from_millis(millis))),
        };
        read.unwrap_or_else(|| Value::Text(text.to_owned()))
    }
}

impl Shape {
    fn of(kind: &str) -> Self {
        match kind {
            "boolean" => Self::Bool,
            "smallint" | "integer" | "bigint" => Self::Int,
            "uuid" => Self::Uuid,
            "timestamp with time zone" => Self::Date(""),
            "timestamp without time zone" => Self::Date(" AT TIME ZONE 'UTC'"),
            "date" => Self::Date("::timestamp AT TIME ZONE 'UTC'"),
            _ => Self::Text,
        }
    }
}

/// The columns of a table that are understood, each with its field.
///
/// # Errors
/// No such table, or none of its columns holds addresses.
pub(super) async fn understood(
    client: &Client,
    table: &str,
    names: &Names,
) -> anyhow::Result<Vec<(Column, (Field, u8))>> {
    let columns = Column::of(client, table).await?;
    if columns.is_empty() {
        bail!("the source has no table {table}");
    }
    let all = columns
        .iter()
        .map(|column| column.name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let fields: Vec<_> = columns
        .into_iter()
        .filter_map(|column| names.find(&column.name).map(|field| (column, field)))
        .collect();
    if !fields.iter().any(|(_, (field, _))| *field == Field::Email) {
        bail!("no column of e-mail addresses in {table}, which has: {all}. Name it with --map");
    }
    Ok(fields)
}

/// The rows of a query, taken one by one by a thread that may wait.
pub(super) struct Rows {
    stream: Pin<Box<SimpleQueryStream>>,
    handle: Handle,
}

impl Rows {
    /// Asks.
    ///
    /// # Errors
    /// Whatever the database refuses.
    pub(super) fn query(client: &Client, sql: &str, handle: &Handle) -> anyhow::Result<Self> {
        let stream = handle.block_on(client.simple_query_raw(sql)).map_err(explain)?;
        Ok(Self {
            stream: Box::pin(stream),
            handle: handle.clone(),
        })
    }

    /// The next row.
    ///
    /// # Errors
    /// Whatever the database refuses in the middle of it.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<tokio_postgres::SimpleQueryRow>> {
        while let Some(message) = self.handle.block_on(self.stream.try_next()).map_err(explain)? {
            if let SimpleQueryMessage::Row(row) = message {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}

/// A row as a record: the values stand in the order of the columns.
pub(super) fn record(row: &tokio_postgres::SimpleQueryRow, fields: &[(Column, (Field, u8))]) -> Record {
    let mut record = Record::default();
    for (at, (column, field)) in fields.iter().enumerate() {
        record.set(*field, column.value(row.get(at)));
    }
    record
}

/// One look at everything: what is written meanwhile isn't seen in halves.
pub(super) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
