//! Sessions: opened by a sign-in, rotated by a refresh, ended by a logout or a reuse, looked up by a reader.

use std::time::Duration;

use doorward_core::id::{EventId, MailId, RequestId, SessionId, UserId};
use doorward_core::limit::{Rule, advance};
use doorward_core::password::PhcHash;
use doorward_core::time::Time;
use doorward_core::token::refresh::{RefreshToken, SessionRow};
use doorward_core::token::{HashedToken, PlainToken};
use doorward_core::user::Status;

use serde::Serialize;

use super::tokens::Step;
use super::users::{Credentials, User};
use super::{Reader, maybe, millis, shown, statement, text, user_columns};
use crate::context::Client;
use crate::error::Failure;
use crate::host::{Rows, Statement};

/// A session that is about to be written.
#[derive(Debug)]
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) token: PlainToken,
    pub(crate) hash: HashedToken,
    pub(crate) expires_at: Time,
}

/// A sign-in that is about to be written.
#[derive(Debug)]
pub(crate) struct SignIn<'a> {
    /// What was read before the password was checked.
    pub(crate) credentials: &'a Credentials,
    /// Today's hash, where the stored one is older.
    pub(crate) rehash: Option<&'a PhcHash>,
    pub(crate) session: &'a NewSession,
    /// The session that the same browser had before: it ends with this one, so that none is left that nobody holds.
    pub(crate) replaced: Option<SessionId>,
    /// For the notice where the device is a new one.
    pub(crate) notice: MailId,
    pub(crate) locale: &'static str,
    pub(crate) step: Step<'a>,
}

/// Signs in: opens the session if the password is still the one that was checked and the account still active. A user
/// who has been here before, but not with this kind of user agent (version numbers aside), is sent a notice.
pub(crate) fn open<'a>(s: &'a SignIn<'a>) -> Statement<'a> {
    statement(
        "session.open",
        concat!(
            "WITH signed_in AS (
                UPDATE users
                SET last_login_at = $2::text::timestamptz,
                    password_hash = CASE WHEN password_hash = $4::text THEN coalesce($5::text, password_hash)
                                         ELSE password_hash END
                WHERE id = $1::text::uuid AND status = 'active'
                  AND password_changed_at IS NOT DISTINCT FROM $3::text::timestamptz
                RETURNING *
             ), opened AS (
                INSERT INTO sessions (id, user_id, token_hash, rotated_at, ip, user_agent, created_at, last_used_at, expires_at)
                SELECT $6::text::uuid, id, $7::text, $2::text::timestamptz, $9::text, $10::text, $2::text::timestamptz,
                       $2::text::timestamptz, $8::text::timestamptz
                FROM signed_in
             ), replaced AS (
                UPDATE sessions SET revoked_at = $2::text::timestamptz, reason = 'replaced'
                WHERE id = $11::text::uuid AND revoked_at IS NULL AND EXISTS (SELECT 1 FROM signed_in)
             ), device AS (
                SELECT id, email, coalesce(preferences->>'locale', $14::text) AS locale FROM signed_in
                WHERE EXISTS (SELECT 1 FROM sessions WHERE sessions.user_id = signed_in.id)
                  AND NOT EXISTS (
                    SELECT 1 FROM sessions
                    WHERE sessions.user_id = signed_in.id
                      AND regexp_replace(coalesce(user_agent, ''), '[0-9.]+', '', 'g')
                        = regexp_replace(coalesce($10::text, ''), '[0-9.]+', '', 'g'))
             ), notice AS (
                INSERT INTO mail_outbox (id, user_id, recipient, template, locale, params, next_attempt_at, created_at)
                SELECT $13::text::uuid, id, email, 'new_device', locale,
                       jsonb_build_object('ip', $9::text, 'userAgent', $10::text, 'at', $2::text),
                       $2::text::timestamptz, $2::text::timestamptz
                FROM device
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
                SELECT $12::text::uuid, id, id, 'session.created', 'success', $9::text, $10::text,
                       jsonb_build_object('newDevice', EXISTS (SELECT 1 FROM device)), $2::text::timestamptz
                FROM signed_in
             )
             SELECT EXISTS (SELECT 1 FROM device), ",
            user_columns!("signed_in"),
            " FROM signed_in"
        ),
        vec![
            shown(s.credentials.user),
            shown(s.step.now),
            maybe(s.credentials.password_changed_at.as_deref()),
            maybe(s.credentials.password_hash.as_deref()),
            maybe(s.rehash.map(PhcHash::as_str)),
            shown(s.session.id),
            text(s.session.hash.as_str()),
            shown(s.session.expires_at),
            maybe(s.step.client.address.as_deref()),
            maybe(s.step.client.user_agent.as_deref()),
            s.replaced.and_then(shown),
            shown(s.step.event),
            shown(s.notice),
            text(s.locale),
        ],
    )
}

