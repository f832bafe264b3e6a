//! Profiles: a person with the firm and what belongs to the role, read in one statement each or page by page, and changed.

use doorward_core::authority::Principal;
use doorward_core::firm::Slug;
use doorward_core::id::{EventId, FirmId, SessionId, UserId};
use doorward_core::role::Role;
use doorward_core::search::SearchText;
use doorward_core::time::Time;
use serde::Serialize;
use serde_json::value::RawValue;

use super::acts::{Asker, asked};
use super::office_sessions::office_session_json;
use super::users::User;
use super::{Param, Reader, maybe, scope, shown, statement, text, user_columns, within};
use crate::context::Client;
use crate::error::Failure;
use crate::host::{Rows, Statement};

/// A profile as the API shows one.
#[derive(Debug, Serialize)]
pub(crate) struct Profile {
    #[serde(flatten)]
    pub(crate) user: User,
    /// These three are passed on as Postgres gives them.
    firm: Option<Box<RawValue>>,
    mentor: Option<Box<RawValue>>,
    mentee: Option<Box<RawValue>>,
    /// Where it stands in a list.
    #[serde(skip)]
    pub(crate) place: Place,
}

impl Profile {
    /// From the columns that `profile!` selects.
    fn decode(row: &mut Reader<'_>) -> Result<Self, Failure> {
        let user = User::decode(row)?;
        let mut json = || row.optionally(|text| RawValue::from_string(text.to_owned()).ok());
        let (firm, mentor, mentee) = (json()?, json()?, json()?);
        let created_at = row.parsed(|text| text.parse().ok())?;
        let place = Place {
            created_at,
            id: user.id,
        };
        Ok(Self {
            user,
            firm,
            mentor,
            mentee,
            place,
        })
    }

    /// The profile of the first row, if there is one.
    pub(crate) fn first(rows: &Rows) -> Result<Option<Self>, Failure> {
        Reader::first(rows, "profile")
            .map(|mut row| Self::decode(&mut row))
            .transpose()
    }
}

