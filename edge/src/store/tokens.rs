//! One-time tokens: issued together with the mail that carries them, and consumed by one guarded statement.

use doorward_core::email::Email;
use doorward_core::id::{EventId, MailId, SessionId, TokenId, UserId};
use doorward_core::time::Time;
use doorward_core::token::HashedToken;
use doorward_core::token::one_time::{OneTimeToken, Purpose};

use super::users::{Credentials, User};
use super::{Reader, maybe, shown, statement, text, user_columns};
use crate::context::Client;
use crate::error::{Code, Failure};
use crate::host::{Rows, Statement};

/// A token that is about to be written, and the row of its mail.
#[derive(Debug)]
pub(crate) struct NewToken {
    pub(crate) id: TokenId,
    pub(crate) hash: HashedToken,
    pub(crate) expires_at: Time,
    pub(crate) mail: MailId,
    pub(crate) locale: &'static str,
}

/// Who asks, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) event: EventId,
    pub(crate) client: &'a Client,
    pub(crate) now: Time,
}

/// The user behind an address, if a mail may go there.
pub(crate) fn mailbox(email: &Email) -> Statement<'_> {
    statement(
        "token.mailbox",
        "SELECT id FROM users WHERE lower(email) = lower($1::text) AND status = 'active'",
        vec![text(email.as_str())],
    )
}

/// The answer to [`mailbox`].
pub(crate) fn mailbox_user(rows: &Rows) -> Result<Option<UserId>, Failure> {
    Reader::first(rows, "mailbox")
        .map(|mut row| row.parsed(UserId::parse))
        .transpose()
}

/// Finds a token that an import brought along by its hash, which is all that is known of it here.
pub(crate) fn imported(purpose: Purpose, hash: &HashedToken) -> Statement<'_> {
    statement(
        "token.imported",
        "SELECT user_id, id FROM tokens WHERE token_hash = $1::text AND type = $2::text AND batch_id IS NOT NULL",
        vec![text(hash.as_str()), text(purpose.as_str())],
    )
}

/// The answer to [`imported`].
pub(crate) fn imported_token(rows: &Rows) -> Result<Option<OneTimeToken>, Failure> {
    let Some(mut row) = Reader::first(rows, "imported token") else {
        return Ok(None);
    };
    Ok(Some(OneTimeToken {
        user: row.parsed(UserId::parse)?,
        token: row.parsed(TokenId::parse)?,
    }))
}

/// The lock makes it wait for a change of the address, so that the mail goes to the one that it is then, and that change for
/// this, so that it sees the token and removes it.
macro_rules! issue {
    ($type:literal, $event:literal, $condition:literal) => {
        concat!(
            "WITH target AS (
                SELECT id, email, coalesce(preferences->>'locale', $6::text) AS locale FROM users
                WHERE id = $1::text::uuid AND status = 'active' AND ", $condition, "
                FOR NO KEY UPDATE
             ), token AS (
                INSERT INTO tokens (id, user_id, type, token_hash, created_at, expires_at)
                SELECT $2::text::uuid, id, '", $type, "', $3::text, $7::text::timestamptz, $4::text::timestamptz FROM target
                ON CONFLICT (user_id, type) DO UPDATE
                SET id = excluded.id, token_hash = excluded.token_hash, created_at = excluded.created_at,
                    expires_at = excluded.expires_at, used_at = NULL, payload = NULL, batch_id = NULL
             ), mail AS (
                INSERT INTO mail_outbox (id, user_id, token_id, recipient, template, locale, next_attempt_at, created_at)
                SELECT $5::text::uuid, id, $2::text::uuid, email, '", $type, "', locale, $7::text::timestamptz,
                       $7::text::timestamptz
                FROM target
             )
             INSERT INTO events (id, user_id, kind, outcome, ip, user_agent, created_at)
             SELECT $8::text::uuid, id, '", $event, "', 'success', $9::text, $10::text, $7::text::timestamptz FROM target"
        )
    };
}

fn issue<'a>(
    name: &'static str,
    sql: &'static str,
    user: UserId,
    token: &'a NewToken,
    step: Step<'a>,
) -> Statement<'a> {
    statement(
        name,
        sql,
        vec![
            shown(user),
            shown(token.id),
            text(token.hash.as_str()),
            shown(token.expires_at),
            shown(token.mail),
            text(token.locale),
            shown(step.now),
            shown(step.event),
            maybe(step.client.address.as_deref()),
            maybe(step.client.user_agent.as_deref()),
        ],
    )
}

