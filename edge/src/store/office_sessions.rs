//! Office sessions: asked for, read by the two whom they concern, and led from one status to the next. Postgres sees to it
//! that nobody is in two places at once, and that both are of one firm.

use doorward_core::id::{EventId, OfficeSessionId, SessionId, UserId};
use doorward_core::office_session::{OfficeSessionStatus, Period, Side, Standing};
use doorward_core::time::Time;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Reader, maybe, millis, shown, statement, text};
use crate::context::Client;
use crate::error::Failure;
use crate::host::{Rows, Statement};

/// SQL that makes the JSON of an office session out of the row `o`.
macro_rules! office_session_json {
    () => {
        "json_build_object(
            'id', o.id, 'mentorId', o.mentor_id, 'menteeId', o.mentee_id,
            'mentorName', (SELECT name FROM users WHERE users.id = o.mentor_id),
            'menteeName', (SELECT name FROM users WHERE users.id = o.mentee_id),
            'startsAt', to_char(o.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),
            'endsAt', to_char(o.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),
            'timeZone', o.time_zone, 'status', o.status, 'proposedBy', o.proposed_by, 'topic', o.topic,
            'createdAt', to_char(o.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),
            'updatedAt', to_char(o.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))"
    };
}
pub(super) use office_session_json;

/// SQL that says whether a mentor is available from one time to another: `hours` has one row with `covered` and the
/// `zone`, or none where the mentor has no hours at all.
///
/// The local clock decides, on both sides of a change to or from daylight-saving time. Hours that follow each other
/// without a break count as one, also over midnight. Where the clock goes back in between, the end can come before the
/// start on it; then what lies between the two has to be covered, both included.
macro_rules! hours {
    ($mentor:literal, $from:literal, $to:literal) => {
        concat!(
            "hours AS (
                SELECT zone, coalesce(wanted <@ (
                    SELECT range_agg(tsrange(day + a.start_minute * interval '1 minute', day + a.end_minute * interval '1 minute'))
                    FROM (VALUES (first_day), (first_day + interval '1 day')) AS days (day)
                    JOIN availability AS a ON a.weekday = extract(isodow FROM day)
                    WHERE a.mentor_id = ",
            $mentor,
            "::text::uuid), false) AS covered
                FROM (
                    SELECT zone, date_trunc('day', least(from_clock, to_clock)) AS first_day,
                           CASE WHEN from_clock < to_clock THEN tsrange(from_clock, to_clock)
                                ELSE tsrange(to_clock, from_clock, '[]') END AS wanted
                    FROM (
                        SELECT time_zone AS zone, ",
            $from,
            "::text::timestamptz AT TIME ZONE time_zone AS from_clock, ",
            $to,
            "::text::timestamptz AT TIME ZONE time_zone AS to_clock
                        FROM availability WHERE mentor_id = ",
            $mentor,
            "::text::uuid LIMIT 1
                    ) AS clocks
                ) AS local
             )"
        )
    };
}

/// An office session as the API shows one: JSON that Postgres made.
#[derive(Debug)]
pub(crate) struct OfficeSession {
    json: Box<RawValue>,
    /// Where it stands in a list: when it begins, and its id.
    pub(crate) place: Place,
}

impl Serialize for OfficeSession {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl OfficeSession {
    fn decode(row: &mut Reader<'_>) -> Result<Self, Failure> {
        Ok(Self {
            json: row.parsed(|text| RawValue::from_string(text.to_owned()).ok())?,
            place: Place {
                starts_at: row.time()?,
                id: row.parsed(OfficeSessionId::parse)?,
            },
        })
    }
}

/// A place in the list, the latest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    starts_at: Time,
    id: OfficeSessionId,
}

impl Place {
    /// As it stands in a cursor.
    pub(crate) fn parse(cursor: &str) -> Option<Self> {
        let (starts_at, id) = cursor.split_once(' ')?;
        let starts_at = starts_at.parse().ok().filter(|at: &i64| at.unsigned_abs() < 1 << 47)?;
        Some(Self {
            starts_at: Time::from_millis(starts_at),
            id: OfficeSessionId::parse(id)?,
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.starts_at.as_millis(), self.id)
    }
}

/// SQL that selects what [`OfficeSession`] is decoded from, out of `o`.
macro_rules! office_session {
    () => {
        concat!(office_session_json!(), ", ", millis!("o.starts_at"), ", o.id")
    };
}

/// Those of a person, the latest first: one page, and one more where there is a next one.
pub(crate) fn list(
    person: UserId,
    status: Option<OfficeSessionStatus>,
    after: Option<Place>,
    limit: usize,
) -> Statement<'static> {
    statement(
        "office_session.list",
        concat!(
            "SELECT ",
            office_session!(),
            " FROM office_sessions AS o
             WHERE (o.mentor_id = $1::text::uuid OR o.mentee_id = $1::text::uuid)
               AND ($2::text IS NULL OR o.status = $2::text)
               AND ($3::text IS NULL OR (o.starts_at, o.id)
                    < (timestamptz 'epoch' + $3::text::bigint * interval '1 millisecond', $4::text::uuid))
             ORDER BY o.starts_at DESC, o.id DESC LIMIT $5::text::bigint"
        ),
        vec![
            shown(person),
            status.and_then(shown),
            after.and_then(|place| shown(place.starts_at.as_millis())),
            after.and_then(|place| shown(place.id)),
            shown(limit + 1),
        ],
    )
}

/// The answer to [`list`].
pub(crate) fn listed(rows: &Rows) -> Result<Vec<OfficeSession>, Failure> {
    Reader::all(rows, "office session")
        .map(|mut row| OfficeSession::decode(&mut row))
        .collect()
}

/// Reads one for one of the two whom it concerns. To everybody else there is none.
pub(crate) fn read(id: OfficeSessionId, person: UserId) -> Statement<'static> {
    statement(
        "office_session.read",
        concat!(
            "SELECT ",
            office_session!(),
            ", CASE WHEN o.mentor_id = $2::text::uuid THEN 'mentor' ELSE 'mentee' END, o.mentor_id, o.status, o.proposed_by, ",
            millis!("o.ends_at"),
            " FROM office_sessions AS o
             WHERE o.id = $1::text::uuid AND (o.mentor_id = $2::text::uuid OR o.mentee_id = $2::text::uuid)"
        ),
        vec![shown(id), shown(person)],
    )
}