/// SQL that selects what [`Profile`] is decoded from, of `u`, which is rows of `users`, at the time that `clock` has.
/// Of office sessions the next 20 that are still to come.
macro_rules! profile {
    () => {
        concat!(
            user_columns!("u"),
            ", (SELECT json_build_object('id', f.id, 'slug', f.slug, 'name', f.name) FROM firms AS f WHERE f.id = u.firm_id),
             CASE WHEN 'mentoring.offer' = ANY (r.permissions) THEN json_build_object(
                'headline', m.headline, 'bio', m.bio,
                'expertise', (
                    SELECT coalesce(json_agg(e.name ORDER BY me.rank, e.name), '[]')
                    FROM mentor_expertise AS me JOIN expertise AS e ON e.id = me.expertise_id WHERE me.mentor_id = u.id),
                'availability', (
                    SELECT coalesce(json_agg(json_build_object(
                        'id', a.id, 'weekday', a.weekday,
                        'start', to_char(make_interval(mins => a.start_minute), 'HH24:MI'),
                        'end', to_char(make_interval(mins => a.end_minute), 'HH24:MI'),
                        'timeZone', a.time_zone) ORDER BY a.weekday, a.start_minute), '[]')
                    FROM availability AS a WHERE a.mentor_id = u.id),
                'officeSessions', (
                    SELECT coalesce(json_agg(",
            office_session_json!(),
            " ORDER BY o.starts_at, o.id), '[]')
                    FROM (SELECT * FROM office_sessions AS ahead WHERE ahead.mentor_id = u.id AND ahead.ends_at > clock.now
                          AND ahead.status IN ('requested', 'confirmed') ORDER BY ahead.starts_at LIMIT 20) AS o))
             END,
             CASE WHEN 'mentoring.ask' = ANY (r.permissions) THEN json_build_object(
                'goals', t.goals,
                'officeSessions', (
                    SELECT coalesce(json_agg(",
            office_session_json!(),
            " ORDER BY o.starts_at, o.id), '[]')
                    FROM (SELECT * FROM office_sessions AS ahead WHERE ahead.mentee_id = u.id AND ahead.ends_at > clock.now
                          AND ahead.status IN ('requested', 'confirmed') ORDER BY ahead.starts_at LIMIT 20) AS o))
             END,
             (extract(epoch FROM u.created_at) * 1000000)::bigint"
        )
    };
}

/// What `profile!` reads from beside `u`.
macro_rules! around {
    () => {
        "JOIN roles AS r ON r.name = u.role LEFT JOIN mentors AS m ON m.user_id = u.id
         LEFT JOIN mentees AS t ON t.user_id = u.id
         CROSS JOIN (SELECT $1::text::timestamptz AS now) AS clock"
    };
}

/// Reads one.
pub(crate) fn read(user: UserId, now: Time) -> Statement<'static> {
    statement(
        "profile.read",
        concat!(
            "SELECT ",
            profile!(),
            " FROM users AS u ",
            around!(),
            " WHERE u.id = $2::text::uuid"
        ),
        vec![shown(now), shown(user)],
    )
}

/// Which ones are listed.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) role: Option<Role>,
    pub(crate) firm: Option<FirmKey>,
    /// A part of the name or the address.
    pub(crate) search: Option<SearchText>,
    pub(crate) after: Option<Place>,
    pub(crate) limit: usize,
}

/// How a query names a firm.
#[derive(Debug)]
pub(crate) enum FirmKey {
    Id(FirmId),
    Slug(Slug),
}

/// A place in the list, newest first: when the user was made, in microseconds since 1970, and the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    created_at: i64,
    id: UserId,
}

impl Place {
    /// As it stands in a cursor.
    pub(crate) fn parse(cursor: &str) -> Option<Self> {
        let (created_at, id) = cursor.split_once(' ')?;
        // Postgres' own range begins and ends nearer.
        let created_at = created_at.parse().ok().filter(|at: &i64| at.unsigned_abs() < 1 << 57)?;
        Some(Self {
            created_at,
            id: UserId::parse(id)?,
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.created_at, self.id)
    }
}

/// One page, the newest first, and one more where there is a next page. Everything that isn't asked for folds away
/// before the statement is planned, so that an index serves what is left: by time, by role, by firm, or by the trigrams
/// of name and address.
pub(crate) fn list(filter: &Filter, asker: Asker) -> Statement<'static> {
    let [all, own] = scope(asker.scope);
    let (id, slug): (Param<'_>, Param<'_>) = match &filter.firm {
        None => (None, None),
        Some(FirmKey::Id(id)) => (shown(id), None),
        Some(FirmKey::Slug(slug)) => (None, shown(slug)),
    };
    let [session, user, now, permission] = asker.params();
    statement(
        "profile.list",
        concat!(
            "WITH page AS (
                SELECT u.* FROM users AS u
                WHERE ",
            within!("u.firm_id", "$2", "$3"),
            "     AND ($4::text IS NULL OR u.role = $4::text)
                  AND ($5::text IS NULL OR u.firm_id = $5::text::uuid)
                  AND ($6::text IS NULL OR u.firm_id = (SELECT firms.id FROM firms WHERE slug = $6::text))
                  AND ($7::text IS NULL OR lower(u.name || E'\\n' || u.email) LIKE lower($7::text))
                  AND ($8::text IS NULL OR (u.created_at, u.id)
                       < (timestamptz 'epoch' + $8::text::bigint * interval '1 microsecond', $9::text::uuid))
                  AND ",
            asked!("$11", "$12", "$1", "$13"),
            "   ORDER BY u.created_at DESC, u.id DESC LIMIT $10::text::bigint
             )
             SELECT ",
            profile!(),
            " FROM page AS u ",
            around!(),
            " ORDER BY u.created_at DESC, u.id DESC"
        ),
        vec![
            now,
            all,
            own,
            filter.role.as_ref().and_then(shown),
            id,
            slug,
            filter.search.as_ref().and_then(|part| shown(part.pattern())),
            filter.after.and_then(|place| shown(place.created_at)),
            filter.after.and_then(|place| shown(place.id)),
            shown(filter.limit + 1),
            session,
            user,
            permission,
        ],
    )
}

/// The answer to [`list`].
pub(crate) fn listed(rows: &Rows) -> Result<Vec<Profile>, Failure> {
    Reader::all(rows, "profile")
        .map(|mut row| Profile::decode(&mut row))
        .collect()
}

/// What only those have who offer office sessions.
pub(crate) const MENTOR_FIELDS: &[&str] = &["headline", "bio", "expertise", "availability"];
/// What only those have who ask for them.
pub(crate) const MENTEE_FIELDS: &[&str] = &["goals"];

/// A change of a profile.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) user: UserId,
    /// What is changed, by the names that the API has for it: texts or null; of `preferences` the new values, and in
    /// `removed` the keys that go; `expertise` as names; `availability` with minutes since midnight.
    pub(crate) patch: &'a str,
    /// The names in it.
    pub(crate) fields: Vec<&'a str>,
    /// The session that asks, and whose it is.
    pub(crate) session: SessionId,
    pub(crate) actor: UserId,
    /// For somebody else's profile: what was decided by, to be still so.
    pub(crate) decided_by: Option<(&'a Principal, Option<FirmId>)>,
    pub(crate) event: EventId,
    pub(crate) client: &'a Client,
    pub(crate) now: Time,
}

