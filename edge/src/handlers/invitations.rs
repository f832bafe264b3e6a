//! `GET, POST /api/firms/{id}/invitations`, `DELETE /api/firms/{id}/invitations/{invitationId}`: who is asked to join a firm.
//!
//! POST email, role: 201 `{invitation}`, the same for an address that has an account · GET 200 `{invitations, nextCursor}`, those
//! that nobody has accepted, the latest first · DELETE 204 · 401 · 403 `FORBIDDEN` · 404 `FIRM_NOT_FOUND`, and `NOT_FOUND`
//! for an invitation that there isn't · 429. One flight to read, two to write, and one to Redis before mail.

use doorward_core::authority::{Action, Target, may};
use doorward_core::email::Email;
use doorward_core::id::{FirmId, TokenId, UserId};
use doorward_core::permission::Permission;
use doorward_core::role::{Role, RoleError};
use doorward_core::token::one_time::Purpose;
use http::StatusCode;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::extract::{Fields, present};
use crate::guards::allow;
use crate::host::Host;
use crate::paging::Page;
use crate::reply::Reply;
use crate::store::firms::exists;
use crate::store::invitations::{Effect, Invitation, create, list, revoke};
use crate::store::roles;

#[derive(Serialize)]
struct Body<'a> {
    invitation: &'a Invitation,
}

pub(crate) async fn get<H: Host>(ctx: &Context<H>, firm: FirmId) -> Result<Reply, Failure> {
    let mut query = Fields::query(&ctx.uri);
    let limit = query.limit();
    let before = query.cursor(TokenId::parse);
    if let Err(failure) = query.finish() {
        return ctx.refuse(Permission::InvitationsManage, failure).await;
    }
    let (actor, answers) = ctx.fresh(vec![list(firm, before, limit + 1), exists(firm)]).await?;
    let decision = may(&actor.user.principal(), &Action::ManageInvitations, &Target::Firm(firm));
    allow(decision, Code::FirmNotFound)?;
    let [invitations, found] = answers.as_slice() else {
        return Err(Failure::bad_row("invitations"));
    };
    if found.rows.is_empty() {
        return Err(Code::FirmNotFound.into());
    }
    let invitations = Invitation::all(invitations)?;
    Ok(Page::new("invitations", invitations, limit, |invitation| {
        invitation.id.to_string()
    })
    .reply())
}

pub(crate) async fn post<H: Host>(ctx: &Context<H>, firm: FirmId) -> Result<Reply, Failure> {
    let mut fields = match Fields::read(&ctx.headers, &ctx.body, &["role"]) {
        Ok(fields) => fields,
        Err(failure) => return ctx.refuse(Permission::InvitationsManage, failure).await,
    };
    let email = fields.required("email", Email::parse);
    let role = fields.required("role", |text| Role::parse(text.trim()));
    let known = role.as_ref().map(roles::permissions);
    let (actor, answers) = ctx.fresh(known.into_iter().collect()).await?;
    let (principal, target) = (actor.user.principal(), Target::Firm(firm));
    allow(may(&principal, &Action::ManageInvitations, &target), Code::FirmNotFound)?;
    // Whether there is such a role shows here only; it is told with everything else that is wrong.
    let permissions = match answers.first() {
        Some(rows) => roles::first(rows)?.or_else(|| fields.problem("role", &RoleError::Invalid)),
        None => None,
    };
    fields.finish()?;
    let (email, role, permissions) = (present(email)?, present(role)?, present(permissions)?);
    let invite = Action::Invite {
        role: &role,
        permissions,
    };
    allow(may(&principal, &invite, &target), Code::FirmNotFound)?;
    ctx.limit(&ctx.mail_limits("invite", &email)).await?;

    // In the token the firm stands where a user's id stands in others: nobody is there yet whose it could be.
    let token = ctx.new_token(UserId::from_bytes(*firm.as_bytes()), Purpose::Invitation)?;
    let rows = ctx
        .sql_one(create(&actor, firm, &email, &role, &token, ctx.step()?))
        .await?;
    match Effect::first(&rows)? {
        Effect::Done(invitation) => {
            ctx.deliver_later();
            let body = Body {
                invitation: &invitation,
            };
            Ok(Reply::json(StatusCode::CREATED, &body))
        }
        Effect::Unknown => Err(Code::FirmNotFound.into()),
        Effect::Outdated => ctx.outdated().await,
    }
}

pub(crate) async fn delete<H: Host>(ctx: &Context<H>, firm: FirmId, invitation: TokenId) -> Result<Reply, Failure> {
    let (actor, _) = ctx.fresh(Vec::new()).await?;
    let decision = may(&actor.user.principal(), &Action::ManageInvitations, &Target::Firm(firm));
    allow(decision, Code::FirmNotFound)?;
    let rows = ctx.sql_one(revoke(&actor, firm, invitation, ctx.step()?)).await?;
    match Effect::first(&rows)? {
        Effect::Done(_) => Ok(Reply::empty(StatusCode::NO_CONTENT)),
        Effect::Unknown => Err(Code::NotFound.into()),
        Effect::Outdated => ctx.outdated().await,
    }
}
