//! `DELETE /api/auth/account`: everything of the user goes.
//!
//! 204 · 400 `WRONG_PASSWORD` · 401 `UNAUTHENTICATED`, at once when the session was revoked · 409 `LAST_ADMIN` · 429.
//! One flight to Redis, two to Postgres.

use doorward_core::id::EventId;
use doorward_core::password::Attempt;
use http::StatusCode;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::extract::{Fields, present};
use crate::host::Host;
use crate::reply::Reply;
use crate::store::account::{Deletion, delete};

pub(crate) async fn delete_account<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let claims = ctx.access_claims()?;
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &[])?;
    let attempt = fields
        .required_text("password")
        .map(|text| Attempt::new(&text, H::UNICODE));
    fields.finish()?;

    let attempt = present(attempt)?;
    let limits = ctx.password_limits(claims.subject);
    let owner = ctx.owner(&claims, &attempt, &limits).await?;
    let event = EventId::generate(ctx.now, &ctx.host)?;
    let answers = ctx
        .sql(&delete(&owner.credentials, claims.session, event, ctx.now))
        .await?;
    match Deletion::decode(&answers)? {
        Deletion::Done => {
            ctx.forget_user(claims.subject);
            let reply = Reply::empty(StatusCode::NO_CONTENT);
            Ok(if ctx.is_token_mode() {
                reply
            } else {
                ctx.clear_cookies(reply)
            })
        }
        Deletion::LastAdmin => Err(Code::LastAdmin.into()),
        Deletion::Stale => Err(Code::Unauthenticated.into()),
    }
}
