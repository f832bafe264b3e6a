//! Changes of one user, with the rule that an admin stays.

use anyhow::{Context as _, bail};
use doorward_core::event::EventKind;
use doorward_core::role::Role;
use doorward_core::session::RevocationReason;
use doorward_core::tier::Tier;
use doorward_core::user::Status;
use serde_json::{Map, json};
use tokio_postgres::Transaction;

use super::{begin, confirm, connect, find, record, show};
use crate::database::explain;
use crate::output::Report;

/// What is to be another way.
pub(super) enum Change<'a> {
    /// Whether the account may be used.
    Status(Status),
    /// What the person may do.
    Role(&'a str),
    /// What the person's plan opens.
    Tier(Tier),
}

impl Change<'_> {
    /// The column, the value, and what the audit trail calls it.
    fn parts(&self) -> (&'static str, &str, EventKind) {
        match self {
            Self::Status(status) => ("status", status.as_str(), EventKind::UserStatusChanged),
            Self::Role(role) => ("role", role, EventKind::UserRoleChanged),
            Self::Tier(tier) => ("tier", tier.as_str(), EventKind::UserTierChanged),
        }
    }
}

/// Makes the change, with its event; says so when there was nothing to change.
///
/// # Errors
/// When there is no such user or role, or when no active admin would be left.
pub(super) async fn run(who: &str, change: &Change<'_>, url: &str) -> anyhow::Result<Report> {
    let mut client = connect(url).await?;
    let transaction = begin(&mut client).await?;
    lock_admins(&transaction).await?;
    let id = find(&transaction, who).await?;
    let before = lock(&transaction, &id).await?;
    let (column, value, kind) = change.parts();
    let old = before.value(column);
    let changed = old != value;
    if changed {
        if let Change::Role(role) = change {
            require_role(&transaction, role).await?;
        }
        let stays_admin = match change {
            Change::Status(status) => *status == Status::Active,
            Change::Role(role) => *role == Role::ADMIN,
            Change::Tier(_) => true,
        };
        if !stays_admin {
            before.require_another_admin(&transaction, &id).await?;
        }
        let sql = format!("UPDATE users SET {column} = $2, updated_at = now() WHERE id = $1::text::uuid");
        transaction.execute(&sql, &[&id, &value]).await.map_err(explain)?;
        let mut details = Map::new();
        details.insert("before".to_owned(), json!({ column: old }));
        details.insert("after".to_owned(), json!({ column: value }));
        record(&transaction, Some(&id), kind, details).await?;
        if matches!(change, Change::Status(status) if *status != Status::Active) {
            close_sessions(&transaction, &id).await?;
        }
    }
    let user = show(&transaction, &id).await?;
    transaction.commit().await.map_err(explain)?;
    let text = if changed {
        format!("{who}: {column} is {value} now, it was {old}")
    } else {
        format!("{who}: {column} was {value} already")
    };
    Ok(Report {
        text,
        json: json!({ "user": user, "changed": changed }),
    })
}

/// Deletes the user and, with the row, everything that refers to it. The event that stays names nobody.
///
/// # Errors
/// As [`run`], and when nobody said yes.
pub(super) async fn delete(who: &str, yes: bool, url: &str) -> anyhow::Result<Report> {
    let mut client = connect(url).await?;
    let id = find(&client, who).await?;
    confirm(
        &format!("{who} ({id}) and everything of this account will be gone for good."),
        yes,
    )?;
    let transaction = begin(&mut client).await?;
    lock_admins(&transaction).await?;
    let before = lock(&transaction, &id).await?;
    before.require_another_admin(&transaction, &id).await?;
    transaction
        .execute("DELETE FROM users WHERE id = $1::text::uuid", &[&id])
        .await
        .map_err(explain)?;
    let mut details = Map::new();
    let (role, status, tier) = (&before.role, &before.status, &before.tier);
    details.insert(
        "before".to_owned(),
        json!({ "role": role, "status": status, "tier": tier }),
    );
    record(&transaction, None, EventKind::UserDeleted, details).await?;
    transaction.commit().await.map_err(explain)?;
    Ok(Report {
        text: format!("{who} is gone"),
        json: json!({ "deleted": id }),
    })
}

/// Ends the sessions of an account that was just closed: to open it again must not open them.
async fn close_sessions(transaction: &Transaction<'_>, id: &str) -> anyhow::Result<()> {
    transaction
        .execute(
            "UPDATE sessions SET revoked_at = now(), reason = $2 WHERE user_id = $1::text::uuid AND revoked_at IS NULL",
            &[&id, &RevocationReason::AccountClosed.as_str()],
        )
        .await
        .map_err(explain)?;
    Ok(())
}

/// A user as the decision needs one, locked until the transaction ends.
struct Before {
    role: String,
    status: String,
    tier: String,
    firm: Option<String>,
}

impl Before {
    fn value(&self, column: &str) -> &str {
        match column {
            "role" => &self.role,
            "status" => &self.status,
            _ => &self.tier,
        }
    }

    /// Refuses where this is the last active admin of the deployment (without a firm), or of its firm.
    async fn require_another_admin(&self, transaction: &Transaction<'_>, id: &str) -> anyhow::Result<()> {
        if self.role != Role::ADMIN || self.status != Status::Active.as_str() {
            return Ok(());
        }
        let others = transaction
            .query_one(
                "SELECT EXISTS (SELECT FROM users WHERE role = 'admin' AND status = 'active' AND id <> $1::text::uuid
                                AND firm_id IS NOT DISTINCT FROM $2::text::uuid)",
                &[&id, &self.firm],
            )
            .await
            .map_err(explain)?;
        if others.get(0) {
            return Ok(());
        }
        if self.firm.is_some() {
            bail!("this is the last active admin of its firm: make somebody else its admin first");
        }
        bail!("this is the last active admin of the deployment: `doorward admin create` makes another one");
    }
}

/// Makes changes of admins wait for each other, the API's included, so that each counts those that are really left.
async fn lock_admins(transaction: &Transaction<'_>) -> anyhow::Result<()> {
    let locked = transaction
        .execute("SELECT 1 FROM roles WHERE name = 'admin' FOR UPDATE", &[])
        .await;
    locked.map_err(explain)?;
    Ok(())
}

async fn lock(transaction: &Transaction<'_>, id: &str) -> anyhow::Result<Before> {
    let row = transaction
        .query_opt(
            "SELECT role, status, tier, firm_id::text FROM users WHERE id = $1::text::uuid FOR UPDATE",
            &[&id],
        )
        .await
        .map_err(explain)?
        .context("the user has gone meanwhile")?;
    Ok(Before {
        role: row.get(0),
        status: row.get(1),
        tier: row.get(2),
        firm: row.get(3),
    })
}

async fn require_role(transaction: &Transaction<'_>, role: &str) -> anyhow::Result<()> {
    let rows = transaction
        .query("SELECT name FROM roles ORDER BY name", &[])
        .await
        .map_err(explain)?;
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if !names.iter().any(|name| name == role) {
        bail!("there is no role {role}; there are {}", names.join(", "));
    }
    Ok(())
}