/// Puts a fresh verification in place of the one before, unless the address is verified already.
pub(crate) fn issue_verification<'a>(user: UserId, token: &'a NewToken, step: Step<'a>) -> Statement<'a> {
    let sql = issue!("email_verification", "email.verification_requested", "NOT is_verified");
    issue("token.issue_verification", sql, user, token, step)
}

/// Puts a fresh reset in place of the one before.
pub(crate) fn issue_reset<'a>(user: UserId, token: &'a NewToken, step: Step<'a>) -> Statement<'a> {
    issue(
        "token.issue_reset",
        issue!("password_reset", "password.reset_requested", "true"),
        user,
        token,
        step,
    )
}

/// A change of address on its way: the token goes to the new one, a notice to the old one. Where the new one is taken,
/// its owner is told instead, and the caller can't tell the difference.
///
/// Nothing is written once the session is over or the password another one than the one that was given. The lock makes this
/// and a reset wait for each other: it comes too late for this, or sees the token and removes it ([`remove_stale`]).
pub(crate) fn issue_email_change<'a>(
    credentials: &'a Credentials,
    session: SessionId,
    new: &'a Email,
    token: &'a NewToken,
    notice: MailId,
    step: Step<'a>,
) -> Statement<'a> {
    statement(
        "token.issue_email_change",
        "WITH target AS (
            SELECT id, email, coalesce(preferences->>'locale', $6::text) AS locale FROM users
            WHERE id = $1::text::uuid AND status = 'active'
              AND password_changed_at IS NOT DISTINCT FROM $13::text::timestamptz
              AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = $14::text::uuid AND revoked_at IS NULL
                          AND expires_at > $7::text::timestamptz)
            FOR NO KEY UPDATE
         ), owner AS (
            SELECT id, email, coalesce(preferences->>'locale', $6::text) AS locale FROM users
            WHERE lower(email) = lower($11::text)
         ), token AS (
            INSERT INTO tokens (id, user_id, type, token_hash, payload, created_at, expires_at)
            SELECT $2::text::uuid, id, 'email_change', $3::text, $11::text, $7::text::timestamptz, $4::text::timestamptz
            FROM target WHERE NOT EXISTS (SELECT 1 FROM owner)
            ON CONFLICT (user_id, type) DO UPDATE
            SET id = excluded.id, token_hash = excluded.token_hash, payload = excluded.payload,
                created_at = excluded.created_at, expires_at = excluded.expires_at, used_at = NULL
         ), link AS (
            INSERT INTO mail_outbox (id, user_id, token_id, recipient, template, locale, next_attempt_at, created_at)
            SELECT $5::text::uuid, id, $2::text::uuid, $11::text, 'email_change', locale, $7::text::timestamptz,
                   $7::text::timestamptz
            FROM target WHERE NOT EXISTS (SELECT 1 FROM owner)
            UNION ALL
            SELECT $5::text::uuid, owner.id, NULL, owner.email, 'address_taken', owner.locale, $7::text::timestamptz,
                   $7::text::timestamptz
            FROM target, owner
         ), notice AS (
            INSERT INTO mail_outbox (id, user_id, recipient, template, locale, params, next_attempt_at, created_at)
            SELECT $12::text::uuid, id, email, 'email_change_notice', locale, jsonb_build_object('newEmail', $11::text),
                   $7::text::timestamptz, $7::text::timestamptz
            FROM target
         ), event AS (
            INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, created_at)
            SELECT $8::text::uuid, id, id, 'email.change_requested', 'success', $9::text, $10::text, $7::text::timestamptz
            FROM target
         )
         SELECT EXISTS (SELECT 1 FROM target)",
        vec![
            shown(credentials.user),
            shown(token.id),
            text(token.hash.as_str()),
            shown(token.expires_at),
            shown(token.mail),
            text(token.locale),
            shown(step.now),
            shown(step.event),
            maybe(step.client.address.as_deref()),
            maybe(step.client.user_agent.as_deref()),
            text(new.as_str()),
            shown(notice),
            maybe(credentials.password_changed_at.as_deref()),
            shown(session),
        ],
    )
}