/// The answer to [`open`]: the user, and whether a notice is waiting to be mailed. Nothing where the password or the
/// status changed meanwhile.
pub(crate) fn opened(rows: &Rows) -> Result<Option<(User, bool)>, Failure> {
    let Some(mut row) = Reader::first(rows, "sign-in") else {
        return Ok(None);
    };
    let noticed = row.flag()?;
    Ok(Some((User::decode(&mut row)?, noticed)))
}

/// A refresh: three statements for one flight. The first is the compare-and-set that one request wins; the second ends
/// the session when the token is an older one outside the grace; the third reads what either left, with a snapshot of
/// its own, so that a loser sees the winner's row.
#[derive(Debug)]
pub(crate) struct Rotation<'a> {
    pub(crate) presented: &'a RefreshToken,
    pub(crate) presented_hash: &'a HashedToken,
    pub(crate) successor: &'a HashedToken,
    /// Tells this request's rotation from a rival's.
    pub(crate) request: RequestId,
    pub(crate) grace: Duration,
    /// How often the session may be rotated; none where nothing is limited.
    pub(crate) rule: Option<Rule>,
    pub(crate) event: EventId,
    pub(crate) client: &'a Client,
    pub(crate) now: Time,
}

impl Rotation<'_> {
    pub(crate) fn statements(&self) -> [Statement<'_>; 3] {
        let session = self.presented.session;
        let rotate = statement(
            "session.rotate",
            "UPDATE sessions
             SET token_hash = $3::text, generation = generation + 1, rotation = $5::text::uuid,
                 rotated_at = $6::text::timestamptz, last_used_at = $6::text::timestamptz,
                 ip = coalesce($7::text, ip), user_agent = coalesce($8::text, user_agent),
                 refresh_arrival = greatest(refresh_arrival, $6::text::timestamptz)
                                   + coalesce($9::text::bigint, 0) * interval '1 millisecond'
             WHERE id = $1::text::uuid AND token_hash = $2::text AND generation = $4::text::integer
               AND revoked_at IS NULL AND expires_at > $6::text::timestamptz
               AND ($9::text IS NULL OR refresh_arrival IS NULL
                    OR refresh_arrival <= $6::text::timestamptz + $10::text::bigint * interval '1 millisecond')
               AND EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id AND status = 'active')
             RETURNING id",
            vec![
                shown(session),
                text(self.presented_hash.as_str()),
                text(self.successor.as_str()),
                shown(self.presented.generation),
                shown(self.request),
                shown(self.now),
                maybe(self.client.address.as_deref()),
                maybe(self.client.user_agent.as_deref()),
                self.rule.and_then(|rule| shown(rule.interval_ms())),
                self.rule.and_then(|rule| shown(rule.tolerance_ms())),
            ],
        );
        let reuse = statement(
            "session.reuse",
            "WITH reused AS (
                UPDATE sessions SET revoked_at = $4::text::timestamptz, reason = 'token_reused'
                WHERE id = $1::text::uuid AND revoked_at IS NULL AND expires_at > $4::text::timestamptz
                  AND generation > $2::text::integer AND rotation IS DISTINCT FROM $3::text::uuid
                  AND NOT (generation = $2::text::integer + 1 AND $5::text::bigint > 0
                           AND rotated_at >= $4::text::timestamptz - $5::text::bigint * interval '1 millisecond')
                RETURNING user_id
             ), event AS (
                INSERT INTO events (id, user_id, kind, outcome, ip, user_agent, created_at)
                SELECT $6::text::uuid, user_id, 'token.reused', 'failure', $7::text, $8::text, $4::text::timestamptz
                FROM reused
             )
             SELECT user_id FROM reused",
            vec![
                shown(session),
                shown(self.presented.generation),
                shown(self.request),
                shown(self.now),
                shown(self.grace.as_millis()),
                shown(self.event),
                maybe(self.client.address.as_deref()),
                maybe(self.client.user_agent.as_deref()),
            ],
        );
        [rotate, reuse, state(session)]
    }
}

/// What a flight of [`Rotation::statements`] found.
#[derive(Debug)]
pub(crate) struct Rotated {
    /// This request won the compare-and-set.
    pub(crate) won: bool,
    /// This request ended the session, because the token was used before.
    pub(crate) reused: bool,
    /// The session as it is now.
    pub(crate) state: Option<State>,
}

/// A session with its user.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) session: SessionRow,
    /// The theoretical arrival time of its next refresh (see [`doorward_core::limit`]).
    arrival: Option<Time>,
    pub(crate) user: User,
}

impl Rotated {
    pub(crate) fn decode(answers: &[Rows]) -> Result<Self, Failure> {
        let [rotate, reuse, state] = answers else {
            return Err(Failure::bad_row("rotation"));
        };
        Ok(Self {
            won: !rotate.rows.is_empty(),
            reused: !reuse.rows.is_empty(),
            state: decode_state(state)?,
        })
    }