/// One as it is read before something is done with it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) session: OfficeSession,
    /// Which of the two is asking.
    pub(crate) side: Side,
    pub(crate) mentor: UserId,
    pub(crate) standing: Standing,
}

impl Found {
    /// The answer to [`read`].
    pub(crate) fn first(rows: &Rows) -> Result<Option<Self>, Failure> {
        let Some(mut row) = Reader::first(rows, "office session") else {
            return Ok(None);
        };
        let session = OfficeSession::decode(&mut row)?;
        let starts_at = session.place.starts_at;
        Ok(Some(Self {
            session,
            side: row.parsed(Side::parse)?,
            mentor: row.parsed(UserId::parse)?,
            standing: Standing {
                status: row.parsed(OfficeSessionStatus::parse)?,
                proposed_by: row.parsed(Side::parse)?,
                starts_at,
                ends_at: row.time()?,
            },
        }))
    }
}

/// Who does something, and by what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor<'a> {
    pub(crate) session: SessionId,
    pub(crate) user: UserId,
    pub(crate) event: EventId,
    pub(crate) client: &'a Client,
    pub(crate) now: Time,
}

/// How many of a person's requests may wait for an answer, each of which keeps the mentor's time from others.
const MAX_OPEN: u32 = 20;

/// Asks for one: two statements for one flight. The first makes what one person asks for at once take turns, so that the
/// second counts what is really open. There the mentor's row is locked first and then the mentee's, so that those who ask at
/// once take turns rather than wait for each other.
pub(crate) fn request<'a>(
    id: OfficeSessionId,
    mentor: UserId,
    period: Period,
    topic: Option<&'a str>,
    actor: Actor<'a>,
) -> [Statement<'a>; 2] {
    let take_turns = statement(
        "office_session.take_turns",
        "SELECT 1 FROM users WHERE id = $1::text::uuid FOR NO KEY UPDATE",
        vec![shown(actor.user)],
    );
    let request = statement(
        "office_session.request",
        concat!(
            "WITH actor AS (
                SELECT u.id, u.firm_id FROM sessions AS s JOIN users AS u ON u.id = s.user_id JOIN roles AS r ON r.name = u.role
                WHERE s.id = $1::text::uuid AND s.user_id = $2::text::uuid AND s.revoked_at IS NULL
                  AND s.expires_at > $3::text::timestamptz AND u.status = 'active' AND 'mentoring.ask' = ANY (r.permissions)
             ), mentor AS (
                SELECT m.user_id, m.tenant FROM mentors AS m
                WHERE m.user_id = $4::text::uuid AND EXISTS (
                    SELECT 1 FROM users AS u JOIN roles AS r ON r.name = u.role JOIN actor ON actor.id <> u.id
                    WHERE u.id = m.user_id AND u.status = 'active' AND 'mentoring.offer' = ANY (r.permissions)
                      AND u.firm_id IS NOT DISTINCT FROM actor.firm_id)
                FOR NO KEY UPDATE
             ), ",
            hours!("$4", "$5", "$6"),
            ", waiting AS (
                SELECT count(*) >= $12::text::bigint AS is_full FROM office_sessions
                WHERE mentee_id = $2::text::uuid AND starts_at > $3::text::timestamptz
                  AND status = 'requested' AND proposed_by = 'mentee'
             ), mentee AS (
                INSERT INTO mentees (user_id) SELECT actor.id FROM actor, mentor
                ON CONFLICT (user_id) DO UPDATE SET updated_at = mentees.updated_at
                RETURNING user_id
             ), made AS (
                INSERT INTO office_sessions (id, tenant, mentor_id, mentee_id, starts_at, ends_at, time_zone, topic,
                                             created_at, updated_at)
                SELECT $7::text::uuid, mentor.tenant, mentor.user_id, mentee.user_id, $5::text::timestamptz,
                       $6::text::timestamptz, hours.zone, $8::text, $3::text::timestamptz, $3::text::timestamptz
                FROM mentor, mentee, hours, waiting WHERE hours.covered AND NOT waiting.is_full
                ON CONFLICT DO NOTHING
                RETURNING *
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
                SELECT $9::text::uuid, mentor_id, mentee_id, 'office_session.requested', 'success', $10::text, $11::text,
                       jsonb_build_object('officeSession', id, 'startsAt', $5::text, 'endsAt', $6::text),
                       $3::text::timestamptz
                FROM made
             )
             SELECT (SELECT is_full FROM waiting), EXISTS (SELECT 1 FROM mentor),
                    coalesce((SELECT covered FROM hours), false), o.id IS NOT NULL, ",
            office_session!(),
            " FROM (SELECT 1) AS one LEFT JOIN made AS o ON true"
        ),
        vec![
            shown(actor.session),
            shown(actor.user),
            shown(actor.now),
            shown(mentor),
            shown(period.starts_at()),
            shown(period.ends_at()),
            shown(id),
            maybe(topic),
            shown(actor.event),
            maybe(actor.client.address.as_deref()),
            maybe(actor.client.user_agent.as_deref()),
            shown(MAX_OPEN),
        ],
    );
    [take_turns, request]
}