/// Whether [`issue_email_change`] found session and password as they were.
pub(crate) fn email_change_issued(rows: &Rows) -> Result<bool, Failure> {
    Reader::first(rows, "change of address")
        .ok_or_else(|| Failure::bad_row("change of address"))?
        .flag()
}

/// Removes what is on its way to whoever asked for it before: the user's tokens for these purposes, if the statement before it
/// in the batch has left that event. A statement of its own, because one statement doesn't see the token that another request
/// wrote while it waited for that user's lock.
pub(crate) fn remove_stale(user: UserId, event: EventId, purposes: &[Purpose]) -> Statement<'static> {
    let purposes: Vec<_> = purposes.iter().map(|purpose| purpose.as_str()).collect();
    statement(
        "token.remove_stale",
        "DELETE FROM tokens WHERE user_id = $1::text::uuid AND type = ANY (string_to_array($3::text, ' '))
         AND EXISTS (SELECT 1 FROM events WHERE events.id = $2::text::uuid)",
        vec![shown(user), shown(event), shown(purposes.join(" "))],
    )
}

/// What became of a genuine token that was given back.
#[derive(Debug)]
pub(crate) enum Consumed {
    /// It was good, and is used now.
    Done(Box<User>),
    /// Its user is gone.
    UserGone,
    /// It was the latest, and its time is up.
    Expired,
    /// It was used before, isn't the latest, or its user may not act.
    Invalid,
}

macro_rules! outcome {
    ($done:literal) => {
        concat!(
            "SELECT EXISTS (SELECT 1 FROM users WHERE id = $1::text::uuid),
                    EXISTS (SELECT 1 FROM tokens WHERE id = $2::text::uuid AND token_hash = $3::text AND used_at IS NULL
                            AND expires_at <= $4::text::timestamptz), ",
            user_columns!($done),
            " FROM (SELECT 1) AS one LEFT JOIN ", $done, " ON true"
        )
    };
}

impl Consumed {
    /// The user whose token was good.
    ///
    /// # Errors
    /// The refusal that its holder is told.
    pub(crate) fn user(self) -> Result<User, Failure> {
        match self {
            Self::Done(user) => Ok(*user),
            Self::UserGone => Err(Code::UserNotFound.into()),
            Self::Expired => Err(Code::TokenExpired.into()),
            Self::Invalid => Err(Code::TokenInvalid.into()),
        }
    }

    /// The answers to a batch whose first statement ends with `outcome!`.
    pub(crate) fn first(answers: &[Rows]) -> Result<Self, Failure> {
        let row = answers.first().and_then(|rows| Reader::first(rows, "token"));
        let mut row = row.ok_or_else(|| Failure::bad_row("token"))?;
        let user_exists = row.flag()?;
        let expired = row.flag()?;
        if row.is_present() {
            return User::decode(&mut row).map(|user| Self::Done(Box::new(user)));
        }
        Ok(match (user_exists, expired) {
            (false, _) => Self::UserGone,
            (true, true) => Self::Expired,
            (true, false) => Self::Invalid,
        })
    }
}

/// Verifies the address that the token was sent to.
pub(crate) fn verify_email<'a>(token: OneTimeToken, hash: &'a HashedToken, step: Step<'a>) -> Statement<'a> {
    statement(
        "token.verify_email",
        concat!(
            "WITH consumed AS (
                UPDATE tokens SET used_at = $4::text::timestamptz
                WHERE id = $2::text::uuid AND user_id = $1::text::uuid AND type = 'email_verification'
                  AND token_hash = $3::text AND used_at IS NULL AND expires_at > $4::text::timestamptz
                  AND EXISTS (SELECT 1 FROM users WHERE users.id = tokens.user_id AND status = 'active')
                RETURNING user_id
             ), done AS (
                UPDATE users SET is_verified = true, email_verified_at = coalesce(email_verified_at, $4::text::timestamptz),
                                 updated_at = $4::text::timestamptz
                FROM consumed WHERE users.id = consumed.user_id
                RETURNING users.*
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, created_at)
                SELECT $5::text::uuid, id, id, 'email.verified', 'success', $6::text, $7::text, $4::text::timestamptz
                FROM done
             ) ",
            outcome!("done")
        ),
        consume(token, hash, step),
    )
}

