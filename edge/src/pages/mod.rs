//! The pages that people use, one a file: written on the server, whole without JavaScript, better with it.
//!
//! A form's post becomes the JSON body of the API's own handler, in the same process: its answer is turned into a 303 to
//! a fresh page, or into the form again with the API's status and what it found wrong. So a page and the API can't
//! disagree. `docs/PAGES.md` has the markup that `app.js` works on.

use doorward_core::id::UserId;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::host::Host;
use crate::reply::Reply;

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
mod text;
mod verify_email;
mod visit;

pub(crate) use brand::stylesheet;

use visit::Visit;

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
    if page == Page::Logout && is_post {
        return logout::post(ctx).await;
    }
    visit.recognise(ctx).await?;
    if page.is_private() && visit.view.user.is_none() {
        return Ok(layout::see_other(&visit.sign_in_address()));
    }
    let view = &visit.view;
    let form = if is_post {
        form::Form::read(ctx)?
    } else {
        form::Form::default()
    };
    match (page, is_post) {
        (Page::Home, _) => Ok(home::get(view)),
        (Page::Register, false) => Ok(register::get(view)),
        (Page::Register, true) => register::post(ctx, view, &form).await,
        (Page::Login, false) => Ok(login::get(view)),
        (Page::Login, true) => login::post(ctx, view, &form).await,
        (Page::Logout, _) => Ok(logout::get(view)),
        (Page::VerifyEmail, false) => Ok(verify_email::get(view)),
        (Page::VerifyEmail, true) => verify_email::post(ctx, view, &form).await,
        (Page::ForgotPassword, false) => Ok(forgot_password::get(view)),
        (Page::ForgotPassword, true) => forgot_password::post(ctx, view, &form).await,
        (Page::ResetPassword, false) => Ok(reset_password::get(view)),
        (Page::ResetPassword, true) => reset_password::post(ctx, view, &form).await,
        (Page::Sessions, false) => sessions::get(ctx, view).await,
        (Page::Sessions, true) => sessions::post(ctx, &form).await,
        (Page::Account, false) => Ok(account::get(view)),
        (Page::Account, true) => account::post(ctx, view, &form).await,
        (Page::Profile, false) => profile::get(ctx, view).await,
        (Page::Profile, true) => profile::post(ctx, view, &form).await,
        (Page::People, _) => admin::people::get(ctx, view).await,
        (Page::Person(id), false) => admin::person::get(ctx, view, id).await,
        (Page::Person(id), true) => admin::person::post(ctx, view, id, &form).await,
        (Page::Events, _) => admin::events::get(ctx, view).await,
        (Page::Firms, false) => admin::firms::get(ctx, view).await,
        (Page::Firms, true) => admin::firms::post(ctx, view, &form).await,
    }
}
