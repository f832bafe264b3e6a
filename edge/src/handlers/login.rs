//! `POST /api/auth/login` = `/auth/login`: a session for an address and its password.
//!
//! 200 session answer · 401 `INVALID_CREDENTIALS` · after a right password 403 `ACCOUNT_INACTIVE`, `ACCOUNT_SUSPENDED`,
//! and `EMAIL_NOT_VERIFIED` where the deployment asks for it · 429. A known and an unknown address cost the same: one
//! flight to Redis, beside the first of two to Postgres (before it where an attempt failed of late), and one hash.

use doorward_core::email::Email;
use doorward_core::event::{EventKind, Outcome};
use doorward_core::id::MailId;
use doorward_core::password::{Attempt, Verdict};
use doorward_core::user::Status;
use futures_util::future::try_join;
use http::StatusCode;

use crate::context::Context;
use crate::error::{Code, Dependency, Failure};
use crate::extract::{Fields, present};
use crate::host::{Host, Rows};
use crate::reply::Reply;
use crate::store::sessions::SignIn;
use crate::store::users::Credentials;
use crate::store::{events, sessions, users};

struct Body {
    email: Email,
    attempt: Attempt,
    remember: bool,
}

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let body = parse(ctx)?;
    let rows = credentials(ctx, &body.email).await?;
    let mut credentials = Credentials::first(&rows)?;
    let mut verdict = ctx.verify_password(credentials.as_ref(), &body.attempt);
    let has_password = credentials
        .as_ref()
        .is_some_and(|credentials| credentials.password_hash.is_some());
    if !has_password
        && verdict == Verdict::Wrong
        && let Some(arrived) = ctx.bring_over(&body.email, &body.attempt).await?
    {
        credentials = Some(arrived);
        verdict = Verdict::Right { rehash: false };
    }

    if verdict == Verdict::Unable {
        return Err(Failure::Unavailable(
            Dependency::Memory,
            "no memory for a password hash".into(),
        ));
    }
    let refused = match (&credentials, &verdict) {
        (Some(credentials), Verdict::Right { .. }) => refusal(ctx, credentials),
        _ => Some(Code::InvalidCredentials),
    };
    let (Some(credentials), None) = (&credentials, refused) else {
        let user = credentials.map(|credentials| credentials.user);
        let failed = events::record(user, EventKind::LoginFailed, Outcome::Failure, ctx.step()?);
        ctx.doubt(&body.email);
        ctx.sql_one(failed).await?;
        return Err(refused.unwrap_or(Code::InvalidCredentials).into());
    };

    let rehash = ctx.rehash_password(verdict, &body.attempt)?;
    let session = ctx.new_session(body.remember)?;
    let replaced = if ctx.is_token_mode() {
        None
    } else {
        ctx.refresh_cookie().map(|token| token.session)
    };
    let sign_in = SignIn {
        credentials,
        rehash: rehash.as_ref(),
        session: &session,
        replaced,
        notice: MailId::generate(ctx.now, &ctx.host)?,
        locale: ctx.locale().as_str(),
        step: ctx.step()?,
    };
    let rows = ctx.sql_one(sessions::open(&sign_in)).await?;
    // Nobody there any more: the password or the status changed while it was being checked.
    let (user, noticed) = sessions::opened(&rows)?.ok_or(Code::InvalidCredentials)?;
    if let Some(replaced) = replaced {
        ctx.forget(replaced);
    }
    ctx.login_succeeded(&body.email);
    if noticed {
        ctx.deliver_later();
    }
    ctx.signed_in(StatusCode::OK, user, session.id, &session.token, session.expires_at)
}

/// What is known of the account, if the limit lets the attempt pass.
async fn credentials<H: Host>(ctx: &Context<H>, email: &Email) -> Result<Rows, Failure> {
    let limit = ctx.limit_login(email);
    let read = async { Ok(ctx.sql_one(users::credentials(email)).await?) };
    if ctx.is_undoubted(email) {
        return Ok(try_join(limit, read).await?.1);
    }
    limit.await?;
    read.await
}

fn parse<H: Host>(ctx: &Context<H>) -> Result<Body, Failure> {
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &[])?;
    let email = fields.required("email", Email::parse);
    let attempt = fields
        .required_text("password")
        .map(|password| Attempt::new(&password, H::UNICODE));
    let remember = fields.flag("rememberMe");
    fields.finish()?;
    Ok(Body {
        email: present(email)?,
        attempt: present(attempt)?,
        remember,
    })
}

fn refusal<H: Host>(ctx: &Context<H>, credentials: &Credentials) -> Option<Code> {
    match credentials.status {
        Status::Inactive => Some(Code::AccountInactive),
        Status::Suspended => Some(Code::AccountSuspended),
        Status::Active if ctx.config().verification_required && !credentials.is_verified => {
            Some(Code::EmailNotVerified)
        }
        Status::Active => None,
    }
}
