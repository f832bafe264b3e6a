//! `doorward rollout`: the switch between the system that people come from and this one, where it is in the database
//! (`ROLLOUT=stored`). Every instance follows within five seconds.

use anyhow::{Context as _, bail};
use clap::Subcommand;
use doorward_edge::rollout::Rollout;
use serde_json::json;

use crate::database::{self, explain};
use crate::output::Report;

/// What to do with the switch.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Say where it is
    Show,
    /// Move it
    Set {
        /// off, shadow, percent:N (0 to 100) or on
        position: String,
    },
}

/// Reads or moves the switch.
///
/// # Errors
/// When the database can't be reached or isn't migrated, or the position is none.
pub(crate) async fn run(action: &Action, url: &str) -> anyhow::Result<Report> {
    let client = database::connect(url).await?;
    let before = client
        .query_opt("SELECT value FROM deployment WHERE key = 'rollout'", &[])
        .await
        .map_err(explain)
        .context("the switch can't be read")?
        .map(|row| row.get::<_, String>(0));
    let Action::Set { position } = action else {
        let text = before.as_deref().map_or_else(
            || "never set: instances with ROLLOUT=stored take it as off".to_owned(),
            |position| format!("{position} (for instances with ROLLOUT=stored)"),
        );
        return Ok(Report {
            text,
            json: json!({ "rollout": before }),
        });
    };
    if Rollout::parse(position).is_none() {
        bail!("{position:?} is no position of the switch: off, shadow, percent:N (0 to 100) or on");
    }
    client
        .execute(
            "INSERT INTO deployment (key, value) VALUES ('rollout', $1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now()",
            &[position],
        )
        .await
        .map_err(explain)?;
    Ok(Report {
        text: format!(
            "{position}; was {}. Instances with ROLLOUT=stored follow within 5 s",
            before.as_deref().unwrap_or("never set")
        ),
        json: json!({ "rollout": position, "before": before }),
    })
}
