//! Moving in: the switch as the database has it, and the arrival of somebody whom only the old system knew.

use doorward_core::email::Email;
use doorward_core::id::UserId;
use doorward_core::password::PhcHash;

use super::tokens::Step;
use super::{Param, maybe, shown, statement, text};
use crate::host::Statement;

/// Where the switch is.
pub(crate) fn stored() -> Statement<'static> {
    statement(
        "rollout.stored",
        "SELECT value FROM deployment WHERE key = 'rollout'",
        Vec::<Param<'_>>::new(),
    )
}

/// Somebody who has just shown the old system the right password.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    /// The id of a user who isn't here at all.
    pub(crate) user: UserId,
    pub(crate) email: &'a Email,
    pub(crate) name: &'a str,
    pub(crate) password: &'a PhcHash,
    pub(crate) is_verified: bool,
    /// The kind of the old system.
    pub(crate) source: &'a str,
    pub(crate) id_there: Option<&'a str>,
    /// The same id where it tells one person from all others.
    pub(crate) telling_id: Option<&'a str>,
    pub(crate) step: Step<'a>,
}

/// Makes the user, or gives one who is here without a password (an import has no hashes from some systems) this one. The
/// latter has a role and a firm already, so it takes more than an account with the same address, which anybody may have
/// made there: that the old system has seen the address verified, or the id that the import brought.
///
/// Answers what a sign-in reads; nothing where somebody else was quicker, or that isn't shown.
pub(crate) fn arrive<'a>(a: &'a Arrival<'a>) -> Statement<'a> {
    statement(
        "rollout.arrive",
        "WITH arrived AS (
            INSERT INTO users (id, name, email, password_hash, is_verified, email_verified_at, password_changed_at,
                               created_at, updated_at)
            SELECT $1::text::uuid, $3::text, $2::text, $4::text, $5::text::boolean,
                   CASE WHEN $5::text::boolean THEN $6::text::timestamptz END, $6::text::timestamptz,
                   $6::text::timestamptz, $6::text::timestamptz
            ON CONFLICT (lower(email)) DO UPDATE
            SET password_hash = excluded.password_hash, password_changed_at = excluded.password_changed_at,
                is_verified = users.is_verified OR excluded.is_verified,
                email_verified_at = coalesce(users.email_verified_at, excluded.email_verified_at)
            WHERE users.password_hash IS NULL
              AND (excluded.is_verified
                   OR EXISTS (SELECT FROM accounts AS a
                              WHERE a.user_id = users.id AND a.fingerprint IS NOT NULL
                                AND a.provider_account_id IN ($12::text, lower($12::text))))
            RETURNING id, password_hash, password_changed_at, status, is_verified
         ), event AS (
            INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
            SELECT $7::text::uuid, id, id, 'user.migrated', 'success', $8::text, $9::text,
                   jsonb_build_object('from', $10::text, 'id', $11::text), $6::text::timestamptz
            FROM arrived
         )
         SELECT id, password_hash, password_changed_at, status, is_verified FROM arrived",
        vec![
            shown(a.user),
            text(a.email.as_str()),
            text(a.name),
            text(a.password.as_str()),
            shown(a.is_verified),
            shown(a.step.now),
            shown(a.step.event),
            maybe(a.step.client.address.as_deref()),
            maybe(a.step.client.user_agent.as_deref()),
            text(a.source),
            maybe(a.id_there),
            maybe(a.telling_id),
        ],
    )
}
