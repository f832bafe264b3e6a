//! `doorward seed`: the accounts that developers and tests sign in with, and what they have to do with each other.
//!
//! Their password is published, so they are made only in a database that is marked for development, and a database is
//! marked only while it holds nobody else. Running it again changes nothing: an account that is there stays as it is.

mod mentorship;

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use clap::Args;
use doorward_core::entropy::random;
use doorward_core::id::{FirmId, UserId};
use doorward_core::password::{self, Password, Workspace};
use doorward_core::unicode;
use serde_json::json;
use tokio_postgres::Transaction;

use crate::database::{self, explain};
use crate::host::{self, SystemEntropy};
use crate::migrate;
use crate::output::Report;

/// The password of every account that is made here.
const PASSWORD: &str = "doorward-dev-password";
/// The firm that the mentors and mentees belong to.
const FIRM: &str = "example";
/// Keeps two runs from making the same accounts at once.
const LOCK: i64 = 0x646f_6f72_7365_6564;

/// How to seed.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Mark the database for development first; refused when it holds accounts that were not made here
    #[arg(long)]
    mark_development: bool,
}

struct Account {
    email: String,
    name: String,
    role: &'static str,
}

/// Makes the accounts that are missing.
///
/// # Errors
/// When the database isn't marked for development, or can't be, or isn't migrated.
pub(crate) async fn run(options: &Options, url: &str) -> anyhow::Result<Report> {
    let mut client = database::connect(url).await?;
    let transaction = client.transaction().await.map_err(explain)?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await
        .map_err(explain)?;
    migrate::require(&transaction).await?;
    permit(&transaction, options.mark_development).await?;

    let firm = firm(&transaction).await?;
    let mut workspace = Workspace::new();
    let mut created = Vec::new();
    let accounts = accounts();
    for account in &accounts {
        if create(&transaction, account, &firm, &mut workspace).await? {
            created.push(account.email.as_str());
        }
    }
    let sessions = mentorship::make(&transaction).await?;
    transaction.commit().await.map_err(explain)?;

    let mut text = format!(
        "{} of {} accounts and {sessions} office sessions made; the password of all is {PASSWORD}",
        created.len(),
        accounts.len()
    );
    for account in &accounts {
        write!(text, "\n{} ({})", account.email, account.role)?;
    }
    let documents: Vec<_> = accounts
        .iter()
        .map(|one| json!({ "email": one.email, "role": one.role }))
        .collect();
    Ok(Report {
        text,
        json: json!({ "created": created, "accounts": documents, "password": PASSWORD,
                      "officeSessions": sessions }),
    })
}

/// Whether accounts with a published password may be made here.
async fn permit(transaction: &Transaction<'_>, mark: bool) -> anyhow::Result<()> {
    let environment = transaction
        .query_opt("SELECT value FROM deployment WHERE key = 'environment'", &[])
        .await;
    let environment = environment.map_err(explain)?.map(|row| row.get::<_, String>(0));
    if environment.as_deref() == Some("development") {
        return Ok(());
    }
    if !mark {
        bail!(
            "this database isn't marked for development, and the password of these accounts is published. \
             `doorward seed --mark-development` marks it, if it holds no other accounts"
        );
    }
    let own: Vec<String> = accounts().into_iter().map(|account| account.email).collect();
    let others = transaction
        .query_one("SELECT count(*) FROM users WHERE lower(email) <> ALL ($1)", &[&own])
        .await;
    let others: i64 = others.map_err(explain)?.get(0);
    if others > 0 {
        bail!(
            "this database holds {others} accounts that were not made by `doorward seed`: it is not marked for development"
        );
    }
    transaction
        .execute(
            "INSERT INTO deployment (key, value) VALUES ('environment', 'development')
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now()",
            &[],
        )
        .await
        .map_err(explain)?;
    Ok(())
}

/// The id of the firm, made when it isn't there.
async fn firm(transaction: &Transaction<'_>) -> anyhow::Result<String> {
    let id = FirmId::generate(host::now(), &SystemEntropy)?.to_string();
    transaction
        .execute(
            "INSERT INTO firms (id, slug, name) VALUES ($1::text::uuid, $2, 'Example') ON CONFLICT (slug) DO NOTHING",
            &[&id, &FIRM],
        )
        .await
        .map_err(explain)?;
    let row = transaction
        .query_one("SELECT id::text FROM firms WHERE slug = $1", &[&FIRM])
        .await
        .map_err(explain)?;
    Ok(row.get(0))
}

/// Makes the account unless it is there. Answers whether it did.
async fn create(
    transaction: &Transaction<'_>,
    account: &Account,
    firm: &str,
    workspace: &mut Workspace,
) -> anyhow::Result<bool> {
    let there = transaction
        .query_opt("SELECT 1 FROM users WHERE lower(email) = $1", &[&account.email])
        .await;
    if there.map_err(explain)?.is_some() {
        return Ok(false);
    }
    let password = Password::new(PASSWORD, &[&account.email, &account.name], unicode::TABLES);
    let password = password
        .ok()
        .context("the development password is against the password policy")?;
    let hash = password::hash(&password, random(&SystemEntropy)?, workspace)?;
    let id = UserId::generate(host::now(), &SystemEntropy)?.to_string();
    let firm = (account.role != "admin").then_some(firm);
    transaction
        .execute(
            "INSERT INTO users (id, firm_id, name, email, role, password_hash, is_verified, email_verified_at, password_changed_at)
             VALUES ($1::text::uuid, $2::text::uuid, $3, $4, $5, $6, true, now(), now())",
            &[&id, &firm, &account.name, &account.email, &account.role, &hash.as_str()],
        )
        .await
        .map_err(explain)?;
    Ok(true)
}

fn accounts() -> Vec<Account> {
    let mut accounts = vec![Account {
        email: "admin@example.com".to_owned(),
        name: "Ada Admin".to_owned(),
        role: "admin",
    }];
    for (role, title) in [("mentor", "Mentor"), ("mentee", "Mentee")] {
        accounts.extend((1..=5).map(|number| Account {
            email: format!("{role}{number}@example.com"),
            name: format!("{title} {number}"),
            role,
        }));
    }
    accounts
}
