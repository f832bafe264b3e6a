//! `doorward import postgres`: an older table of users in another database. A mapping says which column is what.

use tokio::runtime::Handle;
use tokio_postgres::Client;

use super::input::Sink;
use super::names::Names;
use super::table::{self, Rows, SNAPSHOT, identifier};
use super::value::Field;
use crate::database::explain;

/// Reads the table. For a thread that may wait.
///
/// # Errors
/// A table that isn't there or can't be understood, and whatever the database refuses.
pub(super) fn read(
    client: &Client,
    table: &str,
    names: &Names,
    sink: &mut Sink<'_>,
    handle: &Handle,
) -> anyhow::Result<()> {
    handle.block_on(client.batch_execute(SNAPSHOT)).map_err(explain)?;
    let fields = handle.block_on(table::understood(client, table, names))?;
    let columns: Vec<_> = fields.iter().map(|(column, _)| column.select("t")).collect();
    let id = fields.iter().find(|(_, (field, _))| *field == Field::Id);
    let order = id.map_or_else(String::new, |(column, _)| {
        format!(" ORDER BY t.{}", identifier(&column.name))
    });
    let sql = format!(
        "SELECT {} FROM {} t{order}",
        columns.join(", "),
        table::qualified(table)
    );
    let mut rows = Rows::query(client, &sql, handle)?;
    let mut at = 0;
    while let Some(row) = rows.next()? {
        at += 1;
        sink.put(at, None, || table::record(&row, &fields))?;
    }
    Ok(())
}