impl Change<'_> {
    fn has_any(&self, names: &[&str]) -> bool {
        self.fields.iter().any(|field| names.contains(field))
    }
}

/// Changes a profile: one flight, the first statement of which decides whether the others find its event and do anything.
/// They are several because a statement doesn't see what another part of it does: the old hours have to be gone before
/// the constraints look at the new ones. The last one reads the profile as it is then.
pub(crate) fn change<'a>(change: &'a Change<'a>) -> Vec<Statement<'a>> {
    let mut statements = vec![write(change)];
    let mut then = |name, text: &'static str, needs_patch: bool| {
        let mut params = vec![shown(change.event), shown(change.user)];
        if needs_patch {
            params.push(Some(change.patch.into()));
        }
        statements.push(statement(name, text, params));
    };
    if change.has_any(&["expertise"]) {
        then(
            "profile.name_expertise",
            "INSERT INTO expertise (name)
             SELECT DISTINCT ON (lower(name)) name FROM jsonb_array_elements_text($3::text::jsonb->'expertise') AS t (name)
             WHERE EXISTS (SELECT 1 FROM events WHERE id = $1::text::uuid AND user_id = $2::text::uuid)
             ORDER BY lower(name)
             ON CONFLICT (lower(name)) DO NOTHING",
            true,
        );
        then(
            "profile.clear_expertise",
            "DELETE FROM mentor_expertise WHERE mentor_id = $2::text::uuid
             AND EXISTS (SELECT 1 FROM events WHERE id = $1::text::uuid)",
            false,
        );
        then(
            "profile.set_expertise",
            "INSERT INTO mentor_expertise (mentor_id, expertise_id, rank)
             SELECT $2::text::uuid, e.id, min(t.rank)
             FROM jsonb_array_elements_text($3::text::jsonb->'expertise') WITH ORDINALITY AS t (name, rank)
             JOIN expertise AS e ON lower(e.name) = lower(t.name)
             WHERE EXISTS (SELECT 1 FROM events WHERE events.id = $1::text::uuid)
             GROUP BY e.id",
            true,
        );
    }
    if change.has_any(&["availability"]) {
        then(
            "profile.clear_availability",
            "DELETE FROM availability WHERE mentor_id = $2::text::uuid
             AND EXISTS (SELECT 1 FROM events WHERE id = $1::text::uuid)",
            false,
        );
        then(
            "profile.set_availability",
            "INSERT INTO availability (mentor_id, weekday, start_minute, end_minute, time_zone)
             SELECT $2::text::uuid, weekday, start_minute, end_minute, time_zone
             FROM jsonb_to_recordset($3::text::jsonb->'availability')
                  AS t (weekday smallint, start_minute integer, end_minute integer, time_zone text)
             WHERE EXISTS (SELECT 1 FROM events WHERE id = $1::text::uuid)",
            true,
        );
    }
    statements.push(read(change.user, change.now));
    statements
}

