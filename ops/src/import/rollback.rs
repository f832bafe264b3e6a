//! `doorward import list` and `doorward import rollback`: which batches there are, and the way back from one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::bail;
use doorward_core::id::UserId;
use serde_json::json;
use tokio_postgres::Transaction;

use super::batch::{self, discard};
use super::settle::FINGERPRINT;
use crate::database::{self, explain};
use crate::output::Report;

/// The tables whose rows follow from a user's sign-ins: they go with the user. Whatever else names a user was made since.
const FOLLOWING: [&str; 5] = ["accounts", "sessions", "tokens", "mail_outbox", "events"];
/// How many of those who are kept are named.
const NAMED: usize = 20;

/// Lists the batches, the latest first.
///
/// # Errors
/// A database that isn't up to date.
pub(super) async fn list(url: &str) -> anyhow::Result<Report> {
    let client = database::connect(url).await?;
    let there = client
        .query_one("SELECT to_regclass('import_batches') IS NOT NULL", &[])
        .await
        .map_err(explain)?;
    if !there.get::<_, bool>(0) {
        bail!("the database isn't up to date; run `doorward migrate` first");
    }
    let rows = client
        .query(
            "SELECT id::text, source, origin, status, read, imported, cleaned, refused, unchanged, report,
                    to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),
                    to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')
             FROM import_batches ORDER BY started_at DESC, id DESC",
            &[],
        )
        .await
        .map_err(explain)?;
    let (mut text, mut documents) = (String::new(), Vec::new());
    for row in &rows {
        let text_of = |at| row.get::<_, Option<String>>(at);
        let count = |at| row.get::<_, i64>(at);
        writeln!(
            text,
            "{}  {}  {:<11} {:<11} {} read, {} imported ({} cleaned), {} refused, {} unchanged  {}",
            row.get::<_, &str>(0),
            row.get::<_, &str>(10),
            row.get::<_, &str>(1),
            row.get::<_, &str>(3),
            count(4),
            count(5),
            count(6),
            count(7),
            count(8),
            row.get::<_, &str>(2),
        )?;
        documents.push(json!({
            "batch": text_of(0), "source": text_of(1), "origin": text_of(2), "status": text_of(3), "read": count(4),
            "imported": count(5), "cleaned": count(6), "refused": count(7), "unchanged": count(8), "report": text_of(9),
            "startedAt": text_of(10), "finishedAt": text_of(11),
        }));
    }
    if rows.is_empty() {
        text.push_str("nothing was imported");
    }
    Ok(Report {
        text: text.trim_end().to_owned(),
        json: json!({ "batches": documents }),
    })
}

/// Takes out who came in with a batch and wasn't changed since.
///
/// # Errors
/// No such batch, or whatever the database refuses; then nothing has changed.
pub(super) async fn run(url: &str, batch: &str) -> anyhow::Result<Report> {
    let mut client = database::connect(url).await?;
    batch::prepare(&client).await?;
    let Some(id) = UserId::parse(batch).map(|id| id.to_string()) else {
        bail!("{batch:?} is no batch; `doorward import list` names them");
    };
    let row = client
        .query_opt("SELECT status FROM import_batches WHERE id = $1::text::uuid", &[&id])
        .await
        .map_err(explain)?;
    let Some(row) = row else {
        bail!("there is no batch {id}; `doorward import list` names them");
    };
    if row.get::<_, &str>(0) == "loading" {
        discard(&mut client, &id).await?;
        return Ok(answer(&id, 0, 0, "it never came in; what it had staged is gone"));
    }
    let transaction = client.transaction().await.map_err(explain)?;
    let kept = keep(&transaction, &id).await?;
    let removed = remove(&transaction, &id, kept.is_empty()).await?;
    transaction.commit().await.map_err(explain)?;

    let mut words = String::new();
    let mut why: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &kept {
        *why.entry(&one.why).or_default() += 1;
    }
    for (why, count) in why {
        writeln!(words, "{count} kept: {why}")?;
    }
    for one in kept.iter().take(NAMED) {
        writeln!(words, "  {} {} ({})", one.user, one.email, one.why)?;
    }
    if kept.len() > NAMED {
        writeln!(words, "  and {} more", kept.len() - NAMED)?;
    }
    Ok(answer(&id, removed, kept.len(), words.trim_end()))
}

fn answer(batch: &str, removed: u64, kept: usize, words: &str) -> Report {
    if !words.is_empty() {
        eprintln!("{words}");
    }
    Report {
        text: format!("batch {batch}: {removed} removed, {kept} kept"),
        json: json!({ "batch": batch, "removed": removed, "kept": kept }),
    }
}

/// Somebody who stays.
struct Kept {
    user: String,
    email: String,
    why: String,
}

