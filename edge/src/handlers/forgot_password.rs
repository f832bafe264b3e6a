//! `POST /api/auth/forgot-password` = `/auth/forgot-password`: a mail with a link that sets a new password.
//!
//! 202, whether the address is known or not · 429. One flight to Redis, two to Postgres. Only the latest link works.

use doorward_core::email::Email;
use doorward_core::token::one_time::Purpose;

use crate::context::Context;
use crate::error::Failure;
use crate::extract::{Fields, present};
use crate::host::Host;
use crate::reply::Reply;
use crate::store::tokens::issue_reset;

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &[])?;
    let email = fields.required("email", Email::parse);
    fields.finish()?;
    let email = present(email)?;
    ctx.limit(&ctx.mail_limits("forgot", &email)).await?;
    ctx.mail_token(&email, Purpose::PasswordReset, issue_reset).await
}
