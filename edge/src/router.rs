//! From a path and a method to a handler, and what every reply has in common.

use doorward_core::id::{FirmId, OfficeSessionId, RequestId, SessionId, TokenId, UserId};
use doorward_core::office_session::OfficeSessionAct;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use crate::assets::Asset;
use crate::context::Context;
use crate::error::{Code, Failure, Rejection};
use crate::handlers;
use crate::host::Host;
use crate::origin;
use crate::pages::{self, Page};
use crate::reply::Reply;
use crate::wire::legacy::Call;

/// Everything that has an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Register,
    Login,
    Logout,
    Refresh,
    Me,
    VerifyEmail,
    ResendVerification,
    ForgotPassword,
    ResetPassword,
    ChangePassword,
    ChangeEmail,
    Account,
    Sessions,
    Session(SessionId),
    Firms,
    Firm(FirmId),
    Invitations(FirmId),
    Invitation(FirmId, TokenId),
    AdminUser(UserId),
    AdminUserSessions(UserId),
    AdminEvents,
    OwnProfile,
    ProfileUpdate,
    Profiles,
    Profile(UserId),
    OfficeSessions,
    OfficeSession(OfficeSessionId),
    OfficeSessionAct(OfficeSessionId, OfficeSessionAct),
    Maintenance,
    Jwks,
    OpenApi,
    Healthz,
    Readyz,
    Asset(Asset),
    ChangePasswordPage,
    Brand,
    Page(Page),
}

impl Resource {
    /// What is at a path. Both path families lead to the same resource.
    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/api/auth/register" | "/auth/signup" => Self::Register,
            "/api/auth/login" | "/auth/login" => Self::Login,
            "/api/auth/logout" | "/auth/logout" => Self::Logout,
            "/api/auth/refresh" | "/auth/refresh" => Self::Refresh,
            "/api/auth/me" => Self::Me,
            "/api/auth/verify-email" | "/auth/verify-email" => Self::VerifyEmail,
            "/api/auth/resend-verification" | "/auth/resend-verification" => Self::ResendVerification,
            "/api/auth/forgot-password" | "/auth/forgot-password" => Self::ForgotPassword,
            "/api/auth/reset-password" | "/auth/reset-password" => Self::ResetPassword,
            "/api/auth/change-password" => Self::ChangePassword,
            "/api/auth/change-email" => Self::ChangeEmail,
            "/api/auth/account" => Self::Account,
            "/api/auth/sessions" => Self::Sessions,
            "/api/firms" => Self::Firms,
            "/api/admin/events" => Self::AdminEvents,
            "/api/profiles" => Self::Profiles,
            "/api/profiles/me" => Self::OwnProfile,
            "/api/profile/update" => Self::ProfileUpdate,
            "/api/office-sessions" => Self::OfficeSessions,
            "/maintenance" => Self::Maintenance,
            "/.well-known/jwks.json" => Self::Jwks,
            "/openapi.json" => Self::OpenApi,
            "/healthz" => Self::Healthz,
            "/readyz" => Self::Readyz,
            "/.well-known/change-password" => Self::ChangePasswordPage,
            "/assets/brand.css" => Self::Brand,
            _ if path.starts_with("/assets/") => Self::Asset(Asset::at(path)?),
            _ => match Page::at(path) {
                Some(page) => Self::Page(page),
                None => return Self::with_id(path),
            },
        })
    }

    /// What is at a path with an id in it. What is no id is no address.
    fn with_id(path: &str) -> Option<Self> {
        let parts: Vec<_> = path.split('/').collect();
        Some(match parts.as_slice() {
            ["", "api", "auth", "sessions", id] => Self::Session(SessionId::parse(id)?),
            ["", "api", "firms", id] => Self::Firm(FirmId::parse(id)?),
            ["", "api", "firms", id, "invitations"] => Self::Invitations(FirmId::parse(id)?),
            ["", "api", "firms", id, "invitations", other] => {
                Self::Invitation(FirmId::parse(id)?, TokenId::parse(other)?)
            }
            ["", "api", "admin", "users", id] => Self::AdminUser(UserId::parse(id)?),
            ["", "api", "admin", "users", id, "sessions"] => Self::AdminUserSessions(UserId::parse(id)?),
            ["", "api", "profiles", id] => Self::Profile(UserId::parse(id)?),
            ["", "api", "office-sessions", id] => Self::OfficeSession(OfficeSessionId::parse(id)?),
            ["", "api", "office-sessions", id, act] => {
                Self::OfficeSessionAct(OfficeSessionId::parse(id)?, OfficeSessionAct::parse(act)?)
            }
            _ => return None,
        })
    }

    /// The methods it takes, as an `Allow` header. Where GET goes, HEAD goes, but not where GET changes something.
    const fn allow(self) -> &'static str {
        match self {
            Self::Register
            | Self::Login
            | Self::Logout
            | Self::VerifyEmail
            | Self::ResendVerification
            | Self::ForgotPassword
            | Self::ResetPassword
            | Self::ChangePassword
            | Self::ChangeEmail
            | Self::OfficeSessionAct(..)
            | Self::Maintenance => "POST",
            Self::ProfileUpdate => "PUT, PATCH, POST",
            Self::Profile(_) => "GET, HEAD, PUT, PATCH",
            Self::Account | Self::Session(_) | Self::Invitation(..) | Self::AdminUserSessions(_) => "DELETE",
            Self::Firm(_) | Self::AdminUser(_) => "PATCH",
            Self::Firms | Self::Invitations(_) | Self::OfficeSessions => "GET, HEAD, POST",
            Self::Sessions => "GET, HEAD, DELETE",
            Self::Refresh => "GET, POST",
            Self::Me
            | Self::AdminEvents
            | Self::OwnProfile
            | Self::Profiles
            | Self::OfficeSession(_)
            | Self::Jwks
            | Self::OpenApi
            | Self::Healthz
            | Self::Readyz
            | Self::Asset(_)
            | Self::ChangePasswordPage
            | Self::Brand => "GET, HEAD",
            Self::Page(page) => page.allow(),
        }
    }

    fn allows(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    /// What the system that people come from has as well.
    const fn legacy_call(self) -> Option<Call> {
        match self {
            Self::Register => Some(Call::Register),
            Self::Login => Some(Call::Login),
            Self::Logout => Some(Call::Logout),
            Self::Refresh => Some(Call::Refresh),
            Self::VerifyEmail => Some(Call::VerifyEmail),
            Self::ResendVerification => Some(Call::ResendVerification),
            Self::ForgotPassword => Some(Call::ForgotPassword),
            Self::ResetPassword => Some(Call::ResetPassword),
            _ => None,
        }
    }

    /// Whether a request changes something, so that another site must not send it. A refresh does, by GET too.
    fn is_guarded(self, method: &Method) -> bool {
        self == Self::Refresh || !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
    }
}

