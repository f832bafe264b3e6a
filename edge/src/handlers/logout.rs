//! `POST /api/auth/logout` = `/auth/logout`: the session ends.
//!
//! 204, always, also without a session; 503 only when the database can't be told, so that nobody believes to be signed
//! out who isn't. At most one flight to Postgres. The session is found by the refresh cookie, by the access token, or by
//! a `refreshToken` in the body.

use doorward_core::id::{EventId, SessionId};
use doorward_core::token::refresh::RefreshToken;
use http::StatusCode;

use crate::context::Context;
use crate::error::Failure;
use crate::extract::Fields;
use crate::host::Host;
use crate::reply::Reply;
use crate::store::sessions::end;

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let mut statements = Vec::new();
    let sessions = sessions(ctx);
    for session in &sessions {
        statements.push(end(
            *session,
            EventId::generate(ctx.now, &ctx.host)?,
            &ctx.client,
            ctx.now,
        ));
    }
    if !statements.is_empty() {
        ctx.sql(&statements).await?;
    }
    for session in sessions {
        ctx.remember(session, None);
    }
    let reply = Reply::empty(StatusCode::NO_CONTENT);
    Ok(if ctx.is_token_mode() {
        reply
    } else {
        ctx.clear_cookies(reply)
    })
}

/// Every session that the request proves to hold, each once.
fn sessions<H: Host>(ctx: &Context<H>) -> Vec<SessionId> {
    let by_access = ctx.access_claims().ok().map(|claims| claims.session);
    let by_cookie = ctx.refresh_cookie().map(|token| token.session);
    let by_body = Fields::read(&ctx.headers, &ctx.body, &[]).ok().and_then(|mut fields| {
        let text = fields.optional_text("refreshToken")?;
        RefreshToken::open(&ctx.config().keys, &text)
            .ok()
            .map(|token| token.session)
    });
    let mut sessions = Vec::new();
    for session in [by_access, by_cookie, by_body].into_iter().flatten() {
        if !sessions.contains(&session) {
            sessions.push(session);
        }
    }
    sessions
}
