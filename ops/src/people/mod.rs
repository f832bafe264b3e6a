//! What the operator does with people: find them, change them, and leave a trace of it.
//!
//! Each act is one transaction with its event, which has no actor (the operator has no account) and says `operator`
//! instead. The rules are those of the API: the last active admin of the deployment and of a firm stays.

pub(crate) mod admin;
mod change;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod users;

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, bail};
use doorward_core::event::EventKind;
use doorward_core::id::{EventId, UserId};
use serde_json::{Map, Value, json};
use tokio_postgres::{Client, GenericClient, IsolationLevel, Row, Transaction};

use crate::database::{self, explain};
use crate::host::{self, SystemEntropy};
use crate::migrate;

/// SQL that shows a timestamp as the API does.
macro_rules! time {
    ($column:literal) => {
        concat!(
            "to_char(",
            $column,
            " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        )
    };
}

/// SQL that shows the user `u` as the API does.
macro_rules! user_json {
    () => {
        concat!(
            "jsonb_build_object('id', u.id, 'email', u.email, 'name', u.name, 'role', u.role, 'status', u.status,
             'tier', u.tier, 'isVerified', u.is_verified, 'firmId', u.firm_id, 'phone', u.phone,
             'avatarUrl', u.avatar_url, 'department', u.department, 'position', u.position,
             'preferences', u.preferences, 'lastLoginAt', ",
            time!("u.last_login_at"),
            ", 'createdAt', ",
            time!("u.created_at"),
            ", 'updatedAt', ",
            time!("u.updated_at"),
            ")"
        )
    };
}

use {time, user_json};

/// A connection to a database that this build may work on.
async fn connect(url: &str) -> anyhow::Result<Client> {
    let client = database::connect(url).await?;
    migrate::require(&client).await?;
    Ok(client)
}

/// A transaction whose statements each see what was committed before them, as the locks here want it.
async fn begin(client: &mut Client) -> anyhow::Result<Transaction<'_>> {
    let isolation = IsolationLevel::ReadCommitted;
    let begun = client.build_transaction().isolation_level(isolation).start().await;
    begun.map_err(explain)
}

/// Whom the operator means: the id, found by id or by address.
async fn find(client: &impl GenericClient, who: &str) -> anyhow::Result<String> {
    let who = who.trim();
    let id = UserId::parse(who).map(|id| id.to_string());
    let row = client
        .query_opt(
            "SELECT id::text FROM users WHERE id = $1::text::uuid OR ($1::text IS NULL AND lower(email) = lower($2))",
            &[&id, &who],
        )
        .await
        .map_err(explain)?;
    row.map(|row| row.get(0))
        .with_context(|| format!("there is no user {who}"))
}

/// The user as the API shows one.
async fn show(client: &impl GenericClient, id: &str) -> anyhow::Result<Value> {
    let row = client
        .query_one(
            concat!("SELECT ", user_json!(), " FROM users AS u WHERE u.id = $1::text::uuid"),
            &[&id],
        )
        .await;
    Ok(row.map_err(explain)?.get(0))
}

/// Enters what the operator did.
async fn record(
    transaction: &Transaction<'_>,
    user: Option<&str>,
    kind: EventKind,
    mut details: Map<String, Value>,
) -> anyhow::Result<()> {
    details.insert("by".to_owned(), json!("operator"));
    let id = EventId::generate(host::now(), &SystemEntropy)?.to_string();
    transaction
        .execute(
            "INSERT INTO events (id, user_id, kind, outcome, details, created_at)
             VALUES ($1::text::uuid, $2::text::uuid, $3, 'success', $4, now())",
            &[&id, &user, &kind.as_str(), &Value::Object(details)],
        )
        .await
        .map_err(explain)?;
    Ok(())
}

/// Asks a person at a terminal, unless the arguments said yes already.
fn confirm(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        bail!("{question} Say so with --yes");
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("nothing was done");
    }
    Ok(())
}

/// A field of a JSON object as a text for a table.
fn field(object: &Value, name: &str) -> String {
    match &object[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::from("-"),
        other => other.to_string(),
    }
}

/// The JSON in the first column of each row.
fn documents(rows: &[Row]) -> Vec<Value> {
    rows.iter().map(|row| row.get(0)).collect()
}