/// Moves the account to the address that the token was sent to, and tells the old one. What was on its way to the old
/// address works no more: [`remove_stale`] follows in the batch.
pub(crate) fn change_email<'a>(
    token: OneTimeToken,
    hash: &'a HashedToken,
    notice: MailId,
    locale: &'static str,
    step: Step<'a>,
) -> Statement<'a> {
    let mut params = consume(token, hash, step);
    params.push(shown(notice));
    params.push(text(locale));
    statement(
        "token.change_email",
        concat!(
            "WITH consumed AS (
                UPDATE tokens SET used_at = $4::text::timestamptz
                WHERE id = $2::text::uuid AND user_id = $1::text::uuid AND type = 'email_change'
                  AND token_hash = $3::text AND used_at IS NULL AND expires_at > $4::text::timestamptz
                  AND EXISTS (SELECT 1 FROM users WHERE users.id = tokens.user_id AND status = 'active')
                RETURNING user_id, payload
             ), before AS (
                SELECT users.id, users.email, coalesce(preferences->>'locale', $9::text) AS locale, payload
                FROM users JOIN consumed ON consumed.user_id = users.id
             ), done AS (
                UPDATE users SET email = before.payload, is_verified = true, email_verified_at = $4::text::timestamptz,
                                 updated_at = $4::text::timestamptz
                FROM before WHERE users.id = before.id
                RETURNING users.*
             ), notice AS (
                INSERT INTO mail_outbox (id, user_id, recipient, template, locale, params, next_attempt_at, created_at)
                SELECT $8::text::uuid, id, email, 'email_changed', locale, jsonb_build_object('newEmail', payload),
                       $4::text::timestamptz, $4::text::timestamptz
                FROM before
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, created_at)
                SELECT $5::text::uuid, id, id, 'email.changed', 'success', $6::text, $7::text, $4::text::timestamptz
                FROM done
             ) ",
            outcome!("done")
        ),
        params,
    )
}

/// Sets a new password: the token is used, and whoever held it holds the mailbox, so the address is verified too. A change
/// of address that is on its way was asked for by somebody who knew the old password, and dies with it. Goes out before
/// [`remove_stale`] and [`super::sessions::end_all`] in one batch: this statement waits for the lock on the user that a racing
/// sign-in or change of address has, and those that follow then see what it wrote.
pub(crate) fn reset_password<'a>(
    token: OneTimeToken,
    hash: &'a HashedToken,
    password: &'a str,
    notice: MailId,
    locale: &'static str,
    step: Step<'a>,
) -> Statement<'a> {
    let mut params = consume(token, hash, step);
    params.extend([text(password), shown(notice), text(locale)]);
    statement(
        "token.reset_password",
        concat!(
            "WITH consumed AS (
                UPDATE tokens SET used_at = $4::text::timestamptz
                WHERE id = $2::text::uuid AND user_id = $1::text::uuid AND type = 'password_reset'
                  AND token_hash = $3::text AND used_at IS NULL AND expires_at > $4::text::timestamptz
                  AND EXISTS (SELECT 1 FROM users WHERE users.id = tokens.user_id AND status = 'active')
                RETURNING user_id
             ), done AS (
                UPDATE users SET password_hash = $8::text, password_changed_at = $4::text::timestamptz, is_verified = true,
                                 email_verified_at = coalesce(email_verified_at, $4::text::timestamptz),
                                 updated_at = $4::text::timestamptz
                FROM consumed WHERE users.id = consumed.user_id
                RETURNING users.*
             ), mail AS (
                INSERT INTO mail_outbox (id, user_id, recipient, template, locale, next_attempt_at, created_at)
                SELECT $9::text::uuid, id, email, 'password_changed', coalesce(preferences->>'locale', $10::text),
                       $4::text::timestamptz, $4::text::timestamptz
                FROM done
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, created_at)
                SELECT $5::text::uuid, id, id, 'password.reset', 'success', $6::text, $7::text, $4::text::timestamptz
                FROM done
             ) ",
            outcome!("done")
        ),
        params,
    )
}

/// The parameters that all three have in common: `$1` user, `$2` token, `$3` hash, `$4` now, `$5` event, `$6` address,
/// `$7` user agent.
fn consume<'a>(token: OneTimeToken, hash: &'a HashedToken, step: Step<'a>) -> Vec<super::Param<'a>> {
    vec![
        shown(token.user),
        shown(token.token),
        text(hash.as_str()),
        shown(step.now),
        shown(step.event),
        maybe(step.client.address.as_deref()),
        maybe(step.client.user_agent.as_deref()),
    ]
}
