//! `doorward migrate`: brings a database up to the tables that this build of Doorward speaks to.
//!
//! Each file is one transaction together with its row in the ledger, so a run that is interrupted has applied whole
//! files only and the next run goes on from there. An advisory lock, held by that same transaction, lets two runs at
//! once take turns; it works behind a pooler too, where a lock of the session would not.

mod files;
mod ledger;

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde_json::json;
use tokio_postgres::{Client, GenericClient, Transaction};

use crate::backup::Beforehand;
use crate::database::{self, explain};
use crate::output::Report;
use files::{FILES, Migration};
use ledger::Applied;

/// Applies what is pending, in order, up to the file `until` if there is one. A file waits for a table in use for `lock_timeout` seconds. Where there are accounts,
/// a backup is written before, as `beforehand` says.
///
/// # Errors
/// A ledger that doesn't fit this build, a backup that can't be made, or a file that the database refuses; that file then
/// has changed nothing.
pub(crate) async fn run(
    url: &str,
    lock_timeout: u32,
    until: Option<i32>,
    beforehand: &Beforehand,
) -> anyhow::Result<Report> {
    let files: Vec<_> = FILES
        .iter()
        .filter(|file| until.is_none_or(|last| file.version <= last))
        .collect();
    if let Some(last) = until
        && files.last().is_none_or(|file| file.version != last)
    {
        bail!("this build has no migration {last}");
    }
    let mut client = database::connect(url).await?;
    let backup = keep(&client, url, beforehand).await?;
    let mut applied = Vec::new();
    for migration in files {
        if let Some(milliseconds) = ledger::apply(&mut client, migration, lock_timeout).await? {
            eprintln!("applied {} in {milliseconds} ms", migration.label());
            applied.push(json!({ "version": migration.version, "name": migration.name, "durationMs": milliseconds }));
        }
    }
    let text = match applied.len() {
        0 => format!("nothing to do: the database is at version {}", FILES.len()),
        count => format!("applied {count}; the database is at version {}", FILES.len()),
    };
    Ok(Report {
        text,
        json: json!({ "applied": applied, "version": FILES.len(), "backup": backup }),
    })
}

/// Writes a backup where something is pending and there are accounts to lose. Answers the file.
async fn keep(client: &Client, url: &str, beforehand: &Beforehand) -> anyhow::Result<Option<PathBuf>> {
    let (_, pending) = look(client).await?;
    let Some(first) = pending.first() else {
        return Ok(None);
    };
    let row = client.query_one("SELECT to_regclass('users') IS NOT NULL", &[]).await;
    if !row.map_err(explain)?.get::<_, bool>(0) {
        return Ok(None);
    }
    let accounts = client.query_one("SELECT EXISTS (SELECT FROM users)", &[]).await;
    if !accounts.map_err(explain)?.get::<_, bool>(0) {
        return Ok(None);
    }
    beforehand.write(client, url, &first.label()).await
}

/// Answers the SQL of what is pending, and changes nothing.
///
/// # Errors
/// As [`run`], for what can be told without running the files.
pub(crate) async fn dry_run(url: &str) -> anyhow::Result<Report> {
    let (_, pending) = look(&database::connect(url).await?).await?;
    let mut text = String::from("-- `doorward migrate` runs this, and enters each file in schema_migrations.\n");
    for migration in &pending {
        writeln!(text, "-- {}\nBEGIN;\n{}COMMIT;\n", migration.label(), migration.sql)?;
    }
    if pending.is_empty() {
        text = String::from("-- nothing is pending");
    }
    let documents: Vec<_> = pending
        .iter()
        .map(|one| json!({ "version": one.version, "name": one.name, "checksum": one.checksum(), "sql": one.sql }))
        .collect();
    Ok(Report {
        text: text.trim_end().to_owned(),
        json: json!({ "pending": documents }),
    })
}

/// Lists what was applied and what is pending; for a program also how many tables there are, anybody's.
///
/// # Errors
/// As [`dry_run`].
pub(crate) async fn status(url: &str) -> anyhow::Result<Report> {
    let client = database::connect(url).await?;
    let (applied, pending) = look(&client).await?;
    let tables = client
        .query_one(
            "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'",
            &[],
        )
        .await;
    let tables: i64 = tables.map_err(explain)?.get(0);
    let mut text = String::new();
    for one in &applied {
        writeln!(
            text,
            "{:04}_{}  applied {} in {} ms",
            one.version, one.name, one.at, one.duration_ms
        )?;
    }
    for one in &pending {
        writeln!(text, "{}  pending", one.label())?;
    }
    write!(text, "{} applied, {} pending", applied.len(), pending.len())?;
    let applied: Vec<_> = applied
        .iter()
        .map(|one| {
            json!({ "version": one.version, "name": one.name, "checksum": one.checksum, "appliedAt": one.at,
                    "durationMs": one.duration_ms })
        })
        .collect();
    let pending: Vec<_> = pending
        .iter()
        .map(|one| json!({ "version": one.version, "name": one.name }))
        .collect();
    Ok(Report {
        text,
        json: json!({ "applied": applied, "pending": pending, "tables": tables }),
    })
}

/// Refuses a database that isn't at the version of this build.
///
/// # Errors
/// When files are pending, or the database is ahead of this build.
pub(crate) async fn require(client: &impl GenericClient) -> anyhow::Result<()> {
    let (_, pending) = look(client).await?;
    if !pending.is_empty() {
        bail!("the database isn't up to date; run `doorward migrate` first");
    }
    Ok(())
}

/// Whether `doorward migrate` makes a table, a view or a function of that name.
pub(crate) fn makes(name: &str) -> bool {
    name == ledger::NAME || FILES.iter().any(|file| file.makes(name))
}

/// The migrations that were applied: number and checksum.
///
/// # Errors
/// What Postgres says.
pub(crate) async fn applied(client: &impl GenericClient) -> anyhow::Result<Vec<(i32, String)>> {
    let applied = ledger::read(client).await.map_err(explain)?;
    Ok(applied.into_iter().map(|one| (one.version, one.checksum)).collect())
}

/// Runs these migrations in the transaction, as they were run when a backup's database was made. The ledger is made and left
/// empty: its rows come with the backup's.
///
/// # Errors
/// When this build hasn't these files, or Postgres refuses one.
pub(crate) async fn replay(transaction: &Transaction<'_>, applied: &[(i32, &str)]) -> anyhow::Result<()> {
    for (version, checksum) in applied {
        let file = FILES.iter().find(|file| file.version == *version);
        let Some(file) = file.filter(|file| file.checksum() == *checksum) else {
            bail!(
                "the backup is of a database with another migration {version:04} than this build's: use the release of its time"
            );
        };
        transaction
            .batch_execute(file.sql)
            .await
            .map_err(explain)
            .with_context(|| file.label())?;
    }
    if !applied.is_empty() {
        transaction.batch_execute(ledger::TABLE).await.map_err(explain)?;
    }
    Ok(())
}

/// What the ledger holds, and which files it lacks.
async fn look(client: &impl GenericClient) -> anyhow::Result<(Vec<Applied>, Vec<&'static Migration>)> {
    let applied = ledger::read(client)
        .await
        .map_err(explain)
        .context("can't read the ledger of migrations")?;
    ledger::check(&applied)?;
    let pending = FILES
        .iter()
        .filter(|file| applied.iter().all(|one| one.version != file.version))
        .collect();
    Ok((applied, pending))
}
