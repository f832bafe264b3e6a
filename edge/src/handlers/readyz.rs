//! `GET /readyz`: each dependency with its state, and the bound within which a revocation takes effect.
//!
//! 200 when requests can be served, also without Redis; 503 `UNAVAILABLE` with the same report in `details` when not.
//! Postgres is asked twice, a write and then a read, because a pool that caches reads would show a revoked session as
//! alive. The answer holds for a second, so that nobody can load the database by asking.

use doorward_core::time::Time;
use http::StatusCode;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::host::{Host, Reply as KvReply, SqlError};
use crate::reply::Reply;
use crate::store::readiness::{probe_read, probe_write, seen};

/// How long an answer holds, in milliseconds.
const HOLDS_MS: i64 = 1_000;

/// The report.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Readiness {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::readiness))]
    status: &'static str,
    dependencies: Dependencies,
    /// Seconds until a revoked session, a suspended user or a changed role shows on calls that only read.
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::count))]
    revocation_seconds: u64,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::time))]
    checked_at: Time,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Dependencies {
    postgres: State,
    redis: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct State {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::state))]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

const UP: State = State {
    state: "up",
    reason: None,
};

impl State {
    const fn down(reason: &'static str) -> Self {
        Self {
            state: "down",
            reason: Some(reason),
        }
    }
}

pub(crate) async fn get<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let known = ctx.instance.readiness.borrow().clone();
    let fresh = known.filter(|known| ctx.now.as_millis() - known.checked_at.as_millis() < HOLDS_MS);
    let report = match fresh {
        Some(report) => report,
        None => check(ctx).await,
    };
    *ctx.instance.readiness.borrow_mut() = Some(report.clone());
    if report.dependencies.postgres == UP {
        Ok(Reply::json(StatusCode::OK, &report))
    } else {
        Ok(Reply::error(Code::Unavailable, Some(report)).retry_after(std::time::Duration::from_secs(5)))
    }
}

async fn check<H: Host>(ctx: &Context<H>) -> Readiness {
    let redis = match ctx.kv(&[vec!["PING".into()]]).await.as_deref() {
        Ok([KvReply::Text(_)]) => UP,
        Ok(_) => State::down("it answered something else than a PONG"),
        Err(_) => State::down("it could not be reached"),
    };
    let postgres = postgres(ctx).await;
    let status = match (postgres == UP, redis == UP) {
        (true, true) => "ready",
        (true, false) => "degraded",
        (false, _) => "unavailable",
    };
    Readiness {
        status,
        dependencies: Dependencies { postgres, redis },
        revocation_seconds: ctx.config().revocation_bound.as_secs(),
        checked_at: ctx.now,
    }
}

async fn postgres<H: Host>(ctx: &Context<H>) -> State {
    let found = async {
        ctx.sql_one(probe_write(ctx.now)).await?;
        ctx.sql_one(probe_read()).await
    };
    match found.await {
        Ok(rows) if seen(&rows).is_some_and(|seen| seen >= ctx.now) => UP,
        Ok(_) => State::down("a read after a write shows an older value: turn the pool's cache off"),
        Err(SqlError::Database(e)) if e.code == "42P01" => State::down("the migrations have not run"),
        Err(SqlError::Database(_)) => State::down("it refused a statement"),
        Err(SqlError::Timeout) => State::down("it took too long"),
        Err(_) => State::down("it could not be reached"),
    }
}