/// Answers a request. Failures become the one error format here, and are logged here.
pub(crate) async fn answer<H: Host>(ctx: &mut Context<H>, method: &Method) -> Reply {
    let reply = match route(ctx, method).await {
        Ok(reply) => reply,
        Err(failure) if pages::are_wanted(ctx.uri.path(), &ctx.headers) => pages::refused(ctx, &failure),
        Err(failure) => {
            ctx.log_failure(&failure);
            let reply = Reply::failure(&failure);
            let clear = matches!(&failure, Failure::Rejected(rejection) if rejection.clear_cookies);
            if clear && !ctx.is_token_mode() {
                ctx.clear_cookies(reply)
            } else {
                reply
            }
        }
    };
    finish(ctx, reply)
}

async fn route<H: Host>(ctx: &mut Context<H>, method: &Method) -> Result<Reply, Failure> {
    let trusted = &ctx.config().trusted_origins;
    let own = ctx.config().public_url.as_deref();
    let resource = Resource::at(ctx.uri.path()).ok_or(Code::NotFound)?;
    if origin::is_preflight(method, &ctx.headers) {
        let reply = Reply::empty(StatusCode::NO_CONTENT);
        return Ok(origin::with_preflight(reply, &ctx.headers, trusted, resource.allow()));
    }
    if !resource.allows(method) {
        let rejection = Rejection {
            allow: Some(resource.allow()),
            ..Code::MethodNotAllowed.into()
        };
        return Err(Failure::Rejected(Box::new(rejection)));
    }
    if resource.is_guarded(method) && !origin::is_allowed(&ctx.headers, &ctx.uri, own, trusted) {
        return Err(Code::OriginRefused.into());
    }
    match resource {
        Resource::Page(page) => Ok(pages::answer(ctx, page, method).await),
        resource => {
            // Before a handler, and not within `call`: what a page sends is answered here whoever answers the calls.
            if let Some(call) = resource.legacy_call()
                && let Some(reply) = ctx.elsewhere(call, method).await?
            {
                return Ok(reply);
            }
            call(ctx, resource, method).await
        }
    }
}

