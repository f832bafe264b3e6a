//! Invitations into a firm: sent, listed, taken back. Accepting one is a registration.

use doorward_core::email::Email;
use doorward_core::id::{FirmId, TokenId};
use doorward_core::role::Role;
use doorward_core::time::Time;
use serde::Serialize;

use super::acts::{Actor, actor};
use super::tokens::{NewToken, Step};
use super::{Reader, millis, shown, statement, text};
use crate::error::Failure;
use crate::host::{Rows, Statement};

/// An invitation as the API shows one.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invitation {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::id))]
    pub(crate) id: TokenId,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::address))]
    email: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::role))]
    role: Role,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::time))]
    expires_at: Time,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::time))]
    created_at: Time,
}

macro_rules! invitation_columns {
    () => {
        concat!(
            "i.id, i.email, i.role, ",
            millis!("i.expires_at"),
            ", ",
            millis!("i.created_at")
        )
    };
}

impl Invitation {
    fn decode(row: &mut Reader<'_>) -> Result<Self, Failure> {
        Ok(Self {
            id: row.parsed(TokenId::parse)?,
            email: row.text()?.to_owned(),
            role: row.parsed(|text| Role::parse(text).ok())?,
            expires_at: row.time()?,
            created_at: row.time()?,
        })
    }

    /// The answer to [`list`].
    pub(crate) fn all(rows: &Rows) -> Result<Vec<Self>, Failure> {
        Reader::all(rows, "invitation")
            .map(|mut row| Self::decode(&mut row))
            .collect()
    }
}

/// Up to `limit` invitations of a firm that nobody has accepted, the latest first, from before `before`.
pub(crate) fn list(firm: FirmId, before: Option<TokenId>, limit: usize) -> Statement<'static> {
    statement(
        "invitation.list",
        concat!(
            "SELECT ",
            invitation_columns!(),
            " FROM invitations AS i
             WHERE i.firm_id = $1::text::uuid AND i.used_at IS NULL
               AND ($2::text IS NULL OR i.id < $2::text::uuid)
             ORDER BY i.id DESC LIMIT $3::text::bigint"
        ),
        vec![shown(firm), before.and_then(shown), shown(limit)],
    )
}

/// Invites somebody, in place of an invitation from before. Where the address has an account, the mail says so and has no
/// token; whoever invites is answered the same.
pub(crate) fn create<'a>(
    actor: &'a Actor,
    firm: FirmId,
    email: &'a Email,
    role: &'a Role,
    token: &'a NewToken,
    step: Step<'a>,
) -> Statement<'a> {
    statement(
        "invitation.create",
        concat!(
            "WITH ",
            actor!(),
            ", firm AS (
                SELECT id, name FROM firms WHERE id = $9::text::uuid AND EXISTS (SELECT 1 FROM actor)
             ), owner AS (
                SELECT id, coalesce(preferences->>'locale', $16::text) AS locale FROM users
                WHERE lower(email) = lower($11::text)
             ), before AS (
                SELECT id, role FROM invitations
                WHERE firm_id = $9::text::uuid AND lower(email) = lower($11::text) AND used_at IS NULL
             ), i AS (
                INSERT INTO invitations (id, firm_id, email, role, token_hash, invited_by, created_at, expires_at)
                SELECT $10::text::uuid, id, $11::text, $12::text, $13::text, $2::text::uuid, $3::text::timestamptz,
                       $14::text::timestamptz
                FROM firm
                ON CONFLICT (firm_id, lower(email)) DO UPDATE
                SET id = excluded.id, email = excluded.email, role = excluded.role, token_hash = excluded.token_hash,
                    invited_by = excluded.invited_by, created_at = excluded.created_at, expires_at = excluded.expires_at,
                    used_at = NULL
                RETURNING *
             ), mail AS (
                INSERT INTO mail_outbox (id, user_id, token_id, recipient, template, locale, params, next_attempt_at, created_at)
                SELECT $15::text::uuid, owner.id, CASE WHEN owner.id IS NULL THEN i.id END, i.email,
                       CASE WHEN owner.id IS NULL THEN 'invitation' ELSE 'invitation_taken' END,
                       coalesce(owner.locale, $16::text), jsonb_build_object('firm', firm.name),
                       $3::text::timestamptz, $3::text::timestamptz
                FROM i CROSS JOIN firm LEFT JOIN owner ON true
             ), event AS (
                INSERT INTO events (id, firm_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
                SELECT $6::text::uuid, i.firm_id, $2::text::uuid, 'invitation.created', 'success', $7::text, $8::text,
                       jsonb_build_object(
                           'before', (SELECT jsonb_build_object('invitation', id, 'role', role) FROM before),
                           'after', jsonb_build_object('invitation', i.id, 'role', i.role)),
                       $3::text::timestamptz
                FROM i
             )
             SELECT EXISTS (SELECT 1 FROM actor), ",
            invitation_columns!(),
            " FROM (SELECT 1) AS one LEFT JOIN i ON true"
        ),
        actor.params(
            step,
            [
                shown(firm),
                shown(token.id),
                text(email.as_str()),
                text(role.as_str()),
                text(token.hash.as_str()),
                shown(token.expires_at),
                shown(token.mail),
                text(token.locale),
            ],
        ),
    )
}

/// Takes an invitation back.
pub(crate) fn revoke<'a>(actor: &'a Actor, firm: FirmId, invitation: TokenId, step: Step<'a>) -> Statement<'a> {
    statement(
        "invitation.revoke",
        concat!(
            "WITH ",
            actor!(),
            ", i AS (
                DELETE FROM invitations
                WHERE id = $10::text::uuid AND firm_id = $9::text::uuid AND used_at IS NULL AND EXISTS (SELECT 1 FROM actor)
                RETURNING *
             ), event AS (
                INSERT INTO events (id, firm_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
                SELECT $6::text::uuid, i.firm_id, $2::text::uuid, 'invitation.revoked', 'success', $7::text, $8::text,
                       jsonb_build_object('before', jsonb_build_object('invitation', i.id, 'role', i.role), 'after', NULL),
                       $3::text::timestamptz
                FROM i
             )
             SELECT EXISTS (SELECT 1 FROM actor), ",
            invitation_columns!(),
            " FROM (SELECT 1) AS one LEFT JOIN i ON true"
        ),
        actor.params(step, [shown(firm), shown(invitation)]),
    )
}

/// What became of [`create`] or [`revoke`].
#[derive(Debug)]
pub(crate) enum Effect {
    /// It is done; the invitation that it was done to.
    Done(Invitation),
    /// There is no such firm or invitation.
    Unknown,
    /// Whoever acts isn't any more who it was.
    Outdated,
}

impl Effect {
    /// The answer to [`create`] or [`revoke`].
    pub(crate) fn first(rows: &Rows) -> Result<Self, Failure> {
        let mut row = Reader::first(rows, "invitation").ok_or_else(|| Failure::bad_row("invitation"))?;
        Ok(match (row.flag()?, row.is_present()) {
            (false, _) => Self::Outdated,
            (true, false) => Self::Unknown,
            (true, true) => Self::Done(Invitation::decode(&mut row)?),
        })
    }
}
