//! `POST /api/auth/change-email`: another address, once the token that is mailed to it comes back to verify-email.
//!
//! 202, also where the address is taken, whose owner is told then; the old address is told in any case · 400
//! `WRONG_PASSWORD` · 401 `UNAUTHENTICATED`, at once when the session was revoked · 429, also for too much mail to one
//! address. One flight to Redis, two to Postgres.

use doorward_core::email::Email;
use doorward_core::id::MailId;
use doorward_core::password::Attempt;
use doorward_core::token::one_time::Purpose;

use crate::context::Context;
use crate::error::Failure;
use crate::extract::{Fields, present};
use crate::handlers::one_time::accepted;
use crate::host::Host;
use crate::reply::Reply;
use crate::store::tokens::{email_change_issued, issue_email_change};

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let claims = ctx.access_claims()?;
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &[])?;
    let new = fields.required("newEmail", Email::parse);
    let attempt = fields
        .required_text("password")
        .map(|text| Attempt::new(&text, H::UNICODE));
    fields.finish()?;
    let (new, attempt) = (present(new)?, present(attempt)?);

    let mut limits = ctx.password_limits(claims.subject);
    limits.extend(ctx.mail_limits("change", &new));
    let owner = ctx.owner(&claims, &attempt, &limits).await?;
    let token = ctx.new_token(owner.credentials.user, Purpose::EmailChange)?;
    let notice = MailId::generate(ctx.now, &ctx.host)?;
    let step = ctx.step()?;
    let issue = issue_email_change(&owner.credentials, claims.session, &new, &token, notice, step);
    if !email_change_issued(&ctx.sql_one(issue).await?)? {
        return ctx.not_the_owner(&claims).await;
    }
    ctx.deliver_later();
    Ok(accepted())
}
