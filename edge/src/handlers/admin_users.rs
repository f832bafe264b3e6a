//! `PATCH /api/admin/users/{id}`, `DELETE /api/admin/users/{id}/sessions`: what somebody may do, and an end to where
//! somebody is signed in.
//!
//! PATCH role, status, tier: 200 `{user}` · DELETE 204 · 401, at once when the session was revoked · 403 `FORBIDDEN` · 404
//! `USER_NOT_FOUND`, also for somebody of another firm · 409 `LAST_ADMIN`. Two flights: who acts and whom it is done to
//! are read, the core decides, and the write holds only while both are still so.

use doorward_core::authority::{Action, may};
use doorward_core::error::FieldProblem;
use doorward_core::id::{EventId, UserId};
use doorward_core::permission::{Permission, Permissions};
use doorward_core::role::{Role, RoleError};
use doorward_core::tier::Tier;
use doorward_core::user::Status;
use http::StatusCode;

use crate::context::Context;
use crate::error::{Code, Dependency, Failure};
use crate::extract::Fields;
use crate::guards::allow;
use crate::host::{Host, Rows};
use crate::reply::Reply;
use crate::store::acts::Actor;
use crate::store::changes::{Changed, Standing, change, end_sessions, ended};
use crate::store::roles;
use crate::store::users::{User, by_id};

/// How often it is decided anew when somebody else changed the same person meanwhile.
const ATTEMPTS: u32 = 4;

struct Body {
    role: Option<Role>,
    status: Option<Status>,
    tier: Option<Tier>,
}

pub(crate) async fn patch<H: Host>(ctx: &Context<H>, id: UserId) -> Result<Reply, Failure> {
    let (body, fields) = match parse(ctx) {
        Ok(body) => body,
        Err(failure) => return ctx.refuse(Permission::UsersManage, failure).await,
    };
    let mut fields = Some(fields);
    for _ in 0..ATTEMPTS {
        let mut statements = vec![by_id(id)];
        statements.extend(body.role.as_ref().map(roles::permissions));
        let (actor, answers) = ctx.fresh(statements).await?;
        let target = target(&actor, &answers)?;
        // Whether there is such a role shows here only; it is told with everything else that is wrong.
        let mut fields = fields.take().unwrap_or_else(Fields::none);
        let given = match answers.get(1) {
            Some(rows) => roles::first(rows)?.or_else(|| fields.problem("role", &RoleError::Invalid)),
            None => None,
        };
        fields.finish()?;
        let given = given.unwrap_or_default();
        let wanted = decide(&actor, &target, &body, given)?;
        if wanted == Standing::of(&target) {
            return Ok(Reply::user(&target));
        }
        let events = [
            EventId::generate(ctx.now, &ctx.host)?,
            EventId::generate(ctx.now, &ctx.host)?,
        ];
        let answers = ctx.sql(&change(&actor, &target, &wanted, events, ctx.step()?)).await?;
        match Changed::decode(&answers)? {
            Changed::Done(user) => {
                ctx.forget_user(user.id);
                return Ok(Reply::user(&user));
            }
            Changed::LastAdmin => return Err(Code::LastAdmin.into()),
            Changed::Outdated => {}
        }
    }
    Err(Failure::Unavailable(
        Dependency::Postgres,
        "others change the same person all the time".into(),
    ))
}

pub(crate) async fn delete_sessions<H: Host>(ctx: &Context<H>, id: UserId) -> Result<Reply, Failure> {
    let (actor, answers) = ctx.fresh(vec![by_id(id)]).await?;
    let target = target(&actor, &answers)?;
    let decision = may(&actor.user.principal(), &Action::EndSessions, &target.target());
    allow(decision, Code::UserNotFound)?;
    if !ended(&ctx.sql_one(end_sessions(&actor, id, ctx.step()?)).await?)? {
        return ctx.outdated().await;
    }
    ctx.forget_user(id);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Whom it is done to, if that is somebody whom the one who acts can see.
fn target(actor: &Actor, answers: &[Rows]) -> Result<User, Failure> {
    if !actor.user.permissions.has(Permission::UsersManage) {
        return Err(Code::Forbidden.into());
    }
    let target = answers.first().map(User::first).transpose()?.flatten();
    let scope = actor.user.principal().scope();
    target
        .filter(|target| scope.holds(&target.target()))
        .ok_or_else(|| Code::UserNotFound.into())
}

/// What the target is to be, once everything of it that is another one has been allowed.
fn decide(actor: &Actor, target: &User, body: &Body, given: Permissions) -> Result<Standing, Failure> {
    let now = Standing::of(target);
    let wanted = Standing {
        role: body.role.clone().unwrap_or(now.role.clone()),
        status: body.status.unwrap_or(now.status),
        tier: body.tier.unwrap_or(now.tier),
    };
    let set_role = Action::SetRole {
        role: &wanted.role,
        permissions: given,
    };
    let changes = [
        (set_role, wanted.role != now.role),
        (Action::SetStatus, wanted.status != now.status),
        (Action::SetTier, wanted.tier != now.tier),
    ];
    let principal = actor.user.principal();
    for (action, _) in changes.iter().filter(|(_, is_change)| *is_change) {
        allow(may(&principal, action, &target.target()), Code::UserNotFound)?;
    }
    Ok(wanted)
}

/// The body, and the fields that it was read from, with what is wrong with them so far.
fn parse<H: Host>(ctx: &Context<H>) -> Result<(Body, Fields), Failure> {
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &["role", "status", "tier"])?;
    let body = Body {
        role: fields.optional("role", |text| Role::parse(text.trim())),
        status: fields.optional("status", |word| Status::parse(word).ok_or(FieldProblem::Invalid)),
        tier: fields.optional("tier", |word| {
            // To have no session is nobody's plan.
            Tier::parse(word)
                .filter(|tier| *tier != Tier::Anonymous)
                .ok_or(FieldProblem::Invalid)
        }),
    };
    Ok((body, fields))
}
