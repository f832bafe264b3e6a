//! The audit trail: one row for each step that matters for security, never with a secret.

use doorward_core::event::{EventKind, Outcome};
use doorward_core::id::{EventId, UserId};
use doorward_core::time::Time;

use super::{maybe, shown, statement, text};
use crate::context::Client;
use crate::host::Statement;

/// Records a step on its own. The user may have gone meanwhile; the event then stands without one.
pub(crate) fn record<'a>(
    id: EventId,
    user: Option<UserId>,
    kind: EventKind,
    outcome: Outcome,
    client: &'a Client,
    now: Time,
) -> Statement<'a> {
    statement(
        "event.record",
        "INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, created_at)
         SELECT $1::text::uuid, known.id, known.id, $3::text, $4::text, $5::text, $6::text, $7::text::timestamptz
         FROM (SELECT 1) AS one LEFT JOIN users AS known ON known.id = $2::text::uuid",
        vec![
            shown(id),
            user.and_then(shown),
            text(kind.as_str()),
            text(outcome.as_str()),
            maybe(client.address.as_deref()),
            maybe(client.user_agent.as_deref()),
            shown(now),
        ],
    )
}
