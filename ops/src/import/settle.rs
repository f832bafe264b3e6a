//! From the staging tables to the tables that count, in one transaction of a few statements over all rows.
//!
//! Who is here already stays as they are. Of several with one address, one stays: the one last signed in, then the verified
//! one, then the oldest. An address that somebody here has is theirs.

use std::path::Path;

use anyhow::bail;
use tokio_postgres::{Client, Transaction};

use super::batch::{Batch, drop_staging};
use super::report;
use super::stage::Table;
use crate::database::explain;

/// What came of a batch. All but the last two count users.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) read: i64,
    pub(super) imported: i64,
    pub(super) cleaned: i64,
    pub(super) refused: i64,
    pub(super) unchanged: i64,
    pub(super) tokens_read: i64,
    pub(super) tokens: i64,
    /// Whether the batch has left anything.
    pub(super) came: bool,
}

/// What a user was like, as two hashes: of the profile, and of the password's hash. `u` is the user's row. A sign-in
/// changes the second at most, when it puts today's hash in the place of an older one.
pub(super) const FINGERPRINT: &str = "md5(ROW(u.email, u.name, u.role, u.status, u.tier, u.firm_id, u.is_verified, u.phone, \
     u.avatar_url, u.department, u.position, u.preferences, extract(epoch FROM u.password_changed_at))::text) \
     || ':' || md5(coalesce(u.password_hash, ''))";

/// A staged user as the row that it becomes.
const ROWS: &str = "SELECT s.id, s.key, s.email, s.name, s.role, s.status, 'free'::text AS tier, NULL::uuid AS firm_id,
        s.is_verified, s.verified_at, s.phone, s.avatar_url, s.department, s.position, '{}'::jsonb AS preferences,
        NULL::timestamptz AS password_changed_at, s.password_hash, s.created_at, s.updated_at, s.last_login_at
    FROM {users} s WHERE s.refused IS NULL AND NOT EXISTS (SELECT 1 FROM import_verdicts v WHERE v.pos = s.pos)";

/// Why a staged user doesn't come in, for those who can't be told by themselves: `here` for who is here already.
const VERDICTS: [&str; 5] = [
    "INSERT INTO import_verdicts (pos, code)
     SELECT s.pos, 'here' FROM {users} s
     JOIN accounts a ON a.provider = {source} AND a.provider_account_id = s.key AND a.fingerprint IS NOT NULL
     WHERE s.refused IS NULL",
    "INSERT INTO import_verdicts (pos, code, other)
     SELECT pos, 'id:duplicate_id', NULL FROM (
        SELECT s.pos, row_number() OVER (PARTITION BY s.id ORDER BY s.pos) AS place
        FROM {users} s JOIN (SELECT id FROM {users} WHERE refused IS NULL GROUP BY id HAVING count(*) > 1) d USING (id)
        WHERE s.refused IS NULL) ranked
     WHERE place > 1
     ON CONFLICT DO NOTHING",
    "INSERT INTO import_verdicts (pos, code, other)
     SELECT pos, 'email:duplicate_email', winner FROM (
        SELECT s.pos, v.code, row_number() OVER ranking AS place, first_value(s.key) OVER ranking AS winner
        FROM {users} s
        JOIN (SELECT email FROM {users} WHERE refused IS NULL GROUP BY email HAVING count(*) > 1) d USING (email)
        LEFT JOIN import_verdicts v ON v.pos = s.pos
        WHERE s.refused IS NULL AND v.code IS DISTINCT FROM 'id:duplicate_id'
        WINDOW ranking AS (PARTITION BY s.email ORDER BY v.code = 'here' NULLS LAST, s.last_login_at DESC NULLS LAST,
                           s.is_verified DESC, s.created_at NULLS LAST, s.pos)) ranked
     WHERE place > 1 AND code IS NULL",
    "INSERT INTO import_verdicts (pos, code, other)
     SELECT s.pos, 'email:email_taken', u.id::text FROM {users} s JOIN users u ON lower(u.email) = s.email
     WHERE s.refused IS NULL
     ON CONFLICT DO NOTHING",
    "INSERT INTO import_verdicts (pos, code)
     SELECT s.pos, 'id:id_taken' FROM {users} s JOIN users u ON u.id = s.id
     WHERE s.refused IS NULL
     ON CONFLICT DO NOTHING",
];

