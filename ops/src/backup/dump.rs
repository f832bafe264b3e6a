//! Writes a backup of our own: every table as it was at one moment.

use std::collections::BTreeMap;
use std::fs::File;
use std::pin::pin;

use anyhow::ensure;
use futures_util::StreamExt as _;
use tokio_postgres::{Client, GenericClient, IsolationLevel, Transaction};

use super::archive::{Applied, Counted, Head, Writer};
use super::catalog::{self, Table, quoted};
use super::tally::Rows;
use crate::database::explain;
use crate::migrate;

/// The same text for the same value, whatever the server's and the role's settings are.
pub(super) const PLAIN: &str =
    "SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = 'UTC'; SET LOCAL intervalstyle = 'postgres';
    SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL client_encoding = 'UTF8';
    SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// Writes every table of the schema into `file`, and answers how many rows Postgres counts in each: independently of what
/// was written, and at the same moment.
///
/// # Errors
/// What Postgres or the disk says.
pub(super) async fn write(client: &mut Client, file: File) -> anyhow::Result<BTreeMap<String, u64>> {
    let snapshot = snapshot(client).await?;
    let head = head(&snapshot).await?;
    let mut writer = Writer::begin(file, &head)?;
    let (mut tallies, mut counts) = (Vec::new(), BTreeMap::new());
    for table in &head.catalog.tables {
        writer.table(&table.name)?;
        let rows = read(&snapshot, table, |piece| writer.write(piece)).await?;
        writer.end_table()?;
        tallies.push(Counted::new(&table.name, &rows.tally));
        counts.insert(table.name.clone(), count(&snapshot, &table.name).await?);
    }
    writer.end(tallies)?;
    Ok(counts)
}

/// A transaction that sees the database as it is now, until its end, and changes nothing.
pub(super) async fn snapshot(client: &mut Client) -> anyhow::Result<Transaction<'_>> {
    let builder = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead);
    let snapshot = builder.read_only(true).start().await.map_err(explain)?;
    snapshot.batch_execute(PLAIN).await.map_err(explain)?;
    Ok(snapshot)
}

/// How many rows a table has.
pub(super) async fn count(client: &impl GenericClient, table: &str) -> anyhow::Result<u64> {
    let sql = format!("SELECT count(*) FROM {}", quoted(table));
    let rows: i64 = client.query_one(&sql, &[]).await.map_err(explain)?.get(0);
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// Reads the rows of a table in COPY's text format, and hands them on as they come.
pub(super) async fn read(
    transaction: &Transaction<'_>,
    table: &Table,
    mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<Rows> {
    let sql = format!("COPY {} ({}) TO STDOUT", quoted(&table.name), table.columns());
    let mut stream = pin!(transaction.copy_out(&sql).await.map_err(explain)?);
    let mut rows = Rows::default();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(explain)?;
        rows.take(&piece);
        take(&piece)?;
    }
    Ok(rows)
}

async fn head(snapshot: &Transaction<'_>) -> anyhow::Result<Head> {
    let catalog = catalog::read(snapshot).await?;
    ensure!(!catalog.tables.is_empty(), "there is nothing in this database to keep");
    let row = snapshot
        .query_one(
            "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), current_database()::text,
                    current_setting('server_version')",
            &[],
        )
        .await
        .map_err(explain)?;
    let ledger = migrate::applied(snapshot).await?;
    Ok(Head {
        created_at: row.get(0),
        database: row.get(1),
        server: row.get(2),
        ledger: ledger
            .into_iter()
            .map(|(version, checksum)| Applied { version, checksum })
            .collect(),
        catalog,
    })
}
