//! `POST /api/auth/resend-verification` = `/auth/resend-verification`: a fresh verification mail.
//!
//! 202, whether the address is known, verified or neither · 429. One flight to Redis, two to Postgres.

use doorward_core::email::Email;
use doorward_core::token::one_time::Purpose;

use crate::context::Context;
use crate::error::Failure;
use crate::extract::{Fields, present};
use crate::host::Host;
use crate::reply::Reply;
use crate::store::tokens::issue_verification;

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &[])?;
    let email = fields.required("email", Email::parse);
    fields.finish()?;
    let email = present(email)?;
    ctx.limit(&ctx.mail_limits("resend", &email)).await?;
    ctx.mail_token(&email, Purpose::EmailVerification, issue_verification)
        .await
}
