//! `POST, GET /api/auth/refresh` = `/auth/refresh`: a new access token, and the refresh token's successor.
//!
//! 200 session answer · 401 `REFRESH_INVALID`, `REFRESH_REUSED`, `SESSION_EXPIRED`, `SESSION_REVOKED` · 403
//! `ACCOUNT_INACTIVE`, `ACCOUNT_SUSPENDED` · 429. A token that isn't ours costs no flight; any other one to
//! Postgres, in which requests that race with one token all get the same successor.

use doorward_core::id::EventId;
use doorward_core::secret::Secret;
use doorward_core::token::HashedToken;
use doorward_core::token::refresh::{Refresh, RefreshRefusal, RefreshToken, decide};
use http::{Method, StatusCode};

use crate::context::Context;
use crate::cookie::SessionCookie;
use crate::error::{Code, Failure};
use crate::extract::{Fields, is_json, present};
use crate::host::Host;
use crate::reply::Reply;
use crate::store::sessions::{Rotated, Rotation};

pub(crate) async fn run<H: Host>(ctx: &Context<H>, method: &Method) -> Result<Reply, Failure> {
    let text = presented(ctx, method)?;
    let keys = &ctx.config().keys;
    let token = RefreshToken::open(keys, text.expose()).map_err(|_| Failure::signed_out(Code::RefreshInvalid))?;
    let successor = token
        .successor()
        .ok_or_else(|| Failure::signed_out(Code::SessionExpired))?
        .seal(keys);

    let rotation = Rotation {
        presented: &token,
        presented_hash: &HashedToken::of(text.expose()),
        successor: &successor.hashed(),
        request: ctx.id,
        grace: ctx.config().refresh_grace,
        rule: ctx.refresh_rule(),
        event: EventId::generate(ctx.now, &ctx.host)?,
        client: &ctx.client,
        now: ctx.now,
    };
    let rotated = Rotated::decode(&ctx.sql(&rotation.statements()).await?)?;
    let row = rotated.state.as_ref().map(|state| &state.session);
    let decision = if rotated.reused {
        Refresh::Refused(RefreshRefusal::Reused)
    } else {
        decide(
            &token,
            rotation.presented_hash,
            rotated.won,
            row,
            keys,
            ctx.now,
            rotation.grace,
        )
    };
    if let Some(wait) = rotated.wait(&rotation) {
        return Err(Failure::limited(wait));
    }
    let current = match decision {
        Refresh::Rotated => successor,
        Refresh::Current(current) => current,
        Refresh::Refused(refusal) => {
            ctx.forget(token.session);
            return Err(refused(refusal));
        }
    };
    let state = rotated
        .state
        .ok_or_else(|| Failure::bad_row("a refreshed session is gone"))?;
    ctx.signed_in(
        StatusCode::OK,
        state.user,
        token.session,
        &current,
        state.session.expires_at,
    )
}

/// The token as it was presented: in the body in token mode, in the cookie otherwise.
fn presented<H: Host>(ctx: &Context<H>, method: &Method) -> Result<Secret<String>, Failure> {
    if ctx.is_token_mode() {
        // Never the cookie's: its token would come back in the body, where a script could read it.
        if *method != Method::POST {
            return Err(Code::RefreshInvalid.into());
        }
        let mut fields = Fields::read(&ctx.headers, &ctx.body, &[])?;
        let token = fields.required_text("refreshToken");
        fields.finish()?;
        return Ok(Secret::new(present(token)?));
    }
    // Nothing of a body is needed here, but what calls itself JSON has to be.
    if !ctx.body.is_empty() && is_json(&ctx.headers) {
        Fields::read(&ctx.headers, &ctx.body, &[])?;
    }
    let cookie = ctx.cookies().get(SessionCookie::Refresh).ok_or(Code::RefreshInvalid)?;
    Ok(Secret::new(cookie.to_owned()))
}

fn refused(refusal: RefreshRefusal) -> Failure {
    match refusal {
        RefreshRefusal::Invalid => Failure::signed_out(Code::RefreshInvalid),
        RefreshRefusal::Reused => Failure::signed_out(Code::RefreshReused),
        RefreshRefusal::Expired => Failure::signed_out(Code::SessionExpired),
        RefreshRefusal::Revoked => Failure::signed_out(Code::SessionRevoked),
        RefreshRefusal::Inactive => Code::AccountInactive.into(),
        RefreshRefusal::Suspended => Code::AccountSuspended.into(),
    }
}