/// Calls what the API has at an address, for a request or for a page's form.
pub(crate) async fn call<H: Host>(ctx: &Context<H>, resource: Resource, method: &Method) -> Result<Reply, Failure> {
    match resource {
        Resource::Register => handlers::register::post(ctx).await,
        Resource::Login => handlers::login::post(ctx).await,
        Resource::Logout => handlers::logout::post(ctx).await,
        Resource::Refresh => handlers::refresh::run(ctx, method).await,
        Resource::Me => handlers::me::get(ctx).await,
        Resource::VerifyEmail => handlers::verify_email::post(ctx).await,
        Resource::ResendVerification => handlers::resend_verification::post(ctx).await,
        Resource::ForgotPassword => handlers::forgot_password::post(ctx).await,
        Resource::ResetPassword => handlers::reset_password::post(ctx).await,
        Resource::ChangePassword => handlers::change_password::post(ctx).await,
        Resource::ChangeEmail => handlers::change_email::post(ctx).await,
        Resource::Account => handlers::delete_account::delete_account(ctx).await,
        Resource::Sessions if *method == Method::DELETE => handlers::sessions::delete_all(ctx).await,
        Resource::Sessions => handlers::sessions::get(ctx).await,
        Resource::Session(id) => handlers::sessions::delete_one(ctx, id).await,
        Resource::Firms if *method == Method::POST => handlers::firms::post(ctx).await,
        Resource::Firms => handlers::firms::get(ctx).await,
        Resource::Firm(id) => handlers::firms::patch(ctx, id).await,
        Resource::Invitations(firm) if *method == Method::POST => handlers::invitations::post(ctx, firm).await,
        Resource::Invitations(firm) => handlers::invitations::get(ctx, firm).await,
        Resource::Invitation(firm, id) => handlers::invitations::delete(ctx, firm, id).await,
        Resource::AdminUser(id) => handlers::admin_users::patch(ctx, id).await,
        Resource::AdminUserSessions(id) => handlers::admin_users::delete_sessions(ctx, id).await,
        Resource::AdminEvents => handlers::admin_events::get(ctx).await,
        Resource::OwnProfile => handlers::profiles::get(ctx, None).await,
        Resource::ProfileUpdate => handlers::profiles::put(ctx, None).await,
        Resource::Profiles => handlers::profiles::get_all(ctx).await,
        Resource::Profile(id) if is_read(method) => handlers::profiles::get(ctx, Some(id)).await,
        Resource::Profile(id) => handlers::profiles::put(ctx, Some(id)).await,
        Resource::OfficeSessions if is_read(method) => handlers::office_sessions::get_all(ctx).await,
        Resource::OfficeSessions => handlers::office_sessions::post(ctx).await,
        Resource::OfficeSession(id) => handlers::office_sessions::get(ctx, id).await,
        Resource::OfficeSessionAct(id, act) => handlers::office_sessions::post_act(ctx, id, act).await,
        Resource::Maintenance => handlers::maintenance::post(ctx).await,
        Resource::Jwks => Ok(handlers::jwks::get(ctx)),
        Resource::OpenApi => handlers::openapi::get(ctx).await,
        Resource::Healthz => Ok(handlers::healthz::get()),
        Resource::Readyz => handlers::readyz::get(ctx).await,
        Resource::Asset(asset) => handlers::assets::get(ctx, asset).await,
        Resource::ChangePasswordPage => Ok(pages::change_password()),
        Resource::Brand => Ok(pages::stylesheet(&ctx.config().brand)),
        // A page is no call: `route` answers it.
        Resource::Page(_) => Err(Code::NotFound.into()),
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// What every reply carries.
fn finish<H: Host>(ctx: &Context<H>, reply: Reply) -> Reply {
    let mut reply = origin::with_cors(reply, &ctx.headers, &ctx.config().trusted_origins);
    reply = with_common_headers(reply, Some(ctx.id));
    if ctx.is_secure() {
        reply = reply.with(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    if ctx.config().server_timing {
        reply = reply.with_text(HeaderName::from_static("server-timing"), &ctx.server_timing());
    }
    reply
}

/// What even a reply carries that no handler made.
pub(crate) fn with_common_headers(reply: Reply, id: Option<RequestId>) -> Reply {
    let mut reply = reply.with(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(id) = id {
        reply = reply.with_text(HeaderName::from_static("x-request-id"), &id.to_string());
    }
    // What pages and files say otherwise.
    let defaults = [
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in defaults {
        if !reply.has(&name) {
            reply = reply.with(name, HeaderValue::from_static(value));
        }
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_path_families_lead_to_one_resource() {
        assert_eq!(Resource::at("/auth/signup"), Some(Resource::Register));
        for (api, short) in [
            ("/api/auth/login", "/auth/login"),
            ("/api/auth/refresh", "/auth/refresh"),
        ] {
            assert_eq!(Resource::at(api), Resource::at(short));
        }
        for none in [
            "",
            "//",
            "/login/",
            "/auth/login/",
            "//auth/login",
            "/api/auth",
            "/auth/Login",
            "/auth/login%20",
        ] {
            assert_eq!(Resource::at(none), None, "{none}");
        }
    }

    /// The description names the methods that the router takes, and no others.
    #[cfg(feature = "openapi")]
    #[test]
    fn the_description_and_the_router_agree() {
        let document: serde_json::Value = serde_json::from_str(&crate::openapi::text()).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            let resource = Resource::at(
                &path
                    .replace("{id}", "00000000-0000-7000-8000-000000000000")
                    .replace("{invitationId}", "00000000-0000-7000-8000-000000000001"),
            )
            .unwrap();
            let taken: std::collections::BTreeSet<_> = resource
                .allow()
                .to_lowercase()
                .split(", ")
                .map(str::to_owned)
                .filter(|method| method != "head")
                .collect();
            assert_eq!(
                item.as_object()
                    .unwrap()
                    .keys()
                    .cloned()
                    .collect::<std::collections::BTreeSet<_>>(),
                taken,
                "{path}"
            );
        }
    }

    #[test]
    fn refresh_is_guarded_whatever_the_method() {
        assert!(Resource::Refresh.is_guarded(&Method::GET));
        assert!(Resource::Login.is_guarded(&Method::POST));
        assert!(!Resource::Me.is_guarded(&Method::GET));
    }
}
