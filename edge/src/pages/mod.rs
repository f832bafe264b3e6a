//! The pages that people use, one a file: written on the server, whole without JavaScript, better with it.
//!
//! A form's post becomes the JSON body of the API's own handler, in the same process: its answer is turned into a 303 to
//! a fresh page, or into the form again with the API's status and what it found wrong. So a page and the API can't
//! disagree. `docs/PAGES.md` has the markup that `app.js` works on.

use doorward_core::id::UserId;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::host::Host;
use crate::reply::Reply;
use crate::router::{self, Resource};

mod account;
mod admin;
mod brand;
mod forgot_password;
mod form;
mod home;
mod json;
mod layout;
mod login;
mod logout;
mod problem;
mod profile;
mod register;
mod reset_password;
mod sessions;
mod step;
mod text;
mod verify_email;
mod visit;

pub(crate) use brand::stylesheet;

use form::{Form, Problems};
use step::Step;
use visit::{View, Visit};

/// Every page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Home,
    Register,
    Login,
    Logout,
    VerifyEmail,
    ForgotPassword,
    ResetPassword,
    Sessions,
    Account,
    Profile,
    People,
    Person(UserId),
    Events,
    Firms,
}

impl Page {
    /// The page at a path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Home,
            "/register" => Self::Register,
            "/login" => Self::Login,
            "/logout" => Self::Logout,
            "/verify-email" => Self::VerifyEmail,
            "/forgot-password" => Self::ForgotPassword,
            "/reset-password" => Self::ResetPassword,
            "/sessions" => Self::Sessions,
            "/account" => Self::Account,
            "/profile/edit" => Self::Profile,
            "/admin" => Self::People,
            "/admin/events" => Self::Events,
            "/admin/firms" => Self::Firms,
            _ => Self::Person(path.strip_prefix("/admin/users/").and_then(UserId::parse)?),
        })
    }

    /// The methods it takes.
    pub(crate) const fn allow(self) -> &'static str {
        match self {
            Self::Home | Self::People | Self::Events => "GET, HEAD",
            _ => "GET, HEAD, POST",
        }
    }

    /// Whether nobody sees it who isn't signed in.
    const fn is_private(self) -> bool {
        let admin = matches!(self, Self::People | Self::Person(_) | Self::Events | Self::Firms);
        admin || matches!(self, Self::Sessions | Self::Account | Self::Profile)
    }
}

/// Whether a failed request should be answered in HTML: below the address of a page always, elsewhere only where there is
/// no call of the API and the client asks for HTML.
pub(crate) fn are_wanted(path: &str, headers: &HeaderMap) -> bool {
    let asks = || {
        let mut values = headers.get_all(header::ACCEPT).iter();
        values.any(|value| value.to_str().is_ok_and(|value| value.contains("text/html")))
    };
    let of_the_api = ["/api/", "/auth/", "/.well-known/", "/assets/"];
    Page::at(path).is_some() || !of_the_api.iter().any(|prefix| path.starts_with(prefix)) && asks()
}

/// `GET /.well-known/change-password`: where a password manager sends people (W3C, "A Well-Known URL for Changing
/// Passwords").
pub(crate) fn change_password() -> Reply {
    Reply::empty(StatusCode::FOUND).with(header::LOCATION, HeaderValue::from_static("/account"))
}

/// Answers a request for a page.
pub(crate) async fn answer<H: Host>(ctx: &mut Context<H>, page: Page, method: &Method) -> Reply {
    let mut visit = Visit::begin(ctx);
    let reply = match run(ctx, &mut visit, page, method).await {
        Ok(reply) => reply,
        // The session ended meanwhile.
        Err(Failure::Rejected(rejection)) if rejection.code == Code::Unauthenticated => {
            ctx.clear_cookies(layout::see_other(&visit.sign_in_address()))
        }
        Err(failure) => {
            ctx.log_failure(&failure);
            problem::page(&visit.view, &failure)
        }
    };
    visit.finish(reply)
}

