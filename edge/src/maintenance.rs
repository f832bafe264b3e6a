//! What has to be done now and then: mail that is due, and rows that nobody needs any more.
//!
//! Called every minute, by the host's own scheduler or through `POST /maintenance`. Calls at once do no harm: they
//! share the work.

use std::time::Duration;

use doorward_core::time::Time;
use serde::Serialize;

use crate::background::{flight_one, log};
use crate::error::Failure;
use crate::host::{Host, Level, Statement};
use crate::instance::Instance;
use crate::mail::deliver::{self, Delivered};
use crate::store::sweep;

/// How long what is over is kept, for whoever has to look back.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// The most statements for one table in one call: the rest is the next call's.
const BATCHES: u32 = 5;

/// What a call did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// Mails by what became of them.
    pub mail: Delivered,
    /// Rows that were deleted.
    pub swept: Swept,
}

/// How many rows were deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Swept {
    /// Sessions that ended more than 30 days ago.
    pub sessions: u64,
    /// One-time tokens that expired more than 30 days ago.
    pub tokens: u64,
    /// Mails that were sent, or became obsolete, more than 30 days ago.
    pub mail: u64,
    /// Events older than `EVENTS_RETENTION_DAYS`.
    pub events: u64,
}

/// Delivers due mail and sweeps, both within bounds.
///
/// # Errors
/// When the database is down. What is left is done by the next call.
pub async fn tick<H: Host>(host: &H, instance: &Instance) -> Result<Report, Failure> {
    let mail = deliver::due(host, instance).await?;
    let now = host.now();
    let before = now.saturating_sub(KEPT);
    let events = match instance.config.events_kept {
        Some(kept) => sweep_all(host, instance, sweep::events, now.saturating_sub(kept)).await?,
        None => 0,
    };
    let report = Report {
        mail,
        swept: Swept {
            sessions: sweep_all(host, instance, sweep::sessions, before).await?,
            tokens: sweep_all(host, instance, sweep::tokens, before).await?,
            mail: sweep_all(host, instance, sweep::mail, before).await?,
            events,
        },
    };
    if report != Report::default() {
        let text = serde_json::to_string(&report).unwrap_or_default();
        log(host, Level::Info, "maintenance", &text);
    }
    Ok(report)
}

/// Deletes batch by batch, each in a transaction of its own, until a batch isn't full.
async fn sweep_all<H: Host>(
    host: &H,
    instance: &Instance,
    sweep: fn(Time) -> Statement<'static>,
    before: Time,
) -> Result<u64, Failure> {
    let mut all = 0;
    for _ in 0..BATCHES {
        let swept = flight_one(host, instance, sweep(before)).await?.affected;
        all += swept;
        if swept < sweep::BATCH {
            break;
        }
    }
    Ok(all)
}
