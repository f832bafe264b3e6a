//! `POST /api/auth/register` = `/auth/signup`: a new account, signed in at once.
//!
//! 201 session answer · 409 `EMAIL_TAKEN` · 202 for both where signups are masked · 403 `FORBIDDEN` for a role that
//! people can't choose · 429. With an `invitation` the firm and the role are the inviter's choice, and the address is
//! verified: 400 `TOKEN_INVALID` · 410 `TOKEN_EXPIRED` · 400 validation, path `email`, for another address. One flight to Redis, one to Postgres, which also puts the verification mail into the outbox.

use doorward_core::email::Email;
use doorward_core::error::FieldProblem;
use doorward_core::firm::Slug;
use doorward_core::id::{EventId, FirmId, UserId};
use doorward_core::name::PersonName;
use doorward_core::password::Password;
use doorward_core::phone::Phone;
use doorward_core::role::Role;
use doorward_core::text::ShortText;
use doorward_core::token::HashedToken;
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use http::StatusCode;

use crate::config::Signups;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::extract::{Fields, present};
use crate::handlers::one_time::accepted;
use crate::host::Host;
use crate::reply::Reply;
use crate::store::registrations::{Accepted, Registered, Registration, accept, register};

type Line = ShortText<100>;

struct Body {
    email: Email,
    name: PersonName,
    password: Password,
    phone: Option<Phone>,
    department: Option<Line>,
    position: Option<Line>,
    firm: Option<Slug>,
    role: Role,
    /// A token. The firm and the role are those of the invitation then.
    invitation: Option<String>,
}

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let body = parse(ctx)?;
    let invitation = body.invitation.as_deref().map(|text| opened(ctx, text)).transpose();
    let genuine = invitation.as_ref().ok().and_then(Option::as_ref);
    ctx.limit(&ctx.register_limits(&body.email, genuine.map(|accepted| accepted.invitation)))
        .await?;
    let invitation = invitation?;

    ctx.refuse_breached("password", &body.password).await?;
    let password = ctx.hash_password(&body.password)?;
    let user = UserId::generate(ctx.now, &ctx.host)?;
    let masked = ctx.config().signups == Signups::Masked;
    // Whoever holds an invitation holds the mailbox that it was sent to: there is nothing to verify, nor to hide.
    let signed_in_at_once = invitation.is_some() || (!masked && !ctx.config().verification_required);
    let session = if signed_in_at_once {
        Some(ctx.new_session(false)?)
    } else {
        None
    };
    let verification = ctx.new_token(user, Purpose::EmailVerification)?;
    let registration = Registration {
        user,
        email: &body.email,
        name: &body.name,
        password: &password,
        role: &body.role,
        phone: body.phone.as_ref().map(Phone::as_str),
        department: body.department.as_ref().map(Line::as_str),
        position: body.position.as_ref().map(Line::as_str),
        firm: body.firm.as_ref(),
        session: session.as_ref(),
        verification: &verification,
        tell_owner: masked,
        event: EventId::generate(ctx.now, &ctx.host)?,
        client: &ctx.client,
        now: ctx.now,
    };
    let registered = if let Some(invitation) = &invitation {
        Registered::accepted(&ctx.sql_one(accept(&registration, invitation)).await?)?
    } else {
        let rows = ctx.sql_one(register(&registration)).await?;
        ctx.deliver_later();
        Registered::first(&rows)?
    };
    match (registered, session) {
        (Registered::Refused(code), _) => Err(code.into()),
        (Registered::OtherAddress, _) => Err(Failure::field("email", &FieldProblem::Invalid)),
        (Registered::UnknownFirm, _) => Err(Failure::field("firmSlug", &FieldProblem::Invalid)),
        (Registered::EmailTaken, _) if !masked || invitation.is_some() => Err(Code::EmailTaken.into()),
        (Registered::Created(user), Some(session)) => ctx.signed_in(
            StatusCode::CREATED,
            *user,
            session.id,
            &session.token,
            session.expires_at,
        ),
        (Registered::Created(_) | Registered::EmailTaken, _) => Ok(accepted()),
    }
}

fn parse<H: Host>(ctx: &Context<H>) -> Result<Body, Failure> {
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &["role"])?;
    let email = fields.required("email", Email::parse);
    let name = fields.required("name", PersonName::parse);
    let password = fields.required_text("password");
    let not_like = [email.as_ref().map(Email::as_str), name.as_ref().map(PersonName::as_str)];
    let not_like: Vec<&str> = not_like.into_iter().flatten().collect();
    let password = password.and_then(|raw| fields.new_password("password", &raw, &not_like, H::UNICODE));
    let phone = fields.optional("phone", Phone::parse);
    let department = fields.optional("department", Line::parse);
    let position = fields.optional("position", Line::parse);
    let firm = fields.optional("firmSlug", Slug::parse);
    let role = fields.optional_text("role");
    let role = role.map(|role| chosen_role(ctx, &role)).transpose()?;
    let invitation = fields.optional_text("invitation");
    if invitation.is_some() {
        // Firm and role are the inviter's choice.
        for (path, is_given) in [("firmSlug", firm.is_some()), ("role", role.is_some())] {
            if is_given {
                fields.problem::<()>(path, &FieldProblem::Invalid);
            }
        }
    }
    fields.finish()?;
    Ok(Body {
        email: present(email)?,
        name: present(name)?,
        password: present(password)?,
        phone,
        department,
        position,
        firm,
        role: role.unwrap_or_else(Role::member),
        invitation,
    })
}

/// A genuine invitation, though perhaps used, expired or not the latest.
fn opened<H: Host>(ctx: &Context<H>, text: &str) -> Result<Accepted, Failure> {
    let opened = OneTimeToken::open(&ctx.config().keys, Purpose::Invitation, text);
    let token = opened.map_err(|_| Code::TokenInvalid)?;
    Ok(Accepted {
        invitation: token.token,
        firm: FirmId::from_bytes(*token.user.as_bytes()),
        hash: HashedToken::of(text),
    })
}

/// A role that the deployment lets people choose; a role is a privilege, so any other is refused rather than ignored.
fn chosen_role<H: Host>(ctx: &Context<H>, role: &str) -> Result<Role, Failure> {
    let role = Role::parse(role).map_err(|_| Code::Forbidden)?;
    let may = role == Role::member() || ctx.config().self_roles.contains(&role);
    if may { Ok(role) } else { Err(Code::Forbidden.into()) }
}