/// Who was changed since, and holds them until the end of the transaction.
async fn keep(transaction: &Transaction<'_>, batch: &str) -> anyhow::Result<Vec<Kept>> {
    // Waits for whoever is at work on one of them, and lets nobody begin.
    transaction
        .batch_execute(&format!(
            "SELECT count(*) FROM (SELECT 1 FROM users u JOIN accounts a ON a.user_id = u.id
             WHERE a.batch_id = '{batch}' AND a.fingerprint IS NOT NULL FOR UPDATE OF u) AS held;
             CREATE TEMPORARY TABLE import_kept (user_id uuid PRIMARY KEY, why text NOT NULL) ON COMMIT DROP"
        ))
        .await
        .map_err(explain)?;
    // Nobody comes in with the moment of a password, so one that is there was set here.
    let changed = format!(
        "INSERT INTO import_kept
         SELECT id, CASE WHEN password_was_set OR split_part(now_is, ':', 1) = split_part(fingerprint, ':', 1)
                         THEN 'password changed' ELSE 'profile or address changed' END
         FROM (SELECT u.id, a.fingerprint, {FINGERPRINT} AS now_is, u.password_changed_at IS NOT NULL AS password_was_set,
                      u.last_login_at IS NOT NULL AND u.last_login_at >= b.started_at AS signed_in
               FROM users u JOIN accounts a ON a.user_id = u.id JOIN import_batches b ON b.id = a.batch_id
               WHERE a.batch_id = $1::text::uuid AND a.fingerprint IS NOT NULL) AS compared
         WHERE split_part(now_is, ':', 1) <> split_part(fingerprint, ':', 1)
            OR (split_part(now_is, ':', 2) <> split_part(fingerprint, ':', 2) AND NOT signed_in)"
    );
    transaction.execute(&changed, &[&batch]).await.map_err(explain)?;
    for (table, column) in naming_users(transaction).await? {
        let made = format!(
            "INSERT INTO import_kept
             SELECT DISTINCT a.user_id, 'has rows in ' || {} FROM {table} t JOIN accounts a ON a.user_id = t.{column}
             WHERE a.batch_id = $1::text::uuid AND a.fingerprint IS NOT NULL ON CONFLICT DO NOTHING",
            format_args!("'{}'", table.replace('\'', "''"))
        );
        transaction.execute(&made, &[&batch]).await.map_err(explain)?;
    }
    let rows = transaction
        .query(
            "SELECT u.id::text, u.email, k.why FROM import_kept k JOIN users u ON u.id = k.user_id ORDER BY u.email",
            &[],
        )
        .await
        .map_err(explain)?;
    Ok(rows
        .iter()
        .map(|row| Kept {
            user: row.get(0),
            email: row.get(1),
            why: row.get(2),
        })
        .collect())
}

/// The tables and columns that name a user by a foreign key, less those that follow from sign-ins.
async fn naming_users(transaction: &Transaction<'_>) -> anyhow::Result<Vec<(String, String)>> {
    let following: Vec<&str> = FOLLOWING.to_vec();
    let rows = transaction
        .query(
            "SELECT DISTINCT c.conrelid::regclass::text, quote_ident(a.attname)
             FROM pg_constraint c
             CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k (here, there)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.here
             JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = k.there AND f.attname = 'id'
             JOIN pg_class t ON t.oid = c.conrelid
             WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass AND t.relname <> ALL ($1)
             ORDER BY 1, 2",
            &[&following],
        )
        .await
        .map_err(explain)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Removes the rest, and the batch's row where nothing is left of it.
async fn remove(transaction: &Transaction<'_>, batch: &str, whole: bool) -> anyhow::Result<u64> {
    let run = async |sql: &str| transaction.execute(sql, &[&batch]).await.map_err(explain);
    // Tokens and identities that came to somebody of an earlier batch.
    run("DELETE FROM tokens t USING accounts a
         WHERE t.batch_id = $1::text::uuid AND t.used_at IS NULL AND a.user_id = t.user_id AND a.fingerprint IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM import_kept k WHERE k.user_id = t.user_id)")
    .await?;
    let removed = run("DELETE FROM users u USING accounts a
         WHERE a.batch_id = $1::text::uuid AND a.fingerprint IS NOT NULL AND a.user_id = u.id
           AND NOT EXISTS (SELECT 1 FROM import_kept k WHERE k.user_id = u.id)")
    .await?;
    run(
        "DELETE FROM accounts a WHERE a.batch_id = $1::text::uuid AND a.fingerprint IS NULL
           AND NOT EXISTS (SELECT 1 FROM import_kept k WHERE k.user_id = a.user_id)",
    )
    .await?;
    run(if whole {
        "DELETE FROM import_batches WHERE id = $1::text::uuid"
    } else {
        "UPDATE import_batches SET status = 'rolled_back' WHERE id = $1::text::uuid"
    })
    .await?;
    Ok(removed)
}