/// What became of [`request`], and of a [`step`] to another time.
#[derive(Debug)]
pub(crate) enum Settled {
    /// It is done.
    Done(OfficeSession),
    /// There is no such mentor for this person, or somebody was faster.
    Gone,
    /// The mentor isn't available then.
    Unavailable,
    /// One of the two has something else then.
    Taken,
    /// As many requests as may wait for an answer do.
    Full,
}

impl Settled {
    /// The answers to [`request`].
    pub(crate) fn requested(answers: &[Rows]) -> Result<Self, Failure> {
        let row = answers.last().and_then(|rows| Reader::first(rows, "office session"));
        let mut row = row.ok_or_else(|| Failure::bad_row("office session"))?;
        let is_full = row.flag()?;
        Ok(match Self::decode(&mut row)? {
            Self::Taken if is_full => Self::Full,
            settled => settled,
        })
    }

    /// The answer to [`step`].
    pub(crate) fn first(rows: &Rows) -> Result<Self, Failure> {
        let mut row = Reader::first(rows, "office session").ok_or_else(|| Failure::bad_row("office session"))?;
        Self::decode(&mut row)
    }

    fn decode(row: &mut Reader<'_>) -> Result<Self, Failure> {
        let (is_there, is_available, is_done) = (row.flag()?, row.flag()?, row.flag()?);
        if !is_there {
            return Ok(Self::Gone);
        }
        if !is_available {
            return Ok(Self::Unavailable);
        }
        if !is_done {
            return Ok(Self::Taken);
        }
        OfficeSession::decode(row).map(Self::Done)
    }
}

