//! `POST /api/auth/change-password`: a new password for who is signed in and knows the old one.
//!
//! 200 `{user}`, and every other session is over unless `keepOtherSessions` · 400 `WRONG_PASSWORD` · 401
//! `UNAUTHENTICATED`, at once when the session was revoked · 429. One flight to Redis, two to Postgres.

use doorward_core::id::MailId;
use doorward_core::password::Attempt;
use doorward_core::token::one_time::Purpose;

use crate::context::Context;
use crate::error::Failure;
use crate::extract::{Fields, present};
use crate::host::Host;
use crate::reply::Reply;
use crate::store::account::change_password;
use crate::store::sessions::end_all;
use crate::store::tokens::remove_stale;
use crate::store::users::User;

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let claims = ctx.access_claims()?;
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &[])?;
    let current = fields
        .required_text("currentPassword")
        .map(|text| Attempt::new(&text, H::UNICODE));
    let new = fields.required_text("newPassword");
    let keep_others = fields.flag("keepOtherSessions");
    if let Some(new) = &new {
        fields.new_password("newPassword", new, &[], H::UNICODE);
    }
    fields.finish()?;
    let (current, new) = (present(current)?, present(new)?);

    let asking = ctx
        .owner(&claims, &current, &ctx.password_limits(claims.subject))
        .await?;
    let mut fields = Fields::none();
    let password = fields.new_password("newPassword", &new, &[&asking.email, &asking.name], H::UNICODE);
    fields.finish()?;
    let password = present(password)?;
    ctx.refuse_breached("newPassword", &password).await?;
    let hash = ctx.hash_password(&password)?;

    let notice = MailId::generate(ctx.now, &ctx.host)?;
    let (step, locale) = (ctx.step()?, ctx.locale().as_str());
    let (user, session) = (claims.subject, claims.session);
    let mut batch = vec![
        change_password(&asking.credentials, session, hash.as_str(), notice, locale, step),
        remove_stale(user, step.event, &[Purpose::PasswordReset, Purpose::EmailChange]),
    ];
    if !keep_others {
        batch.push(end_all(user, Some(session), &hash, "password_changed", ctx.now));
    }
    let answers = ctx.sql(&batch).await?;
    let changed = answers.first().map(User::first).transpose()?.flatten();
    let Some(user) = changed else {
        return ctx.not_the_owner(&claims).await;
    };
    ctx.forget_user(user.id);
    ctx.deliver_later();
    Ok(Reply::user(&user))
}