/// The page that says why a request that was none of a page's failed.
pub(crate) fn refused<H: Host>(ctx: &mut Context<H>, failure: &Failure) -> Reply {
    ctx.log_failure(failure);
    let visit = Visit::begin(ctx);
    let reply = problem::page(&visit.view, failure);
    visit.finish(reply)
}

async fn run<H: Host>(ctx: &mut Context<H>, visit: &mut Visit, page: Page, method: &Method) -> Result<Reply, Failure> {
    if let Some(reply) = visit.switch_language() {
        return Ok(reply);
    }
    let is_post = *method == Method::POST;
    // Who signs out needn't be anybody any more.
    if !(page == Page::Logout && is_post)
        && let Some(again) = visit.recognise(ctx).await?
    {
        return Ok(again);
    }
    let view = &visit.view;
    if page.is_private() && view.user.is_none() {
        return Ok(layout::see_other(&visit.sign_in_address()));
    }
    let mut form = Form::default();
    let mut problems = Problems::default();
    if is_post {
        form = Form::read(ctx)?;
        let step = page.step(view, &form).ok_or(Code::NotFound)?;
        form::call(ctx, step.body);
        match router::call(ctx, step.resource, &step.method).await {
            Ok(reply) => {
                let accepted = step.accepted.filter(|_| reply.status() == StatusCode::ACCEPTED);
                let reply = reply.see_other(accepted.unwrap_or(&step.next));
                let ends_all = page == Page::ResetPassword;
                return Ok(if ends_all { ctx.clear_cookies(reply) } else { reply });
            }
            // There is no form to show it beside.
            Err(failure) if matches!(page, Page::Logout | Page::Sessions) => return Err(failure),
            Err(failure) => problems = Problems::of(ctx, failure)?,
        }
    }
    let answer = match page.reads().filter(|_| !(is_post && page == Page::Profile)) {
        Some(resource) => router::call(ctx, resource, &Method::GET).await?.parsed(),
        None => Value::Null,
    };
    Ok(problems.reply(page.show(view, &form, &problems, &answer)))
}

impl Page {
    /// The call whose answer it shows. The query of the page is that of the call.
    const fn reads(self) -> Option<Resource> {
        Some(match self {
            Self::Sessions => Resource::Sessions,
            Self::Profile => Resource::OwnProfile,
            Self::People => Resource::Profiles,
            Self::Person(id) => Resource::Profile(id),
            Self::Events => Resource::AdminEvents,
            Self::Firms => Resource::Firms,
            _ => return None,
        })
    }

    /// What its form calls; none where there is no such form.
    fn step(self, view: &View, form: &Form) -> Option<Step> {
        match self {
            Self::Register => Some(register::step(form)),
            Self::Login => Some(login::step(view, form)),
            Self::Logout => Some(logout::step()),
            Self::VerifyEmail => Some(verify_email::step(view, form)),
            Self::ForgotPassword => Some(forgot_password::step(form)),
            Self::ResetPassword => Some(reset_password::step(form)),
            Self::Sessions => sessions::step(form),
            Self::Account => account::step(form),
            Self::Profile => Some(profile::step(form)),
            Self::Person(id) => admin::person::step(view, id, form),
            Self::Firms => admin::firms::step(form),
            Self::Home | Self::People | Self::Events => None,
        }
    }

    fn show(self, view: &View, form: &Form, problems: &Problems, answer: &Value) -> Reply {
        match self {
            Self::Home => home::page(view),
            Self::Register => register::page(view, form, problems),
            Self::Login => login::page(view, form, problems),
            Self::Logout => logout::page(view),
            Self::VerifyEmail => verify_email::page(view, form, problems),
            Self::ForgotPassword => forgot_password::page(view, form, problems),
            Self::ResetPassword => reset_password::page(view, form, problems),
            Self::Sessions => sessions::page(view, answer),
            Self::Account => account::page(view, form, problems),
            Self::Profile => profile::page(view, form, problems, answer),
            Self::People => admin::people::page_of(view, answer),
            Self::Person(_) => admin::person::page_of(view, form, problems, answer),
            Self::Events => admin::events::page_of(view, answer),
            Self::Firms => admin::firms::page_of(view, form, problems, answer),
        }
    }
}
