//! The audit trail: one row for each step that matters for security, never with a secret.

use doorward_core::event::{EventKind, Outcome};
use doorward_core::id::{EventId, FirmId, UserId};
use doorward_core::time::Time;
use serde::Serialize;
use serde_json::value::RawValue;

use super::acts::{Asker, asked};
use super::tokens::Step;
use super::{Reader, maybe, millis, scope, shown, statement, text, within};
use crate::error::Failure;
use crate::host::{Rows, Statement};

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

/// An event as the API shows one.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::id))]
    pub(crate) id: EventId,
    /// Whom it is about.
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::id_or_null))]
    user_id: Option<UserId>,
    /// Who did it; null where that isn't known.
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::id_or_null))]
    actor_id: Option<UserId>,
    /// The firm that it belongs to.
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::id_or_null))]
    firm_id: Option<FirmId>,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::given))]
    kind: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::outcome))]
    outcome: Outcome,
    ip: Option<String>,
    user_agent: Option<String>,
    /// A JSON object, passed on as Postgres gives it.
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::object))]
    details: Box<RawValue>,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::time))]
    created_at: Time,
}

/// Which events are wanted.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Those about this user.
    pub(crate) user: Option<UserId>,
    /// Those of this kind.
    pub(crate) kind: Option<String>,
    /// Those from before this one.
    pub(crate) before: Option<EventId>,
    pub(crate) limit: usize,
}

/// The events of a scope, the latest first, and one more than the limit.
pub(crate) fn list(asker: Asker, wanted: &Wanted) -> Statement<'_> {
    let [all, own] = scope(asker.scope);
    let mut params = vec![
        all,
        own,
        wanted.user.and_then(shown),
        maybe(wanted.kind.as_deref()),
        wanted.before.and_then(shown),
        shown(wanted.limit + 1),
    ];
    params.extend(asker.params());
    statement(
        "event.list",
        concat!(
            "SELECT e.id, e.user_id, e.actor_id, e.firm_id, e.kind, e.outcome, e.ip, e.user_agent, e.details, ",
            millis!("e.created_at"),
            " FROM events AS e WHERE ",
            within!("e.firm_id", "$1", "$2"),
            " AND ($3::text IS NULL OR e.user_id = $3::text::uuid) AND ($4::text IS NULL OR e.kind = $4::text)
              AND ($5::text IS NULL OR e.id < $5::text::uuid) AND ",
            asked!("$7", "$8", "$9", "$10"),
            " ORDER BY e.id DESC LIMIT $6::text::bigint"
        ),
        params,
    )
}

impl Event {
    /// The answer to [`list`].
    pub(crate) fn all(rows: &Rows) -> Result<Vec<Self>, Failure> {
        let decode = |mut row: Reader<'_>| {
            Ok(Self {
                id: row.parsed(EventId::parse)?,
                user_id: row.optionally(UserId::parse)?,
                actor_id: row.optionally(UserId::parse)?,
                firm_id: row.optionally(FirmId::parse)?,
                kind: row.text()?.to_owned(),
                outcome: row.parsed(Outcome::parse)?,
                ip: row.owned()?,
                user_agent: row.owned()?,
                details: row.parsed(|text| RawValue::from_string(text.to_owned()).ok())?,
                created_at: row.time()?,
            })
        };
        Reader::all(rows, "event").map(decode).collect()
    }
}
