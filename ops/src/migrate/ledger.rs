//! `schema_migrations`: which files were applied, when, and what they said.

use std::time::Instant;

use anyhow::{Context as _, bail};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, GenericClient, IsolationLevel};

use super::files::{FILES, Migration};
use crate::database::explain;

/// Any number will do, as long as it stays: "doorward" in ASCII.
const LOCK: i64 = 0x646f_6f72_7761_7264;

/// How long a run waits for another run, and how long one statement may take.
const WAIT_FOR_TURN: &str = "10min";
const STATEMENT: &str = "30min";

/// What the ledger is called.
pub(crate) const NAME: &str = "schema_migrations";

/// Makes the ledger where there is none.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version     integer     PRIMARY KEY,
    name        text        NOT NULL,
    checksum    text        NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration_ms bigint      NOT NULL
)";

/// One row of the ledger.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The file's number.
    pub(crate) version: i32,
    /// The file's name.
    pub(crate) name: String,
    /// The file's checksum at that time.
    pub(crate) checksum: String,
    /// When, as ISO 8601 in UTC.
    pub(crate) at: String,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: i64,
}

/// The rows of the ledger, by version; none where there is no ledger yet.
///
/// # Errors
/// What Postgres says.
pub(crate) async fn read(client: &impl GenericClient) -> Result<Vec<Applied>, Error> {
    // Not by to_regclass: that one looks into the connection's own cache, which has not heard yet of a ledger that another
    // run made while this one waited for its turn.
    let exists = client
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_class
                            WHERE relname = 'schema_migrations' AND relkind = 'r' AND pg_table_is_visible(oid))",
            &[],
        )
        .await?;
    if !exists.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let rows = client
        .query(
            "SELECT version, name, checksum, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), duration_ms
             FROM schema_migrations ORDER BY version",
            &[],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Applied {
            version: row.get(0),
            name: row.get(1),
            checksum: row.get(2),
            at: row.get(3),
            duration_ms: row.get(4),
        })
        .collect())
}

/// Whether this build may work on a database with that ledger.
///
/// # Errors
/// When the database is ahead of this build, or was made from other files than it carries.
pub(crate) fn check(applied: &[Applied]) -> anyhow::Result<()> {
    for one in applied {
        let Some(file) = FILES.iter().find(|file| file.version == one.version) else {
            bail!(
                "the database has migration {:04}_{}, which this build doesn't know. It was migrated by a newer \
                 release: use that one, or a backup from before",
                one.version,
                one.name
            );
        };
        if file.checksum() != one.checksum {
            bail!(
                "{} was changed after it was applied here on {}. Put the file back as it was and make the change in a \
                 new migration",
                file.label(),
                one.at
            );
        }
    }
    Ok(())
}

/// Applies one file, if the ledger doesn't have it, and enters it. Answers how many milliseconds it took.
///
/// It waits for a table that somebody uses for `lock_timeout` seconds and no longer, because a queue of sign-ins forms
/// behind it.
///
/// # Errors
/// As [`check`], or what Postgres says; then nothing has changed.
pub(crate) async fn apply(
    client: &mut Client,
    migration: &Migration,
    lock_timeout: u32,
) -> anyhow::Result<Option<i64>> {
    // The ledger is read after the wait, so each statement has to see what was committed before it.
    let isolation = IsolationLevel::ReadCommitted;
    let transaction = client
        .build_transaction()
        .isolation_level(isolation)
        .start()
        .await
        .map_err(explain)?;
    let turn = format!("SET LOCAL statement_timeout = '{WAIT_FOR_TURN}'; SELECT pg_advisory_xact_lock({LOCK})");
    transaction
        .batch_execute(&turn)
        .await
        .map_err(explain)
        .context("waited for another migration that goes on")?;

    let applied = read(&transaction)
        .await
        .map_err(explain)
        .context("can't read the ledger of migrations")?;
    check(&applied)?;
    if applied.iter().any(|one| one.version == migration.version) {
        return Ok(None);
    }

    let started = Instant::now();
    let limits =
        format!("SET LOCAL lock_timeout = '{lock_timeout}s'; SET LOCAL statement_timeout = '{STATEMENT}'; {TABLE}");
    transaction
        .batch_execute(&limits)
        .await
        .map_err(explain)
        .context("can't make the ledger of migrations")?;
    transaction.batch_execute(migration.sql).await.map_err(|error| {
        let busy = error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE);
        let advice = if busy {
            "; a table is in use, try again when it is quieter"
        } else {
            ""
        };
        explain(error).context(format!(
            "{} was refused, and nothing of it was done{advice}",
            migration.label()
        ))
    })?;
    let milliseconds = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
    transaction
        .execute(
            "INSERT INTO schema_migrations (version, name, checksum, duration_ms) VALUES ($1, $2, $3, $4)",
            &[
                &migration.version,
                &migration.name,
                &migration.checksum(),
                &milliseconds,
            ],
        )
        .await
        .map_err(explain)?;
    transaction
        .commit()
        .await
        .map_err(explain)
        .with_context(|| format!("{} was not committed", migration.label()))?;
    Ok(Some(milliseconds))
}
