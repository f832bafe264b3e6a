//! What a signed-in person changes about the own account after giving the password again. Each statement checks anew
//! that the session lives: here a revocation takes effect at once.

use doorward_core::id::{EventId, MailId, SessionId, UserId};
use doorward_core::time::Time;

use super::changes::lock_admins;
use super::tokens::Step;
use super::users::Credentials;
use super::{Reader, maybe, shown, statement, text, user_columns};
use crate::error::Failure;
use crate::host::{Rows, Statement};

/// The credentials of a session's user, and what a new password must not be like.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) credentials: Credentials,
    pub(crate) email: String,
    pub(crate) name: String,
}

/// Reads the owner of a session that lives.
pub(crate) fn owner(session: SessionId, user: UserId, now: Time) -> Statement<'static> {
    statement(
        "account.owner",
        "SELECT u.id, u.password_hash, u.password_changed_at, u.status, u.is_verified, u.email, u.name
         FROM sessions AS s JOIN users AS u ON u.id = s.user_id
         WHERE s.id = $1::text::uuid AND s.user_id = $2::text::uuid AND s.revoked_at IS NULL
           AND s.expires_at > $3::text::timestamptz AND u.status = 'active'",
        vec![shown(session), shown(user), shown(now)],
    )
}

impl Owner {
    /// The answer to [`owner`].
    pub(crate) fn first(rows: &Rows) -> Result<Option<Self>, Failure> {
        let Some(mut row) = Reader::first(rows, "owner") else {
            return Ok(None);
        };
        let credentials = Credentials::decode(&mut row)?;
        Ok(Some(Self {
            credentials,
            email: row.text()?.to_owned(),
            name: row.text()?.to_owned(),
        }))
    }
}

/// Sets the password, unless it was changed or the session ended since [`owner`] was read. Goes out before
/// [`super::tokens::remove_stale`] and [`super::sessions::end_all`], for the reason given there.
pub(crate) fn change_password<'a>(
    credentials: &'a Credentials,
    session: SessionId,
    password: &'a str,
    notice: MailId,
    locale: &'static str,
    step: Step<'a>,
) -> Statement<'a> {
    statement(
        "account.change_password",
        concat!(
            "WITH done AS (
                UPDATE users SET password_hash = $3::text, password_changed_at = $4::text::timestamptz,
                                 updated_at = $4::text::timestamptz
                WHERE id = $1::text::uuid AND status = 'active'
                  AND password_changed_at IS NOT DISTINCT FROM $5::text::timestamptz
                  AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = $2::text::uuid AND revoked_at IS NULL
                              AND expires_at > $4::text::timestamptz)
                RETURNING *
             ), mail AS (
                INSERT INTO mail_outbox (id, user_id, recipient, template, locale, next_attempt_at, created_at)
                SELECT $6::text::uuid, id, email, 'password_changed', coalesce(preferences->>'locale', $7::text),
                       $4::text::timestamptz, $4::text::timestamptz
                FROM done
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, created_at)
                SELECT $8::text::uuid, id, id, 'password.changed', 'success', $9::text, $10::text, $4::text::timestamptz
                FROM done
             )
             SELECT ",
            user_columns!("done"),
            " FROM done"
        ),
        vec![
            shown(credentials.user),
            shown(session),
            text(password),
            shown(step.now),
            maybe(credentials.password_changed_at.as_deref()),
            shown(notice),
            text(locale),
            shown(step.event),
            maybe(step.client.address.as_deref()),
            maybe(step.client.user_agent.as_deref()),
        ],
    )
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// Everything of the user is gone.
    Done,
    /// The last active admin of the deployment or of a firm stays.
    LastAdmin,
    /// The session ended or the password changed meanwhile.
    Stale,
}

/// Deletes the user, and with the row everything that refers to it. Two statements for one flight: the first makes
/// deletions of admins wait for each other, so that the second counts the admins that are really left.
pub(crate) fn delete(credentials: &Credentials, session: SessionId, event: EventId, now: Time) -> [Statement<'_>; 2] {
    let delete = statement(
        "account.delete",
        "WITH target AS (
            SELECT id, role, firm_id FROM users
            WHERE id = $1::text::uuid AND status = 'active'
              AND password_changed_at IS NOT DISTINCT FROM $3::text::timestamptz
              AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = $2::text::uuid AND revoked_at IS NULL
                          AND expires_at > $4::text::timestamptz)
         ), last AS (
            SELECT id FROM target
            WHERE role = 'admin' AND NOT EXISTS (
                SELECT 1 FROM users AS other
                WHERE other.role = 'admin' AND other.status = 'active' AND other.id <> target.id
                  AND other.firm_id IS NOT DISTINCT FROM target.firm_id)
         ), done AS (
            DELETE FROM users USING target
            WHERE users.id = target.id AND NOT EXISTS (SELECT 1 FROM last)
            RETURNING users.id
         ), event AS (
            INSERT INTO events (id, firm_id, kind, outcome, created_at)
            SELECT $5::text::uuid, target.firm_id, 'user.deleted', 'success', $4::text::timestamptz FROM done, target
         )
         SELECT EXISTS (SELECT 1 FROM done), EXISTS (SELECT 1 FROM last)",
        vec![
            shown(credentials.user),
            shown(session),
            maybe(credentials.password_changed_at.as_deref()),
            shown(now),
            shown(event),
        ],
    );
    [lock_admins(), delete]
}

impl Deletion {
    /// The answers to [`delete`].
    pub(crate) fn decode(answers: &[Rows]) -> Result<Self, Failure> {
        let row = answers.last().and_then(|rows| Reader::first(rows, "deletion"));
        let mut row = row.ok_or_else(|| Failure::bad_row("deletion"))?;
        Ok(match (row.flag()?, row.flag()?) {
            (true, _) => Self::Done,
            (false, true) => Self::LastAdmin,
            (false, false) => Self::Stale,
        })
    }
}
