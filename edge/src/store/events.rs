//! The audit trail: one row for each step that matters for security, never with a secret.

use doorward_core::event::{EventKind, Outcome};
use doorward_core::id::UserId;

use super::tokens::Step;
use super::{maybe, shown, statement, text};
use crate::host::Statement;

/// Records a step on its own. The user may have gone meanwhile; the event then stands without one. Who failed to sign in
/// isn't known: such an event is about the user, and has no actor.
pub(crate) fn record(user: Option<UserId>, kind: EventKind, outcome: Outcome, step: Step<'_>) -> Statement<'_> {
    statement(
        "event.record",
        "INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, created_at)
         SELECT $1::text::uuid, known.id, CASE WHEN $3::text <> 'login.failed' THEN known.id END, $3::text, $4::text, $5::text, $6::text, $7::text::timestamptz
         FROM (SELECT 1) AS one LEFT JOIN users AS known ON known.id = $2::text::uuid",
        vec![
            shown(step.event),
            user.and_then(shown),
            text(kind.as_str()),
            text(outcome.as_str()),
            maybe(step.client.address.as_deref()),
            maybe(step.client.user_agent.as_deref()),
            shown(step.now),
        ],
    )
}
