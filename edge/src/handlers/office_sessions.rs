//! `POST /api/office-sessions`: a mentee asks a mentor of the same firm for a time. `GET /api/office-sessions` and
//! `/api/office-sessions/{id}`: one's own, on either side. `POST /api/office-sessions/{id}/confirm`, `/move`, `/cancel` and
//! `/complete`: what comes of it (`core::office_session` has the table).
//!
//! 201, 200 `{officeSession}`, 200 `{officeSessions, nextCursor}` · 400 for a time at which the mentor isn't available ·
//! 401 `UNAUTHENTICATED`, at once when the session was revoked · 403 `FORBIDDEN` · 404 `USER_NOT_FOUND` for who is no
//! mentor of one's firm, `OFFICE_SESSION_NOT_FOUND` also for that of others · 409 `SLOT_TAKEN`, `TOO_MANY_OPEN`,
//! `INVALID_TRANSITION`. One flight to Postgres; two for what comes of it.

use std::time::Duration;

use doorward_core::authority::{Action, may};
use doorward_core::error::FieldProblem;
use doorward_core::event::EventKind;
use doorward_core::id::{EventId, OfficeSessionId, UserId};
use doorward_core::office_session::{
    ActRefused, OfficeSessionAct, OfficeSessionStatus, Period, PeriodError, Side, USUAL,
};
use doorward_core::permission::Permission;
use doorward_core::text::ShortText;
use doorward_core::time::Time;
use http::StatusCode;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Code, Dependency, Failure};
use crate::extract::{Fields, present};
use crate::guards::allow;
use crate::host::{Host, Rows, SqlError};
use crate::paging::Page;
use crate::reply::Reply;
use crate::store::office_sessions::{
    Actor, Found, OfficeSession, Place, Settled, Step, list, listed, read, request, step,
};

/// What a session is about, or why it was called off.
type Line = ShortText<200>;

/// How often a step is decided anew because the session changed after it was read.
const ATTEMPTS: u32 = 4;

pub(crate) async fn get_all<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let claims = ctx.access_claims()?;
    let mut fields = Fields::query(&ctx.uri);
    let status = fields.optional("status", |text| {
        OfficeSessionStatus::parse(text).ok_or(FieldProblem::Invalid)
    });
    let after = fields.cursor(Place::parse);
    let limit = fields.limit();
    fields.finish()?;
    let (_, answers) = ctx.fresh(vec![list(claims.subject, status, after, limit)]).await?;
    let page = Page::new(
        "officeSessions",
        listed(&first(answers))?,
        limit,
        |one: &OfficeSession| one.place.to_string(),
    );
    Ok(page.reply())
}

pub(crate) async fn get<H: Host>(ctx: &Context<H>, id: OfficeSessionId) -> Result<Reply, Failure> {
    let claims = ctx.access_claims()?;
    let (_, answers) = ctx.fresh(vec![read(id, claims.subject)]).await?;
    let found = Found::first(&first(answers))?.ok_or(Code::OfficeSessionNotFound)?;
    Ok(reply(StatusCode::OK, &found.session))
}

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let (mentor, period, topic) = match parse_request(ctx) {
        Ok(parsed) => parsed,
        Err(failure) => return ctx.refuse(Permission::MentoringAsk, failure).await,
    };
    let id = OfficeSessionId::generate(ctx.now, &ctx.host)?;
    let topic = topic.as_ref().map(Line::as_str).filter(|topic| !topic.is_empty());
    let asked = request(id, mentor, period, topic, actor(ctx)?);
    let (actor, answers) = ctx.fresh(asked.into()).await?;
    if !actor.user.permissions.has(Permission::MentoringAsk) {
        return Err(Code::Forbidden.into());
    }
    let settled = Settled::requested(&answers)?;
    settle(settled, StatusCode::CREATED, Code::UserNotFound)
}

