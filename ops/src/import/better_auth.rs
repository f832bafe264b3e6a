//! `doorward import better-auth`: the tables that Better Auth keeps in Postgres, as its command line makes them: `user`,
//! `account` (with or without `issuer`) and `verification`.
//!
//! A password is in the account of the provider `credential`; the other accounts come along as identities. Of the
//! verifications, the resets of passwords come along; Better Auth signs the links that verify an address instead of
//! keeping them.

use anyhow::{Context as _, bail};
use tokio::runtime::Handle;
use tokio_postgres::Client;

use super::ids::Key;
use super::input::Sink;
use super::names::Names;
use super::stage::RESET;
use super::table::{self, Column, Rows, SNAPSHOT, identifier, qualified};
use super::value::{Field, Record, Value};
use crate::database::explain;

/// What Better Auth writes before the token of a reset.
const RESET_PREFIX: &str = "reset-password:";

/// A table of Better Auth: its name, and its columns.
struct Table {
    name: String,
    columns: Vec<Column>,
}

impl Table {
    async fn find(client: &Client, names: [&str; 2]) -> anyhow::Result<Option<Self>> {
        for name in names {
            let columns = Column::of(client, name).await?;
            // A `users` of somebody else's has no such column.
            let found = Self {
                name: name.to_owned(),
                columns,
            };
            if found.column("id").is_ok() && found.column("createdAt").is_ok() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A column by Better Auth's name for it, in camel or in snake case.
    fn column(&self, name: &str) -> anyhow::Result<&Column> {
        let fold = |name: &str| name.replace('_', "").to_lowercase();
        let found = self.columns.iter().find(|column| fold(&column.name) == fold(name));
        found.with_context(|| format!("Better Auth's table {} has no column {name}", self.name))
    }

    /// The column as it is written, of the table with this alias.
    fn quoted(&self, alias: &str, name: &str) -> anyhow::Result<String> {
        Ok(format!("{alias}.{}", identifier(&self.column(name)?.name)))
    }
}

/// Reads the three tables. For a thread that may wait.
///
/// # Errors
/// Tables that aren't Better Auth's, and whatever the database refuses.
pub(super) fn read(
    client: &Client,
    names: &Names,
    source: &str,
    sink: &mut Sink<'_>,
    handle: &Handle,
) -> anyhow::Result<()> {
    handle.block_on(client.batch_execute(SNAPSHOT)).map_err(explain)?;
    let find = |names| handle.block_on(Table::find(client, names));
    let Some(users) = find(["user", "users"])? else {
        bail!("the source has no table \"user\" of Better Auth");
    };
    let Some(accounts) = find(["account", "accounts"])? else {
        bail!("the source has no table \"account\" of Better Auth");
    };
    read_users(client, &users, &accounts, names, sink, handle)?;
    read_identities(client, &accounts, source, sink, handle)?;
    match find(["verification", "verifications"])? {
        Some(verifications) => read_resets(client, &verifications, sink, handle),
        None => Ok(()),
    }
}

fn read_users(
    client: &Client,
    users: &Table,
    accounts: &Table,
    names: &Names,
    sink: &mut Sink<'_>,
    handle: &Handle,
) -> anyhow::Result<()> {
    let fields = handle.block_on(table::understood(client, &users.name, names))?;
    let columns: Vec<_> = fields.iter().map(|(column, _)| column.select("u")).collect();
    let (user, provider) = (accounts.quoted("a", "userId")?, accounts.quoted("a", "providerId")?);
    let sql = format!(
        "SELECT {}, c.password FROM {} u
         LEFT JOIN (SELECT DISTINCT ON ({user}) {user} AS owner, {} AS password FROM {} a
                    WHERE {provider} = 'credential' AND {} IS NOT NULL ORDER BY {user}) c ON c.owner = {}
         ORDER BY {}",
        columns.join(", "),
        qualified(&users.name),
        accounts.quoted("a", "password")?,
        qualified(&accounts.name),
        accounts.quoted("a", "password")?,
        users.quoted("u", "id")?,
        users.quoted("u", "id")?,
    );
    let mut rows = Rows::query(client, &sql, handle)?;
    let mut at = 0;
    while let Some(row) = rows.next()? {
        at += 1;
        sink.put(at, None, || {
            let mut record = table::record(&row, &fields);
            let password = row
                .get(fields.len())
                .map_or(Value::None, |text| Value::Text(text.to_owned()));
            record.set((Field::Password, 0), password);
            record
        })?;
    }
    Ok(())
}

fn read_identities(
    client: &Client,
    accounts: &Table,
    source: &str,
    sink: &mut Sink<'_>,
    handle: &Handle,
) -> anyhow::Result<()> {
    let issuer = accounts.quoted("a", "issuer").unwrap_or_else(|_| "NULL".to_owned());
    let provider = accounts.quoted("a", "providerId")?;
    let sql = format!(
        "SELECT {}::text, {provider}, {}, {issuer} FROM {} a WHERE {provider} <> 'credential' ORDER BY {}",
        accounts.quoted("a", "userId")?,
        accounts.quoted("a", "accountId")?,
        qualified(&accounts.name),
        accounts.quoted("a", "id")?,
    );
    let mut rows = Rows::query(client, &sql, handle)?;
    while let Some(row) = rows.next()? {
        let (Some(user), Some(provider), Some(account)) = (row.get(0), row.get(1), row.get(2)) else {
            continue;
        };
        if let Some(key) = Key::of(&Value::Text(user.to_owned()), source) {
            sink.identity(&key.text, provider, account, row.get(3))?;
        }
    }
    Ok(())
}

fn read_resets(client: &Client, verifications: &Table, sink: &mut Sink<'_>, handle: &Handle) -> anyhow::Result<()> {
    let (expires, created) = (verifications.column("expiresAt")?, verifications.column("createdAt")?);
    let identifier = verifications.quoted("v", "identifier")?;
    let sql = format!(
        "SELECT {identifier}, {}, {}, {} FROM {} v WHERE starts_with({identifier}, '{RESET_PREFIX}') ORDER BY {}",
        verifications.quoted("v", "value")?,
        expires.select("v"),
        created.select("v"),
        qualified(&verifications.name),
        verifications.quoted("v", "id")?,
    );
    let mut rows = Rows::query(client, &sql, handle)?;
    let mut at = 0;
    while let Some(row) = rows.next()? {
        at += 1;
        sink.put(at, Some(RESET), || {
            let text = |at: usize| row.get(at).map_or(Value::None, |text| Value::Text(text.to_owned()));
            let token = row
                .get(0)
                .and_then(|text| text.strip_prefix(RESET_PREFIX))
                .unwrap_or_default();
            let mut record = Record::default();
            record.set((Field::Token, 0), Value::Text(token.to_owned()));
            record.set((Field::UserId, 0), text(1));
            record.set((Field::ExpiresAt, 0), expires.value(row.get(2)));
            record.set((Field::CreatedAt, 0), created.value(row.get(3)));
            record
        })?;
    }
    Ok(())
}
