//! A registration: user, first session, verification token, mail and event, all or nothing in one statement.

use doorward_core::email::Email;
use doorward_core::firm::Slug;
use doorward_core::id::{EventId, FirmId, TokenId, UserId};
use doorward_core::name::PersonName;
use doorward_core::password::PhcHash;
use doorward_core::role::Role;
use doorward_core::time::Time;
use doorward_core::token::HashedToken;

use super::sessions::NewSession;
use super::tokens::NewToken;
use super::users::User;
use super::{Reader, maybe, shown, statement, text, user_columns};
use crate::context::Client;
use crate::error::{Code, Failure};
use crate::host::{Rows, Statement};

/// Everything that a registration writes.
#[derive(Debug)]
pub(crate) struct Registration<'a> {
    pub(crate) user: UserId,
    pub(crate) email: &'a Email,
    pub(crate) name: &'a PersonName,
    pub(crate) password: &'a PhcHash,
    pub(crate) role: &'a Role,
    pub(crate) phone: Option<&'a str>,
    pub(crate) department: Option<&'a str>,
    pub(crate) position: Option<&'a str>,
    pub(crate) firm: Option<&'a Slug>,
    /// None where the address has to be verified first.
    pub(crate) session: Option<&'a NewSession>,
    /// Proves the address, with the mail that carries it.
    pub(crate) verification: &'a NewToken,
    /// Whether the owner of a taken address is told by mail, because the caller isn't; five times an hour at most, whoever
    /// tries.
    pub(crate) tell_owner: bool,
    pub(crate) event: EventId,
    pub(crate) client: &'a Client,
    pub(crate) now: Time,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Registered {
    /// The user is there, signed in where a session was given.
    Created(Box<User>),
    /// Somebody has the address; nothing was written.
    EmailTaken,
    /// No such firm, or it is inactive; nothing was written.
    UnknownFirm,
    /// The invitation can't be accepted; nothing was written.
    Refused(Code),
    /// The invitation went to another address; nothing was written.
    OtherAddress,
}

/// An invitation that was given back, genuine.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) invitation: TokenId,
    pub(crate) firm: FirmId,
    pub(crate) hash: HashedToken,
}

/// Writes a registration, unless the address is taken or the firm unknown.
pub(crate) fn register<'a>(r: &'a Registration<'a>) -> Statement<'a> {
    statement(
        "registration.create",
        concat!(
            "WITH firm AS (
                SELECT id FROM firms WHERE slug = $10::text AND status = 'active'
             ), created AS (
                INSERT INTO users (id, firm_id, name, email, password_hash, role, phone, department, position,
                                   last_login_at, password_changed_at, created_at, updated_at)
                SELECT $1::text::uuid, (SELECT id FROM firm), $3::text, $2::text, $4::text, $5::text, $6::text, $7::text,
                       $8::text, CASE WHEN $11::text IS NULL THEN NULL ELSE $9::text::timestamptz END,
                       $9::text::timestamptz, $9::text::timestamptz, $9::text::timestamptz
                WHERE $10::text IS NULL OR EXISTS (SELECT 1 FROM firm)
                ON CONFLICT (lower(email)) DO NOTHING
                RETURNING *
             ), opened AS (
                INSERT INTO sessions (id, user_id, token_hash, rotated_at, ip, user_agent, created_at, last_used_at, expires_at)
                SELECT $11::text::uuid, id, $12::text, $9::text::timestamptz, $14::text, $15::text, $9::text::timestamptz,
                       $9::text::timestamptz, $13::text::timestamptz
                FROM created WHERE $11::text IS NOT NULL
             ), token AS (
                INSERT INTO tokens (id, user_id, type, token_hash, created_at, expires_at)
                SELECT $16::text::uuid, id, 'email_verification', $17::text, $9::text::timestamptz, $18::text::timestamptz
                FROM created
             ), mail AS (
                INSERT INTO mail_outbox (id, user_id, token_id, recipient, template, locale, next_attempt_at, created_at)
                SELECT $19::text::uuid, id, $16::text::uuid, email, 'email_verification', $20::text, $9::text::timestamptz,
                       $9::text::timestamptz
                FROM created
             ), taken AS (
                INSERT INTO mail_outbox (id, user_id, recipient, template, locale, next_attempt_at, created_at)
                SELECT $19::text::uuid, id, email, 'address_taken', coalesce(preferences->>'locale', $20::text),
                       $9::text::timestamptz, $9::text::timestamptz
                FROM users
                WHERE $22::text::boolean AND lower(email) = lower($2::text)
                  AND ($10::text IS NULL OR EXISTS (SELECT 1 FROM firm))
                  AND NOT EXISTS (
                    SELECT 1 FROM mail_outbox AS told
                    WHERE told.user_id = users.id AND told.template = 'address_taken'
                      AND told.created_at > $9::text::timestamptz - interval '12 minutes')
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, created_at)
                SELECT $21::text::uuid, id, id, 'user.registered', 'success', $14::text, $15::text, $9::text::timestamptz
                FROM created
             )
             SELECT $10::text IS NULL OR EXISTS (SELECT 1 FROM firm), ",
            user_columns!("created"),
            " FROM (SELECT 1) AS one LEFT JOIN created ON true"
        ),
        vec![
            shown(r.user),
            text(r.email.as_str()),
            text(r.name.as_str()),
            text(r.password.as_str()),
            text(r.role.as_str()),
            maybe(r.phone),
            maybe(r.department),
            maybe(r.position),
            shown(r.now),
            maybe(r.firm.map(Slug::as_str)),
            r.session.and_then(|session| shown(session.id)),
            maybe(r.session.map(|session| session.hash.as_str())),
            r.session.and_then(|session| shown(session.expires_at)),
            maybe(r.client.address.as_deref()),
            maybe(r.client.user_agent.as_deref()),
            shown(r.verification.id),
            text(r.verification.hash.as_str()),
            shown(r.verification.expires_at),
            shown(r.verification.mail),
            text(r.verification.locale),
            shown(r.event),
            shown(r.tell_owner),
        ],
    )
}

