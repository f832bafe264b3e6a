//! `doorward users`: who is there, and what they may do.

use std::fmt::Write as _;

use anyhow::Context as _;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::{Args, Subcommand};
use doorward_core::id::UserId;
use doorward_core::tier::Tier;
use doorward_core::user::Status;
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::change::{self, Change};
use super::{connect, documents, field, find, sessions, show, time, user_json};
use crate::database::explain;
use crate::output::Report;
use crate::table::{harmless, table};

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List users, the newest first
    List(List),
    /// Show one user with the sessions and the latest events
    Show(Who),
    /// Bar somebody from signing in, at once where something is changed and within seconds where it is read
    Suspend(Who),
    /// Put an account to rest: the person may not sign in
    Deactivate(Who),
    /// Let somebody sign in again
    Activate(Who),
    /// Give somebody another role
    SetRole(SetRole),
    /// Give somebody another tier
    SetTier(SetTier),
    /// Delete an account and everything of it
    Delete(Delete),
}

/// A person.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// The user's id or e-mail address
    #[arg(value_name = "USER")]
    who: String,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those with this role
    #[arg(long)]
    role: Option<String>,
    /// Only those with this status: active, inactive or suspended
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// Only those of this tier: anonymous, free or member
    #[arg(long, value_parser = tier)]
    tier: Option<Tier>,
    /// Only those of this firm, by its id or slug; `none` for those without one
    #[arg(long)]
    firm: Option<String>,
    /// Only those whose name or address contains this
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// How many
    #[arg(long, default_value_t = 50, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
    /// Go on where a list before ended
    #[arg(long, value_name = "CURSOR", value_parser = cursor)]
    after: Option<Cursor>,
}

#[derive(Debug, Args)]
pub(crate) struct SetRole {
    #[command(flatten)]
    who: Who,
    /// The role's name: `doorward roles list` has them
    role: String,
}

#[derive(Debug, Args)]
pub(crate) struct SetTier {
    #[command(flatten)]
    who: Who,
    /// anonymous, free or member
    #[arg(value_parser = tier)]
    tier: Tier,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    who: Who,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

/// The last row of a page: when it was made, and its id.
#[derive(Debug, Clone)]
struct Cursor {
    at: String,
    id: String,
}

fn status(word: &str) -> Result<Status, String> {
    Status::parse(word).ok_or_else(|| String::from("a status is active, inactive or suspended"))
}

fn tier(word: &str) -> Result<Tier, String> {
    Tier::parse(word).ok_or_else(|| String::from("a tier is anonymous, free or member"))
}

fn cursor(text: &str) -> Result<Cursor, String> {
    let decoded = Base64UrlUnpadded::decode_vec(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = decoded.as_deref().and_then(|text| text.rsplit_once(' '));
    let known = parts.filter(|(_, id)| UserId::parse(id).is_some());
    let (at, id) = known.ok_or_else(|| String::from("this is no cursor of `doorward users list`"))?;
    Ok(Cursor {
        at: at.to_owned(),
        id: id.to_owned(),
    })
}

/// Does it.
///
/// # Errors
/// When there is no such user, role or firm, when the last admin would go, or what Postgres says.
pub(crate) async fn run(action: &Action, url: &str) -> anyhow::Result<Report> {
    match action {
        Action::List(options) => list(options, url).await,
        Action::Show(Who { who }) => details(who, url).await,
        Action::Suspend(Who { who }) => change::run(who, &Change::Status(Status::Suspended), url).await,
        Action::Deactivate(Who { who }) => change::run(who, &Change::Status(Status::Inactive), url).await,
        Action::Activate(Who { who }) => change::run(who, &Change::Status(Status::Active), url).await,
        Action::SetRole(SetRole { who, role }) => change::run(&who.who, &Change::Role(role), url).await,
        Action::SetTier(SetTier { who, tier }) => change::run(&who.who, &Change::Tier(*tier), url).await,
        Action::Delete(Delete { who, yes }) => change::delete(&who.who, *yes, url).await,
    }
}

async fn list(options: &List, url: &str) -> anyhow::Result<Report> {
    let client = connect(url).await?;
    let mut filters = Filters::default();
    filters.add("u.role = ?", options.role.as_deref());
    filters.add("u.status = ?", options.status.map(Status::as_str));
    filters.add("u.tier = ?", options.tier.map(Tier::as_str));
    match options.firm.as_deref() {
        None => {}
        Some("none") => filters.sql += " AND u.firm_id IS NULL",
        Some(name) => filters.add("u.firm_id = ?::text::uuid", Some(firm(&client, name).await?)),
    }
    // LIKE's own signs count as themselves.
    let pattern = options.search.as_deref().map(|text| {
        let text = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        format!("%{text}%")
    });
    filters.add("(u.name ILIKE ? OR u.email ILIKE ?)", pattern);
    if let Some(Cursor { at, id }) = &options.after {
        let at = filters.value(at);
        let id = filters.value(id);
        write!(
            filters.sql,
            " AND (u.created_at, u.id) < (${at}::text::timestamptz, ${id}::text::uuid)"
        )?;
    }

    let limit = usize::try_from(options.limit).unwrap_or(1);
    let sql = format!(
        concat!(
            "SELECT ",
            user_json!(),
            ", coalesce(f.slug, '-'), u.created_at::text, u.id::text
             FROM users AS u LEFT JOIN firms AS f ON f.id = u.firm_id
             WHERE true{} ORDER BY u.created_at DESC, u.id DESC LIMIT {}"
        ),
        filters.sql,
        limit + 1
    );
    let values: Vec<&(dyn ToSql + Sync)> = filters.values.iter().map(|value| value as _).collect();
    let mut rows = client.query(&sql, &values).await.map_err(explain)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| {
        let place = format!("{} {}", row.get::<_, String>(2), row.get::<_, String>(3));
        Base64UrlUnpadded::encode_string(place.as_bytes())
    });

    let users = documents(&rows);
    let lines: Vec<Vec<String>> = users
        .iter()
        .zip(&rows)
        .map(|(user, row)| {
            let mut line: Vec<String> = ["id", "email", "name", "role", "status", "tier"]
                .iter()
                .map(|name| field(user, name))
                .collect();
            line.extend([row.get(1), field(user, "createdAt")]);
            line
        })
        .collect();
    let mut text = table(
        &["id", "email", "name", "role", "status", "tier", "firm", "created"],
        &lines,
    );
    if let Some(next) = &next {
        write!(text, "\n\nMore: the same with --after {next}")?;
    }
    Ok(Report {
        text,
        json: json!({ "users": users, "nextCursor": next }),
    })
}

/// Conditions that hold all together, and their values. Only what was asked for is in the statement, so that Postgres can
/// choose the index that serves it.
#[derive(Default)]
struct Filters {
    sql: String,
    values: Vec<String>,
}

impl Filters {
    /// Adds a condition, unless there is no value; every `?` in it is that value.
    fn add(&mut self, condition: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            let number = self.value(value);
            self.sql += " AND ";
            self.sql += &condition.replace('?', &format!("${number}"));
        }
    }