    /// How long a token that would have rotated has to wait, because its session was refreshed too often.
    pub(crate) fn wait(&self, rotation: &Rotation<'_>) -> Option<Duration> {
        let State { session, arrival, .. } = self.state.as_ref()?;
        let lives = session.revoked_at.is_none() && rotation.now < session.expires_at;
        let would = lives && session.user_status == Status::Active && session.token_hash == *rotation.presented_hash;
        if self.won || !would {
            return None;
        }
        advance(arrival.map(Time::as_millis), rotation.now, &rotation.rule?).err()
    }
}

fn state(session: SessionId) -> Statement<'static> {
    statement(
        "session.state",
        concat!(
            "SELECT s.token_hash, s.generation, ",
            millis!("s.rotated_at"),
            ", ",
            millis!("s.expires_at"),
            ", ",
            millis!("s.revoked_at"),
            ", ",
            millis!("s.refresh_arrival"),
            ", ",
            user_columns!("u"),
            " FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id = $1::text::uuid"
        ),
        vec![shown(session)],
    )
}

fn decode_state(rows: &Rows) -> Result<Option<State>, Failure> {
    let Some(mut row) = Reader::first(rows, "session") else {
        return Ok(None);
    };
    let token_hash = row.parsed(HashedToken::parse)?;
    let generation = row.parsed(|text| text.parse().ok())?;
    let rotated_at = row.time()?;
    let expires_at = row.time()?;
    let revoked_at = row.optional_time()?;
    let arrival = row.optional_time()?;
    let user = User::decode(&mut row)?;
    let session = SessionRow {
        token_hash,
        generation,
        rotated_at,
        expires_at,
        revoked_at,
        user_status: user.status,
    };
    Ok(Some(State { session, arrival, user }))
}

/// The user of a session that lives, if it does.
pub(crate) fn alive(session: SessionId, user: UserId, now: Time) -> Statement<'static> {
    statement(
        "session.alive",
        concat!(
            "SELECT ",
            user_columns!("u"),
            " FROM sessions AS s JOIN users AS u ON u.id = s.user_id
             WHERE s.id = $1::text::uuid AND s.user_id = $2::text::uuid AND s.revoked_at IS NULL
               AND s.expires_at > $3::text::timestamptz AND u.status = 'active'"
        ),
        vec![shown(session), shown(user), shown(now)],
    )
}

/// Ends a session, with an event if it was still alive.
pub(crate) fn end(session: SessionId, event: EventId, client: &Client, now: Time) -> Statement<'_> {
    statement(
        "session.end",
        "WITH ended AS (
            UPDATE sessions SET revoked_at = $2::text::timestamptz, reason = 'logout'
            WHERE id = $1::text::uuid AND revoked_at IS NULL
            RETURNING user_id
         )
         INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, created_at)
         SELECT $3::text::uuid, user_id, user_id, 'session.revoked', 'success', $4::text, $5::text, $2::text::timestamptz
         FROM ended",
        vec![
            shown(session),
            shown(now),
            shown(event),
            maybe(client.address.as_deref()),
            maybe(client.user_agent.as_deref()),
        ],
    )
}

/// Ends all sessions of a user but `keep`, if the password is `password` now: the statement before it in the batch has
/// just set that one, or has failed. It has to be a statement of its own, because one statement sees the sessions as
/// they were when it began, without what a sign-in wrote while it waited for that user's lock.
pub(crate) fn end_all<'a>(
    user: UserId,
    keep: Option<SessionId>,
    password: &'a PhcHash,
    reason: &'a str,
    now: Time,
) -> Statement<'a> {
    statement(
        "session.end_all",
        "UPDATE sessions SET revoked_at = $3::text::timestamptz, reason = $5::text
         WHERE user_id = $1::text::uuid AND revoked_at IS NULL AND id IS DISTINCT FROM $2::text::uuid
           AND EXISTS (SELECT 1 FROM users WHERE users.id = $1::text::uuid AND password_hash = $4::text)",
        vec![
            shown(user),
            keep.and_then(shown),
            shown(now),
            text(password.as_str()),
            text(reason),
        ],
    )
}

/// A session as its owner sees it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::id))]
    id: SessionId,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::time))]
    created_at: Time,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::time))]
    last_used_at: Time,
    ip: Option<String>,
    user_agent: Option<String>,
    /// Whether it is the one that asks.
    pub(crate) current: bool,
}

