//! What an admin changes about somebody: role, status, tier, sessions.

use doorward_core::id::{EventId, UserId};
use doorward_core::role::Role;
use doorward_core::session::RevocationReason;
use doorward_core::tier::Tier;
use doorward_core::user::Status;

use super::acts::{Actor, actor};
use super::tokens::Step;
use super::users::User;
use super::{Reader, shown, statement, text, user_columns};
use crate::error::Failure;
use crate::host::{Rows, Statement};

/// What somebody is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) role: Role,
    pub(crate) status: Status,
    pub(crate) tier: Tier,
}

impl Standing {
    /// What somebody is.
    pub(crate) fn of(user: &User) -> Self {
        Self {
            role: user.role.clone(),
            status: user.status,
            tier: user.tier,
        }
    }

    fn is_active_admin(&self) -> bool {
        self.role.is_admin() && self.status == Status::Active
    }
}

/// Changes somebody's standing, unless it is another one by now or nobody would stay admin. Each change is an event of its
/// own, for which there are three ids. Where an admin might be lost, a statement of the same flight comes before, which makes such
/// changes wait for each other, so that this one counts the admins that are really left. Where the account closes, one comes
/// behind that ends its sessions.
pub(crate) fn change<'a>(
    actor: &'a Actor,
    target: &'a User,
    wanted: &'a Standing,
    events: [EventId; 2],
    step: Step<'a>,
) -> Vec<Statement<'a>> {
    let [for_status, for_tier] = events;
    let change = statement(
        "user.change",
        concat!(
            "WITH ",
            actor!(),
            ", before AS (
                SELECT id, firm_id FROM users
                WHERE id = $11::text::uuid AND role = $15::text AND status = $16::text AND tier = $17::text
                  AND firm_id IS NOT DISTINCT FROM $18::text::uuid AND EXISTS (SELECT 1 FROM actor)
             ), last AS (
                SELECT id FROM before
                WHERE $15::text = 'admin' AND $16::text = 'active' AND ($12::text <> 'admin' OR $13::text <> 'active')
                  AND NOT EXISTS (
                    SELECT 1 FROM users AS other
                    WHERE other.role = 'admin' AND other.status = 'active' AND other.id <> before.id
                      AND other.firm_id IS NOT DISTINCT FROM before.firm_id)
             ), done AS (
                UPDATE users
                SET role = $12::text, status = $13::text, tier = $14::text, updated_at = $3::text::timestamptz
                FROM before
                WHERE users.id = before.id AND users.role = $15::text AND users.status = $16::text
                  AND users.tier = $17::text AND NOT EXISTS (SELECT 1 FROM last)
                RETURNING users.*
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
                SELECT c.id, done.id, $2::text::uuid, 'user.' || c.field || '_changed', 'success', $7::text, $8::text,
                       jsonb_build_object('before', jsonb_build_object(c.field, c.before),
                                          'after', jsonb_build_object(c.field, c.after)),
                       $3::text::timestamptz
                FROM done, (VALUES ($6::text::uuid, 'role', $15::text, $12::text),
                                   ($9::text::uuid, 'status', $16::text, $13::text),
                                   ($10::text::uuid, 'tier', $17::text, $14::text)) AS c (id, field, before, after)
                WHERE c.before <> c.after
             )
             SELECT EXISTS (SELECT 1 FROM last), ",
            user_columns!("done"),
            " FROM (SELECT 1) AS one LEFT JOIN done ON true"
        ),
        actor.params(
            step,
            [
                shown(for_status),
                shown(for_tier),
                shown(target.id),
                text(wanted.role.as_str()),
                text(wanted.status.as_str()),
                text(wanted.tier.as_str()),
                text(target.role.as_str()),
                text(target.status.as_str()),
                text(target.tier.as_str()),
                target.firm_id.and_then(shown),
            ],
        ),
    );
    let loses_an_admin = Standing::of(target).is_active_admin() && !wanted.is_active_admin();
    let lock = loses_an_admin.then(lock_admins);
    let closes = target.status != wanted.status && wanted.status != Status::Active;
    let close = closes.then(|| close_sessions(target.id, for_status, step));
    lock.into_iter().chain([change]).chain(close).collect()
}

/// Ends the sessions of an account that the statement before it has just closed, which left that event, or has failed to: to
/// open the account again must not open them. A statement of its own, because one statement doesn't see what a sign-in
/// wrote while it waited for that user's lock.
fn close_sessions(user: UserId, event: EventId, step: Step<'_>) -> Statement<'_> {
    statement(
        "user.close_sessions",
        "UPDATE sessions SET revoked_at = $3::text::timestamptz, reason = $4::text
         WHERE user_id = $1::text::uuid AND revoked_at IS NULL
           AND EXISTS (SELECT 1 FROM events WHERE events.id = $2::text::uuid)",
        vec![
            shown(user),
            shown(event),
            shown(step.now),
            text(RevocationReason::AccountClosed.as_str()),
        ],
    )
}

/// Makes what may take an admin away wait for each other.
pub(super) fn lock_admins() -> Statement<'static> {
    statement(
        "account.lock_admins",
        "SELECT 1 FROM roles WHERE name = 'admin' FOR UPDATE",
        Vec::new(),
    )
}

/// What became of [`change`].
#[derive(Debug)]
pub(crate) enum Changed {
    /// The user as it is now.
    Done(Box<User>),
    /// The last active admin of the deployment or of a firm stays.
    LastAdmin,
    /// Whoever acts, or whoever it is done to, isn't any more who it was.
    Outdated,
}

impl Changed {
    /// The answers to [`change`].
    pub(crate) fn decode(answers: &[Rows]) -> Result<Self, Failure> {
        // The last that has a row: of the statements around the change, only the one before it has.
        let row = answers.iter().rev().find_map(|rows| Reader::first(rows, "change"));
        let mut row = row.ok_or_else(|| Failure::bad_row("change"))?;
        Ok(match (row.flag()?, row.is_present()) {
            (true, _) => Self::LastAdmin,
            (false, false) => Self::Outdated,
            (false, true) => Self::Done(Box::new(User::decode(&mut row)?)),
        })
    }
}

/// Ends every session of somebody.
pub(crate) fn end_sessions<'a>(actor: &'a Actor, target: UserId, step: Step<'a>) -> Statement<'a> {
    statement(
        "user.end_sessions",
        concat!(
            "WITH ",
            actor!(),
            ", ended AS (
                UPDATE sessions SET revoked_at = $3::text::timestamptz, reason = 'by_admin'
                WHERE user_id = $9::text::uuid AND revoked_at IS NULL AND expires_at > $3::text::timestamptz
                  AND EXISTS (SELECT 1 FROM actor)
                RETURNING id
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
                SELECT $6::text::uuid, users.id, $2::text::uuid, 'session.revoked', 'success', $7::text, $8::text,
                       jsonb_build_object('before', jsonb_build_object('sessions', (SELECT count(*) FROM ended)),
                                          'after', jsonb_build_object('sessions', 0)),
                       $3::text::timestamptz
                FROM users, actor WHERE users.id = $9::text::uuid
             )
             SELECT EXISTS (SELECT 1 FROM actor)"
        ),
        actor.params(step, [shown(target)]),
    )
}

/// Whether [`end_sessions`] found whoever acts as it was.
pub(crate) fn ended(rows: &Rows) -> Result<bool, Failure> {
    Reader::first(rows, "sessions")
        .ok_or_else(|| Failure::bad_row("sessions"))?
        .flag()
}
