//! What the maintenance deletes, in batches that are short enough not to be in anybody's way.

use doorward_core::time::Time;

use super::{shown, statement};
use crate::host::Statement;

/// The most rows that one statement deletes.
pub(crate) const BATCH: u64 = 1000;

/// Sessions that expired or were ended before `before`.
pub(crate) fn sessions(before: Time) -> Statement<'static> {
    statement(
        "sweep.sessions",
        "WITH doomed AS MATERIALIZED (
            SELECT id FROM sessions WHERE expires_at < $1::text::timestamptz OR revoked_at < $1::text::timestamptz
            LIMIT $2::text::integer FOR UPDATE SKIP LOCKED
         )
         DELETE FROM sessions USING doomed WHERE sessions.id = doomed.id",
        vec![shown(before), shown(BATCH)],
    )
}

/// One-time tokens, used or not, that expired before `before`; and as many invitations, which aren't counted.
pub(crate) fn tokens(before: Time) -> Statement<'static> {
    statement(
        "sweep.tokens",
        "WITH doomed AS MATERIALIZED (
            SELECT id FROM tokens WHERE expires_at < $1::text::timestamptz
            LIMIT $2::text::integer FOR UPDATE SKIP LOCKED
         ), old AS MATERIALIZED (
            SELECT id FROM invitations WHERE expires_at < $1::text::timestamptz
            LIMIT $2::text::integer FOR UPDATE SKIP LOCKED
         ), invitations AS (
            DELETE FROM invitations USING old WHERE invitations.id = old.id
         )
         DELETE FROM tokens USING doomed WHERE tokens.id = doomed.id",
        vec![shown(before), shown(BATCH)],
    )
}

/// Mail that was sent, or became obsolete, before `before`. What failed stays until an operator has looked at it.
pub(crate) fn mail(before: Time) -> Statement<'static> {
    statement(
        "sweep.mail",
        "WITH doomed AS MATERIALIZED (
            SELECT id FROM mail_outbox
            WHERE status IN ('sent', 'obsolete') AND created_at < $1::text::timestamptz
              AND coalesce(sent_at, created_at) < $1::text::timestamptz
            LIMIT $2::text::integer FOR UPDATE SKIP LOCKED
         )
         DELETE FROM mail_outbox USING doomed WHERE mail_outbox.id = doomed.id",
        vec![shown(before), shown(BATCH)],
    )
}

/// Events from before `before`. Their ids begin with their time (RFC 9562, section 5.7), which has an index already.
pub(crate) fn events(before: Time) -> Statement<'static> {
    statement(
        "sweep.events",
        "WITH doomed AS MATERIALIZED (
            SELECT id FROM events
            WHERE id < (lpad(to_hex($3::text::bigint), 12, '0') || '00000000000000000000')::uuid
              AND created_at < $1::text::timestamptz
            ORDER BY id LIMIT $2::text::integer FOR UPDATE SKIP LOCKED
         )
         DELETE FROM events USING doomed WHERE events.id = doomed.id",
        vec![shown(before), shown(BATCH), shown(before.as_millis().max(0))],
    )
}