    /// Takes a value, and answers its number.
    fn value(&mut self, value: impl Into<String>) -> usize {
        self.values.push(value.into());
        self.values.len()
    }
}

/// The id of the firm with this id or slug.
async fn firm(client: &Client, name: &str) -> anyhow::Result<String> {
    let row = client
        .query_opt(
            "SELECT id::text FROM firms WHERE id::text = lower($1) OR slug = $1",
            &[&name],
        )
        .await
        .map_err(explain)?;
    row.map(|row| row.get(0))
        .with_context(|| format!("there is no firm {name}"))
}

async fn details(who: &str, url: &str) -> anyhow::Result<Report> {
    let client = connect(url).await?;
    let id = find(&client, who).await?;
    let user = show(&client, &id).await?;
    let sessions = sessions::of(&client, &id, false).await?;
    let events = client
        .query(
            concat!(
                "SELECT jsonb_build_object('kind', kind, 'outcome', outcome, 'actorId', actor_id, 'ip', ip,
                                           'userAgent', user_agent, 'details', details, 'createdAt', ",
                time!("created_at"),
                ") FROM events WHERE user_id = $1::text::uuid ORDER BY id DESC LIMIT 10"
            ),
            &[&id],
        )
        .await;
    let events = documents(&events.map_err(explain)?);

    let fields: Vec<String> = FIELDS
        .iter()
        .map(|name| format!("{name:<12} {}", harmless(&field(&user, name))))
        .collect();
    let lines: Vec<Vec<String>> = events.iter().map(event_line).collect();
    let text = format!(
        "{}\n\n{}\n\n{}",
        fields.join("\n"),
        sessions::listed(&sessions),
        table(&["event", "outcome", "at", "from", "details"], &lines)
    );
    Ok(Report {
        text,
        json: json!({ "user": user, "sessions": sessions, "events": events }),
    })
}

/// What of a user is shown, in this order.
const FIELDS: &[&str] = &[
    "id",
    "email",
    "name",
    "role",
    "status",
    "tier",
    "isVerified",
    "firmId",
    "phone",
    "department",
    "position",
    "lastLoginAt",
    "createdAt",
    "updatedAt",
];

fn event_line(event: &Value) -> Vec<String> {
    ["kind", "outcome", "createdAt", "ip", "details"]
        .iter()
        .map(|name| field(event, name))
        .collect()
}
