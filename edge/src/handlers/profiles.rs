//! `GET /api/profiles/me` and `/api/profiles/{id}`: a person with the firm and what belongs to the role.
//! `PUT`, `PATCH /api/profiles/{id}`, and for one's own `PUT`, `PATCH`, `POST /api/profile/update`: what is there is changed,
//! what isn't stays. `GET /api/profiles`: those that an admin looks after, page by page.
//!
//! 200 `{profile}`, `{profiles, nextCursor}` · 401 `UNAUTHENTICATED`, at once when the session was revoked · 403
//! `FORBIDDEN` · 404 `USER_NOT_FOUND`, also for somebody out of sight. One flight to Postgres; two to change somebody
//! else's.

use doorward_core::authority::{Action, Principal, may};
use doorward_core::firm::Slug;
use doorward_core::id::{EventId, FirmId, UserId};
use doorward_core::permission::Permission;
use doorward_core::preferences::PreferencesError;
use doorward_core::role::Role;
use doorward_core::search::SearchText;
use http::StatusCode;
use serde::Serialize;

use super::profile_fields::{NotForRole, ProfileFields};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::extract::Fields;
use crate::guards::allow;
use crate::host::{Host, SqlError};
use crate::paging::Page;
use crate::reply::Reply;
use crate::store::profiles::{
    Change, Changed, Filter, FirmKey, MENTEE_FIELDS, MENTOR_FIELDS, Place, Profile, change, list, listed, read,
};

pub(crate) async fn get<H: Host>(ctx: &Context<H>, user: Option<UserId>) -> Result<Reply, Failure> {
    let user = match user {
        Some(user) => user,
        None => ctx.access_claims()?.subject,
    };
    let (_, profile) = visible(ctx, user, &Action::ReadProfile).await?;
    Ok(reply(&profile))
}

pub(crate) async fn get_all<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let filter = match filter(ctx) {
        Ok(filter) => filter,
        Err(failure) => return ctx.refuse(Permission::ProfilesList, failure).await,
    };
    let (_, answers) = ctx
        .listed(&Action::ListProfiles, &|asker| vec![list(&filter, asker)])
        .await?;
    let rows = answers.into_iter().next().unwrap_or_default();
    let page = Page::new("profiles", listed(&rows)?, filter.limit, |profile: &Profile| {
        profile.place.to_string()
    });
    Ok(page.reply())
}

pub(crate) async fn put<H: Host>(ctx: &Context<H>, user: Option<UserId>) -> Result<Reply, Failure> {
    let claims = ctx.access_claims()?;
    let user = user.unwrap_or(claims.subject);
    let is_own = user == claims.subject;
    let sent = match ProfileFields::read(&ctx.headers, &ctx.body) {
        Ok(sent) => sent,
        Err(failure) if is_own => return Err(failure),
        Err(failure) => return ctx.refuse(Permission::ProfilesWrite, failure).await,
    };
    let decided = if is_own {
        None
    } else {
        let (principal, profile) = visible(ctx, user, &Action::UpdateProfile).await?;
        Some((principal, profile.user.firm_id))
    };
    let patch = sent.patch();
    let wanted = Change {
        user,
        patch: &patch,
        fields: sent.names(),
        session: claims.session,
        actor: claims.subject,
        decided_by: decided.as_ref().map(|(principal, firm)| (principal, *firm)),
        event: EventId::generate(ctx.now, &ctx.host)?,
        client: &ctx.client,
        now: ctx.now,
    };
    let answers = match ctx.sql(&change(&wanted)).await {
        Err(SqlError::Database(e)) if e.constraint.as_deref() == Some("availability_time_zone_check") => {
            return Err(Failure::field(
                "availability",
                &doorward_core::time_zone::TimeZoneError::Invalid,
            ));
        }
        answers => answers?,
    };
    match Changed::decode(&wanted, &answers)? {
        Changed::Done(profile) => {
            ctx.forget_user(user);
            Ok(reply(&profile))
        }
        Changed::Refused {
            offers,
            asks,
            small,
            few,
        } => {
            let mut fields = Fields::none();
            for (may, names) in [(offers, MENTOR_FIELDS), (asks, MENTEE_FIELDS)] {
                for name in names.iter().filter(|name| !may && wanted.fields.contains(name)) {
                    fields.problem::<()>(name, &NotForRole);
                }
            }
            for (fits, problem) in [(small, PreferencesError::TooLarge), (few, PreferencesError::TooMany)] {
                if !fits {
                    fields.problem::<()>("preferences", &problem);
                }
            }
            fields.finish()?;
            Err(Failure::bad_row("profile change"))
        }
        Changed::Stale if is_own => {
            ctx.forget(claims.session);
            Err(Code::Unauthenticated.into())
        }
        Changed::Stale => Err(Code::Forbidden.into()),
    }
}

/// A profile that the person who sends this request may act on. Whoever may act on nobody else is told so before it
/// shows whether there is somebody.
async fn visible<H: Host>(
    ctx: &Context<H>,
    user: UserId,
    action: &Action<'_>,
) -> Result<(Principal, Profile), Failure> {
    let (actor, answers) = ctx.fresh(vec![read(user, ctx.now)]).await?;
    let principal = actor.user.principal();
    if actor.user.id != user && !principal.permissions.has(action.permission()) {
        return Err(Code::Forbidden.into());
    }
    let profile = Profile::first(&answers.into_iter().next().unwrap_or_default())?.ok_or(Code::UserNotFound)?;
    allow(may(&principal, action, &profile.user.target()), Code::UserNotFound)?;
    Ok((principal, profile))
}

fn filter<H: Host>(ctx: &Context<H>) -> Result<Filter, Failure> {
    let mut fields = Fields::query(&ctx.uri);
    let filter = Filter {
        role: fields.optional("role", Role::parse),
        firm: fields.optional("firm", |text| match FirmId::parse(text) {
            Some(id) => Ok(FirmKey::Id(id)),
            None => Slug::parse(text).map(FirmKey::Slug),
        }),
        search: fields.optional("q", SearchText::parse),
        after: fields.cursor(Place::parse),
        limit: fields.limit(),
    };
    fields.finish()?;
    Ok(filter)
}

fn reply(profile: &Profile) -> Reply {
    #[derive(Serialize)]
    struct Body<'a> {
        profile: &'a Profile,
    }
    Reply::json(StatusCode::OK, &Body { profile })
}
