//! `doorward sessions`: where somebody is signed in, and an end to it.

use anyhow::bail;
use clap::{ArgGroup, Args, Subcommand};
use doorward_core::event::EventKind;
use doorward_core::id::SessionId;
use doorward_core::session::RevocationReason;
use serde_json::{Map, Value, json};
use tokio_postgres::GenericClient;

use super::{begin, confirm, connect, documents, field, find, record, time};
use crate::database::explain;
use crate::output::Report;
use crate::table::table;

/// What to do with sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the sessions of a user, the last used one first
    List(List),
    /// End one session
    End(End),
    /// End every session of a user, or of everybody
    EndAll(EndAll),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The user's id or e-mail address
    #[arg(value_name = "USER")]
    who: String,
    /// Also those that are over
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct End {
    /// The session's id
    #[arg(value_name = "SESSION", value_parser = session)]
    id: SessionId,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whose").required(true).args(["who", "everybody"]))]
pub(crate) struct EndAll {
    /// The user's id or e-mail address
    #[arg(value_name = "USER")]
    who: Option<String>,
    /// Of everybody: all have to sign in again
    #[arg(long)]
    everybody: bool,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

fn session(text: &str) -> Result<SessionId, String> {
    SessionId::parse(text).ok_or_else(|| String::from("a session's id is a UUID"))
}

/// Does it.
///
/// # Errors
/// When there is no such user or living session, or what Postgres says.
pub(crate) async fn run(action: &Action, url: &str) -> anyhow::Result<Report> {
    match action {
        Action::List(List { who, all }) => {
            let client = connect(url).await?;
            let id = find(&client, who).await?;
            let sessions = of(&client, &id, *all).await?;
            Ok(Report {
                text: listed(&sessions),
                json: json!({ "sessions": sessions }),
            })
        }
        Action::End(End { id }) => end(*id, url).await,
        Action::EndAll(options) => end_all(options, url).await,
    }
}

/// The sessions of a user, those that live or all, the last used one first.
pub(super) async fn of(client: &impl GenericClient, user: &str, all: bool) -> anyhow::Result<Vec<Value>> {
    let rows = client
        .query(
            concat!(
                "SELECT jsonb_build_object('id', id, 'userId', user_id, 'ip', ip, 'userAgent', user_agent, 'reason', reason,
                        'alive', revoked_at IS NULL AND expires_at > now(), 'createdAt', ",
                time!("created_at"),
                ", 'lastUsedAt', ",
                time!("last_used_at"),
                ", 'expiresAt', ",
                time!("expires_at"),
                ", 'revokedAt', ",
                time!("revoked_at"),
                ") FROM sessions
                 WHERE user_id = $1::text::uuid AND ($2 OR (revoked_at IS NULL AND expires_at > now()))
                 ORDER BY last_used_at DESC, id DESC"
            ),
            &[&user, &all],
        )
        .await;
    Ok(documents(&rows.map_err(explain)?))
}

/// Sessions as a table.
pub(super) fn listed(sessions: &[Value]) -> String {
    let rows: Vec<Vec<String>> = sessions
        .iter()
        .map(|session| {
            let mut row: Vec<String> = ["id", "createdAt", "lastUsedAt", "expiresAt", "ip"]
                .iter()
                .map(|name| field(session, name))
                .collect();
            let over = session["reason"].as_str().unwrap_or("expired");
            let state = if session["alive"] == true { "alive" } else { over };
            row.extend([state.to_owned(), field(session, "userAgent")]);
            row
        })
        .collect();
    table(
        &["session", "since", "last used", "until", "from", "state", "with"],
        &rows,
    )
}

async fn end(id: SessionId, url: &str) -> anyhow::Result<Report> {
    let mut client = connect(url).await?;
    let transaction = begin(&mut client).await?;
    let ended = transaction
        .query_opt(
            "UPDATE sessions SET revoked_at = now(), reason = $2
             WHERE id = $1::text::uuid AND revoked_at IS NULL AND expires_at > now() RETURNING user_id::text",
            &[&id.to_string(), &RevocationReason::ByAdmin.as_str()],
        )
        .await
        .map_err(explain)?;
    let Some(row) = ended else {
        bail!("there is no session {id} that lives");
    };
    let user: String = row.get(0);
    let details = Map::from_iter([("session".to_owned(), json!(id))]);
    record(&transaction, Some(&user), EventKind::SessionRevoked, details).await?;
    transaction.commit().await.map_err(explain)?;
    Ok(Report {
        text: format!("session {id} is over"),
        json: json!({ "ended": 1, "userId": user }),
    })
}

async fn end_all(options: &EndAll, url: &str) -> anyhow::Result<Report> {
    let mut client = connect(url).await?;
    let user = if let Some(who) = &options.who {
        Some(find(&client, who).await?)
    } else {
        confirm("Everybody will have to sign in again.", options.yes)?;
        None
    };
    let transaction = begin(&mut client).await?;
    let ended = transaction
        .execute(
            "UPDATE sessions SET revoked_at = now(), reason = $2
             WHERE ($1::text IS NULL OR user_id = $1::text::uuid) AND revoked_at IS NULL AND expires_at > now()",
            &[&user, &RevocationReason::ByAdmin.as_str()],
        )
        .await
        .map_err(explain)?;
    if ended > 0 {
        let details = Map::from_iter([("sessions".to_owned(), json!(ended))]);
        record(&transaction, user.as_deref(), EventKind::SessionRevoked, details).await?;
    }
    transaction.commit().await.map_err(explain)?;
    Ok(Report {
        text: format!("{ended} sessions are over"),
        json: json!({ "ended": ended }),
    })
}
