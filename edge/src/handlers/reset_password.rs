//! `POST /api/auth/reset-password` = `/auth/reset-password`: a new password for who holds the mailed token.
//!
//! 200 `{user}`, and every session of the user is over, also one that a racing sign-in or refresh is making · 400
//! `TOKEN_INVALID` (also: used, not the latest, or its user is gone) · 410 `TOKEN_EXPIRED` · 429. One flight to Redis, one
//! to Postgres; one more for a token that another system made and an import brought along; what is neither costs neither a
//! hash nor a flight to Postgres.

use doorward_core::error::FieldProblem;
use doorward_core::id::MailId;
use doorward_core::password::Password;
use doorward_core::token::HashedToken;
use doorward_core::token::one_time::{OneTimeToken, Purpose};

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::extract::{Fields, present};
use crate::host::Host;
use crate::reply::Reply;
use crate::store::sessions::end_all;
use crate::store::tokens::{Consumed, remove_stale, reset_password};

struct Body {
    token: String,
    password: Password,
}

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let body = parse(ctx)?;
    let token = OneTimeToken::open(&ctx.config().keys, Purpose::PasswordReset, &body.token).ok();
    ctx.limit(&ctx.token_limits("reset", token.map(|token| token.user)))
        .await?;
    let hash = HashedToken::of(&body.token);
    let token = match token {
        Some(ours) => ours,
        None => ctx.imported_token(Purpose::PasswordReset, &body.token, &hash).await?,
    };

    ctx.refuse_breached("password", &body.password).await?;
    let password = ctx.hash_password(&body.password)?;
    let notice = MailId::generate(ctx.now, &ctx.host)?;
    let step = ctx.step()?;
    let locale = ctx.locale().as_str();
    let batch = [
        reset_password(token, &hash, password.as_str(), notice, locale, step),
        remove_stale(token.user, step.event, &[Purpose::EmailChange]),
        end_all(token.user, None, &password, "password_reset", ctx.now),
    ];
    let consumed = Consumed::first(&ctx.sql(&batch).await?)?;
    let user = match consumed {
        // Of the two calls that take a mailed token, only verify-email has an answer of its own for it.
        Consumed::UserGone => return Err(Code::TokenInvalid.into()),
        other => other.user()?,
    };
    ctx.forget_user(user.id);
    ctx.deliver_later();
    Ok(Reply::user(&user))
}

fn parse<H: Host>(ctx: &Context<H>) -> Result<Body, Failure> {
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &[])?;
    let token = fields.required_text("token");
    let raw = fields.required_text("password");
    let confirmation = fields.required_text("confirmPassword");
    let password = raw
        .as_ref()
        .and_then(|raw| fields.new_password("password", raw, &[], H::UNICODE));
    if let (Some(raw), Some(confirmation)) = (&raw, &confirmation)
        && raw != confirmation
    {
        fields.problem::<()>("confirmPassword", &FieldProblem::Mismatch);
    }
    fields.finish()?;
    Ok(Body {
        token: present(token)?,
        password: present(password)?,
    })
}
