//! `doorward roles`: what each role allows, and roles of the deployment's own.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use doorward_core::event::EventKind;
use doorward_core::permission::Permission;
use doorward_core::role::Role;
use serde_json::{Map, Value, json};
use tokio_postgres::Transaction;

use super::{begin, connect, documents, record};
use crate::database::explain;
use crate::output::Report;
use crate::table::table;

/// The roles that the code knows by name.
const OWN: [&str; 5] = [Role::ADMIN, Role::PM, Role::MENTOR, Role::MENTEE, Role::MEMBER];

/// What to do with roles.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the roles, with what they allow and how many people have them
    List,
    /// Make a role, or change what it allows
    Set(Set),
    /// Delete a role that nobody has
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// A lower-case letter, and up to 31 more letters, digits, - and _
    #[arg(value_parser = role)]
    name: Role,
    /// All that it allows, by commas; an empty text for nothing
    #[arg(long, value_delimiter = ',', num_args = 1, value_parser = permission)]
    permissions: Option<Vec<Option<Permission>>>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The role's name
    #[arg(value_parser = role)]
    name: Role,
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).map_err(|_| String::from("a role is a lower-case letter and up to 31 of a-z, 0-9, _ and -"))
}

/// A permission; none for an empty text, by which a role is told to allow nothing.
fn permission(word: &str) -> Result<Option<Permission>, String> {
    if word.trim().is_empty() {
        return Ok(None);
    }
    Permission::parse(word.trim()).map(Some).ok_or_else(|| {
        let known: Vec<&str> = Permission::ALL.iter().map(|one| one.as_str()).collect();
        format!("there are {}", known.join(", "))
    })
}

/// Does it.
///
/// # Errors
/// When it is the admins' role, when a role that is to go is one of Doorward's own or somebody's, or what Postgres says.
pub(crate) async fn run(action: &Action, url: &str) -> anyhow::Result<Report> {
    match action {
        Action::List => list(url).await,
        Action::Set(options) => set(options, url).await,
        Action::Delete(Delete { name }) => delete(name, url).await,
    }
}

async fn list(url: &str) -> anyhow::Result<Report> {
    let client = connect(url).await?;
    let rows = client
        .query(
            "SELECT jsonb_build_object('name', r.name, 'description', r.description, 'permissions', r.permissions,
                                       'users', (SELECT count(*) FROM users AS u WHERE u.role = r.name))
             FROM roles AS r ORDER BY r.created_at, r.name",
            &[],
        )
        .await
        .map_err(explain)?;
    let roles = documents(&rows);
    let lines: Vec<Vec<String>> = roles
        .iter()
        .map(|role| {
            let text = |name: &str| role[name].as_str().unwrap_or_default().to_owned();
            vec![
                text("name"),
                role["users"].to_string(),
                words(&role["permissions"]),
                text("description"),
            ]
        })
        .collect();
    Ok(Report {
        text: table(&["role", "users", "allows", "for"], &lines),
        json: json!({ "roles": roles }),
    })
}

fn words(permissions: &Value) -> String {
    let words = permissions.as_array().into_iter().flatten().filter_map(Value::as_str);
    let text = words.collect::<Vec<_>>().join(", ");
    if text.is_empty() { String::from("-") } else { text }
}

async fn set(options: &Set, url: &str) -> anyhow::Result<Report> {
    let name = options.name.as_str();
    if options.name.is_admin() && options.permissions.is_some() {
        bail!("admins may do what admins may do: give another role what you want to allow");
    }
    let permissions: Option<Vec<&str>> = options
        .permissions
        .as_ref()
        .map(|given| given.iter().flatten().map(|one| one.as_str()).collect());
    let mut client = connect(url).await?;
    let transaction = begin(&mut client).await?;
    let before = lock(&transaction, name).await?;
    let row = transaction
        .query_one(
            "INSERT INTO roles (name, permissions, description) VALUES ($1, coalesce($2, '{}'::text[]), coalesce($3, ''))
             ON CONFLICT (name) DO UPDATE SET permissions = coalesce($2, roles.permissions),
                                              description = coalesce($3, roles.description)
             RETURNING jsonb_build_object('name', name, 'description', description, 'permissions', permissions)",
            &[&name, &permissions, &options.description],
        )
        .await
        .map_err(explain)?;
    let after: Value = row.get(0);
    let changed = before.as_ref() != Some(&after);
    if changed {
        let mut details = Map::from_iter([("after".to_owned(), after.clone())]);
        details.extend(before.map(|before| ("before".to_owned(), before)));
        record(&transaction, None, EventKind::RoleChanged, details).await?;
    }
    transaction.commit().await.map_err(explain)?;
    Ok(Report {
        text: format!("{name} allows: {}", words(&after["permissions"])),
        json: json!({ "role": after, "changed": changed }),
    })
}

async fn delete(name: &Role, url: &str) -> anyhow::Result<Report> {
    let name = name.as_str();
    if OWN.contains(&name) {
        bail!("{name} is one of Doorward's own roles, and stays");
    }
    let mut client = connect(url).await?;
    let transaction = begin(&mut client).await?;
    let before = lock(&transaction, name)
        .await?
        .with_context(|| format!("there is no role {name}"))?;
    let row = transaction
        .query_one("SELECT count(*) FROM users WHERE role = $1", &[&name])
        .await
        .map_err(explain)?;
    let users: i64 = row.get(0);
    if users > 0 {
        bail!("{users} people are {name}: give them another role first (`doorward users list --role {name}`)");
    }
    transaction
        .execute("DELETE FROM roles WHERE name = $1", &[&name])
        .await
        .map_err(explain)?;
    let details = Map::from_iter([("before".to_owned(), before)]);
    record(&transaction, None, EventKind::RoleDeleted, details).await?;
    transaction.commit().await.map_err(explain)?;
    Ok(Report {
        text: format!("{name} is gone"),
        json: json!({ "deleted": name }),
    })
}

/// The role as it is, locked until the transaction ends.
async fn lock(transaction: &Transaction<'_>, name: &str) -> anyhow::Result<Option<Value>> {
    let row = transaction
        .query_opt(
            "SELECT jsonb_build_object('name', name, 'description', description, 'permissions', permissions)
             FROM roles WHERE name = $1 FOR UPDATE",
            &[&name],
        )
        .await
        .map_err(explain)?;
    Ok(row.map(|row| row.get(0)))
}