/// Brings the batch in, and writes the report. A dry run and a refused strict one change nothing.
///
/// # Errors
/// Whatever the database refuses; with `strict`, any refused user.
pub(super) async fn settle(client: &mut Client, batch: &Batch, strict: bool, path: &Path) -> anyhow::Result<Outcome> {
    for attempt in 1.. {
        match once(client, batch, strict, path).await {
            // Somebody signed up with one of the addresses meanwhile. The next look sees it.
            Err(error) if attempt < 5 && error.downcast_ref::<Raced>().is_some() => {}
            outcome => return outcome,
        }
    }
    bail!("unreachable: the loop returns")
}

/// A row that wasn't there when it was looked for.
#[derive(Debug)]
struct Raced(String);

impl std::fmt::Display for Raced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raced {}

fn refused(error: tokio_postgres::Error) -> anyhow::Error {
    let raced = error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION);
    let explained = explain(error);
    if raced {
        anyhow::Error::new(Raced(format!("{explained:#}")))
    } else {
        explained
    }
}

/// One transaction, and the names that its statements have in common.
pub(super) struct Work<'a> {
    pub(super) transaction: Transaction<'a>,
    batch: &'a Batch,
}

impl Work<'_> {
    fn fill(&self, sql: &str) -> String {
        sql.replace("{users}", &self.batch.table(Table::Users))
            .replace("{identities}", &self.batch.table(Table::Identities))
            .replace("{tokens}", &self.batch.table(Table::Tokens))
            .replace("{source}", &quoted(&self.batch.origin.source))
            .replace("{batch}", &quoted(&self.batch.id))
            .replace("{rows}", ROWS)
    }

    /// Runs a statement with the names filled in.
    pub(super) async fn run(&self, sql: &str) -> anyhow::Result<i64> {
        let sql = self.fill(&self.fill(sql));
        let rows = self.transaction.execute(sql.as_str(), &[]).await.map_err(refused)?;
        Ok(i64::try_from(rows).unwrap_or(i64::MAX))
    }

    /// The rows of a query with the names filled in, one after the other.
    pub(super) async fn rows(&self, sql: &str) -> anyhow::Result<tokio_postgres::RowStream> {
        let none: [&str; 0] = [];
        self.transaction.query_raw(&self.fill(sql), none).await.map_err(explain)
    }

    async fn count(&self, sql: &str) -> anyhow::Result<i64> {
        let sql = self.fill(&self.fill(sql));
        Ok(self
            .transaction
            .query_one(sql.as_str(), &[])
            .await
            .map_err(explain)?
            .get(0))
    }
}

/// A literal. The values are a source's name, which has been checked, and ids of ours.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

async fn once(client: &mut Client, batch: &Batch, strict: bool, path: &Path) -> anyhow::Result<Outcome> {
    let transaction = client.transaction().await.map_err(explain)?;
    let work = Work { transaction, batch };
    for sql in [
        "SET LOCAL synchronous_commit = on",
        "SET LOCAL work_mem = '64MB'",
        "SET LOCAL jit = off",
        "CREATE TEMPORARY TABLE import_verdicts (pos bigint PRIMARY KEY, code text NOT NULL, other text) ON COMMIT DROP",
        "ANALYZE {users}",
        "ANALYZE {tokens}",
    ] {
        work.run(sql).await?;
    }
    for sql in VERDICTS {
        work.run(sql).await?;
    }
    work.run("ANALYZE import_verdicts").await?;
    let mut outcome = look(&work).await?;

    let strictly_refused = strict && outcome.refused > 0;
    if !strictly_refused && !batch.dry_run {
        bring_in(&work, &mut outcome).await?;
    }
    report::write(&work, path, batch.dry_run || strictly_refused).await?;
    if strictly_refused {
        drop(work);
        bail!(
            "{} of {} users would be refused, so nothing was brought in (--strict); see {}",
            outcome.refused,
            outcome.read,
            path.display()
        );
    }
    if batch.dry_run {
        return Ok(outcome);
    }
    finish(&work, &mut outcome, path).await?;
    work.transaction.commit().await.map_err(explain)?;
    Ok(outcome)
}