/// Writes a registration by invitation: firm and role are those of the invitation, which is used by it, and the address is
/// verified. The first of several at once finds it unused.
///
/// An invitation is as good as the power to send it: whoever did must still be allowed to, by what
/// `doorward_core::authority::may` says of inviting into a firm. It is said again here because the call is one flight.
pub(crate) fn accept<'a>(r: &'a Registration<'a>, accepted: &'a Accepted) -> Statement<'a> {
    statement(
        "registration.accept",
        concat!(
            "WITH invited AS (
                SELECT i.id, i.firm_id, i.role, i.expires_at, lower(i.email) = lower($2::text) AS own,
                       i.used_at IS NULL AND firms.status = 'active' AND EXISTS (
                           SELECT 1 FROM users AS inviter JOIN roles AS held ON held.name = inviter.role
                           WHERE inviter.id = i.invited_by AND inviter.status = 'active'
                             AND (inviter.firm_id = i.firm_id OR (inviter.firm_id IS NULL AND inviter.role = 'admin'))
                             AND 'invitations.manage' = ANY (held.permissions)
                             AND NOT EXISTS (
                                 SELECT 1 FROM roles AS given, unnest(given.permissions) AS power
                                 WHERE given.name = i.role AND power <> ALL (held.permissions)
                                   AND power NOT IN ('mentoring.offer', 'mentoring.ask'))) AS good
                FROM invitations AS i JOIN firms ON firms.id = i.firm_id
                WHERE i.id = $15::text::uuid AND i.firm_id = $16::text::uuid AND i.token_hash = $17::text
             ), owner AS (
                SELECT id FROM users WHERE lower(email) = lower($2::text)
             ), consumed AS (
                UPDATE invitations SET used_at = $8::text::timestamptz
                FROM invited
                WHERE invitations.id = invited.id AND invitations.token_hash = $17::text AND invitations.used_at IS NULL
                  AND invitations.expires_at > $8::text::timestamptz AND good AND own
                  AND NOT EXISTS (SELECT 1 FROM owner)
                RETURNING invitations.firm_id, invitations.role
             ), created AS (
                INSERT INTO users (id, firm_id, name, email, password_hash, role, phone, department, position, is_verified,
                                   email_verified_at, last_login_at, password_changed_at, created_at, updated_at)
                SELECT $1::text::uuid, firm_id, $3::text, $2::text, $4::text, role, $5::text, $6::text, $7::text, true,
                       $8::text::timestamptz, $8::text::timestamptz, $8::text::timestamptz, $8::text::timestamptz,
                       $8::text::timestamptz
                FROM consumed
                ON CONFLICT (lower(email)) DO NOTHING
                RETURNING *
             ), opened AS (
                INSERT INTO sessions (id, user_id, token_hash, rotated_at, ip, user_agent, created_at, last_used_at, expires_at)
                SELECT $9::text::uuid, id, $10::text, $8::text::timestamptz, $12::text, $13::text, $8::text::timestamptz,
                       $8::text::timestamptz, $11::text::timestamptz
                FROM created
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
                SELECT $14::text::uuid, id, id, 'user.registered', 'success', $12::text, $13::text,
                       jsonb_build_object('invitation', $15::text), $8::text::timestamptz
                FROM created
             )
             SELECT coalesce((SELECT CASE WHEN NOT good THEN 'invalid'
                                          WHEN expires_at <= $8::text::timestamptz THEN 'expired'
                                          WHEN NOT own THEN 'other'
                                          WHEN EXISTS (SELECT 1 FROM owner) THEN 'taken' END
                              FROM invited), 'invalid'), ",
            user_columns!("created"),
            " FROM (SELECT 1) AS one LEFT JOIN created ON true"
        ),
        vec![
            shown(r.user),
            text(r.email.as_str()),
            text(r.name.as_str()),
            text(r.password.as_str()),
            maybe(r.phone),
            maybe(r.department),
            maybe(r.position),
            shown(r.now),
            r.session.and_then(|session| shown(session.id)),
            maybe(r.session.map(|session| session.hash.as_str())),
            r.session.and_then(|session| shown(session.expires_at)),
            maybe(r.client.address.as_deref()),
            maybe(r.client.user_agent.as_deref()),
            shown(r.event),
            shown(accepted.invitation),
            shown(accepted.firm),
            text(accepted.hash.as_str()),
        ],
    )
}

impl Registered {
    /// The answer to [`accept`].
    pub(crate) fn accepted(rows: &Rows) -> Result<Self, Failure> {
        let mut row = Reader::first(rows, "registration").ok_or_else(|| Failure::bad_row("registration"))?;
        let state = row.text()?;
        if row.is_present() {
            return User::decode(&mut row).map(|user| Self::Created(Box::new(user)));
        }
        Ok(match state {
            "expired" => Self::Refused(Code::TokenExpired),
            "other" => Self::OtherAddress,
            "taken" => Self::EmailTaken,
            _ => Self::Refused(Code::TokenInvalid),
        })
    }

    /// The answer to [`register`].
    pub(crate) fn first(rows: &Rows) -> Result<Self, Failure> {
        let mut row = Reader::first(rows, "registration").ok_or_else(|| Failure::bad_row("registration"))?;
        if !row.flag()? {
            return Ok(Self::UnknownFirm);
        }
        if !row.is_present() {
            return Ok(Self::EmailTaken);
        }
        User::decode(&mut row).map(|user| Self::Created(Box::new(user)))
    }
}