/// A step from one standing to the next.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) id: OfficeSessionId,
    pub(crate) mentor: UserId,
    /// As it was read.
    pub(crate) from: Standing,
    pub(crate) to: Standing,
    /// Whether `to` has another time, at which the mentor has to be available.
    pub(crate) is_moved: bool,
    pub(crate) kind: &'static str,
    pub(crate) reason: Option<&'a str>,
    pub(crate) actor: Actor<'a>,
}

/// Takes the step if the session that asks lives and the office session stands as it was read. A time that is taken
/// violates a constraint.
pub(crate) fn step<'a>(step: &'a Step<'a>) -> Statement<'a> {
    let Step { from, to, actor, .. } = step;
    statement(
        "office_session.step",
        concat!(
            "WITH actor AS (
                SELECT u.id FROM sessions AS s JOIN users AS u ON u.id = s.user_id
                WHERE s.id = $1::text::uuid AND s.user_id = $2::text::uuid AND s.revoked_at IS NULL
                  AND s.expires_at > $3::text::timestamptz AND u.status = 'active'
             ), mentor AS (
                SELECT 1 FROM mentors WHERE user_id = $5::text::uuid FOR NO KEY UPDATE
             ), mentee AS (
                SELECT 1 FROM mentees, mentor
                WHERE user_id = (SELECT mentee_id FROM office_sessions WHERE id = $4::text::uuid) FOR NO KEY UPDATE OF mentees
             ), ",
            hours!("$5", "$6", "$7"),
            ", ready AS (
                SELECT o.id, coalesce((SELECT zone FROM hours), o.time_zone) AS zone,
                       NOT $8::text::boolean OR coalesce((SELECT covered FROM hours), false) AS available
                FROM office_sessions AS o, mentee
                WHERE o.id = $4::text::uuid AND o.status = $9::text AND o.proposed_by = $10::text
                  AND date_trunc('milliseconds', o.starts_at) = $11::text::timestamptz
                  AND date_trunc('milliseconds', o.ends_at) = $12::text::timestamptz
                  AND EXISTS (SELECT 1 FROM actor)
                FOR NO KEY UPDATE OF o
             ), done AS (
                UPDATE office_sessions AS o
                SET status = $13::text, proposed_by = $14::text,
                    starts_at = CASE WHEN $8::text::boolean THEN $6::text::timestamptz ELSE o.starts_at END,
                    ends_at = CASE WHEN $8::text::boolean THEN $7::text::timestamptz ELSE o.ends_at END,
                    note = coalesce($15::text, o.note), updated_at = $3::text::timestamptz,
                    time_zone = CASE WHEN $8::text::boolean THEN ready.zone ELSE o.time_zone END
                FROM ready WHERE o.id = ready.id AND ready.available
                RETURNING o.*
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
                SELECT $16::text::uuid, CASE WHEN mentor_id = $2::text::uuid THEN mentee_id ELSE mentor_id END,
                       $2::text::uuid, $17::text, 'success', $18::text, $19::text,
                       jsonb_build_object(
                           'officeSession', id, 'reason', $15::text,
                           'before', jsonb_build_object('status', $9::text, 'startsAt', $11::text, 'endsAt', $12::text),
                           'after', jsonb_build_object('status', $13::text, 'startsAt', $6::text, 'endsAt', $7::text)),
                       $3::text::timestamptz
                FROM done
             )
             SELECT EXISTS (SELECT 1 FROM ready), coalesce((SELECT available FROM ready), false), o.id IS NOT NULL, ",
            office_session!(),
            " FROM (SELECT 1) AS one LEFT JOIN done AS o ON true"
        ),
        vec![
            shown(actor.session),
            shown(actor.user),
            shown(actor.now),
            shown(step.id),
            shown(step.mentor),
            shown(to.starts_at),
            shown(to.ends_at),
            shown(step.is_moved),
            text(from.status.as_str()),
            text(from.proposed_by.as_str()),
            shown(from.starts_at),
            shown(from.ends_at),
            text(to.status.as_str()),
            text(to.proposed_by.as_str()),
            maybe(step.reason),
            shown(actor.event),
            text(step.kind),
            maybe(actor.client.address.as_deref()),
            maybe(actor.client.user_agent.as_deref()),
        ],
    )
}