/// What would come of it.
async fn look(work: &Work<'_>) -> anyhow::Result<Outcome> {
    let read = work.count("SELECT count(*) FROM {users}").await?;
    let unread = work
        .count("SELECT count(*) FROM {users} WHERE refused IS NOT NULL")
        .await?;
    let unchanged = work
        .count("SELECT count(*) FROM import_verdicts WHERE code = 'here'")
        .await?;
    let judged = work
        .count("SELECT count(*) FROM import_verdicts WHERE code <> 'here'")
        .await?;
    let cleaned = work.count(
        "SELECT count(*) FROM {users} s WHERE s.notes IS NOT NULL AND s.refused IS NULL
         AND NOT EXISTS (SELECT 1 FROM import_verdicts v WHERE v.pos = s.pos)",
    );
    Ok(Outcome {
        read,
        imported: read - unread - judged - unchanged,
        cleaned: cleaned.await?,
        refused: unread + judged,
        unchanged,
        tokens_read: work.count("SELECT count(*) FROM {tokens}").await?,
        tokens: 0,
        came: false,
    })
}

async fn bring_in(work: &Work<'_>, outcome: &mut Outcome) -> anyhow::Result<()> {
    outcome.imported = work
        .run(
            "INSERT INTO users (id, email, name, role, status, is_verified, email_verified_at, phone, avatar_url,
                                department, position, password_hash, created_at, updated_at, last_login_at)
             SELECT id, email, name, role, status, is_verified, verified_at, phone, avatar_url, department, position,
                    password_hash, coalesce(created_at, now()), coalesce(updated_at, created_at, now()), last_login_at
             FROM ({rows}) AS u",
        )
        .await?;
    let accounts = format!(
        "INSERT INTO accounts (id, user_id, provider, provider_account_id, batch_id, fingerprint)
         SELECT u.id, u.id, {{source}}, u.key, {{batch}}::uuid, {FINGERPRINT} FROM ({{rows}}) AS u"
    );
    work.run(&accounts).await?;
    work.run(
        "INSERT INTO accounts (id, user_id, provider, provider_account_id, issuer, batch_id)
         SELECT i.id, a.user_id, i.provider, i.provider_id, i.issuer, {batch}::uuid
         FROM {identities} i
         JOIN accounts a ON a.provider = {source} AND a.provider_account_id = i.user_key AND a.fingerprint IS NOT NULL
         ON CONFLICT DO NOTHING",
    )
    .await?;
    outcome.tokens = work
        .run(
            "INSERT INTO tokens (id, user_id, type, token_hash, created_at, expires_at, batch_id)
             SELECT gen_random_uuid(), user_id, type, hash, coalesce(created_at, now()), expires_at, {batch}::uuid
             FROM (SELECT DISTINCT ON (a.user_id, t.type) a.user_id, t.*
                   FROM {tokens} t
                   JOIN accounts a ON a.provider = {source} AND a.provider_account_id = t.user_key
                        AND a.fingerprint IS NOT NULL
                   WHERE t.refused IS NULL
                   ORDER BY a.user_id, t.type, t.created_at DESC NULLS LAST, t.expires_at DESC, t.pos DESC) AS latest
             ON CONFLICT DO NOTHING",
        )
        .await?;
    Ok(())
}

/// The batch's row says what came of it; one that brought nothing leaves no row.
async fn finish(work: &Work<'_>, outcome: &mut Outcome, path: &Path) -> anyhow::Result<()> {
    let brought = work
        .count("SELECT count(*) FROM (SELECT 1 FROM accounts WHERE batch_id = {batch}::uuid LIMIT 1) AS any_account")
        .await?;
    outcome.came = brought + outcome.tokens > 0;
    if outcome.came {
        let o = outcome;
        let sql = format!(
            "UPDATE import_batches SET status = 'imported', finished_at = clock_timestamp(), mark = '', read = {},
                    imported = {}, cleaned = {}, refused = {}, unchanged = {}, report = {} WHERE id = {{batch}}::uuid",
            o.read,
            o.imported,
            o.cleaned,
            o.refused,
            o.unchanged,
            quoted(&path.display().to_string())
        );
        work.run(&sql).await?;
    } else {
        work.run("DELETE FROM import_batches WHERE id = {batch}::uuid").await?;
    }
    work.run(&drop_staging(&work.batch.id)).await?;
    Ok(())
}
