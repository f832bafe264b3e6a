//! `POST /api/auth/verify-email` = `/auth/verify-email`: proves an address with the token that was mailed to it, be it
//! the address of a registration or the new one of a change.
//!
//! 200 `{user}` · 400 `TOKEN_INVALID` · 404 `USER_NOT_FOUND` (the token was real, its user is gone) · 410
//! `TOKEN_EXPIRED` · 429. One flight to Postgres; one more for a token that another system made and an import brought along;
//! none for what is neither.

use doorward_core::id::MailId;
use doorward_core::token::HashedToken;
use doorward_core::token::one_time::{OneTimeToken, Purpose};

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::extract::{Fields, present};
use crate::host::{Host, SqlError};
use crate::reply::Reply;
use crate::store::tokens::{Consumed, change_email, remove_stale, verify_email};

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &[])?;
    let text = fields.required_text("token");
    fields.finish()?;
    let text = present(text)?;

    let keys = &ctx.config().keys;
    let opened = [Purpose::EmailVerification, Purpose::EmailChange]
        .into_iter()
        .find_map(|purpose| {
            OneTimeToken::open(keys, purpose, &text)
                .ok()
                .map(|token| (purpose, token))
        });
    ctx.limit(&ctx.token_limits("verify", opened.as_ref().map(|(_, token)| token.user)))
        .await?;
    let hash = HashedToken::of(&text);
    let (purpose, token) = if let Some(ours) = opened {
        ours
    } else {
        let purpose = Purpose::EmailVerification;
        (purpose, ctx.imported_token(purpose, &text, &hash).await?)
    };
    let step = ctx.step()?;
    let batch = if purpose == Purpose::EmailChange {
        let notice = MailId::generate(ctx.now, &ctx.host)?;
        let change = change_email(token, &hash, notice, ctx.locale().as_str(), step);
        let stale = [Purpose::PasswordReset, Purpose::EmailVerification];
        vec![change, remove_stale(token.user, step.event, &stale)]
    } else {
        vec![verify_email(token, &hash, step)]
    };
    let answers = match ctx.sql(&batch).await {
        // Somebody registered with the new address in the meantime.
        Err(SqlError::Database(e)) if e.constraint.as_deref() == Some("users_email_key") => {
            return Err(Code::TokenInvalid.into());
        }
        answers => answers?,
    };
    let user = Consumed::first(&answers)?.user()?;
    ctx.forget_user(user.id);
    ctx.deliver_later();
    Ok(Reply::user(&user))
}