fn write<'a>(change: &'a Change<'a>) -> Statement<'a> {
    let Change { client, .. } = change;
    statement(
        "profile.write",
        "WITH actor AS (
            SELECT u.id FROM sessions AS s JOIN users AS u ON u.id = s.user_id
            WHERE s.id = $1::text::uuid AND s.user_id = $2::text::uuid AND s.revoked_at IS NULL
              AND s.expires_at > $3::text::timestamptz AND u.status = 'active'
              AND ($8::text IS NULL OR (u.role = $8::text AND u.firm_id IS NOT DISTINCT FROM $9::text::uuid))
         ), locked AS (
            SELECT u.* FROM users AS u
            WHERE u.id = $4::text::uuid AND EXISTS (SELECT 1 FROM actor)
              AND ($8::text IS NULL OR u.firm_id IS NOT DISTINCT FROM $10::text::uuid)
            FOR NO KEY UPDATE
         ), person AS (
            SELECT u.*, m.headline, m.bio, t.goals, $5::text::jsonb AS patch,
                   'mentoring.offer' = ANY (r.permissions) AS offers, 'mentoring.ask' = ANY (r.permissions) AS asks,
                   (u.preferences || coalesce($5::text::jsonb->'preferences', '{}'))
                       - ARRAY(SELECT jsonb_array_elements_text($5::text::jsonb->'removed')) AS merged
            FROM locked AS u JOIN roles AS r ON r.name = u.role LEFT JOIN mentors AS m ON m.user_id = u.id
                 LEFT JOIN mentees AS t ON t.user_id = u.id
         ), checked AS (
            SELECT *, octet_length(merged::text) <= 8192 OR NOT patch ? 'preferences' AS small,
                   (SELECT count(*) FROM jsonb_object_keys(merged)) <= 64 OR NOT patch ? 'preferences' AS few
            FROM person
         ), done AS (
            UPDATE users AS u SET
                name = coalesce(c.patch->>'name', u.name),
                phone = CASE WHEN c.patch ? 'phone' THEN c.patch->>'phone' ELSE u.phone END,
                avatar_url = CASE WHEN c.patch ? 'avatarUrl' THEN c.patch->>'avatarUrl' ELSE u.avatar_url END,
                department = CASE WHEN c.patch ? 'department' THEN c.patch->>'department' ELSE u.department END,
                position = CASE WHEN c.patch ? 'position' THEN c.patch->>'position' ELSE u.position END,
                preferences = c.merged,
                updated_at = $3::text::timestamptz
            FROM checked AS c
            WHERE u.id = c.id AND c.small AND c.few AND (c.offers OR NOT $6::text::boolean)
              AND (c.asks OR NOT $7::text::boolean)
            RETURNING u.*, c.patch, c.headline, c.bio, c.goals
         ), mentor AS (
            INSERT INTO mentors (user_id, headline, bio)
            SELECT id, patch->>'headline', patch->>'bio' FROM done WHERE $6::text::boolean
            ON CONFLICT (user_id) DO UPDATE SET
                headline = CASE WHEN $5::text::jsonb ? 'headline' THEN excluded.headline ELSE mentors.headline END,
                bio = CASE WHEN $5::text::jsonb ? 'bio' THEN excluded.bio ELSE mentors.bio END,
                updated_at = $3::text::timestamptz
         ), mentee AS (
            INSERT INTO mentees (user_id, goals)
            SELECT id, patch->>'goals' FROM done WHERE $7::text::boolean
            ON CONFLICT (user_id) DO UPDATE SET goals = excluded.goals, updated_at = $3::text::timestamptz
         ), fields AS (
            SELECT jsonb_object_agg(key, value) AS before
            FROM checked AS c, jsonb_each(jsonb_build_object(
                'name', c.name, 'phone', c.phone, 'avatarUrl', c.avatar_url, 'department', c.department,
                'position', c.position, 'preferences', c.preferences, 'headline', c.headline, 'bio', c.bio,
                'goals', c.goals))
            WHERE c.patch ? key
         ), event AS (
            INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
            SELECT $11::text::uuid, done.id, $2::text::uuid, 'user.updated', 'success', $12::text, $13::text,
                   jsonb_build_object('fields', (SELECT coalesce(jsonb_agg(key), '[]') FROM jsonb_object_keys(patch) AS key
                                                 WHERE key <> 'removed'))
                   || CASE WHEN $8::text IS NULL THEN '{}'
                           ELSE jsonb_build_object('before', coalesce(fields.before, '{}'), 'after', patch) END,
                   $3::text::timestamptz
            FROM done, fields
         )
         SELECT offers, asks, small, few FROM checked",
        vec![
            shown(change.session),
            shown(change.actor),
            shown(change.now),
            shown(change.user),
            text(change.patch),
            shown(change.has_any(MENTOR_FIELDS)),
            shown(change.has_any(MENTEE_FIELDS)),
            change.decided_by.and_then(|(principal, _)| shown(&principal.role)),
            change.decided_by.and_then(|(principal, _)| principal.firm.and_then(shown)),
            change.decided_by.and_then(|(_, firm)| firm.and_then(shown)),
            shown(change.event),
            maybe(client.address.as_deref()),
            maybe(client.user_agent.as_deref()),
        ],
    )
}

/// What became of [`change`].
#[derive(Debug)]
pub(crate) enum Changed {
    /// It is done; this is the profile now.
    Done(Box<Profile>),
    /// Nothing was done: the person doesn't offer office sessions or doesn't ask for them as the change presumes, or the
    /// preferences would be too large or too many.
    Refused {
        offers: bool,
        asks: bool,
        small: bool,
        few: bool,
    },
    /// Nothing was done: the session ended, the person has gone, or what was decided by isn't so any more.
    Stale,
}

impl Changed {
    /// The answers to [`change`].
    pub(crate) fn decode(change: &Change<'_>, answers: &[Rows]) -> Result<Self, Failure> {
        let first = answers.first().and_then(|rows| Reader::first(rows, "profile change"));
        let Some(mut row) = first else {
            return Ok(Self::Stale);
        };
        let (offers, asks, small, few) = (row.flag()?, row.flag()?, row.flag()?, row.flag()?);
        if !small || !few || (!offers && change.has_any(MENTOR_FIELDS)) || (!asks && change.has_any(MENTEE_FIELDS)) {
            return Ok(Self::Refused {
                offers,
                asks,
                small,
                few,
            });
        }
        let profile = answers.last().map(Profile::first).transpose()?.flatten();
        profile
            .map(|profile| Self::Done(Box::new(profile)))
            .ok_or_else(|| Failure::bad_row("profile"))
    }
}
