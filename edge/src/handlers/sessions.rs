//! `GET /api/auth/sessions`, `DELETE /api/auth/sessions`, `DELETE /api/auth/sessions/{id}`: where one is signed in.
//!
//! GET 200 `{sessions: [{id, createdAt, lastUsedAt, ip, userAgent, current}]}`, the last used one first · DELETE 204; of
//! all, it ends all but this one · 401 `UNAUTHENTICATED` · 404 for an id that isn't one of one's own sessions. One
//! flight to Postgres.

use doorward_core::id::{EventId, SessionId};
use http::StatusCode;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::host::Host;
use crate::reply::Reply;
use crate::store::sessions::{EndedOne, Listed, end_one, end_others, ended_others, list, listed};

#[derive(Serialize)]
struct Body {
    sessions: Vec<Listed>,
}

pub(crate) async fn get<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let claims = ctx.access_claims()?;
    let rows = ctx.sql_one(list(claims.subject, claims.session, ctx.now)).await?;
    let sessions = listed(&rows)?;
    // The list holds the session that asks, unless that one is over.
    if !sessions.iter().any(|session| session.current) {
        return Err(Code::Unauthenticated.into());
    }
    Ok(Reply::json(StatusCode::OK, &Body { sessions }))
}

pub(crate) async fn delete_all<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let claims = ctx.access_claims()?;
    let event = EventId::generate(ctx.now, &ctx.host)?;
    let rows = ctx
        .sql_one(end_others(claims.subject, claims.session, event, &ctx.client, ctx.now))
        .await?;
    if !ended_others(&rows)? {
        return Err(Code::Unauthenticated.into());
    }
    ctx.forget_user(claims.subject);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

pub(crate) async fn delete_one<H: Host>(ctx: &Context<H>, id: SessionId) -> Result<Reply, Failure> {
    let claims = ctx.access_claims()?;
    let event = EventId::generate(ctx.now, &ctx.host)?;
    let rows = ctx
        .sql_one(end_one(claims.subject, claims.session, id, event, &ctx.client, ctx.now))
        .await?;
    match EndedOne::first(&rows)? {
        EndedOne::Done => {}
        EndedOne::NotSignedIn => return Err(Code::Unauthenticated.into()),
        EndedOne::NotOwn => return Err(Code::NotFound.into()),
    }
    ctx.remember(id, None);
    let reply = Reply::empty(StatusCode::NO_CONTENT);
    Ok(if id == claims.session && !ctx.is_token_mode() {
        ctx.clear_cookies(reply)
    } else {
        reply
    })
}