/// The sessions of a user that live, the last used one first.
pub(crate) fn list(user: UserId, current: SessionId, now: Time) -> Statement<'static> {
    statement(
        "session.list",
        concat!(
            "SELECT s.id, ",
            millis!("s.created_at"),
            ", ",
            millis!("s.last_used_at"),
            ", s.ip, s.user_agent,
                    s.id = $2::text::uuid
             FROM sessions AS s JOIN users AS u ON u.id = s.user_id
             WHERE s.user_id = $1::text::uuid AND s.revoked_at IS NULL AND s.expires_at > $3::text::timestamptz
               AND u.status = 'active'
             ORDER BY s.last_used_at DESC, s.id DESC"
        ),
        vec![shown(user), shown(current), shown(now)],
    )
}

/// The answer to [`list`].
pub(crate) fn listed(rows: &Rows) -> Result<Vec<Listed>, Failure> {
    Reader::all(rows, "session")
        .map(|mut row| {
            Ok(Listed {
                id: row.parsed(SessionId::parse)?,
                created_at: row.time()?,
                last_used_at: row.time()?,
                ip: row.owned()?,
                user_agent: row.owned()?,
                current: row.flag()?,
            })
        })
        .collect()
}

macro_rules! signed_in {
    () => {
        "me AS (
            SELECT s.id FROM sessions AS s JOIN users AS u ON u.id = s.user_id
            WHERE s.id = $2::text::uuid AND s.user_id = $1::text::uuid AND s.revoked_at IS NULL
              AND s.expires_at > $3::text::timestamptz AND u.status = 'active'
         )"
    };
}

/// Ends all sessions of a user but the one that asks.
pub(crate) fn end_others(
    user: UserId,
    current: SessionId,
    event: EventId,
    client: &Client,
    now: Time,
) -> Statement<'_> {
    statement(
        "session.end_others",
        concat!(
            "WITH ",
            signed_in!(),
            ", ended AS (
                UPDATE sessions SET revoked_at = $3::text::timestamptz, reason = 'revoked'
                WHERE user_id = $1::text::uuid AND id <> $2::text::uuid AND revoked_at IS NULL
                  AND EXISTS (SELECT 1 FROM me)
                RETURNING id
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
                SELECT $4::text::uuid, $1::text::uuid, $1::text::uuid, 'session.revoked', 'success', $5::text, $6::text,
                       jsonb_build_object('sessions', count(*)), $3::text::timestamptz
                FROM ended HAVING count(*) > 0
             )
             SELECT EXISTS (SELECT 1 FROM me)"
        ),
        vec![
            shown(user),
            shown(current),
            shown(now),
            shown(event),
            maybe(client.address.as_deref()),
            maybe(client.user_agent.as_deref()),
        ],
    )
}

/// Whether [`end_others`] found its asker signed in.
pub(crate) fn ended_others(rows: &Rows) -> Result<bool, Failure> {
    Reader::first(rows, "session")
        .ok_or_else(|| Failure::bad_row("session"))?
        .flag()
}

/// Ends one session of a user, be it the one that asks.
pub(crate) fn end_one(
    user: UserId,
    current: SessionId,
    session: SessionId,
    event: EventId,
    client: &Client,
    now: Time,
) -> Statement<'_> {
    statement(
        "session.end_one",
        concat!(
            "WITH ",
            signed_in!(),
            ", own AS (
                SELECT id FROM sessions WHERE id = $7::text::uuid AND user_id = $1::text::uuid
             ), ended AS (
                UPDATE sessions SET revoked_at = $3::text::timestamptz, reason = 'revoked'
                FROM own WHERE sessions.id = own.id AND revoked_at IS NULL AND EXISTS (SELECT 1 FROM me)
                RETURNING sessions.id
             ), event AS (
                INSERT INTO events (id, user_id, actor_id, kind, outcome, ip, user_agent, created_at)
                SELECT $4::text::uuid, $1::text::uuid, $1::text::uuid, 'session.revoked', 'success', $5::text, $6::text,
                       $3::text::timestamptz
                FROM ended
             )
             SELECT EXISTS (SELECT 1 FROM me), EXISTS (SELECT 1 FROM own)"
        ),
        vec![
            shown(user),
            shown(current),
            shown(now),
            shown(event),
            maybe(client.address.as_deref()),
            maybe(client.user_agent.as_deref()),
            shown(session),
        ],
    )
}

/// What became of [`end_one`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedOne {
    /// It is over.
    Done,
    /// The session that asks is over itself.
    NotSignedIn,
    /// No session of this user.
    NotOwn,
}

impl EndedOne {
    /// The answer to [`end_one`].
    pub(crate) fn first(rows: &Rows) -> Result<Self, Failure> {
        let mut row = Reader::first(rows, "session").ok_or_else(|| Failure::bad_row("session"))?;
        Ok(match (row.flag()?, row.flag()?) {
            (false, _) => Self::NotSignedIn,
            (true, false) => Self::NotOwn,
            (true, true) => Self::Done,
        })
    }
}