pub(crate) async fn post_act<H: Host>(
    ctx: &Context<H>,
    id: OfficeSessionId,
    act: OfficeSessionAct,
) -> Result<Reply, Failure> {
    let claims = ctx.access_claims()?;
    let is_moved = act == OfficeSessionAct::Move;
    let mut fields = if is_moved || !ctx.body.is_empty() {
        Fields::read(&ctx.headers, &ctx.body, &[])?
    } else {
        Fields::none()
    };
    let times = is_moved.then(|| Times::read(&mut fields));
    let reason = if act == OfficeSessionAct::Cancel {
        fields.optional("reason", Line::parse)
    } else {
        None
    };
    fields.finish()?;

    let reason = reason.as_ref().map(Line::as_str).filter(|reason| !reason.is_empty());
    for _ in 0..ATTEMPTS {
        let (asking, answers) = ctx.fresh(vec![read(id, claims.subject)]).await?;
        let found = Found::first(&first(answers))?.ok_or(Code::OfficeSessionNotFound)?;
        let offers =
            matches!(act, OfficeSessionAct::Confirm | OfficeSessionAct::Complete) && found.side == Side::Mentor;
        if offers {
            let decision = may(
                &asking.user.principal(),
                &Action::OfferOfficeSessions,
                &asking.user.target(),
            );
            allow(decision, Code::Forbidden)?;
        }
        let from = found.standing;
        let mut to = from.after(act, found.side, ctx.now).map_err(|refused| match refused {
            ActRefused::NotYours => Code::Forbidden,
            ActRefused::NotNow => Code::InvalidTransition,
        })?;
        if let Some(times) = &times {
            let period = times.period(from.ends_at.since(from.starts_at), ctx.now)?;
            (to.starts_at, to.ends_at) = (period.starts_at(), period.ends_at());
        }
        let taken = Step {
            id,
            mentor: found.mentor,
            from,
            to,
            is_moved,
            kind: event(act).as_str(),
            reason,
            actor: actor(ctx)?,
        };
        let settled = match ctx.sql_one(step(&taken)).await {
            Err(SqlError::Database(e)) if e.constraint.as_deref().is_some_and(|name| name.ends_with("_excl")) => {
                Settled::Taken
            }
            rows => Settled::first(&rows?)?,
        };
        // Somebody else has changed it since it was read: what may be done with it now is decided anew.
        if !matches!(settled, Settled::Gone) {
            return settle(settled, StatusCode::OK, Code::InvalidTransition);
        }
    }
    Err(Failure::Unavailable(
        Dependency::Postgres,
        "others change the same office session all the time".into(),
    ))
}

const fn event(act: OfficeSessionAct) -> EventKind {
    match act {
        OfficeSessionAct::Confirm => EventKind::OfficeSessionConfirmed,
        OfficeSessionAct::Move => EventKind::OfficeSessionMoved,
        OfficeSessionAct::Cancel => EventKind::OfficeSessionCancelled,
        OfficeSessionAct::Complete => EventKind::OfficeSessionCompleted,
    }
}

/// When a session is to be, as a body says it.
struct Times {
    starts_at: Option<Time>,
    ends_at: Option<Time>,
    duration: Option<Duration>,
}

impl Times {
    fn read(fields: &mut Fields) -> Self {
        let time = |text: &str| Time::parse(text).map_err(|_| PeriodError::Invalid);
        let starts_at = fields.required("startsAt", time);
        let ends_at = fields.optional("endsAt", time);
        let minutes = fields.integer("durationMinutes");
        let duration = minutes.and_then(|minutes| match u64::try_from(minutes) {
            // Whether it is too long is for the period to say.
            Ok(minutes) => Some(Duration::from_mins(minutes.min(100_000))),
            Err(_) => fields.problem("durationMinutes", &PeriodError::Length),
        });
        Self {
            starts_at,
            ends_at,
            duration,
        }
    }

    /// From then to then; of this length where only the start is given.
    fn period(&self, usual: Duration, now: Time) -> Result<Period, Failure> {
        let starts_at = present(self.starts_at)?;
        let ends_at = self
            .ends_at
            .unwrap_or_else(|| starts_at.saturating_add(self.duration.unwrap_or(usual)));
        Period::new(starts_at, ends_at, now).map_err(|problem| {
            let path = match (problem, self.ends_at) {
                (PeriodError::Length, Some(_)) => "endsAt",
                (PeriodError::Length, None) => "durationMinutes",
                _ => "startsAt",
            };
            Failure::field(path, &problem)
        })
    }
}

fn parse_request<H: Host>(ctx: &Context<H>) -> Result<(UserId, Period, Option<Line>), Failure> {
    ctx.access_claims()?;
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &[])?;
    let mentor = fields.required("mentorId", |text| UserId::parse(text).ok_or(FieldProblem::Invalid));
    let times = Times::read(&mut fields);
    let topic = fields.optional("topic", Line::parse);
    fields.finish()?;
    Ok((present(mentor)?, times.period(USUAL, ctx.now)?, topic))
}

fn actor<H: Host>(ctx: &Context<H>) -> Result<Actor<'_>, Failure> {
    let claims = ctx.access_claims()?;
    Ok(Actor {
        session: claims.session,
        user: claims.subject,
        event: EventId::generate(ctx.now, &ctx.host)?,
        client: &ctx.client,
        now: ctx.now,
    })
}

fn settle(settled: Settled, status: StatusCode, gone: Code) -> Result<Reply, Failure> {
    match settled {
        Settled::Done(session) => Ok(reply(status, &session)),
        Settled::Gone => Err(gone.into()),
        Settled::Unavailable => Err(Failure::field("startsAt", &PeriodError::Unavailable)),
        Settled::Taken => Err(Code::SlotTaken.into()),
        Settled::Full => Err(Code::TooManyOpen.into()),
    }
}

fn first(answers: Vec<Rows>) -> Rows {
    answers.into_iter().next().unwrap_or_default()
}

fn reply(status: StatusCode, session: &OfficeSession) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        office_session: &'a OfficeSession,
    }
    Reply::json(
        status,
        &Body {
            office_session: session,
        },
    )
}
