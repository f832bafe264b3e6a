//! A batch: its row, and its staging tables. They are there while it is being read, so that a run that was interrupted
//! goes on where it was; a dry run has temporary ones.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use doorward_core::id::UserId;
use futures_util::SinkExt as _;
use tokio_postgres::Client;

use super::stage::{Chunk, Table};
use crate::database::explain;
use crate::host::{self, SystemEntropy};

/// Keeps two imports from working at once.
const LOCK: i64 = 0x646f_6f72_696d_706f;

/// What a batch comes from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// The name of the source.
    pub(super) source: String,
    /// The folder, file or database.
    pub(super) place: String,
    /// What tells one state of it from another; empty where it can't be told.
    pub(super) mark: String,
}

/// A batch that is being read.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) origin: Origin,
    pub(super) dry_run: bool,
    /// How many records were staged by a run before.
    pub(super) position: u64,
}

/// Refuses a database that isn't up to date, and waits for another import or rollback to end.
///
/// # Errors
/// Also whatever the database refuses.
pub(super) async fn prepare(client: &Client) -> anyhow::Result<()> {
    let row = client
        .query_one(
            "SELECT to_regclass('import_batches') IS NOT NULL, pg_try_advisory_lock($1)",
            &[&LOCK],
        )
        .await
        .map_err(explain)?;
    if !row.get::<_, bool>(0) {
        bail!("the database isn't up to date; run `doorward migrate` first");
    }
    if !row.get::<_, bool>(1) {
        eprintln!("waiting for another import or rollback on this database");
        client
            .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
            .await
            .map_err(explain)?;
    }
    Ok(())
}

impl Batch {
    /// Goes on with what an interrupted run left, where its origin is the same as then; else begins anew.
    ///
    /// # Errors
    /// Whatever the database refuses.
    pub(super) async fn open(client: &mut Client, origin: Origin, dry_run: bool) -> anyhow::Result<Self> {
        if !dry_run {
            let left = client
                .query(
                    "SELECT id::text, mark, position FROM import_batches
                     WHERE status = 'loading' AND source = $1 AND origin = $2 ORDER BY started_at DESC",
                    &[&origin.source, &origin.place],
                )
                .await
                .map_err(explain)?;
            for row in &left {
                let position: i64 = row.get(2);
                let batch = Self {
                    id: row.get(0),
                    origin: origin.clone(),
                    dry_run,
                    position: position.unsigned_abs(),
                };
                if !origin.mark.is_empty() && row.get::<_, &str>(1) == origin.mark && batch.is_whole(client).await? {
                    eprintln!("going on with batch {} after {position} records", batch.id);
                    return Ok(batch);
                }
                discard(client, &batch.id).await?;
            }
        }
        let batch = Self {
            id: UserId::generate(host::now(), &SystemEntropy)?.to_string(),
            origin,
            dry_run,
            position: 0,
        };
        batch.create(client).await?;
        Ok(batch)
    }

    async fn create(&self, client: &mut Client) -> anyhow::Result<()> {
        let transaction = client.transaction().await.map_err(explain)?;
        let kind = if self.dry_run { "TEMPORARY" } else { "UNLOGGED" };
        for table in Table::ALL {
            let sql = format!("CREATE {kind} TABLE {} ({})", self.table(table), table.columns());
            transaction.batch_execute(&sql).await.map_err(explain)?;
        }
        if !self.dry_run {
            transaction
                .execute(
                    "INSERT INTO import_batches (id, source, origin, mark) VALUES ($1::text::uuid, $2, $3, $4)",
                    &[&self.id, &self.origin.source, &self.origin.place, &self.origin.mark],
                )
                .await
                .map_err(explain)?;
        }
        transaction.commit().await.map_err(explain)
    }

    /// A staging table's name.
    pub(super) fn table(&self, table: Table) -> String {
        staging(&self.id, table)
    }

    /// Whether the staging tables hold what the row says: they are empty after a crash of the server.
    async fn is_whole(&self, client: &Client) -> anyhow::Result<bool> {
        let (users, tokens) = (self.table(Table::Users), self.table(Table::Tokens));
        let there = client
            .query_one("SELECT to_regclass($1) IS NOT NULL", &[&users])
            .await
            .map_err(explain)?;
        if !there.get::<_, bool>(0) {
            return Ok(false);
        }
        let sql = format!("SELECT (SELECT count(*) FROM {users}) + (SELECT count(*) FROM {tokens})");
        let count: i64 = client.query_one(&sql, &[]).await.map_err(explain)?.get(0);
        Ok(count.unsigned_abs() == self.position)
    }

    /// Writes a chunk, and that it is there, in one transaction.
    ///
    /// # Errors
    /// Whatever the database refuses.
    pub(super) async fn write(&self, client: &mut Client, chunk: Chunk) -> anyhow::Result<()> {
        let transaction = client.transaction().await.map_err(explain)?;
        for (table, lines) in chunk.parts {
            let sql = format!("COPY {} FROM STDIN", self.table(table));
            let sink = transaction.copy_in::<_, Bytes>(&sql).await.map_err(explain)?;
            let mut sink = std::pin::pin!(sink);
            sink.send(Bytes::from(lines)).await.map_err(explain)?;
            sink.finish().await.map_err(explain)?;
        }
        if !self.dry_run {
            let position = i64::try_from(chunk.position).context("more records than can be counted")?;
            transaction
                .execute(
                    "UPDATE import_batches SET position = $2 WHERE id = $1::text::uuid",
                    &[&self.id, &position],
                )
                .await
                .map_err(explain)?;
        }
        transaction.commit().await.map_err(explain)
    }
}

/// The name of a staging table of a batch.
fn staging(batch: &str, table: Table) -> String {
    format!("import_{}_{}", batch.replace('-', ""), table.name())
}

/// Whether a table of that name is a staging table, of whatever batch.
pub(crate) fn is_staging(name: &str) -> bool {
    let Some((batch, table)) = name.strip_prefix("import_").and_then(|rest| rest.split_once('_')) else {
        return false;
    };
    let is_id = batch.len() == 32 && batch.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id && Table::ALL.iter().any(|one| one.name() == table)
}

/// The statement that drops a batch's staging tables.
pub(super) fn drop_staging(batch: &str) -> String {
    let tables = Table::ALL.map(|table| staging(batch, table)).join(", ");
    format!("DROP TABLE IF EXISTS {tables}")
}

/// Takes away what a batch that never came in has left.
///
/// # Errors
/// Whatever the database refuses.
pub(super) async fn discard(client: &mut Client, batch: &str) -> anyhow::Result<()> {
    let transaction = client.transaction().await.map_err(explain)?;
    transaction.batch_execute(&drop_staging(batch)).await.map_err(explain)?;
    transaction
        .execute(
            "DELETE FROM import_batches WHERE id = $1::text::uuid AND status = 'loading'",
            &[&batch],
        )
        .await
        .map_err(explain)?;
    transaction.commit().await.map_err(explain)
}
